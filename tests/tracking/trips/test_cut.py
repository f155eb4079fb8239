"""Spans out of fixes: what a vehicle did, whatever its receiver and its meter got wrong, in whatever order it came."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking.trips.cut import OCCUPIED, Kind, Rules, occupied, spans
from tracking.trips.fixes import Fixes, State, ordered
from tracking.trips.plausible import believed

LAT, LON = 31.38, 120.95
M = 1 / 110_876.0  # degrees of latitude in a metre, there
ON, BOOKED, OFF = State.OCCUPIED, State.BOOKED, State.OUT_OF_SERVICE


def drive(states: list[int], *, step_m: float = 100.0, every_s: float = 10.0, speed: float = 10.0) -> Fixes:
    """One vehicle northwards, a fix every 10 s and 100 m."""
    n = len(states)
    return Fixes(
        np.zeros(n, np.int64), (np.arange(n) * every_s * 1e6).astype(np.int64), LAT + np.arange(n) * step_m * M,
        np.full(n, LON), np.array(states, np.int8), np.full(n, speed),
    )  # fmt: skip


def moved(fixes: Fixes, at: slice, north_m: float) -> Fixes:
    lat = fixes.lat.copy()
    lat[at] += north_m * M
    return replace(fixes, lat=lat)


def kinds(fixes: Fixes) -> list[tuple[Kind, int, int]]:
    return [(Kind(s["kind"]), int(s["start"]) // 1_000_000, int(s["end"]) // 1_000_000) for s in spans(fixes)]


def one_trip(fixes: Fixes) -> np.void:
    (trip,) = occupied(spans(fixes))
    return trip


def test_spans_follow_each_other_without_holes():
    states = [0] * 5 + [ON] * 10 + [0] * 3 + [BOOKED] * 4 + [ON] * 5 + [0] * 2 + [OFF] * 3
    assert kinds(drive(states)) == [
        (Kind.CRUISING, 0, 50), (Kind.HAIL, 50, 150), (Kind.CRUISING, 150, 180), (Kind.APPROACH, 180, 220),
        (Kind.BOOKED, 220, 270), (Kind.CRUISING, 270, 290), (Kind.OFF_DUTY, 290, 310),
    ]  # fmt: skip


def test_a_trip_has_its_ends_length_and_fixes():
    trip = one_trip(drive([0, 0, ON, ON, ON, 0]))
    assert trip["length"] == pytest.approx(300, abs=0.5)
    assert (trip["start"], trip["end"], trip["fixes"]) == (20_000_000, 50_000_000, 4)
    assert (trip["start_lat"], trip["end_lat"]) == pytest.approx((LAT + 200 * M, LAT + 500 * M))
    assert trip["longest_gap"] == 10_000_000


@pytest.mark.parametrize("states", [[ON, ON, 0, 0], [0, 0, ON, ON]])
def test_a_trip_cut_off_by_the_end_of_the_fixes_is_open(states: list[int]):
    found = spans(drive(states))
    assert not len(occupied(found))
    assert len(occupied(found, whole=False)) == 1


@pytest.mark.parametrize("wrong", [[0, 0, 0, ON, 0, 0, 0], [0, ON, ON, ON, 0, ON, ON, ON, 0]])
def test_a_lone_other_state_is_no_change(wrong: list[int]):
    fixes = drive(wrong)
    assert len(occupied(spans(fixes))) == (0 if wrong.count(ON) == 1 else 1)
    marked = replace(
        fixes, state=fixes.state | np.where(np.diff(fixes.state, prepend=0), State.EDGE, 0).astype(np.int8)
    )
    assert len(occupied(spans(marked))) == (1 if wrong.count(ON) == 1 else 2), "an edge of the meter is no flicker"
    assert len(occupied(spans(fixes, Rules(flicker_s=15)))) == (1 if wrong.count(ON) == 1 else 2)


@pytest.mark.parametrize("width", [1, 3])
def test_fixes_thrown_far_away_lengthen_nothing(width: int):
    clean = drive([0] + [ON] * 20 + [0])
    thrown = moved(clean, slice(8, 8 + width), 20_000)
    assert one_trip(thrown)["length"] == pytest.approx(one_trip(clean)["length"], abs=0.5)
    assert one_trip(thrown)["fixes"] == 21 - width
    assert not believed(thrown)[8 : 8 + width].any()


def test_a_wrong_first_place_is_not_the_start():
    clean = drive([0] + [ON] * 20 + [0])
    thrown = moved(clean, slice(1, 2), 20_000)
    trip = one_trip(thrown)
    assert trip["start"] == 10_000_000, "the meter's word stands"
    assert trip["start_lat"] == pytest.approx(LAT + 200 * M)


def test_a_tunnel_is_bridged():
    fixes = drive([0] + [ON] * 40 + [0])
    silent = fixes.at(np.r_[0:10, 30:42])
    assert one_trip(silent)["length"] == pytest.approx(one_trip(fixes)["length"], abs=1)
    assert one_trip(silent)["longest_gap"] == 210_000_000
    lat = fixes.lat.copy()
    lat[10:30] = lat[9]
    frozen = replace(fixes, lat=lat)
    assert one_trip(frozen)["length"] == pytest.approx(one_trip(fixes)["length"], abs=1)
    assert not believed(frozen)[10:30].any()
    lost = replace(fixes, lat=np.where(np.arange(42) // 10 == 1, 0.0, fixes.lat))
    lost = replace(lost, lon=np.where(np.arange(42) // 10 == 1, 0.0, fixes.lon))
    assert one_trip(lost)["length"] == pytest.approx(one_trip(fixes)["length"], abs=1)


def test_a_standing_car_drifts_nowhere_and_is_parked():
    rng = np.random.default_rng(2)
    fixes = drive([0] * 60, step_m=0, speed=0.0)
    fixes = replace(fixes, lat=fixes.lat + rng.normal(0, 8, 60) * M, lon=fixes.lon + rng.normal(0, 8, 60) * M)
    (span,) = spans(fixes)
    assert Kind(span["kind"]) is Kind.PARKED
    assert span["length"] == 0
    untold = replace(drive([0] * 60, step_m=0.3, every_s=30), speed=np.full(60, np.nan))
    assert [Kind(s["kind"]) for s in spans(untold)] == [Kind.PARKED]
    assert [kind for kind, _, _ in kinds(drive([0] * 20, step_m=0, speed=0))] == [Kind.CRUISING], "190 s are a halt"


def test_a_long_silence_of_an_empty_car_is_off_duty():
    fixes = drive([0] * 20)
    late = replace(fixes, time=fixes.time + np.where(np.arange(20) >= 10, 3_600_000_000, 0))
    assert kinds(late) == [(Kind.CRUISING, 0, 90), (Kind.OFF_DUTY, 90, 3700), (Kind.CRUISING, 3700, 3790)]


def test_a_leap_over_the_antimeridian_is_a_short_way():
    fixes = replace(drive([0, ON, ON, ON, ON, 0], step_m=0), lat=np.zeros(6) + 10)
    fixes = replace(fixes, lon=np.array([179.997, 179.998, 179.999, -180.0, -179.999, -179.998]))
    assert one_trip(fixes)["length"] == pytest.approx(4 * 109.5, rel=0.01)


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_fixes_give_no_span(count: int):
    assert len(spans(drive([ON] * count))) == 0


@st.composite
def tracks(draw: st.DrawFn) -> Fixes:
    """A few vehicles with all that goes wrong: jumps, repeats of an instant with other words, no position, gaps."""
    n = draw(st.integers(2, 60))
    numbers = st.lists(st.integers(0, 7), min_size=n, max_size=n)
    speeds = st.lists(st.sampled_from([0.0, 5.0, np.nan]), min_size=n, max_size=n)
    places = st.sampled_from([0.0, 1e-4, 2e-4, 1e-3, 0.2, np.nan, -LAT])
    return Fixes(
        np.array(draw(st.lists(st.integers(0, 2), min_size=n, max_size=n)), np.int64),
        np.array(draw(st.lists(st.integers(0, 40), min_size=n, max_size=n)), np.int64) * 30_000_000,
        LAT + np.array(draw(st.lists(places, min_size=n, max_size=n))),
        LON + np.array(draw(st.lists(places.filter(lambda x: x != -LAT), min_size=n, max_size=n))),
        np.array(draw(numbers), np.int8), np.array(draw(speeds)),
    )  # fmt: skip


def bare(found: np.ndarray) -> np.ndarray:
    """Spans without the numbers of their rows, which depend on the order, comparable with NaN."""
    found = found.copy()
    found["first"] = found["last"] = 0
    for name in ("start_lat", "start_lon", "end_lat", "end_lon"):
        found[name] = np.nan_to_num(found[name], nan=-1e9)
    return found


@given(tracks(), st.randoms(use_true_random=False), st.integers(0, 30))
def test_any_order_with_repeats_gives_the_same_spans(fixes: Fixes, random, repeats: int):
    numbers = list(range(len(fixes)))
    numbers += random.choices(numbers, k=repeats)
    random.shuffle(numbers)
    assert (bare(spans(fixes)) == bare(spans(fixes.at(np.array(numbers))))).all()


@given(tracks())
def test_spans_tile_the_time_of_each_vehicle(fixes: Fixes):
    found = spans(fixes, Rules(flicker_s=0))
    in_order, _ = ordered(fixes)
    for vehicle in np.unique(in_order.vehicle):
        times, mine = in_order.time[in_order.vehicle == vehicle], found[found["vehicle"] == vehicle]
        if len(times) < 2:
            assert not len(mine)
            continue
        assert (mine["start"][0], mine["end"][-1]) == (times[0], times[-1])
        assert (mine["start"][1:] == mine["end"][:-1]).all()
        assert (mine["kind"][1:] != mine["kind"][:-1]).all()
        assert (mine["length"] >= 0).all()
        assert list(mine["open_start"]) == [True] + [False] * (len(mine) - 1)
        assert not mine["open_end"][:-1].any()


@given(tracks())
def test_one_vehicle_does_not_change_what_another_did(fixes: Fixes):
    together = spans(fixes)
    for vehicle in range(3):
        alone = bare(spans(fixes.at(np.flatnonzero(fixes.vehicle == vehicle))))
        among = bare(together[together["vehicle"] == vehicle])
        assert among["length"] == pytest.approx(alone["length"])  # the last bits of a cosine depend on its place
        alone["length"] = among["length"]
        assert (alone == among).all()


@given(tracks())
def test_occupied_spans_are_those_of_the_meter(fixes: Fixes):
    """Seconds with the meter on, counted fix by fix."""
    in_order, _ = ordered(fixes)
    found = spans(fixes, Rules(flicker_s=0))
    on = (in_order.state[:-1] & ON != 0) & (in_order.vehicle[1:] == in_order.vehicle[:-1])
    chosen = found[np.isin(found["kind"], OCCUPIED)]
    assert (chosen["end"] - chosen["start"]).sum() == np.diff(in_order.time)[on].sum()
