"""MQTT terminals through a real broker: what the broker acknowledged arrives, also after it was away."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiomqtt
import numpy as np
import pytest

from gateway.catalog import TOPIC
from gateway.report import Position, Status, terminal_key
from gateway.server.batch import decode
from gateway.server.page import Judge
from gateway.server.plausible import Region
from simulator.roll import Cab
from simulator.terminal.car import Car
from simulator.terminal.conversation import Timing
from simulator.terminal.ledger import Ledger
from simulator.terminal.mqtt import MqttTerminal
from simulator.terminal.outfit import Outfitter
from simulator.terminal.reach import Reach

CAB = Cab("kunshan-0007", "mqtt", "苏ET1007", "玉兰出租")
NOON = datetime(2026, 3, 4, 4, 0, tzinfo=UTC)


def fix(second: int) -> Position:
    return Position(
        terminal=CAB.key, time=NOON + timedelta(seconds=second), lat=31.38 + second * 1e-4, lon=120.95, speed=8.3,
        course=359.7, odometer=1e6 + second, satellites=9, status=Status.POSITIONED | Status.OCCUPIED | Status.ACC_ON,
    )  # fmt: skip


class Subscriber:
    """Takes the messages as the gateway does, with its session and decoder; the broker keeps what it misses."""

    def __init__(self) -> None:
        self.rows: list[dict] = []

    async def run(self, port: int) -> None:
        protocol = TOPIC["mqtt"]
        async with aiomqtt.Client("127.0.0.1", port, identifier="subscriber", clean_session=False) as client:
            await client.subscribe(protocol.topic, qos=1)
            self.subscribed = True
            async for message in client.messages:
                number = message.topic.value.split("/")[1]
                held = protocol.receive(terminal_key("mqtt", number), message.payload)
                tick = decode([held], 0, Judge(Region.parse("world"), 1 << 60))
                terminals = tick.fixes.terminals
                self.rows += [
                    {name: row[name].item() for name in row.dtype.names} | {"terminal": terminals[row["terminal"]]}
                    for row in tick.fixes.rows
                ]


@asynccontextmanager
async def listening(port: int, until) -> AsyncIterator[Subscriber]:
    subscriber = Subscriber()
    task = asyncio.create_task(subscriber.run(port))
    await until(lambda: hasattr(subscriber, "subscribed"))
    yield subscriber
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def device(tmp_path: Path, port: int) -> AsyncIterator[MqttTerminal]:
    outfitter = Outfitter(
        {"mqtt": Reach("mqtt", "127.0.0.1", port)}, Timing(answer_s=2.0), None, Ledger(tmp_path / "ledger.jsonl")
    )
    terminal = outfitter.fit(CAB, Car(lambda: fix(0)), np.random.default_rng(1))
    assert isinstance(terminal, MqttTerminal)
    task = asyncio.create_task(terminal.run())
    yield terminal
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def acknowledged(tmp_path: Path) -> set[tuple[str, int]]:
    lines = map(json.loads, (tmp_path / "ledger.jsonl").read_text().splitlines())
    return {(one["terminal"], one["identity"]) for one in lines if one["acked_at"]}


async def test_fixes_arrive_as_they_were_and_the_ledger_knows_them(broker, tmp_path: Path, until):
    async with listening(broker.port, until) as subscriber, device(tmp_path, broker.port) as terminal:
        for second in range(10):
            terminal.record(fix(second))
        await until(lambda: len(subscriber.rows) == 10 and not terminal.store)
    rows = sorted(subscriber.rows, key=lambda row: row["time"])
    for second, row in enumerate(rows):
        assert row["terminal"] == CAB.key
        assert (row["lat"], row["lon"]) == pytest.approx((31.38 + second * 1e-4, 120.95), abs=1e-6)
        assert (row["speed"], row["course"]) == pytest.approx((8.3, 0), abs=0.03)
        assert Status.OCCUPIED | Status.ACC_ON | Status.POSITIONED in Status(row["status"])
    assert acknowledged(tmp_path) == {(row["terminal"], row["identity"]) for row in rows}


async def test_what_happened_while_the_broker_was_away_comes_later_newest_first(broker, tmp_path: Path, until):
    async with listening(broker.port, until):
        pass
    await broker.stop()
    async with device(tmp_path, broker.port) as terminal:
        for second in range(120):
            terminal.record(fix(second))
        await until(lambda: terminal.backoff.failures >= 1)
        assert not acknowledged(tmp_path)
        await broker.start()
        await until(lambda: not terminal.store)
        async with listening(broker.port, until) as subscriber:
            await until(lambda: len(subscriber.rows) >= 120)
    times = [row["time"] for row in subscriber.rows]
    assert times == [max(times), *sorted(times)[:-1]]
    assert acknowledged(tmp_path) == {(row["terminal"], row["identity"]) for row in subscriber.rows}
    assert len(acknowledged(tmp_path)) == 120
