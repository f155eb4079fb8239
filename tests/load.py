"""Terminals under load, in a process of their own, that write down what they sent and what was acknowledged.

    python -m tests.load --port 6808 --terminals 40 --ledger FILE

Lines of the ledger: `S terminal time at` before a fix is written to the socket, `A terminal time at` after its
acknowledgement was read; `time` in microseconds names the fix, each has its own, `at` is microseconds of
the machine's monotonic clock. After a lost connection what was not acknowledged is sent again. Ends with
SIGTERM.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

from gateway.protocols.jt808 import messages as jt808
from gateway.report import micros, terminal_key
from gateway.wire.framing import FrameBuffer
from tests.checker import place
from tests.terminals import REGISTRATION, fix

WINDOW = 32
"""Fixes in flight per terminal."""
PATIENCE_S = 10.0
"""Silence after which a terminal that waits for an answer connects anew."""
BATCH = 8
"""Of these, how many go into a blind-area frame now and then."""


def numbers(count: int) -> list[str]:
    return [f"0138000{n:05}" for n in range(count)]


def at_its_place(moment: datetime) -> dict[str, object]:
    lat, lon = place(micros(moment))
    return fix(moment, lat=lat, lon=lon)


class LoadTerminal:
    """pause_s: between two rounds of sending; 0: as fast as it is answered."""

    def __init__(self, port: int, number: str, ledger: IO[str], rng: random.Random, pause_s: float = 0.0) -> None:
        self.port, self.number, self.ledger, self.rng, self.pause_s = port, number, ledger, rng, pause_s
        self.key = terminal_key("jt808", number)
        self.code = ""
        self.waiting: dict[int, list[datetime]] = {}  # serial -> fixes
        self.serial = 0
        self.times = self._times()

    def _times(self) -> Iterator[datetime]:
        moment = datetime.now(UTC).replace(microsecond=0) - timedelta(days=2)
        while True:
            moment += timedelta(seconds=1)
            yield moment

    async def run(self) -> None:
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                try:
                    await self._talk(reader, writer)
                finally:
                    writer.transport.abort()
            except (OSError, asyncio.IncompleteReadError):
                await asyncio.sleep(self.rng.uniform(0.02, 0.1))

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        buffer = FrameBuffer()
        await self._log_in(reader, writer, buffer)
        again, self.waiting = list(self.waiting.values()), {}
        for times in again:
            self._send(writer, times)
        while True:
            while len(self.waiting) < WINDOW:
                size = BATCH if self.rng.random() < 0.1 else 1
                self._send(writer, [next(self.times) for _ in range(size)])
            await writer.drain()
            await self._hear(reader, buffer)
            if self.pause_s:
                await asyncio.sleep(self.rng.uniform(0, 2 * self.pause_s))

    async def _log_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, buffer: FrameBuffer) -> None:
        if not self.code:
            writer.write(self._frame(0x0100, REGISTRATION))
            self.code = (await self._frames(reader, buffer))[0].fields["code"]
        writer.write(self._frame(0x0102, {"auth": self.code}))
        if (await self._frames(reader, buffer))[0].fields["result"] != 0:
            self.code = ""
            raise ConnectionError("refused")

    def _send(self, writer: asyncio.StreamWriter, times: list[datetime]) -> None:
        at = time.monotonic_ns() // 1000
        self.ledger.writelines(f"S {self.key} {micros(t)} {at}\n" for t in times)
        self.ledger.flush()
        if len(times) == 1:
            frame = self._frame(0x0200, at_its_place(times[0]))
        else:
            frame = self._frame(0x0704, {"count": len(times), "type": 1, "positions": [at_its_place(t) for t in times]})
        self.waiting[self.serial] = times
        writer.write(frame)

    async def _hear(self, reader: asyncio.StreamReader, buffer: FrameBuffer) -> None:
        messages = await self._frames(reader, buffer)
        at = time.monotonic_ns() // 1000
        for message in messages:
            if message.name == "platform_answer" and message.fields["result"] == 0:
                times = self.waiting.pop(message.fields["ack_serial"], [])
                self.ledger.writelines(f"A {self.key} {micros(t)} {at}\n" for t in times)
        self.ledger.flush()

    async def _frames(self, reader: asyncio.StreamReader, buffer: FrameBuffer) -> list[jt808.Message]:
        while True:
            async with asyncio.timeout(PATIENCE_S):
                data = await reader.read(65536)
            if not data:
                raise ConnectionError("closed")
            if frames := buffer.feed(data):
                return [jt808.decode(b"~" + f + b"~") for f in frames]

    def _frame(self, message_id: int, fields: dict[str, object]) -> bytes:
        self.serial = (self.serial + 1) & 0xFFFF
        return jt808.encode(message_id, fields, terminal=self.number, serial=self.serial)


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--terminals", type=int, default=40)
    parser.add_argument("--ledger", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pause", type=float, default=0.0, help="seconds between two rounds of sending of a terminal")
    args = parser.parse_args()
    with args.ledger.open("a") as ledger:
        tasks = [
            asyncio.create_task(
                LoadTerminal(args.port, n, ledger, random.Random(args.seed + i), args.pause).run(), name=n
            )
            for i, n in enumerate(numbers(args.terminals))
        ]
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        await stop.wait()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


if __name__ == "__main__":
    asyncio.run(main())
