"""`python -m tests.bookings.live --bookings N --kills K`: calls by the real parts, dispatch killed with -9 among them.

Taxis of JT/T 905 over sockets grab, let pass, drop and finish; passengers cancel; the desk sends requests twice.
In the end what the database says, and what the drivers saw on their own screens, must agree.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from dispatch.booking import OPEN, Booking, Event, Place
from dispatch.errors import BookingError
from dispatch.store import create, happen
from gateway.protocols.jt905 import messages as jt905
from gateway.wire.framing import FrameBuffer
from gateway.wire.message import Message
from tests import stack
from tests.dispatch.bureau import CALLER, CANCEL, DOOR, DROPPED, FINISHED, GRAB, OCCUPIED, OFFER, RESULT, Bureau
from tests.dispatch.bureau import bureau as office
from tests.dispatch.bureau import number as isu_number
from tests.terminals import fix
from tracking import embedded

FIX_S, THINKS_S, DRIVES_S = 2.0, 1.0, 2.0
PATIENCE_S = 240.0
GRABS, DROPS, CANCELS, TWICE = 0.7, 0.12, 0.1, 0.2
ANSWER_S = "3"


@dataclass
class Seen:
    """What drivers saw: (moment, taxi, order, "won" or "free")."""

    events: list[tuple[float, str, int, str]] = field(default_factory=list)

    def note(self, taxi: str, order: int, what: str) -> None:
        self.events.append((time.monotonic(), taxi, order, what))


class Driver:
    """A taxi near the door, in a task of its own. It holds at most one order on its screen."""

    def __init__(self, port: int, number: str, seen: Seen, rng: random.Random) -> None:
        self.port, self.number, self.key, self.seen, self.rng = port, number, f"jt905/{number}", seen, rng
        self.place = DOOR.lat + rng.uniform(-0.02, 0.02), DOOR.lon + rng.uniform(-0.02, 0.02)
        self.serial, self.mine, self.occupied, self.grabbed = 0, 0, False, 0
        self.unheard: dict[int, bytes] = {}
        self.doing: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        while True:
            with suppress(OSError, asyncio.IncompleteReadError):
                reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
                for frame in self.unheard.values():
                    self.writer.write(frame)
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._report())
                    await self._listen(reader)
            await asyncio.sleep(0.5)

    async def _report(self) -> None:
        while True:
            self._fix()
            await asyncio.sleep(FIX_S)

    def _fix(self) -> None:
        lat, lon = (DOOR.lat, DOOR.lon) if self.occupied else self.place
        now, status = datetime.now(UTC).replace(microsecond=0), OCCUPIED if self.occupied else 0
        self._say(0x0200, fix(now, lat=lat, lon=lon, speed=0, status=status))

    def _say(self, message_id: int, fields: dict[str, Any], *, keep: bool = False) -> None:
        self.serial = (self.serial + 1) & 0xFFFF
        frame = jt905.encode(message_id, fields, terminal=self.number, serial=self.serial)
        if keep:
            self.unheard[self.serial] = frame
        self.writer.write(frame)

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        buffer = FrameBuffer()
        while data := await reader.read(65536):
            for frame in buffer.feed(data):
                self._hear(jt905.decode(bytes(frame)))
        raise ConnectionResetError

    def _hear(self, message: Message) -> None:
        header, fields = message.header, message.fields
        if header.message_id == 0x8001:
            self.unheard.pop(fields["ack_serial"], None)
            return
        self._say(0x0001, {"ack_serial": header.serial, "ack_id": header.message_id, "result": 0})
        if header.message_id == OFFER and not self.mine and not self.occupied:
            self._do(self._think(fields["order"]))
        elif header.message_id == RESULT and fields["order"] == self.grabbed and "phone" in fields and not self.mine:
            self.mine, self.grabbed = fields["order"], 0
            self.seen.note(self.key, self.mine, "won")
            self._do(self._drive(self.mine))
        elif header.message_id == CANCEL and fields["order"] == self.mine:
            self._free()

    def _do(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self.doing.add(task)
        task.add_done_callback(self.doing.discard)

    async def _think(self, order: int) -> None:
        await asyncio.sleep(self.rng.uniform(0, THINKS_S))
        if self.rng.random() < GRABS and not self.mine:
            self.grabbed = order
            self._say(GRAB, {"order": order}, keep=True)

    async def _drive(self, order: int) -> None:
        await asyncio.sleep(self.rng.uniform(0, DRIVES_S))
        if self.mine != order:
            return
        if self.rng.random() < DROPS:
            self._free()
            self._say(DROPPED, {"order": order, "reason": 1}, keep=True)
            return
        self.occupied = True
        self._fix()
        await asyncio.sleep(self.rng.uniform(1, DRIVES_S))
        if self.mine == order:
            self._say(FINISHED, {"order": order}, keep=True)
            self._free()
        self.occupied = False
        self._fix()

    def _free(self) -> None:
        self.seen.note(self.key, self.mine, "free")
        self.mine = 0


async def _calls(url: str, count: int, taxis: int, rng: random.Random, made: dict[str, int]) -> None:
    """Bookings as fast as taxis are about to serve them; made: those that were acknowledged, by key."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as db:
        for n in range(count):
            key, door = f"live {n}", Place("人民医院", DOOR.lat, DOOR.lon)
            asked = Booking(key=key, created=datetime.now(UTC), pick_up=door)
            for _ in range(1 + (rng.random() < TWICE)):
                done = await create(db, asked, CALLER)
                if done.new:
                    await happen(db, done.id, Event.PLACE, CALLER, datetime.now(UTC))
                assert made.setdefault(key, done.id) == done.id
            if rng.random() < CANCELS:
                await asyncio.sleep(rng.uniform(0, 3))
                with suppress(BookingError):
                    await happen(db, done.id, Event.CANCEL, CALLER, datetime.now(UTC))
            await asyncio.sleep(rng.expovariate(taxis / 6))


async def _kill(bureau: Bureau, times: int, rng: random.Random, over: asyncio.Event) -> int:
    killed = 0
    while killed < times and not over.is_set():
        await asyncio.sleep(rng.uniform(0.5, 3.0))
        await asyncio.to_thread(bureau.dispatch.kill)
        await asyncio.to_thread(bureau.start)
        killed += 1
    return killed


async def run(bureau: Bureau, taxis: int, bookings: int, kills: int, seed: int) -> dict[str, Any]:
    """The counts; whatever should be nought is."""
    rng, seen, made, over = random.Random(seed), Seen(), dict[str, int](), asyncio.Event()
    url, port = bureau.centre.database, bureau.centre.process.ports["jt905"]
    drivers = [Driver(port, isu_number(n), seen, random.Random(seed * 1000 + n)) for n in range(1, taxis + 1)]
    driving = [asyncio.create_task(driver.run()) for driver in drivers]
    killing = asyncio.create_task(_kill(bureau, kills, rng, over))
    try:
        await _calls(url, bookings, taxis, rng, made)
        killed = await killing
        await _settled(url)
    finally:
        over.set()
        for task in [*driving, killing]:
            task.cancel()
        await asyncio.gather(*driving, killing, return_exceptions=True)
    return await _judge(url, made, seen, killed)


async def _settled(url: str) -> None:
    """Until no booking is open. Raises AssertionError that tells which are."""
    end = time.monotonic() + PATIENCE_S
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as db:
        while True:
            cursor = await db.execute("SELECT id, state, changed FROM booking WHERE state = ANY(%s)", (list(OPEN),))
            if not (left := await cursor.fetchall()):
                return
            assert time.monotonic() < end, f"still open: {[(n, state, str(at)) for n, state, at in left]}"
            await asyncio.sleep(0.5)


async def _judge(url: str, made: dict[str, int], seen: Seen, killed: int) -> dict[str, Any]:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as db:
        states = dict(await (await db.execute("SELECT id, state FROM booking")).fetchall())
        overlaps = await (await db.execute(OVERLAPS)).fetchall()
        freed = await (
            await db.execute(
                "SELECT booking_id, taxi FROM transition WHERE event IN ('lose', 'cancel', 'complete', 'drop')"
            )
        ).fetchall()
    double, twice = _screens(seen, {(booking, taxi) for booking, taxi in freed})
    return {
        "bookings": len(made), "kills": killed, "won": sum(what == "won" for *_, what in seen.events),
        "ends": dict(Counter(states.values())), "lost": sum(number not in states for number in made.values()),
        "booked_twice": len(states) - len(set(made.values())), "double_assignments": len(overlaps),
        "two_cars_on_screens": double, "two_orders_on_a_screen": twice,
    }  # fmt: skip


OVERLAPS = """
    SELECT one.id FROM assignment AS one JOIN assignment AS other ON one.id < other.id
        AND (one.booking_id = other.booking_id OR one.taxi = other.taxi)
        AND one.since < other.until AND other.since < one.until
"""


def _screens(seen: Seen, freed: set[tuple[int, str]]) -> tuple[int, int]:
    """Orders that two drivers held at once, of whom the first was not freed; drivers who held two orders."""
    holders: dict[int, str] = {}
    holds: dict[str, int] = {}
    double = twice = 0
    for _, taxi, order, what in seen.events:
        if what == "free":
            if holders.get(order) == taxi:
                del holders[order]
            holds.pop(taxi, None)
            continue
        other = holders.get(order)
        double += other is not None and other != taxi and (order, other) not in freed
        twice += taxi in holds
        holders[order], holds[taxi] = taxi, order
    return double, twice


NOUGHT = ("lost", "booked_twice", "double_assignments", "two_cars_on_screens", "two_orders_on_a_screen")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bookings.live", description=__doc__)
    parser.add_argument("--bookings", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--taxis", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="taxihub-live-") as directory:
        url = embedded.start(Path(directory) / "postgres")
        with (
            stack.fresh_database(url) as database,
            office(Path(directory) / "var", database, args.taxis, answer_s=ANSWER_S, lock_out_s=ANSWER_S) as bureau,
        ):
            counts = asyncio.run(run(bureau, args.taxis, args.bookings, args.kills, args.seed))
    print(f"{counts}\n{time.monotonic() - began:.0f} s, seed {args.seed}, {os.cpu_count()} cores")
    return int(any(counts[name] for name in NOUGHT))


if __name__ == "__main__":
    sys.exit(main())
