"""The H3 index finds what looking at every car finds."""

import math

import h3.api.basic_int as h3
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.cells import CellIndex
from dispatch.sphere import distance_m, distances_m

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
    index = CellIndex()
    for car, place in enumerate(cars):
        index.put(car, *place)
    scan = sorted(d for place in cars if (d := distance_m(*here, *place)) <= within_m)[:count]
    found = index.nearest(*here, count, within_m)
    assert [d for d, _ in found] == pytest.approx(scan)
    assert all(distance_m(*here, *cars[car]) == pytest.approx(d) for d, car in found)


@given(st.lists(st.tuples(st.integers(0, 5), st.none() | places), max_size=80))
def test_moves_and_removals_leave_the_index_as_if_built_anew(steps: list[tuple[int, tuple[float, float] | None]]):
    index, truth = CellIndex(), dict[int, tuple[float, float]]()
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


def test_many_at_once_are_as_one_by_one():
    rng = np.random.default_rng(5)
    one, many, all_ = CellIndex(), CellIndex(), np.arange(400)
    for _ in range(6):
        cars = rng.choice(all_, 150, replace=False)
        lat, lon = rng.uniform(31.3, 31.4, 150), rng.uniform(120.9, 121.0, 150)
        gone = rng.choice(all_, 40, replace=False)
        many.put_all(cars, lat, lon)
        many.remove_all(gone)
        for car, *place in zip(cars.tolist(), lat.tolist(), lon.tolist(), strict=True):
            one.put(car, *place)
        for car in gone.tolist():
            one.remove(car)
        assert len(one) == len(many)
        assert [n in one for n in range(500)] == [n in many for n in range(500)]
        assert one.counts() == many.counts()
        assert one.nearest(*KUNSHAN, 30) == many.nearest(*KUNSHAN, 30)


def test_far_away_cars_are_still_found():
    index = CellIndex()
    shanghai, urumqi = 7, 2
    index.put(shanghai, 31.23, 121.47)
    index.put(urumqi, 43.8, 87.6)
    (near, first), (far, second) = index.nearest(*KUNSHAN, 2)
    assert (first, second) == (shanghai, urumqi)
    assert near == pytest.approx(52_100, rel=0.01)
    assert far == pytest.approx(3_270_000, rel=0.02)


def test_of_equally_near_cars_the_lowest_come_first():
    index = CellIndex()
    for car in (5, 3, 9, 1, 7):
        index.put(car, *KUNSHAN)
    assert [car for _, car in index.nearest(*KUNSHAN, 1)] == [1]
    assert [car for _, car in index.nearest(*KUNSHAN, 3)] == [1, 3, 5]


def test_the_distance_is_the_haversine_of_the_standard_radius():
    assert distance_m(0, 0, 0, 180) == pytest.approx(math.pi * 6_371_008.8)
    assert distance_m(*KUNSHAN, *KUNSHAN) == 0
    rng = np.random.default_rng(1)
    for a, b in rng.uniform((30, 120), (32, 122), (20, 2, 2)):
        assert distance_m(*a, *b) == pytest.approx(float(distances_m(*a, *b)), rel=1e-12)
        assert distance_m(*a, *b) == pytest.approx(h3.great_circle_distance(tuple(a), tuple(b), unit="m"), rel=1e-4)
