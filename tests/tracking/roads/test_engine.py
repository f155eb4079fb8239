"""Times and ways for dispatch, on the generated city's real tiles; straight lines where there are none, and said so."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.roads.route import Roads
from tests.simulated_trips import trips
from tracking import ground
from tracking.roads.engine import Engine, decode
from tracking.roads.port import Basis, Closure, Place, Way
from tracking.roads.straight import FACTOR, SPEED, Straight

CENTRE, STATION, NORTH = Place(31.385, 120.955), Place(31.39, 121.0), Place(31.45, 120.95)
BERLIN, LAKE = Place(52.5, 13.4), Place(31.3, 122.5)


def straight_m(a: Place, b: Place) -> float:
    return ground.metres(a.lat, a.lon, b.lat, b.lon)


def line_m(way: Way) -> float:
    lat, lon = np.array([(p.lat, p.lon) for p in way.line]).T
    return float(ground.hops(lat, lon).sum())


def test_a_way_by_road_is_longer_than_the_line_and_is_as_long_as_it_is_drawn(engine: Engine):
    for way in (ways := engine.routes(CENTRE, STATION)):
        assert way.basis is Basis.ROADS
        assert straight_m(CENTRE, STATION) * 0.95 < way.length < 3 * straight_m(CENTRE, STATION)
        assert line_m(way) == pytest.approx(way.length, rel=0.01)
    assert ways[0].seconds <= min(way.seconds for way in ways) * 1.1


def test_the_shortest_way_is_no_longer_than_the_quickest(engine: Engine):
    (shortest,) = engine.routes(CENTRE, NORTH, shortest=True)
    assert shortest.length <= engine.routes(CENTRE, NORTH)[0].length


def test_a_matrix_holds_the_times_of_the_routes(engine: Engine):
    places = [CENTRE, STATION, NORTH]
    for source, row in zip(places, engine.matrix(places, places), strict=True):
        for target, way in zip(places, row, strict=True):
            if source != target:
                assert way.basis is Basis.ROADS
                assert way.seconds == pytest.approx(engine.routes(source, target)[0].seconds, rel=0.15)


def test_many_cars_to_one_caller(engine: Engine, driven_roads: Roads):
    rng = np.random.default_rng(3)
    cars = [Place(*driven_roads.plane.degrees(p)) for p in rng.normal(0, 3000, 300) + 1j * rng.normal(0, 3000, 300)]
    times = [way.seconds for (way,) in engine.matrix(cars, [CENTRE])]
    assert len(times) == 300
    far = [straight_m(car, CENTRE) for car in cars]
    assert np.corrcoef(times, far)[0, 1] > 0.7


@pytest.mark.parametrize("away", [BERLIN, LAKE])
def test_off_the_network_the_answer_is_a_straight_line_and_says_so(engine: Engine, away: Place):
    (row, other) = engine.matrix([CENTRE, away], [STATION])
    assert (row[0].basis, other[0].basis) == (Basis.ROADS, Basis.STRAIGHT)
    assert other[0].factor == FACTOR
    assert other[0].length == pytest.approx(FACTOR * straight_m(away, STATION))
    assert other[0].seconds == pytest.approx(other[0].length / SPEED)
    assert [way.basis for way in engine.routes(CENTRE, away)] == [Basis.STRAIGHT]
    assert [[w.basis for w in r] for r in engine.matrix([away], [away, CENTRE])] == [[Basis.STRAIGHT] * 2]


def test_a_place_far_from_every_road_is_not_moved_to_one(engine: Engine, driven_roads: Roads):
    """In the box of the network, but in water or fields."""
    rng = np.random.default_rng(5)
    points = rng.uniform(-17_000, 17_000, 4000) + 1j * rng.uniform(-22_000, 22_000, 4000)
    lonely = max(points.tolist(), key=driven_roads.distance)
    place = Place(*driven_roads.plane.degrees(lonely))
    assert driven_roads.distance(lonely) > 500
    assert engine.network.covers(place)
    assert engine.matrix([place], [CENTRE])[0][0].basis is Basis.STRAIGHT
    assert engine.routes(place, CENTRE)[0].basis is Basis.STRAIGHT


def test_without_a_network_every_answer_is_straight():
    ((way,),) = Straight().matrix([CENTRE], [STATION])
    (route,) = Straight().routes(CENTRE, STATION)
    assert (way.length, way.seconds, way.factor, way.basis) == (route.length, route.seconds, FACTOR, Basis.STRAIGHT)
    assert Straight().matrix([], [STATION]) == []


def test_a_closed_road_is_driven_around(network: Path, engine: Engine):
    free = engine.routes(CENTRE, STATION)[0]
    place = free.line[len(free.line) // 2]
    for way in (closed := Engine(network, closures=[Closure(place, "roadworks")])).routes(CENTRE, STATION):
        assert way.basis is Basis.ROADS
        assert min(straight_m(place, p) for p in way.line) > 5 or len(way.line) < 3
    assert closed.routes(CENTRE, STATION)[0].seconds >= free.seconds
    assert closed.matrix([CENTRE], [STATION])[0][0].seconds >= engine.matrix([CENTRE], [STATION])[0][0].seconds


def test_times_follow_what_was_learned(network: Path, engine: Engine):
    rush = Engine(network, pace=lambda hour: 1.5 if hour == 8 else 1.0)
    free = engine.matrix([CENTRE], [STATION])[0][0]
    slow = rush.matrix([CENTRE], [STATION], hour=8)[0][0]
    assert slow.seconds == pytest.approx(1.5 * free.seconds)
    assert (free.learned, slow.learned) == (False, True)
    assert rush.routes(CENTRE, STATION, 8)[0].seconds == pytest.approx(1.5 * engine.routes(CENTRE, STATION)[0].seconds)


def test_many_threads_ask_at_once(engine: Engine, driven_roads: Roads):
    tracks = trips(driven_roads, 8, 15, seed=9)
    ask = lambda t: engine.trace(t.fixes.time / 1e6, t.fixes.lat, t.fixes.lon).at.tolist()  # noqa: E731
    alone = [ask(trip) for trip in tracks]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(ask, tracks * 6))
    assert str(together) == str(alone * 6)


def test_offsets_are_metres_to_the_nearest_road(engine: Engine, driven_roads: Roads):
    near, far = driven_roads.plane.degrees(driven_roads.edges[100].shape[0]), (BERLIN.lat, BERLIN.lon)
    found = engine.offsets(np.array([near[0], far[0]]), np.array([near[1], far[1]]))
    assert found[0] < 1
    assert np.isinf(found[1])
    assert engine.offsets(np.empty(0), np.empty(0)).size == 0


@given(st.lists(st.tuples(st.integers(-90_000_000, 90_000_000), st.integers(-180_000_000, 180_000_000)), max_size=30))
def test_polylines_are_read_as_they_are_written(places: list[tuple[int, int]]):
    """Against the algorithm as Google describes it, one number at a time."""
    letters, last = "", (0, 0)
    for place in places:
        for value in (place[0] - last[0], place[1] - last[1]):
            rest = ~(value << 1) if value < 0 else value << 1
            while rest >= 32:
                letters += chr((rest & 31 | 32) + 63)
                rest >>= 5
            letters += chr(rest + 63)
        last = place
    lat, lon = decode(letters)
    assert list(zip(np.round(lat * 1e6).tolist(), np.round(lon * 1e6).tolist(), strict=True)) == places
