"""The H3 index finds what looking at every car finds."""

import math

import h3.api.basic_int as h3
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.cells import CellIndex, distance_m

KUNSHAN = (31.38, 120.95)
places = st.tuples(st.floats(31.1, 31.55), st.floats(120.8, 121.2))
towns = st.sampled_from([(31.38, 120.95), (31.11, 120.85), (31.5, 121.1)]).flatmap(
    lambda t: st.tuples(st.floats(t[0] - 0.004, t[0] + 0.004), st.floats(t[1] - 0.004, t[1] + 0.004))
)


@given(
    st.lists(places | towns, max_size=60), places | towns, st.integers(1, 8), st.floats(100, 60_000) | st.just(math.inf)
)
def test_the_nearest_are_those_that_a_full_scan_finds(
    cars: list[tuple[float, float]], here: tuple[float, float], count: int, within_m: float
):
    index: CellIndex[int] = CellIndex()
    for car, place in enumerate(cars):
        index.put(car, *place)
    scan = sorted(d for place in cars if (d := distance_m(*here, *place)) <= within_m)[:count]
    found = index.nearest(*here, count, within_m)
    assert [d for d, _ in found] == pytest.approx(scan)
    assert all(distance_m(*here, *cars[car]) == d for d, car in found)


@given(st.lists(st.tuples(st.integers(0, 5), st.none() | places), max_size=80))
def test_moves_and_removals_leave_the_index_as_if_built_anew(steps: list[tuple[int, tuple[float, float] | None]]):
    index, truth = CellIndex[int](), dict[int, tuple[float, float]]()
    for car, place in steps:
        if place is None:
            index.remove(car)
            truth.pop(car, None)
        else:
            index.put(car, *place)
            truth[car] = place
    assert len(index) == len(truth)
    cells: dict[int, int] = {}
    for place in truth.values():
        cell = h3.latlng_to_cell(*place, index.resolution)
        cells[cell] = cells.get(cell, 0) + 1
    assert index.counts() == cells
    assert {car for _, car in index.nearest(*KUNSHAN, 10)} == set(truth)


def test_far_away_cars_are_still_found():
    index: CellIndex[str] = CellIndex()
    index.put("Shanghai", 31.23, 121.47)
    index.put("Urumqi", 43.8, 87.6)
    (near, first), (far, second) = index.nearest(*KUNSHAN, 2)
    assert (first, second) == ("Shanghai", "Urumqi")
    assert near == pytest.approx(52_100, rel=0.01)
    assert far == pytest.approx(3_270_000, rel=0.02)


def test_the_distance_is_the_haversine_of_the_standard_radius():
    assert distance_m(0, 0, 0, 180) == pytest.approx(math.pi * 6_371_008.8)
    assert distance_m(*KUNSHAN, *KUNSHAN) == 0
    rng = np.random.default_rng(1)
    for a, b in rng.uniform((30, 120), (32, 122), (20, 2, 2)):
        assert distance_m(*a, *b) == pytest.approx(h3.great_circle_distance(tuple(a), tuple(b), unit="m"), rel=1e-4)
