"""The JT/T 905 session. The standard has no log-in: the ISU id in each frame is checked against
the closed roll, and the server admits connections by their source. The first ISU that is on the
roll owns the connection; a frame of another enrolled ISU is taken and counted, since nothing in
the standard binds an ISU to a connection.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.command import Command, QueryPosition, SendText
from gateway.errors import ProtocolError
from gateway.framed import FramedSession
from gateway.protocols.jt905.messages import MESSAGES, body_layout, encode_body, frame, parse
from gateway.protocols.jt905.reports import reports
from gateway.protocols.jt905.translate import TABLE, split_catch_up
from gateway.report import terminal_key
from gateway.session import Authority, Fixes, Held, Limits, Said
from gateway.wire.message import Header

STRANGERS = 3
"""Frames of ISUs that are not on the roll after which the connection is closed."""


class Jt905Session(FramedSession):
    def __init__(self, authority: Authority, now: float, limits: Limits) -> None:
        super().__init__(authority, now, limits)
        self._strangers = 0
        self._handlers: dict[int, Callable[[Header, bytes, bytes], Held | None]] = {
            0x0001: lambda _header, body, _raw: self.command_result(body),
            0x0002: lambda header, _body, _raw: self.acknowledge(header),
            0x0200: self._position,
            0x0201: self._position_answer,
            0x0202: self._position,
            0x0203: self._catch_up,
        }

    parse = staticmethod(parse)

    @staticmethod
    def build(message_id: int, body: bytes, header: Header, serial: int) -> bytes:
        return frame(message_id, body, terminal=header.terminal, serial=serial)

    def dispatch(self, header: Header, body: bytes, frame: bytes) -> Held | None:
        if header.terminal != self._number:
            self._identify(header)
        return self._handlers.get(header.message_id, self._other)(header, body, frame)

    def _identify(self, header: Header) -> None:
        terminal = terminal_key("jt905", header.terminal)
        if not self._authority.enrolled(terminal):
            self._strangers += 1
            self.closing = self._strangers >= STRANGERS
            raise ProtocolError("unknown_terminal", terminal)
        self.counts["identity_changed" if self._number else "identified"] += 1
        self._number, self.terminal = header.terminal, terminal

    def _other(self, header: Header, body: bytes, raw: bytes) -> Held:
        """905 defines no "unsupported": what cities add is kept whole, then acknowledged with 0."""
        name, layout = body_layout(header.message_id, body)
        if header.message_id not in MESSAGES:
            self.refuse("unknown_message", raw)
        said = Said(name, reports(header, layout.decode(body), body))
        return Held(self.terminal, b"~" + raw + b"~", said, header)

    def _position(self, header: Header, body: bytes, raw: bytes) -> Held:
        return self._held(header, [body], raw)

    def _position_answer(self, _header: Header, body: bytes, raw: bytes) -> Held:
        self.counts["command_done"] += 1
        return self._held(None, [body[2:]], raw)

    def _catch_up(self, header: Header, body: bytes, raw: bytes) -> Held:
        return self._held(header, split_catch_up(body), raw, backfill=True)

    def _held(self, header: Header | None, bodies: list[bytes], raw: bytes, *, backfill: bool = False) -> Held:
        return Held(self.terminal, b"~" + raw + b"~", Fixes(bodies, TABLE.read, backfill), header)

    def send(self, command: Command) -> bool:
        if not self._number:
            return False
        match command:
            case QueryPosition():
                message_id, fields = 0x8201, {}
            case SendText(text=text, urgent=urgent):
                message_id, fields = 0x8300, {"flag": 0b100 | 0b1001 * urgent, "text": text}
        self.say(message_id, encode_body(message_id, fields), Header(message_id, self._number, 0, 2014))
        return True
