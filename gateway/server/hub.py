"""What connections share: who is connected, who may be, what is counted."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Protocol

import structlog

from gateway.command import Command, RequestAttachments
from gateway.proof import Proof
from gateway.report import TakeOver, to_plain
from gateway.server.committer import Committer
from gateway.server.gather import Gather
from gateway.server.speech import Speech
from gateway.server.succession import replaces
from gateway.session import Answer, Authority, Held, Limits, Outcome, Session, SessionFactory

log = structlog.get_logger()
SWEEP_S = 1.0
SPOOL_FULL_CLOSE_S = 30.0


class Line(Protocol):
    """A connection, as the hub sees it."""

    port: str
    session: Session | None
    transport: asyncio.Transport | None

    def flush(self) -> None: ...

    def settle(self, held: Held, outcome: Outcome) -> None: ...

    def abort(self) -> None: ...


class Board(Protocol):
    """The switchboard, as the hub sees it: what gateways know of each other's terminals."""

    def may_come(self, terminal: str, address: str, *, proved: bool) -> bool: ...

    def came(self, terminal: str, address: str) -> None: ...

    def left(self, terminal: str) -> None: ...

    def answered(self, terminal: str, answers: Sequence[Answer]) -> None: ...


class Taker(Protocol):
    """What held frames are given to: the committer, or what else a port's sessions hold for."""

    def add(self, source: Line, held: list[Held]) -> None: ...


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Hub:
    """One per gateway process.

    sessions  port name -> how its sessions are made
    sources   port name -> networks from which it is taken; a port without a row takes any
    """

    def __init__(
        self, authority: Authority, limits: Limits, sessions: dict[str, SessionFactory],
        sources: dict[str, Sequence[Network]], connections: int,
    ) -> None:  # fmt: skip
        self.committer: Committer
        self.board: Board
        self.takers: dict[str, Taker] = {}
        """Port name -> who takes what its sessions hold, where that is not the committer."""
        self.attachments = ("", 0)
        """Host and port that terminals are told to send attachments to; "": where they reached the gateway."""
        self.counts: Counter[str] = Counter()
        self.speech = Speech()
        self.gather = Gather(self.counts, lambda crowd, sheet: self.committer.add_sheet(crowd, sheet))
        self.live: dict[str, Line] = {}
        self._authority = authority
        self._limits = limits
        self._sessions = sessions
        self._sources = sources
        self._most = connections
        self._all: set[Line] = set()
        self._paused = False
        self._paused_ports: set[str] = set()

    def __len__(self) -> int:
        return len(self._all)

    def admit(self, connection: Line, peer: Any) -> Session | None:
        """A session for a new connection, or None when it is not wanted."""
        if len(self._all) >= self._most:
            self.counts["too_many_connections"] += 1
            return None
        networks = self._sources.get(connection.port)
        if networks is not None and not any(ipaddress.ip_address(peer[0]) in n for n in networks):
            self.counts[f"{connection.port}.source_refused"] += 1
            return None
        self._all.add(connection)
        if not self._reads(connection) and connection.transport is not None:
            connection.transport.pause_reading()
        now = time.monotonic()
        limits = replace(self._limits, epoch=time.time() - now)
        return self._sessions[connection.port](self._authority, now, limits)

    def identified(self, connection: Line, before: str) -> bool:
        """The session learned whose it is. False when another connection of that terminal stays in its place."""
        terminal = connection.session.terminal if connection.session else ""
        if before and self.live.get(before) is connection:
            del self.live[before]
            self.board.left(before)
        if not terminal:
            return True
        if not self.may_speak_for(connection, terminal):
            return False
        self.live[terminal] = connection
        if connection.session and connection.session.proof is Proof.ISSUED:
            self._authority.adopt(terminal)
        self.board.came(terminal, _peer(connection))
        return True

    def may_speak_for(self, connection: Line, terminal: str) -> bool:
        """Whether a connection may say something as this terminal, which may have another one, here or elsewhere.

        Where no log-in binds a connection to one terminal (JT/T 905), a read may hold frames of several.
        """
        former = self.live.get(terminal)
        if former is connection:
            return True
        if former is not None:
            return self._take_over(connection, former, terminal)
        if self.board.may_come(terminal, _peer(connection), proved=_proved(connection)):
            return True
        self.counts["take_over_refused"] += 1
        connection.abort()
        return False

    def _take_over(self, newer: Line, former: Line, terminal: str) -> bool:
        """Decide, report, and close the one that does not stay. Tells whether the newer one does."""
        address = _peer(newer)
        stays = replaces(proved=_proved(newer), same_address=address == _peer(former), silent_s=_silent_s(former))
        self.counts["taken_over" if stays else "take_over_refused"] += 1
        self._report(terminal, former, address, stays)
        (former if stays else newer).abort()
        return stays

    def _report(self, terminal: str, former: Line, address: str, stays: bool) -> None:
        report = TakeOver(
            terminal=terminal, time=datetime.now(UTC), address=address, former_address=_peer(former),
            silent_s=round(_silent_s(former), 3), refused=not stays,
        )  # fmt: skip
        log.warning("second connection of a terminal", **to_plain(report))
        self.committer.tell("take_over", report)

    def fence(self, terminal: str, address: str) -> None:
        """The terminal has come to another gateway, from this address: its line here is closed."""
        if (former := self.live.pop(terminal, None)) is None:
            return
        self.counts["fenced"] += 1
        self._report(terminal, former, address, True)
        former.abort()

    def wanted(self, terminal: str, address: str) -> None:
        """Another gateway has turned a connection of the terminal away; where it is silent here, it may come there."""
        former = self.live.get(terminal)
        if former is None:
            return
        stays = replaces(proved=False, same_address=address == _peer(former), silent_s=_silent_s(former))
        self._report(terminal, former, address, stays)
        if stays:
            former.abort()

    def lost(self, connection: Line) -> None:
        self._all.discard(connection)
        terminal = connection.session.terminal if connection.session else ""
        if self.live.get(terminal) is connection:
            del self.live[terminal]
            self.board.left(terminal)

    def collect(self, port: str, session: Session) -> None:
        """Take the session's counts and samples."""
        if session.counts:
            for cause, n in session.counts.items():
                self.counts[f"{port}.{cause}"] += n
            session.counts.clear()
        for cause, frame in session.samples:
            log.warning("frame refused", port=port, cause=cause, terminal=session.terminal, frame=frame[:256].hex())
        session.samples.clear()
        if session.answers:
            self.board.answered(session.terminal, session.answers)
            session.answers.clear()

    def take(self, connection: Line, held: list[Held]) -> None:
        """What a session holds goes to whoever makes it durable."""
        self.takers.get(connection.port, self.committer).add(connection, held)

    def read(self, paused: bool) -> None:
        """Stop or start reading every socket."""
        self._paused = paused
        self._apply()

    def read_port(self, port: str, paused: bool) -> None:
        """Stop or start reading the sockets of one port."""
        (self._paused_ports.add if paused else self._paused_ports.discard)(port)
        self._apply()

    def _reads(self, connection: Line) -> bool:
        return not self._paused and connection.port not in self._paused_ports

    def _apply(self) -> None:
        for connection in self._all:
            if connection.transport is None or connection.transport.is_closing():
                continue
            (connection.transport.resume_reading if self._reads(connection) else connection.transport.pause_reading)()

    def close(self) -> None:
        """Close every connection; what was said to it still goes out."""
        self.speech.speak()
        for connection in self._all:
            if connection.transport is not None:
                connection.transport.close()

    def say(self, terminal: str, wanted: Command) -> int | None:
        """Say something to a terminal; the serial that it will answer, None when it is not connected here.

        Raises ProtocolError when its protocol cannot say it.
        """
        connection = self.live.get(terminal)
        if connection is None or connection.session is None:
            return None
        serial = connection.session.send(self._addressed(wanted, connection))
        connection.flush()
        return serial

    def _addressed(self, wanted: Command, connection: Line) -> Command:
        """A request for attachments says where to, which only now is known."""
        if not isinstance(wanted, RequestAttachments) or wanted.host or connection.transport is None:
            return wanted
        host, port = self.attachments
        return replace(wanted, host=host or _local(connection.transport), port=port)

    async def welcome(self, terminal: str) -> None:
        """Tell the session of a terminal that has come of media that it left unfinished."""
        media = await self.committer.unfinished(terminal)
        connection = self.live.get(terminal)
        if media and connection is not None and connection.session is not None:
            connection.session.resume(media)

    async def sweep(self) -> None:
        """Close connections that are past their session's deadline; all of them when the spool stays full."""
        while True:
            await asyncio.sleep(SWEEP_S)
            now = time.monotonic()
            since = self.committer.spool_full_since
            stuck = since is not None and now - since > SPOOL_FULL_CLOSE_S
            for connection in list(self._all):
                session = connection.session
                if session is not None:
                    session.tick(now)
                    connection.flush()
                if stuck or (session is not None and self._reads(connection) and now > session.deadline()):
                    self.counts["closed_full" if stuck else "timed_out"] += 1
                    connection.abort()


def _proved(connection: Line) -> bool:
    return connection.session is not None and connection.session.proof is Proof.OWN


def _silent_s(connection: Line) -> float:
    return time.monotonic() - connection.session.heard if connection.session else 0.0


def _peer(connection: Line) -> str:
    """The address at which a terminal is, without its port."""
    return str(connection.transport.get_extra_info("peername")[0]) if connection.transport else ""


def _local(transport: asyncio.Transport) -> str:
    """The address at which the peer reached us; plain IPv4 where the socket takes both."""
    address = ipaddress.ip_address(transport.get_extra_info("sockname")[0])
    return str(getattr(address, "ipv4_mapped", None) or address)
