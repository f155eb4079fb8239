"""The fleet's state in columns keeps tracking's rules, whatever comes first: the bus or the database."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np
import psycopg
from hypothesis import given
from hypothesis import strategies as st

from dashboard.fleet import CONDITIONS, NEVER, STATE, Fleet, conditions
from dashboard.schemas import vehicle as shown
from gateway.report import BAD, Alarm, Enrolment, FixBatch, Flag, Status, micros, moment
from tests.tracking.fixes import NOON, batch, flagged
from tracking.queries import vehicles
from tracking.store import Store
from tracking.vehicle import OFFLINE_AFTER, Vehicle, condition


def car(number: int, **changes: object) -> Vehicle:
    plain = Vehicle(
        id=number, plate=f"苏E·T{number:04}", vehicle_class="taxi", company="昆山出租", terminal=f"jt808/{number}",
        heard=None, last=None,
    )  # fmt: skip
    return replace(plain, **changes)


def moved(fixes: FixBatch, **columns: object) -> FixBatch:
    rows = fixes.rows.copy()
    for name, value in columns.items():
        rows[name] = value
    return FixBatch(fixes.terminals, rows, fixes.attributes)


def places(fleet: Fleet) -> dict[int, tuple[float, float]]:
    ids, state = fleet.all()
    return {int(n): (float(s["lat"]), float(s["lon"])) for n, s in zip(ids, state, strict=True)}


def fleet_of(cars: Sequence[Vehicle]) -> Fleet:
    fleet = Fleet()
    fleet.load(cars)
    return fleet


@given(
    alarms=st.integers(0, 2**43 - 1) | st.sampled_from([int(a) for a in Alarm] + [0]),
    status=st.integers(0, 2**27 - 1),
    silence_s=st.none() | st.integers(-5, 700) | st.just(OFFLINE_AFTER.total_seconds()),
)
def test_columns_judge_as_tracking_does(alarms, status, silence_s):
    state = np.zeros(1, STATE)
    state["alarms"], state["status"] = alarms, status
    heard = None if silence_s is None else NOON - timedelta(seconds=silence_s)
    state["heard"] = NEVER if heard is None else micros(heard)
    (code,) = conditions(state, micros(NOON))
    assert CONDITIONS[code] == condition(Alarm(alarms), Status(status), heard, NOON)


def test_the_newest_good_live_fix_of_a_batch_moves_the_car():
    fleet = fleet_of([car(0), car(1)])
    fixes = batch(10, terminals=2)
    fleet.apply(fixes)
    assert places(fleet) == {n: (fixes.rows["lat"][8 + n], fixes.rows["lon"][8 + n]) for n in (0, 1)}


@given(flag=st.sampled_from([*BAD, Flag.BACKFILL]))
def test_flagged_and_late_fixes_are_heard_and_move_nothing(flag):
    fleet = fleet_of([car(0)])
    first, second = batch(4).split(2)
    fleet.apply(first)
    before = places(fleet)
    fleet.apply(flagged(moved(second, lat=0.0), slice(None), flag))
    assert places(fleet) == before
    now, _ = fleet.now(car(0))
    assert now.heard == moment(second.rows["received"][1])


def test_an_older_fix_moves_nothing():
    fleet = fleet_of([car(0)])
    older, newer = batch(4).split(2)
    fleet.apply(newer)
    before = places(fleet)
    fleet.apply(older)
    assert places(fleet) == before


def test_fixes_of_unknown_terminals_are_passed_over():
    fleet = fleet_of([car(0)])
    fleet.apply(batch(12, terminals=3))
    assert list(places(fleet)) == [0]


def test_bus_and_database_may_come_in_any_order(database: str):
    """What `last_state` holds after the writer, the fleet holds after the same fixes from the bus."""
    fixes = flagged(flagged(batch(300, terminals=5), slice(250, 270), Flag.CLOCK), slice(280, 300), Flag.BACKFILL)
    with psycopg.connect(database, autocommit=True) as db:
        store = Store(db)
        for n in range(5):
            store.enrol(Enrolment(terminal=f"jt808/{n}", plate=f"苏E{n}"), NOON)
        store.add(fixes)
    stored = _vehicles(database)
    from_bus, from_database, mixed = Fleet(), Fleet(), Fleet()
    for fleet, given_ in (
        (from_bus, [replace(v, heard=None, last=None) for v in stored]), (from_database, stored), (mixed, stored)
    ):  # fmt: skip
        fleet.load(given_)
    from_bus.apply(fixes)
    mixed.apply(fixes)
    for fleet in (from_bus, mixed):
        assert places(fleet) == places(from_database)
        for vehicle in stored:
            for known in (vehicle, replace(vehicle, heard=None, last=None)):
                assert shown(fleet.now(known)[0], NOON) == shown(vehicle, NOON)


def _vehicles(url: str) -> Sequence[Vehicle]:
    async def read() -> Sequence[Vehicle]:
        async with await psycopg.AsyncConnection.connect(url) as db:
            return await vehicles(db)

    return asyncio.run(read())


def test_silence_is_a_change_and_so_is_its_end():
    fleet = fleet_of([car(0)])
    fixes = moved(batch(1), status=int(Status.POSITIONED), alarms=0)
    fleet.apply(fixes)
    heard = moment(fixes.rows["received"][0])

    def said(at_s: float) -> list[str]:
        fleet.judge(heard + timedelta(seconds=at_s))
        return [str(CONDITIONS[s["condition"]]) for s in fleet.taken()[1]]

    assert said(1) == ["vacant"]
    assert said(2) == []
    assert said(301) == ["offline"]
    assert said(400) == []
    fleet.apply(flagged(moved(batch(1), received=micros(heard) + 500_000_000), slice(None), Flag.PLACE))
    assert said(501) == ["vacant"]


def test_another_terminal_begins_anew_and_a_removed_vehicle_is_gone():
    fleet = fleet_of([car(0), car(1)])
    fleet.apply(batch(2, terminals=2))
    assert fleet.load([car(1, terminal="jt808/new")]) == [car(1, terminal="jt808/new")]
    assert fleet.displaced
    assert list(places(fleet)) == [0]
    fleet.apply(batch(2, terminals=2, start=NOON + timedelta(minutes=1)))
    assert list(places(fleet)) == [0]
    assert fleet.drop([1]) == [0]
    assert places(fleet) == {}
    assert len(fleet) == 1


def test_a_terminal_may_move_between_cars_in_either_order_of_ids():
    for first, second in ((0, 1), (1, 0)):
        fleet = fleet_of([car(first), car(second, terminal=None)])
        fleet.load(sorted([car(first, terminal=None), car(second, terminal=f"jt808/{first}")], key=lambda v: v.id))
        fixes = batch(1)
        fleet.apply(FixBatch([f"jt808/{first}"], fixes.rows, fixes.attributes))
        assert list(places(fleet)) == [second]


def test_the_fleet_grows():
    fleet = fleet_of([car(n) for n in range(1000)])
    fleet.apply(batch(2000, terminals=1000))
    assert len(places(fleet)) == len(fleet) == 1000
