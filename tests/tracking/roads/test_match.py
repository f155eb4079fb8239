"""Trips put on roads: the right ones, against the truth of simulated drives; and what is not known, marked."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simulator.roads.route import Roads
from tests.simulated_trips import Trip, matched_ways, right_share, trips
from tracking import ground
from tracking.roads.build import build
from tracking.roads.engine import Engine
from tracking.roads.match import SILENT_S, Cause, driven, match
from tracking.trips.fixes import Fixes


@pytest.fixture(scope="module")
def clean(driven_roads: Roads) -> list[Trip]:
    return trips(driven_roads, 12, 10, seed=21, noise_m=4, wrong=0)


@pytest.mark.parametrize(("every_s", "least"), [(10, 0.97), (30, 0.93)])
def test_the_length_lies_on_the_right_roads(engine: Engine, driven_roads: Roads, every_s: float, least: float):
    """10 m of noise to each side, one fix in twenty thrown 100 to 400 m away."""
    driven_trips = trips(driven_roads, 40, every_s, seed=int(every_s))
    found = [(trip, match(trip.fixes, engine)) for trip in driven_trips]
    assert right_share((trip, matched_ways(m)) for trip, m in found) >= least
    length = sum(m.length for _, m in found) / sum(trip.length for trip, _ in found)
    assert length == pytest.approx(1, abs=0.02)
    blamed = sum(len(trip.wrong & set(m.outliers)) for trip, m in found)
    assert blamed >= 0.6 * sum(len(trip.wrong) for trip, _ in found)


@pytest.mark.parametrize(("name", "least"), [("monaco", 0.97), ("andorra", 0.97)])
def test_real_roads_too(shared: Path, tmp_path: Path, name: str, least: float):
    extract = shared / "data" / "osm" / f"{name}.osm.pbf"
    build(extract, tmp_path / "roads")
    engine = Engine(tmp_path / "roads")
    driven_trips = trips(Roads.load(extract), 20, 10, seed=4, noise_m=5, wrong=0.02)
    assert right_share((trip, matched_ways(match(trip.fixes, engine))) for trip in driven_trips) >= least


def test_a_clean_trip_is_matched_whole_and_sure(engine: Engine, clean: list[Trip]):
    for trip in clean:
        found = match(trip.fixes, engine)
        assert found.length == pytest.approx(trip.length, rel=0.03, abs=60)
        assert (len(found.sections), found.gaps) == (1, [])
        assert found.confidence > 0.9
        assert len(found.outliers) <= 1


def test_noise_and_silence_lower_the_confidence(engine: Engine, driven_roads: Roads, clean: list[Trip]):
    sure = np.mean([match(trip.fixes, engine).confidence for trip in clean])
    noisy = np.mean([match(t.fixes, engine).confidence for t in trips(driven_roads, 12, 10, seed=21, noise_m=15)])
    assert noisy < sure - 0.05


def without(fixes: Fixes, first: int, last: int) -> Fixes:
    return fixes.at(np.r_[0:first, last : len(fixes)])


def test_a_silence_is_a_gap_that_is_bridged(engine: Engine, clean: list[Trip]):
    trip = max(clean, key=lambda t: len(t.fixes))
    silent = without(trip.fixes, 20, 34)
    found = match(silent, engine)
    (gap,) = found.gaps
    assert (gap.first, gap.last, gap.cause, gap.bridged) == (19, 20, Cause.SILENT, True)
    assert silent.time[20] - silent.time[19] > SILENT_S * 1e6
    assert found.confidence < match(trip.fixes, engine).confidence


def test_over_a_long_silence_no_way_is_guessed(engine: Engine, clean: list[Trip]):
    trip = max(clean, key=lambda t: len(t.fixes))
    later = replace(trip.fixes, time=trip.fixes.time + np.where(np.arange(len(trip.fixes)) >= 30, 3_600_000_000, 0))
    found = match(later, engine)
    assert [(gap.first, gap.last, gap.cause, gap.bridged) for gap in found.gaps] == [(29, 30, Cause.SILENT, False)]
    assert len(found.sections) == 2
    assert found.length < match(trip.fixes, engine).length


def test_where_the_network_has_no_road_there_is_a_gap_and_no_invented_length(engine: Engine, clean: list[Trip]):
    """A trip that leaves the map in its middle, over the sea, and comes back."""
    trip = max(clean, key=lambda t: len(t.fixes))
    n, middle = len(trip.fixes), slice(20, 40)
    steps = np.zeros(n)
    steps[20:30] = steps[30:40][::-1] = np.arange(10) * 0.004
    lon = np.where(
        np.arange(n) >= 20, np.where(np.arange(n) < 40, 121.1601 + 0.03 + steps, trip.fixes.lon), trip.fixes.lon
    )
    time = trip.fixes.time + np.where(np.arange(n) >= 20, 500_000_000, 0) + np.where(np.arange(n) >= 40, 500_000_000, 0)
    found = match(replace(trip.fixes, lon=lon, time=time), engine)
    whole = match(trip.fixes, engine)
    assert Cause.NO_ROAD in [gap.cause for gap in found.gaps]
    (gap,) = [gap for gap in found.gaps if gap.cause is Cause.NO_ROAD]
    assert gap.first <= middle.start
    assert gap.last >= middle.stop - 1
    assert not gap.bridged
    assert found.length < whole.length
    assert found.confidence < whole.confidence - 0.15
    inside = found.sections[0].trace
    assert inside.lon.max() < 121.17


@pytest.mark.parametrize("lat", [52.5, -31.3, 31.3])
def test_a_trip_off_the_network_finds_nothing(engine: Engine, clean: list[Trip], lat: float):
    fixes = replace(clean[0].fixes, lat=clean[0].fixes.lat * 0 + lat, lon=clean[0].fixes.lon + 4)
    found = match(fixes, engine)
    assert (found.sections, found.length, found.confidence) == ([], 0.0, 0.0)
    assert found.outliers == []


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_fixes_find_nothing(engine: Engine, clean: list[Trip], count: int):
    assert match(clean[0].fixes.at(np.arange(count)), engine).length == 0


def test_a_standing_car_goes_nowhere(engine: Engine, clean: list[Trip]):
    fixes = clean[0].fixes
    stands = replace(fixes, lat=np.full(len(fixes), fixes.lat[3]), lon=np.full(len(fixes), fixes.lon[3]))
    assert match(stands, engine).length < 5


def test_the_shape_is_the_edges_and_as_long(engine: Engine, clean: list[Trip]):
    for trip in clean:
        for section in match(trip.fixes, engine).sections:
            trace = section.trace
            assert trace.lengths.sum() == pytest.approx(ground.hops(trace.lat, trace.lon).sum())
            assert sum(metres for _, metres in driven(section)) == pytest.approx(trace.lengths.sum())
            assert (np.diff(trace.at) >= -1).all(), "fixes follow each other along the way"
            assert all(edge.limit is None or 2 < edge.limit < 40 for edge in trace.edges)
