"""A short soak, and what is called flat."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos.soak import Held, Pair, page, soak

MESSAGES = 60_000
WARM_UP = 1.10
"""In so short a run caches still fill; the bound of a whole soak is that of the module."""


@pytest.mark.timeout(300)
def test_nothing_is_lost_and_nothing_piles_up(tmp_path: Path, database: str):
    told = list[str]()
    soaked = soak(MESSAGES, 1, tmp_path, database, told.append, looks=12)
    assert soaked.verdict.clean, soaked.verdict
    assert soaked.verdict.acknowledged >= MESSAGES
    assert {pair.process for pair in soaked.pairs} == {"gateway", "writer"}
    for pair in soaked.pairs:
        assert pair.growth < WARM_UP, pair
        assert pair.second.descriptors <= pair.first.descriptors, pair
    assert len(told) == 1
    assert f"{soaked.verdict.acknowledged:,} acknowledged" in page(soaked, "soak")


def test_growth_of_memory_or_of_descriptors_is_not_flat():
    held = Held(1000, 7)
    assert Pair("gateway", held, Held(1020, 7)).flat
    assert not Pair("gateway", held, replace(held, octets=1021)).flat
    assert not Pair("gateway", held, replace(held, descriptors=8)).flat
