"""A drive keeps to its line and its limits, brakes for lights and bends, and arrives."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.journey import ACCELERATION, BRAKING, Journey, plan
from simulator.roads.graph import Edge


def edge(shape: list[complex], limit: float, *, signal: bool = False) -> Edge:
    points = np.array(shape)
    length = float(np.abs(np.diff(points)).sum())
    return Edge(0, 1, 1, "secondary", "测试路", limit, points, length, signal, -1)


@st.composite
def routes(draw: st.DrawFn) -> list[Edge]:
    """Edges one after the other, with corners, limits and signals by chance."""
    here, route = 0j, []
    for _ in range(draw(st.integers(1, 6))):
        shape = [here]
        for _ in range(draw(st.integers(1, 4))):
            angle = draw(st.floats(-math.pi, math.pi))
            here += draw(st.floats(4, 600)) * complex(math.cos(angle), math.sin(angle))
            shape.append(here)
        route.append(edge(shape, draw(st.sampled_from([30, 50, 60, 80, 120])) / 3.6, signal=draw(st.booleans())))
    return route


@st.composite
def journeys(draw: st.DrawFn) -> tuple[list[Edge], float, Journey]:
    route = draw(routes())
    first = draw(st.floats(0, route[0].length / 2))
    last = draw(st.floats(route[-1].length / 2 + 0.5, route[-1].length))
    waits = iter(draw(st.lists(st.sampled_from([0.0, 7.0, 45.0]), min_size=len(route), max_size=len(route))))
    return route, first, plan(route, first, last, draw(st.floats(0.6, 1.0)), lambda: next(waits))


def limit_at(route: list[Edge], place: float) -> float:
    """The limit so many metres along the edges, the higher of two at the seam."""
    limits, start = [], 0.0
    for one in route:
        if start - 0.6 <= place <= start + one.length + 0.6:
            limits.append(one.limit)
        start += one.length
    return max(limits)


@given(journeys(), st.lists(st.floats(0, 1), min_size=5, max_size=20))
def test_the_car_never_exceeds_the_limit_of_its_road(drawn: tuple[list[Edge], float, Journey], shares: list[float]):
    route, first, journey = drawn
    for share in shares:
        motion = journey.at(share * journey.duration)
        assert motion.speed <= limit_at(route, first + motion.driven) + 1e-6


@given(journeys())
def test_it_starts_and_ends_standing_at_the_ends_of_its_line(drawn: tuple[list[Edge], float, Journey]):
    _, _, journey = drawn
    start, end = journey.at(0), journey.at(journey.duration)
    assert (start.speed, end.speed) == (0, 0)
    assert start.point == journey.points[0]
    assert abs(end.point - journey.points[-1]) < 1e-6
    assert end.driven == pytest.approx(journey.length)
    assert journey.at(journey.duration + 999) == end


@given(journeys(), st.floats(0, 1))
def test_motion_is_smooth(drawn: tuple[list[Edge], float, Journey], share: float):
    journey, step = drawn[2], 0.5
    before = journey.at(share * journey.duration)
    after = journey.at(share * journey.duration + step)
    assert -BRAKING * step - 1e-6 <= after.speed - before.speed <= ACCELERATION * step + 1e-6
    most = max(before.speed, after.speed) + ACCELERATION * step
    assert -1e-6 <= after.driven - before.driven <= most * step + 1e-6
    assert abs(after.point - before.point) <= after.driven - before.driven + 1e-6


def test_a_red_light_is_waited_out_at_the_line():
    route = [edge([0, 300], 50 / 3.6, signal=True), edge([300, 600], 50 / 3.6)]
    journey = plan(route, 0, 300, 1.0, lambda: 30.0)
    arrival = journey.when(299.99)
    assert journey.at(arrival + 2).speed == journey.at(arrival + 25).speed == 0
    assert journey.at(arrival + 15).point == pytest.approx(300)
    assert journey.duration > plan(route, 0, 300, 1.0, lambda: 0.0).duration + 30


def test_a_sharp_corner_is_taken_slowly():
    route = [edge([0, 400, 400 + 400j], 60 / 3.6)]
    journey = plan(route, 0, 800, 1.0, lambda: 0.0)
    assert journey.at(journey.when(200)).speed > 15
    assert journey.at(journey.when(400)).speed < 7


def test_courses_are_compass_courses():
    journey = plan([edge([0, 300, 300 - 300j], 50 / 3.6)], 0, 600, 1.0, lambda: 0.0)
    assert journey.at(journey.when(100)).course == pytest.approx(90)
    assert journey.at(journey.when(500)).course == pytest.approx(180)
