"""Simulated bookings in bulk, dispatch killed among them: nothing lost, nobody double; and planted bugs are caught."""

from dataclasses import fields

import pytest

from simulator.trial.desk import Desk
from tests.bookings.checker import Verdict
from tests.bookings.mutants import MUTANTS
from tests.bookings.trials import Job

SMALL = {"taxis": 60, "per_h": 170.0, "hours": 1.5, "kills": 6}


@pytest.mark.parametrize("seed", range(4))
def test_no_booking_is_lost_and_no_taxi_has_two(seed: int):
    verdict = Job(seed, hours=2.0, kills=5).run()
    assert verdict.bookings > 800
    assert verdict.found == {}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_planted_bug_is_caught(name: str, monkeypatch: pytest.MonkeyPatch):
    mutant = MUTANTS[name]
    mutant.plant(monkeypatch)
    job = Job(1, **SMALL)
    if mutant.refused:
        with pytest.raises(mutant.refused):
            job.run()
    else:
        assert set(mutant.by) <= set(job.run().found)


def test_the_same_trial_without_a_bug_is_clean():
    assert Job(1, **SMALL).run().found == {}


def test_all_that_the_checker_knows_is_wrong_somewhere():
    caught = {kind for mutant in MUTANTS.values() for kind in mutant.by}
    assert caught == {field.name for field in fields(Verdict)} - {"bookings"}


def test_a_desk_comes_back_from_its_journal_as_it_was():
    desks = list[Desk]()
    Job(2, **SMALL).run(desks.append)
    (desk,) = desks
    restored = Desk.restored(desk.journal)
    assert (restored.orders, restored.journal) == (desk.orders, desk.journal)
    half = Desk.restored(desk.journal[: len(desk.journal) // 2])
    assert half.open > 0
    assert half.waiting == {order.booking: order for order in half.orders if order.state == "waiting"}
