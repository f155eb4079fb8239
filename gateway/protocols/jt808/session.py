"""The JT/T 808 session: log-in, positions, heartbeat. No sockets, no clock, no files.

    NEW --0x0100 on the roll--> NEW (code issued) --0x0102 right code--> READY --0x0003--> NEW

Only 0x0100, 0x0102, 0x0002 and 0x0003 are taken before log-in. A connection belongs to one terminal.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.command import Command, QueryPosition, SendText
from gateway.errors import ProtocolError
from gateway.framed import FAILED, OK, UNSUPPORTED, FramedSession
from gateway.protocols.jt808.header import build, parse
from gateway.protocols.jt808.messages import body_layout, encode_body
from gateway.protocols.jt808.translate import NEW, OLD, split_batch
from gateway.report import terminal_key
from gateway.session import Authority, Fixes, Held, Limits
from gateway.wire.message import Header

NO_SUCH_TERMINAL = 4
TAKEN_BEFORE_LOGIN = {0x0002, 0x0003, 0x0100, 0x0102}
ATTEMPTS = 3


class Jt808Session(FramedSession):
    def __init__(self, authority: Authority, now: float, limits: Limits) -> None:
        super().__init__(authority, now, limits)
        self._wrong_codes = 0
        self._version = 2013
        self._handlers: dict[int, Callable[[Header, bytes, bytes], Held | None]] = {
            0x0001: lambda _header, body, _frame: self.command_result(body),
            0x0002: lambda header, _body, _frame: self.acknowledge(header),
            0x0003: self._logout,
            0x0100: self._register,
            0x0102: self._authenticate,
            0x0200: self._position,
            0x0201: self._position_answer,
            0x0704: self._batch,
        }

    parse = staticmethod(parse)

    @staticmethod
    def build(message_id: int, body: bytes, header: Header, serial: int) -> bytes:
        return build(message_id, header.terminal, serial, body, header.version)

    def dispatch(self, header: Header, body: bytes, frame: bytes) -> Held | None:
        if self._number and header.terminal != self._number:
            if terminal_key("jt808", header.terminal) != self.terminal:
                raise ProtocolError("terminal_mismatch", f"{header.terminal} on the connection of {self._number}")
            self._number = header.terminal  # the other edition's padding
        if not self.terminal and header.message_id not in TAKEN_BEFORE_LOGIN:
            raise ProtocolError("not_logged_in", f"0x{header.message_id:04x}", reply=FAILED)
        if header.package is not None:
            raise ProtocolError("packaged", f"part {header.package}", reply=UNSUPPORTED)
        self._version = header.version
        handler = self._handlers.get(header.message_id)
        if handler is None:
            raise ProtocolError("unknown_message", f"0x{header.message_id:04x}", reply=UNSUPPORTED)
        return handler(header, body, frame)

    def _register(self, header: Header, body: bytes, _frame: bytes) -> None:
        body_layout(header.message_id, header.version, body)[1].decode(body)
        terminal = terminal_key("jt808", header.terminal)
        fields: dict[str, object] = {"ack_serial": header.serial, "result": OK}
        if self._authority.enrolled(terminal):
            fields["code"] = self._authority.issue_code(terminal)
            self.counts["registered"] += 1
        else:
            fields["result"] = NO_SUCH_TERMINAL
            self.counts["unknown_terminal"] += 1
            self.closing = True
        self.say(0x8100, encode_body(0x8100, fields, header.version), header)

    def _authenticate(self, header: Header, body: bytes, _frame: bytes) -> None:
        code = body_layout(header.message_id, header.version, body)[1].decode(body)["auth"]
        terminal = terminal_key("jt808", header.terminal)
        if not self._authority.check_code(terminal, code):
            self._wrong_codes += 1
            known = self._authority.enrolled(terminal)
            self.counts["wrong_code" if known else "unknown_terminal"] += 1
            self.acknowledge(header, FAILED)
            self.closing = not known or self._wrong_codes >= ATTEMPTS
            return
        self._number, self.terminal = header.terminal, terminal
        self.counts["logged_in"] += 1
        self.acknowledge(header)

    def _logout(self, header: Header, _body: bytes, _frame: bytes) -> None:
        self._number, self.terminal = "", ""
        self._began = self._last
        self.acknowledge(header)

    def _position(self, header: Header, body: bytes, frame: bytes) -> Held:
        return self._held(header, frame, [body])

    def _position_answer(self, header: Header, body: bytes, frame: bytes) -> Held:
        self.counts["command_done"] += 1
        return self._held(header, frame, [body[2:]], answered=False)

    def _batch(self, header: Header, body: bytes, frame: bytes) -> Held:
        bodies, blind = split_batch(body)
        return self._held(header, frame, bodies, backfill=blind)

    def _held(
        self,
        header: Header,
        frame: bytes,
        bodies: list[bytes],
        *,
        backfill: bool = False,
        answered: bool = True,
    ) -> Held:
        table = NEW if header.version >= 2019 else OLD
        fixes = Fixes(bodies, table.read, backfill)
        return Held(self.terminal, b"~" + frame + b"~", fixes, header if answered else None)

    def send(self, command: Command) -> bool:
        if not self.terminal:
            return False
        match command:
            case QueryPosition():
                message_id, fields = 0x8201, {}
            case SendText(text=text, urgent=urgent):
                urgency = (0b10 if self._version >= 2019 else 0b1) | 0b1000 if urgent else 0
                message_id, fields = 0x8300, {"flag": urgency | 0b100, "type": 1, "text": text}
        target = Header(message_id, self._number, 0, self._version)
        self.say(message_id, encode_body(message_id, fields, self._version), target)
        return True
