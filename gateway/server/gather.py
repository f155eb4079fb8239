"""What has come on all connections since the event loop last waited, read together where that is worth it.

Data that are nothing but whole frames, of connections whose session has a form, are sifted in columns.
Whatever is not ordinary goes to its session as it came, together with all that its connection has
sent, so that the order of a connection's frames is kept.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from gateway.form import Bools, Form
from gateway.framed import FramedSession
from gateway.session import Session
from gateway.sheet import Sheet, Sifted, sift
from gateway.wire.framing import FLAG

log = structlog.get_logger()
WORTH_BYTES = 4_096
"""Less data of a form are read one frame at a time: in columns, the first frame costs half a millisecond."""
SHEET_BYTES = 256 * 1024
"""Data that are read together; those of the last connection may exceed it."""


class Line(Protocol):
    """A connection, as gathering sees it. arrived: what has come and was not looked at yet."""

    port: str
    session: Session | None
    transport: asyncio.Transport | None
    arrived: bytes

    def take(self, data: bytes) -> None:
        """Bytes for the session, by themselves."""

    def say(self, data: bytes) -> None:
        """Bytes to the peer."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """The connections behind a sheet: who is answered when it is durable."""

    lines: Sequence[Line]
    counts: Counter[str]

    def settle(self, sheet: Sheet, ok: Bools) -> None:
        """ok: shape (frames,)."""
        self.counts["acknowledged"] += self.say(sheet.answers(ok))

    def say(self, answers: Sequence[tuple[int, bytes]]) -> int:
        """Write to connections, by their index; how many frames went to those that are open."""
        frames = 0
        for index, said in answers:
            transport = self.lines[index].transport
            if transport is not None and not transport.is_closing():
                self.lines[index].say(said)
                frames += said.count(FLAG) >> 1
        return frames


@dataclass(slots=True)
class _Group:
    """Data of one form."""

    lines: list[Line] = field(default_factory=list)
    sessions: list[FramedSession] = field(default_factory=list)
    data: list[bytes] = field(default_factory=list)
    size: int = 0


class Gather:
    """hold: what makes sheets durable and then settles them."""

    def __init__(self, counts: Counter[str], hold: Callable[[Crowd, Sheet], None]) -> None:
        self._counts = counts
        self._hold = hold
        self._arrived: list[Line] = []

    def add(self, line: Line) -> None:
        """A connection on which something has arrived. It is looked at once the loop has read all sockets."""
        if not self._arrived:
            asyncio.get_running_loop().call_soon(self._look)
        self._arrived.append(line)

    def _look(self) -> None:
        arrived, self._arrived = self._arrived, []
        groups: dict[Form, _Group] = {}
        now = time.monotonic()
        for line in arrived:
            data, line.arrived = line.arrived, b""
            if not data:
                continue  # the connection was lost, and has given them to its session
            session = line.session
            if not isinstance(session, FramedSession) or session.form is None or not session.ordinary(data, now):
                line.take(data)
                continue
            if (group := groups.get(session.form)) is None:
                group = groups[session.form] = _Group()
            group.lines.append(line)
            group.sessions.append(session)
            group.data.append(data)
            group.size += len(data)
            if group.size >= SHEET_BYTES:
                self._read(session.form, groups.pop(session.form))
        for form, group in groups.items():
            self._read(form, group)

    def _read(self, form: Form, group: _Group) -> None:
        sifted = self._sift(form, group) if group.size >= WORTH_BYTES else None
        if sifted is None:
            odd: Sequence[int] = range(len(group.lines))
        else:
            self._counts[f"{group.lines[0].port}.frames"] += sifted.frames
            crowd = Crowd(group.lines, self._counts)
            crowd.say(sifted.answers)
            if sifted.sheet is not None:
                self._hold(crowd, sifted.sheet)
            odd = sifted.odd
        for index in odd:
            group.lines[index].take(group.data[index])

    def _sift(self, form: Form, group: _Group) -> Sifted | None:
        """None where that fails: whatever the defect is, each frame is then read by itself."""
        try:
            return sift(form, group.sessions, group.data)
        except Exception:
            self._counts["sift_failed"] += 1
            log.exception("frames cannot be read together", data=[data[:256].hex() for data in group.data[:4]])
            return None
