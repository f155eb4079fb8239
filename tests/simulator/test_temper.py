"""Drivers' decisions: by their shares, and always the same for one seed."""

from collections import Counter

import numpy as np
import pytest

from simulator.temper import ACCIDENT, JAM, OTHER, Answer, Temper, rating


def test_orders_are_grabbed_refused_and_ignored_by_their_shares():
    rng, temper = np.random.default_rng(1), Temper(grabbed=0.6, refused=0.3, quickest_s=2, slowest_s=9)
    drawn = [temper.decide(rng) for _ in range(4000)]
    shares = Counter(answer for answer, _ in drawn)
    assert shares[Answer.GRAB] / 4000 == pytest.approx(0.6, abs=0.03)
    assert shares[Answer.REFUSE] / 4000 == pytest.approx(0.3, abs=0.03)
    assert all(2 <= after_s <= 9 for _, after_s in drawn)


@pytest.mark.parametrize(("share", "least", "most"), [(0.0, 0, 0), (1.0, 1000, 1000), (0.1, 60, 140)])
def test_some_change_their_mind_for_a_reason(share: float, least: int, most: int):
    rng, temper = np.random.default_rng(2), Temper(cancelled=share, patience_s=60)
    minds = [mind for _ in range(1000) if (mind := temper.change_of_mind(rng)) is not None]
    assert least <= len(minds) <= most
    assert all(reason in (ACCIDENT, JAM, OTHER) and 0 <= after_s <= 60 for reason, after_s in minds)


def test_one_seed_decides_one_way():
    def day(seed: int) -> list[tuple[Answer, float]]:
        rng = np.random.default_rng(seed)
        return [Temper().decide(rng) for _ in range(50)]

    assert day(3) == day(3) != day(4)


def test_most_passengers_say_nothing():
    rng = np.random.default_rng(5)
    said = Counter(rating(rng) for _ in range(2000))
    assert said.most_common(1)[0][0] == 0
    assert set(said) <= {0, 1, 2, 3, 4}
