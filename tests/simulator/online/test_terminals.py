"""Terminals over real sockets against the gateway's real parts: nothing that happened is lost."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from gateway.command import QueryPosition, SendText
from gateway.report import Flag, Position, Status
from simulator.roll import Cab
from simulator.terminal.cabin import Cabin
from simulator.terminal.car import Car
from simulator.terminal.conversation import Timing
from simulator.terminal.jt808 import Jt808Terminal
from simulator.terminal.ledger import Ledger
from simulator.terminal.link import Link
from simulator.terminal.memory import Memory, Remembered
from simulator.terminal.outfit import Outfitter, reader
from simulator.terminal.reach import Reach

NOON = datetime(2026, 3, 4, 4, 0, tzinfo=UTC)
CABS = [
    Cab("320583000001", "jt808", "苏ET1001", "鹿鸣出租", 2011),
    Cab("320583000002", "jt808", "苏ET1002", "鹿鸣出租", 2013),
    Cab("320583000003", "jt808", "苏ET1003", "鹿鸣出租", 2019),
    Cab("100200000004", "jt905", "苏ET1004", "鹿鸣出租"),
]
QUICK = Timing(heartbeat_s=30, answer_s=0.3, retries=3)
each = pytest.mark.parametrize("cab", CABS, ids=lambda cab: f"{cab.protocol}-{cab.version}")


def fix(cab: Cab, second: int, status: Status = Status.POSITIONED | Status.ACC_ON) -> Position:
    """A fix that differs from every other second's."""
    return Position(
        terminal=cab.key, time=NOON + timedelta(seconds=second), lat=31.38 + second * 1e-4, lon=120.95 - second * 1e-4,
        speed=8.25, course=91.0, altitude=5.0, recorder_speed=8.3, odometer=123_400.0 + 80 * second, satellites=11,
        signal=27, status=status,
    )  # fmt: skip


class Bench:
    """Makes links to a port, with memory and ledger in a directory."""

    def __init__(self, directory: Path) -> None:
        self.ledger_file = directory / "ledger.jsonl"
        self.memory = Memory(directory / "state")
        self.ledger = Ledger(self.ledger_file)
        self.outfitters: list[tuple[Outfitter, Cab, Link]] = []

    def link(self, cab: Cab, port: int, timing: Timing = QUICK) -> Link:
        reach = Reach(cab.protocol, "127.0.0.1", port)
        outfitter = Outfitter({cab.protocol: reach}, timing, self.memory, self.ledger)
        link = outfitter.link(cab, Car(lambda: fix(cab, 999)), np.random.default_rng(1))
        self.outfitters.append((outfitter, cab, link))
        return link

    def put_away(self) -> None:
        for outfitter, cab, link in self.outfitters:
            outfitter.put_away(cab, link)

    def acknowledged(self) -> dict[tuple[str, datetime, int], tuple[float, float]]:
        """(terminal, time, identity) -> (lat, lon) of everything that the ledger calls acknowledged."""
        lines = map(json.loads, self.ledger_file.read_text().splitlines())
        return {
            (one["terminal"], datetime.fromisoformat(one["time"]), one["identity"]): (one["lat"], one["lon"])
            for one in lines
            if one["acked_at"]
        }

    def sent(self) -> set[tuple[str, datetime, int]]:
        lines = map(json.loads, self.ledger_file.read_text().splitlines())
        return {(one["terminal"], datetime.fromisoformat(one["time"]), one["identity"]) for one in lines}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@asynccontextmanager
async def running(link: Link) -> AsyncIterator[Link]:
    task = asyncio.create_task(link.run())
    yield link
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def keys(rows: list[dict]) -> list[tuple[str, datetime, int]]:
    return [(row["terminal"], row["time"], row["identity"]) for row in rows]


@each
async def test_fixes_are_committed_with_the_positions_that_were_sent(gateway, bench: Bench, until, cab: Cab):
    gateway.enrol(cab)
    async with running(bench.link(cab, gateway.ports[cab.protocol])) as link:
        await until(lambda: link.terminal.ready)
        for second in range(5):
            link.record(fix(cab, second, Status.POSITIONED | Status.ACC_ON | Status.OCCUPIED))
        await until(lambda: not link.store)
    rows = gateway.stored(cab.key)
    assert [row["time"] for row in rows] == [NOON + timedelta(seconds=s) for s in range(5)]
    for second, row in enumerate(rows):
        sent = fix(cab, second)
        assert (row["lat"], row["lon"]) == pytest.approx((sent.lat, sent.lon), abs=1e-6)
        assert (row["speed"], row["course"]) == pytest.approx((8.25, 91.0), abs=1.1)
        assert row["odometer"] == pytest.approx(sent.odometer, abs=51)
        assert Status.OCCUPIED | Status.ACC_ON in Status(row["status"])
        assert row["flags"] == 0
    if cab.protocol == "jt808":
        assert {(row["satellites"], row["signal"]) for row in rows} == {(11, 27)}
        assert rows[0]["recorder_speed"] == pytest.approx(8.3, abs=0.02)


@each
async def test_the_ledger_agrees_with_the_spool(gateway, bench: Bench, until, cab: Cab):
    gateway.enrol(cab)
    async with running(bench.link(cab, gateway.ports[cab.protocol])) as link:
        for second in range(30):
            link.record(fix(cab, second))
        await until(lambda: not link.store)
    rows, acknowledged = gateway.stored(cab.key), bench.acknowledged()
    assert set(keys(rows)) == set(acknowledged) == bench.sent()
    assert len(rows) == 30
    for row, key in zip(rows, keys(rows), strict=True):
        assert acknowledged[key] == pytest.approx((row["lat"], row["lon"]), abs=1e-9)


@each
async def test_what_happened_while_the_platform_was_away_comes_later_newest_first(
    gateway, bench: Bench, until, cab: Cab
):
    gateway.enrol(cab)
    async with running(bench.link(cab, gateway.ports[cab.protocol])) as link:
        await until(lambda: link.terminal.ready)
        await gateway.stop()
        await until(lambda: not link.terminal.ready)
        for second in range(70):
            link.record(fix(cab, second))
        assert len(link.store) == 70
        await gateway.start()
        await until(lambda: not link.store)
    rows = gateway.stored(cab.key)
    assert rows[0]["time"] == NOON + timedelta(seconds=69)
    assert rows[0]["flags"] == 0
    assert [row["time"] for row in rows[1:]] == [NOON + timedelta(seconds=s) for s in range(69)]
    assert {row["flags"] for row in rows[1:]} == {Flag.BACKFILL}
    assert set(keys(rows)) == set(bench.acknowledged())


async def test_a_lost_acknowledgement_makes_it_send_the_same_fix_again(gateway, line, bench: Bench, until):
    cab = CABS[1]
    gateway.enrol(cab)
    async with running(bench.link(cab, line.port)) as link:
        await until(lambda: link.terminal.ready)
        line.deaf = True
        link.record(fix(cab, 1))
        await until(lambda: len(gateway.stored(cab.key)) == 2)
        assert not bench.acknowledged()
        line.deaf = False
        await until(lambda: not link.store)
    rows = gateway.stored(cab.key)
    assert len(rows) >= 2
    assert len(set(keys(rows))) == 1
    assert set(bench.acknowledged()) == set(keys(rows))
    assert link.terminal.counts["sent_again"] >= 1


async def test_a_dead_connection_is_given_up_and_its_fixes_come_over_the_next(gateway, line, bench: Bench, until):
    cab = CABS[2]
    gateway.enrol(cab)
    async with running(bench.link(cab, line.port, Timing(answer_s=0.1, retries=1))) as link:
        await until(lambda: link.terminal.ready)
        line.deaf = True
        link.record(fix(cab, 1))
        await until(lambda: not link.terminal.ready)
        line.deaf = False
        await until(lambda: not link.store)
    assert set(keys(gateway.stored(cab.key))) == set(bench.acknowledged())
    assert gateway.hub.counts["jt808.logged_in"] >= 2


async def test_a_code_is_kept_over_a_restart(gateway, bench: Bench, until):
    cab = CABS[1]
    gateway.enrol(cab)
    for _ in range(2):
        async with running(bench.link(cab, gateway.ports["jt808"])) as link:
            await until(lambda link=link: link.terminal.ready)
        bench.put_away()
    assert gateway.hub.counts["jt808.registered"] == 1
    assert gateway.hub.counts["jt808.logged_in"] == 2


async def test_unsent_fixes_are_kept_over_a_restart(gateway, bench: Bench, until):
    cab = CABS[3]
    gateway.enrol(cab)
    link = bench.link(cab, gateway.ports["jt905"])
    for second in range(25):
        link.record(fix(cab, second))
    bench.put_away()
    async with running(bench.link(cab, gateway.ports["jt905"])) as link:
        await until(lambda: not link.store)
    assert {row["time"] for row in gateway.stored(cab.key)} == {NOON + timedelta(seconds=s) for s in range(25)}


async def test_a_refused_code_is_replaced_by_a_fresh_one(gateway, bench: Bench, until):
    cab = CABS[2]
    gateway.enrol(cab)
    bench.memory.save(cab.key, Remembered("no such code"))
    async with running(bench.link(cab, gateway.ports["jt808"])) as link:
        await until(lambda: link.terminal.ready)
    assert gateway.hub.counts["jt808.wrong_code"] == 1
    assert bench.memory.load(cab.key).code not in ("", "no such code")


async def test_a_terminal_that_is_not_on_the_roll_tries_until_it_is(gateway, bench: Bench, until):
    cab = CABS[1]
    async with running(bench.link(cab, gateway.ports["jt808"])) as link:
        link.record(fix(cab, 1))
        await until(lambda: gateway.hub.counts["jt808.unknown_terminal"] >= 1)
        gateway.enrol(cab)
        await until(lambda: not link.store)
    assert len(gateway.stored(cab.key)) == 1


async def test_a_closed_port_is_tried_again_and_said_once(
    gateway, bench: Bench, until, capsys: pytest.CaptureFixture[str]
):
    cab = CABS[3]
    gateway.enrol(cab)
    await gateway.stop()
    async with running(bench.link(cab, gateway.ports["jt905"])) as link:
        link.record(fix(cab, 1))
        await until(lambda: link.backoff.failures >= 2)
        await gateway.start()
        await until(lambda: not link.store)
    assert capsys.readouterr().out.count("platform not reached") == 1


async def test_a_full_store_keeps_the_newest(gateway, bench: Bench, until):
    cab = CABS[3]
    gateway.enrol(cab)
    link = bench.link(cab, gateway.ports["jt905"], Timing(kept=10))
    for second in range(35):
        link.record(fix(cab, second))
    assert link.terminal.counts["lost"] == 25
    async with running(link):
        await until(lambda: not link.store)
    assert {row["time"] for row in gateway.stored(cab.key)} == {NOON + timedelta(seconds=s) for s in range(25, 35)}


@each
async def test_a_query_is_answered_with_the_position_of_now(gateway, bench: Bench, until, cab: Cab):
    gateway.enrol(cab)
    async with running(bench.link(cab, gateway.ports[cab.protocol])) as link:
        link.record(fix(cab, 1))
        await until(lambda: not link.store)
        assert gateway.hub.say(cab.key, QueryPosition(terminal=cab.key)) is not None
        await until(lambda: len(gateway.stored(cab.key)) == 2)
    assert gateway.stored(cab.key)[1]["time"] == NOON + timedelta(seconds=999)
    assert bench.sent() == set(keys(gateway.stored(cab.key)))


@each
async def test_a_text_is_shown_and_confirmed(
    gateway, bench: Bench, until, cab: Cab, capsys: pytest.CaptureFixture[str]
):
    gateway.enrol(cab)
    async with running(bench.link(cab, gateway.ports[cab.protocol])) as link:
        link.record(fix(cab, 1))
        await until(lambda: not link.store)
        assert gateway.hub.say(cab.key, SendText(terminal=cab.key, text="请到昆山南站载客", urgent=True)) is not None
        await until(lambda: gateway.hub.counts[f"{cab.protocol}.command_done"] == 1)
    assert "请到昆山南站载客" in capsys.readouterr().out


@each
async def test_a_heartbeat_is_sent_when_nothing_else_is(gateway, bench: Bench, until, cab: Cab):
    gateway.enrol(cab)
    async with running(bench.link(cab, gateway.ports[cab.protocol], Timing(heartbeat_s=0.05))) as link:
        await until(lambda: link.terminal.ready)
        before = gateway.hub.counts[f"{cab.protocol}.frames"]
        await until(lambda: gateway.hub.counts[f"{cab.protocol}.frames"] >= before + 5)
    assert not gateway.stored(cab.key)


def test_serial_numbers_wrap():
    terminal = Jt808Terminal("320583000001", Timing(), Cabin(Car(lambda: fix(CABS[0], 0))), Ledgerless())
    for _ in range(65_536):
        terminal.reply(0x0002, b"")
    terminal.data_to_send()
    for _ in range(2):
        terminal.reply(0x0002, b"")
    serials = [terminal.parse(frame)[0].serial for frame in frames(terminal.data_to_send())]
    assert serials == [0, 1]


class Ledgerless:
    sent = acknowledged = lost = staticmethod(lambda _fix: None)


def frames(data: bytes) -> list[bytes]:
    return [part for part in data.split(b"~") if part]


@each
def test_the_gateway_reads_what_the_terminal_wrote(cab: Cab):
    outfitter = Outfitter({cab.protocol: Reach(cab.protocol, "127.0.0.1", 1)}, Timing())
    terminal = outfitter.link(cab, Car(lambda: fix(cab, 0)), np.random.default_rng(1)).terminal
    sent = fix(cab, 7, Status.POSITIONED | Status.OCCUPIED | Status.OUT_OF_SERVICE)
    read = reader(cab)(terminal.body(sent))
    assert (read.terminal, read.time) == (sent.terminal, sent.time)
    assert (read.lat, read.lon) == pytest.approx((sent.lat, sent.lon), abs=1e-6)
    assert Status.OCCUPIED | Status.OUT_OF_SERVICE in read.status
    assert Status.ACC_ON not in read.status
