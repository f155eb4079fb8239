"""Terminals of JT/T 808 by the thousand in one process, for what measures: their numbers, frames and connections."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from gateway.protocols.jt808 import messages as jt808
from tests.terminals import REGISTRATION, fix

EACH = 14_000
"""Connections of one process, client or worker."""
SOURCES = 8
"""Loopback addresses of each client: each has ports of its own."""
START = datetime(2026, 11, 25, tzinfo=UTC)


def number(n: int) -> str:
    return f"0139{n:08}"


def roll(count: int) -> list[str]:
    """Lines of the roll for so many of them."""
    return [f"{number(n)},jt808,苏E{n:06},taxi," for n in range(count)]


def frames(n: int, count: int) -> list[bytes]:
    """Positions of one terminal with the usual items; its number and the time make each unlike all others."""
    items = {"0x01": {"odometer": 1000.0 + n}, "0x03": {"recorder_speed": 35.0}}
    made = jt808.encode(0x0200, fix(START, lat=31.2 + n * 1e-5, items=items), terminal=number(n), serial=7)
    plain = jt808.parse(made)[1]
    return [
        jt808.build(0x0200, number(n), i + 10, plain[:22] + _bcd(START + timedelta(seconds=10 * i)) + plain[28:], 2013)
        for i in range(count)
    ]


def _bcd(moment: datetime) -> bytes:
    return bytes.fromhex((moment + timedelta(hours=8)).strftime("%y%m%d%H%M%S"))


class Lines:
    """Terminals first, first+1 ... of a fleet; each step is made by all before the next."""

    def __init__(self, port: int, first: int, count: int) -> None:
        self.port, self.first, self.count = port, first, count
        self.codes: list[str] = []
        self.sockets: list[socket.socket] = []

    def connect(self) -> None:
        for n in range(self.count):
            one = socket.socket()
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            one.bind((f"127.{1 + self.first // EACH}.0.{1 + n % SOURCES}", 0))
            one.connect(("127.0.0.1", self.port))
            self.sockets.append(one)

    def register(self) -> None:
        self._say([jt808.encode(0x0100, REGISTRATION, terminal=name, serial=0) for name in self._names()])
        self.codes = [jt808.decode(one.recv(1024)).fields["code"] for one in self.sockets]

    def log_in(self) -> None:
        named = zip(self._names(), self.codes, strict=True)
        self._say([jt808.encode(0x0102, {"auth": code}, terminal=name, serial=1) for name, code in named])
        for one in self.sockets:
            assert jt808.decode(one.recv(1024)).fields["result"] == 0

    def enter(self) -> None:
        """From nothing to logged in."""
        self.connect()
        self.register()
        self.log_in()

    def leave(self) -> None:
        for one in self.sockets:
            one.close()
        self.sockets = []

    def _names(self) -> Iterator[str]:
        return (number(self.first + n) for n in range(self.count))

    def _say(self, frames: Sequence[bytes]) -> None:
        for one, frame in zip(self.sockets, frames, strict=True):
            one.sendall(frame)
