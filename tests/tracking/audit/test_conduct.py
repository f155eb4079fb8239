"""Rules on a vehicle's conduct: planted cheats of each kind are found, days of honest work give nothing."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.report import moment
from tracking.audit import conduct
from tracking.audit.conduct import Ban
from tracking.audit.finding import Finding, Rule
from tracking.audit.thresholds import valid
from tracking.trips.fixes import Fixes, State, ordered

EDITION = valid(date(2026, 11, 25))
START = 1_795_564_800_000_000
LAT, LON = 31.38, 120.98
AREA = ((31.1, 120.7), (31.1, 121.2), (31.6, 121.2), (31.6, 120.7))
M, US = 1 / 111_195.0, 1_000_000
EVERY_S = 15
HONEST_DAYS, CHEATS = 150, 12


def day(seed: int, lat: float = LAT) -> Fixes:
    """Ten hours of honest work: to and fro within 6 km, hires of 3 to 20 minutes, waits, and an hour's break in the
    middle; each fix errs by 8 m, one in 100 by kilometres, and now and then one is missing."""
    rng = np.random.default_rng(seed)
    n = 10 * 3600 // EVERY_S
    velocity, state, at = np.zeros(n), np.zeros(n, np.int8), 0
    while at < n:
        occupied, length = rng.random() < 0.5, int(rng.integers(180, 1200) / EVERY_S)
        piece = slice(at, at + length)
        velocity[piece] = 0.0 if not occupied and rng.random() < 0.4 else rng.choice([-1, 1]) * rng.uniform(5, 14)
        state[piece] = State.OCCUPIED if occupied else 0
        at += length
    rest = slice(n // 3, n // 3 + 3600 // EVERY_S)
    velocity[rest], state[rest] = 0.0, 0
    second = slice(2 * n // 3, 2 * n // 3 + 1800 // EVERY_S)
    velocity[second], state[second] = 0.0, 0
    way = np.abs(np.mod(np.cumsum(velocity) * EVERY_S + 6000, 24000) - 12000) - 6000
    lats, lons = lat + (way + rng.normal(0, 8, n)) * M, LON + rng.normal(0, 8, n) * M
    wild = rng.random(n) < 0.01
    lats[wild] += rng.uniform(2, 40, wild.sum()) * 1000 * M * rng.choice([-1, 1], wild.sum())
    fixes = Fixes(np.zeros(n, np.int64), START + np.arange(n) * EVERY_S * US, lats, lons, state, np.abs(velocity))
    return fixes.at(np.flatnonzero(rng.random(n) > 0.02))


def put(fixes: Fixes, **columns: np.ndarray) -> Fixes:
    values = {name: getattr(fixes, name) for name in ("vehicle", "time", "lat", "lon", "state", "speed")}
    return Fixes(**(values | columns))


def found(fixes: Fixes, aboard: Sequence[conduct.Span] = ()) -> Iterator[Finding]:
    yield from conduct.meter_off(fixes, aboard, EDITION)
    yield from conduct.meter_on_empty(fixes, EDITION)
    yield from conduct.out_of_area(fixes, AREA, EDITION)
    yield from conduct.gps_off(fixes, EDITION)
    yield from conduct.cloned_plate(fixes, EDITION)
    yield from conduct.hours(fixes, EDITION)


def hires(fixes: Fixes) -> list[tuple[datetime, datetime]]:
    """What orders would tell of the honest day's hires."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], fixes.state & 1, [0]))))
    ends = np.minimum(edges, len(fixes) - 1)
    return [
        (moment(int(fixes.time[a])), moment(int(fixes.time[b]))) for a, b in zip(ends[::2], ends[1::2], strict=True)
    ]


def without_meter(fixes: Fixes) -> tuple[Fixes, list]:
    longest = max(hires(fixes), key=lambda span: span[1] - span[0])
    inside = (fixes.time >= int(longest[0].timestamp() * US)) & (fixes.time < int(longest[1].timestamp() * US))
    return put(fixes, state=np.where(inside, 0, fixes.state).astype(np.int8)), [longest]


def meter_at_rest(fixes: Fixes) -> tuple[Fixes, list]:
    begin = START + 12_000 * US
    inside = (fixes.time >= begin + 300 * US) & (fixes.time < begin + 2400 * US)
    return put(fixes, state=np.where(inside, 1, fixes.state).astype(np.int8)), []


def elsewhere(fixes: Fixes) -> tuple[Fixes, list]:
    return put(fixes, lat=fixes.lat + 0.5), []


def silent(fixes: Fixes) -> tuple[Fixes, list]:
    gap = (fixes.time >= START + 3 * 3600 * US) & (fixes.time < START + 4 * 3600 * US)
    later = fixes.time >= START + 4 * 3600 * US
    kept = put(fixes, lon=np.where(later, fixes.lon + 0.1, fixes.lon))
    return kept.at(np.flatnonzero(~gap)), []


def twice(fixes: Fixes) -> tuple[Fixes, list]:
    other = put(fixes, lon=fixes.lon + 0.3, time=fixes.time + 7 * US)
    both = [np.concatenate([getattr(fixes, c), getattr(other, c)]) for c in Fixes.__slots__]
    return ordered(Fixes(*both))[0], []


def tireless(fixes: Fixes) -> tuple[Fixes, list]:
    n = len(fixes)
    way = np.mod(np.arange(n) * 150.0, 12000) * M
    there = np.where(np.arange(n) % 160 < 80, way, 12000 * M - way)
    return put(fixes, lat=LAT + there * 0.5, speed=np.full(n, 9.0)), []


CHEAT: dict[Rule, Callable[[Fixes], tuple[Fixes, list]]] = {
    Rule.METER_OFF: without_meter, Rule.METER_ON_EMPTY: meter_at_rest, Rule.OUT_OF_AREA: elsewhere,
    Rule.GPS_OFF: silent, Rule.CLONED_PLATE: twice, Rule.HOURS: tireless,
}  # fmt: skip


def test_honest_days_give_no_finding():
    wrong = {seed: list(found(day(seed), hires(day(seed)))) for seed in range(HONEST_DAYS)}
    assert {seed: [(f.rule, f.measured) for f in said] for seed, said in wrong.items() if said} == {}


@pytest.mark.parametrize("rule", CHEAT)
def test_planted_cheats_are_found_and_nothing_else_of_them(rule: Rule):
    said = [{f.rule for f in found(*CHEAT[rule](day(1000 + seed)))} for seed in range(CHEATS)]
    assert sum(rule in one for one in said) == CHEATS, f"{rule}: {said}"
    assert set.union(*said) <= {rule}


def test_a_finding_names_its_fixes_thresholds_and_edition():
    fixes, aboard = silent(day(1))
    (finding,) = found(fixes, aboard)
    assert (finding.edition, finding.thresholds) == ("2026-01-01", {"gps_off_s": 1800.0, "gps_off_m": 3000.0})
    assert len(finding.fixes) == 2
    assert finding.fixes[1] - finding.fixes[0] > timedelta(minutes=55)
    assert list(conduct.gps_off(fixes, EDITION, [(finding.fixes[0], finding.fixes[1])])) == []


def test_another_driver_at_the_wheel_begins_anew():
    fixes, _ = tireless(day(3))
    changes = [moment(START + hour * 3600 * US) for hour in (3, 6, 9)]
    assert list(conduct.hours(fixes, EDITION))
    assert list(conduct.hours(fixes, EDITION, changes)) == []


def test_closed_roads_count_only_while_they_are_closed():
    start = moment(START)
    trip = (start, start + timedelta(minutes=10))
    ways = [{"way": way, "length_m": 400.0, "seconds": 60.0} for way in (1, 2, 3)]
    ban = Ban(2, start, start + timedelta(hours=1))
    (finding,) = conduct.forbidden_road(trip, ways, [ban], 0.9, EDITION)
    assert (finding.measured, finding.fixes) == (400.0, [start + timedelta(minutes=1)])
    over = Ban(2, start - timedelta(hours=1), start)
    assert list(conduct.forbidden_road(trip, ways, [over], 0.9, EDITION)) == []
    assert list(conduct.forbidden_road(trip, ways, [ban], 0.3, EDITION)) == []


@given(st.floats(30.9, 31.8), st.floats(120.5, 121.4))
def test_outside_is_nothing_inside_and_the_way_to_the_border_beyond(lat: float, lon: float):
    (metres,) = conduct.outside(np.array([lat]), np.array([lon]), AREA)
    inside = 31.1 <= lat <= 31.6 and 120.7 <= lon <= 121.2
    beyond = max(31.1 - lat, lat - 31.6, (120.7 - lon) * 0.85, (lon - 121.2) * 0.85) / M
    assert (metres <= 1.0) if inside else (metres >= beyond * 0.98)


@pytest.mark.parametrize("count", [0, 1])
def test_hardly_any_fixes_say_nothing(count: int):
    assert list(found(day(1).at(np.arange(count)), [(moment(START), moment(START + US))])) == []
