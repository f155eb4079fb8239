"""The chaos proxy, a process between terminals and gateway: every connection meets one toxic after the other.

    python -m tests.chaos.proxy --port 7000 --to 6808 --seed 1

A connection is calm for a moment, then a toxic is drawn and said on standard output, one line each. Both
ways of the connection suffer it.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import socket
import struct
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from random import Random

CALM_S = (0.05, 0.6)
TOXIC_S = (0.1, 1.0)
DELAY_S = (0.5, 5.0)
HALF_OPEN_S = (0.5, 3.0)
LEFT_OPEN_S = 20.0
"""How long the gateway's end of a half-open connection stays after the terminal's is gone."""


class Broken(Exception):
    """The connection is over."""


Way = Callable[["Link", bytes, asyncio.StreamWriter], Awaitable[None]]


async def calm(_link: Link, data: bytes, out: asyncio.StreamWriter) -> None:
    out.write(data)
    await out.drain()


async def reset(link: Link, data: bytes, out: asyncio.StreamWriter) -> None:
    """Some bytes still pass, most often up to the middle of a frame; then both ends get a RST."""
    out.write(data[: link.rng.randrange(len(data))])
    await out.drain()
    raise Broken


async def half_open(_link: Link, _data: bytes, _out: asyncio.StreamWriter) -> None:
    """Nothing passes any more, and nobody is told."""


async def dribble(_link: Link, data: bytes, out: asyncio.StreamWriter) -> None:
    """One byte a segment."""
    for i in range(len(data)):
        out.write(data[i : i + 1])
        await asyncio.sleep(0)
    await out.drain()


async def delay(link: Link, data: bytes, out: asyncio.StreamWriter) -> None:
    await asyncio.sleep(link.rng.uniform(*DELAY_S))
    await calm(link, data, out)


async def split(link: Link, data: bytes, out: asyncio.StreamWriter) -> None:
    """Pieces that end anywhere in a frame."""
    while data:
        size = link.rng.randrange(1, 200)
        await calm(link, data[:size], out)
        data = data[size:]
        await asyncio.sleep(0.002)


async def merge(link: Link, data: bytes, out: asyncio.StreamWriter) -> None:
    """Many frames in one segment, after a moment in which they gathered."""
    await asyncio.sleep(link.rng.uniform(0.1, 0.5))
    await calm(link, data, out)


TOXICS: tuple[Way, ...] = (reset, half_open, dribble, delay, split, merge)


def struck(said: str) -> int:
    """How many toxics a proxy has said that it drew."""
    names = {toxic.__name__ for toxic in TOXICS}
    return sum(line in names for line in said.splitlines())


class Link:
    """One terminal's connection and the one to the gateway that was made for it."""

    def __init__(self, terminal: asyncio.StreamWriter, gateway: asyncio.StreamWriter, rng: Random) -> None:
        self.terminal, self.gateway, self.rng = terminal, gateway, rng
        self.way: Way = calm

    async def pump(self, source: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            await self.way(self, data, out)
        raise Broken

    async def suffer(self) -> None:
        """Toxics, until one ends the connection."""
        while True:
            await asyncio.sleep(self.rng.uniform(*CALM_S))
            self.way = self.rng.choice(TOXICS)
            print(self.way.__name__, flush=True)
            await asyncio.sleep(self.rng.uniform(*(HALF_OPEN_S if self.way is half_open else TOXIC_S)))
            if self.way is half_open:
                raise Broken
            self.way = calm

    async def close(self) -> None:
        cut(self.terminal)
        if self.way is half_open:
            await asyncio.sleep(LEFT_OPEN_S)
        cut(self.gateway)


def cut(writer: asyncio.StreamWriter) -> None:
    """End with a RST."""
    with suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class Proxy:
    def __init__(self, gateway: int, seed: int) -> None:
        self.gateway, self.rng = gateway, Random(seed)

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection from its beginning to its end."""
        try:
            back, on = await asyncio.open_connection("127.0.0.1", self.gateway)
        except OSError:
            cut(writer)
            return
        for one in (writer, on):
            one.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link = Link(writer, on, Random(self.rng.random()))
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(link.pump(reader, on), name="terminal to gateway")
                group.create_task(link.pump(back, writer), name="gateway to terminal")
                group.create_task(link.suffer(), name="toxics")
        except* (Broken, OSError):
            await link.close()


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--to", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    args = parser.parse_args()
    proxy = Proxy(args.to, args.seed)
    server = await asyncio.start_server(proxy.take, "127.0.0.1", args.port)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with server:
        await stop.wait()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
