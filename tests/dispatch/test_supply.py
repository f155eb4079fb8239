"""Live supply: vacant taxis come and go with their fixes, and a real bus can ask for the nearest."""

import asyncio
import contextlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import psycopg
import pytest

from dispatch.hinting import Hinting
from dispatch.loop import Loop
from dispatch.match.exclusion import Limits
from dispatch.match.plan import Policy, match
from dispatch.match.snapshot import BOOKING, Snapshot, State
from dispatch.migrate import migrate
from dispatch.mustering import Mustering
from dispatch.rounds import Rounds
from dispatch.rules import Rules
from dispatch.scene import Scene
from dispatch.service import CELLS_SUBJECT, NEAREST_SUBJECT, nearest, serve
from dispatch.supply import STALE, Supply
from dispatch.ways import Ways
from gateway.bus import FIX_SUBJECT, Bus, BusError, MemoryBus, NatsBus
from gateway.report import Alarm, Enrolment, FixBatch, Flag, Status
from tests import stack
from tests.tracking.fixes import NOON, batch
from tracking.queries import vehicles
from tracking.store import Store
from tracking.vehicle import Vehicle

HERE = (31.3, 120.95)


def fixes(status: Status, *, count: int = 5, start: datetime = NOON, flags: int = 0, seed: int = 0) -> FixBatch:
    """The newest fix of `count` taxis."""
    made = batch(count, terminals=count, start=start, seed=seed, step_s=0)
    made.rows["alarms"] = 0
    made.rows["status"] = int(status | Status.POSITIONED)
    made.rows["flags"] = flags
    return made


def test_only_vacant_taxis_are_supply():
    supply = Supply()
    for n, status in enumerate((Status(0), Status.OCCUPIED, Status.BOOKED, Status.OUT_OF_SERVICE, Status(0))):
        supply.apply(fixes(status, start=NOON + timedelta(seconds=n)), NOON)
        assert len(supply) == (0 if status else 5), status


@pytest.mark.parametrize("flag", [Flag.NO_FIX, Flag.CLOCK, Flag.PLACE, Flag.MOTION, Flag.BACKFILL])
def test_flagged_and_late_fixes_change_nothing(flag: Flag):
    supply = Supply()
    supply.apply(fixes(Status(0)), NOON)
    before = supply.nearest(*HERE, 5, NOON)
    supply.apply(fixes(Status.OCCUPIED, start=NOON + timedelta(hours=1), flags=flag, seed=3), NOON)
    assert supply.nearest(*HERE, 5, NOON) == before
    supply.apply(fixes(Status.OCCUPIED, start=NOON - timedelta(seconds=1), seed=4), NOON)
    assert supply.nearest(*HERE, 5, NOON) == before


def test_a_silent_taxi_leaves_and_returns_with_its_next_fix():
    supply = Supply()
    supply.apply(fixes(Status(0)), NOON)
    assert supply.forget_stale(NOON + STALE) == 0
    assert supply.forget_stale(NOON + STALE + timedelta(seconds=1)) == 5
    assert supply.nearest(*HERE, 5, NOON) == []
    supply.apply(fixes(Status(0), count=2, start=NOON + timedelta(hours=1)), NOON)
    assert len(supply) == 2


def test_every_taxi_stands_in_the_matchers_columns_with_what_it_is_doing():
    supply = Supply()
    supply.apply(fixes(Status.OCCUPIED), NOON)
    supply.apply(fixes(Status(0), count=2, start=NOON + timedelta(seconds=30)), NOON)
    alarmed = fixes(Status.BOOKED, count=1, start=NOON + timedelta(seconds=60))
    alarmed.rows["alarms"] = int(Alarm.EMERGENCY)
    supply.apply(alarmed, NOON)
    ids, rows = supply.taxis(NOON + timedelta(seconds=90))
    assert ids == tuple(f"jt808/{n}" for n in range(5))
    assert rows["state"].tolist() == [State.BOOKED, State.VACANT, *[State.OCCUPIED] * 3]
    assert rows["locked"].tolist() == [True, *[False] * 4]
    assert rows["fix_age_s"].tolist() == [30, 60, 90, 90, 90]
    (near,) = supply.nearest(*HERE, 1, NOON)
    assert (rows["lat"][1], rows["lon"][1]) == (near.lat, near.lon)
    offers = match(Snapshot(NOON, ("b",), booking_here(), ids, rows), Policy(limits=Limits(reach_s=1e5))).offers
    assert [offer.taxis for offer in offers] == [("jt808/1",)]


def booking_here() -> np.ndarray:
    rows = np.zeros(1, BOOKING)
    rows["lat"], rows["lon"], rows["passengers"], rows["zone"] = *HERE, 1, -1
    return rows


def test_what_was_stored_is_supply_until_fixes_come(database: str):
    with psycopg.connect(database) as connection, connection.transaction():
        store = Store(connection)
        store.add(fixes(Status(0)))
        for n in range(5):
            store.enrol(Enrolment(terminal=f"jt808/{n}", plate=f"苏E{n}"), NOON)

    async def known() -> list[Vehicle]:
        async with await psycopg.AsyncConnection.connect(database) as connection:
            return list(await vehicles(connection))

    supply = Supply()
    supply.start_with(asyncio.run(known()), NOON + timedelta(seconds=10))
    assert len(supply) == 5
    supply.apply(fixes(Status.OCCUPIED, count=2, start=NOON + timedelta(seconds=20)), NOON)
    assert len(supply) == 3
    late = Supply()
    late.start_with(asyncio.run(known()), NOON + timedelta(hours=1))
    assert len(late) == 0


@pytest.mark.parametrize(
    "payload", [b"", b"[]", b"7", b'{"lat": 31}', b'{"lat": 99, "lon": 1}', b'{"lat":1,"lon":1,"count":0}']
)
def test_a_question_that_is_none_is_answered_with_what_is_expected(payload: bytes):
    answer = nearest(Supply(), payload, NOON)
    assert isinstance(answer, dict)
    assert "error" in answer


async def ask(bus: Bus, of: Bus, database: str, batches: Sequence[FixBatch]) -> tuple[list[dict], dict]:
    """Publish, ask, hear the cells through `bus`; the service sits on `of`."""
    migrate(database)
    stop, supply = asyncio.Event(), Supply()
    rounds = Rounds(Scene(supply, Rules(), ()), Ways(Path("nowhere"), database))
    scene, ways = rounds.scene, rounds.ways
    loop = Loop(database, of, Rules(), rounds, "00000095128", Hinting(scene), Mustering(scene, ways))
    async with asyncio.TaskGroup() as group, bus.subscribe(CELLS_SUBJECT) as cells:
        group.create_task(serve(of, supply, loop, stop))
        answer: list[dict] = []
        while len(answer) < 3:
            for one in batches:
                await bus.publish(FIX_SUBJECT, one.to_bytes())
            await asyncio.sleep(0.05)
            question = json.dumps({"lat": HERE[0], "lon": HERE[1], "count": 3}).encode()
            with contextlib.suppress(BusError):  # the service is still connecting
                answer = json.loads(await bus.request(NEAREST_SUBJECT, question, 5))
        told: dict = {"cells": {}}
        while not told["cells"]:
            told = json.loads((await anext(cells)).payload)
        stop.set()
    return answer, told


def check(answer: list[dict], told: dict) -> None:
    assert [c["distance_m"] for c in answer] == sorted(c["distance_m"] for c in answer)
    assert all(c["age_s"] >= 0 for c in answer)
    assert sum(told["cells"].values()) == 5


async def test_the_service_answers_in_one_process(database: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("dispatch.service.TELL_S", 0.1)
    bus = MemoryBus()
    check(*await ask(bus, bus, database, [fixes(Status(0), start=datetime.now(UTC) - timedelta(seconds=5))]))


async def test_the_service_answers_over_a_real_bus(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("dispatch.service.TELL_S", 0.1)
    with stack.bus(tmp_path) as server:
        asker = NatsBus(server.url, "test")
        connection = asyncio.create_task(asker.run())
        service = NatsBus(server.url, "dispatch")
        check(*await ask(asker, service, database, [fixes(Status(0), start=datetime.now(UTC) - timedelta(seconds=5))]))
        connection.cancel()
