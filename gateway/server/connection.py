"""One TCP connection: bytes to the session, its held frames to who makes them durable, its answers back."""

from __future__ import annotations

import asyncio
import time
from typing import cast

import structlog

from gateway.server.hub import Hub
from gateway.session import Held, Outcome, Session

log = structlog.get_logger()


class Connection(asyncio.Protocol):
    """The rim around a session. `hub` owns what connections share."""

    __slots__ = ("arrived", "hub", "port", "session", "transport", "unsaid")

    def __init__(self, hub: Hub, port: str) -> None:
        self.hub = hub
        self.port = port
        self.session: Session | None = None
        self.transport: asyncio.Transport | None = None
        self.arrived = self.unsaid = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.session = self.hub.admit(self, transport.get_extra_info("peername"))
        if self.session is None:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        if self.arrived:
            self.arrived += data
        else:
            self.arrived = data
            self.hub.gather.add(self)

    def take(self, data: bytes) -> None:
        session, transport = self.session, self.transport
        if session is None or transport is None:
            return
        known = session.terminal
        try:
            held = session.receive(data, time.monotonic())
        except Exception:  # a session must not raise: whatever this is, it must cost this connection only
            log.exception("a session failed", port=self.port, terminal=known, data=data[:256].hex())
            self.hub.counts[f"{self.port}.session_failed"] += 1
            transport.abort()
            return
        if session.terminal != known and not self.hub.identified(self, known):
            return
        others = {one.terminal for one in held} - {session.terminal} if session.terminal else ()
        if not all(self.hub.may_speak_for(self, other) for other in others):
            return
        if held:
            self.hub.take(self, held)
        self.flush()
        self.hub.collect(self.port, session)

    def flush(self) -> None:
        """Write what the session wants to say, and close if it wants to."""
        session, transport = self.session, self.transport
        if session is None or transport is None or transport.is_closing():
            return
        if data := session.data_to_send():
            self.say(data)
        if session.closing:
            self.end()

    def settle(self, held: Held, outcome: Outcome) -> None:
        session, transport = self.session, self.transport
        if session is None or transport is None or transport.is_closing():
            return
        self.hub.counts["acknowledged"] += 1
        self.say(session.answer(held, outcome))
        if session.closing:
            self.end()

    def say(self, data: bytes) -> None:
        """Bytes to the peer, with all that is said to it before the loop waits again."""
        if data and not self.unsaid:
            self.hub.speech.add(self)
        self.unsaid += data

    def speak(self) -> None:
        """Write what was said."""
        data, self.unsaid = self.unsaid, b""
        if data and self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    def end(self) -> None:
        """Close, once the peer was told everything."""
        self.speak()
        if self.transport is not None:
            self.transport.close()

    def pause_writing(self) -> None:
        """The peer does not read its answers: close rather than keep them in memory."""
        self.hub.counts["not_reading"] += 1
        if self.transport is not None:
            self.transport.abort()

    def connection_lost(self, _error: Exception | None) -> None:
        if self.arrived:
            data, self.arrived = self.arrived, b""
            self.take(data)
        self.hub.lost(self)

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()
