"""The JT/T 905 session. The standard has no log-in: the ISU id in each frame is checked against
the closed roll, and the server admits connections by their source. The first ISU that is on the
roll owns the connection; a frame of another enrolled ISU is taken and counted, since nothing in
the standard binds an ISU to a connection.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gateway.command import Command
from gateway.errors import ProtocolError
from gateway.framed import FramedSession
from gateway.outgoing import outgoing
from gateway.protocols.jt905.commands import BUILDERS
from gateway.protocols.jt905.dialog import OrderCommand, OrderDialog
from gateway.protocols.jt905.forms import FORM
from gateway.protocols.jt905.messages import MESSAGES, VERSION, body_layout, encode_body, frame, parse
from gateway.protocols.jt905.reports import reports
from gateway.protocols.jt905.translate import TABLE, split_catch_up
from gateway.protocols.jt905.uploads import Uploads
from gateway.report import MediaEvent, OrderAnswer, terminal_key
from gateway.session import Authority, Chunk, Fixes, Held, Limits, Outcome, Progress, Said
from gateway.wire.framing import FLAG, FrameBuffer
from gateway.wire.message import Header

STRANGERS = 3
KEPT_ANYWAY = {0x0B03, 0x0B04, 0x0B05}
"""Shifts and trips: where they cannot be read they are kept as they came, since there is money in them."""
LONGEST = 32 * 1024
"""Bytes of a frame: the length has 16 bits here, and a catch-up or a picture uses them."""
"""Frames of ISUs that are not on the roll after which the connection is closed."""
OWN_ANSWERS = {0x0104, 0x0201, 0x0302, 0x0500, 0x0802, 0x0805, 0x0B11}
"""Messages that answer commands."""
ANSWERED_TOO = {0x0302}
"""Of these, the ones that want an answer themselves."""

Handler = Callable[[Header, bytes, bytes], Held | None]


class Jt905Session(FramedSession):
    def __init__(self, authority: Authority, now: float, limits: Limits) -> None:
        super().__init__(authority, now, limits, FrameBuffer(LONGEST))
        self._strangers = 0
        self._orders = OrderDialog()
        self._uploads = Uploads(limits.missing_s)
        self._handlers: dict[int, Handler] = {
            0x0001: lambda _header, body, _raw: self.command_result(body),
            0x0002: lambda header, _body, _raw: self.acknowledge(header),
            0x0200: self._position,
            0x0201: self._position_answer,
            0x0202: self._position,
            0x0203: self._catch_up,
            0x0500: self._position_answer,
            0x0800: self._medium,
            0x0806: self._medium,
        }

    def parse(self, frame: bytes) -> tuple[Header, bytes]:
        return parse(frame)

    def build(self, message_id: int, body: bytes, header: Header, serial: int) -> bytes:
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
        self.form, self.number = FORM, bytes.fromhex(header.terminal)

    def _other(self, header: Header, body: bytes, raw: bytes) -> Held:
        """905 defines no "unsupported": what cities add is kept whole, then acknowledged with 0."""
        name, layout = body_layout(header.message_id, body)
        if header.message_id not in MESSAGES:
            self.refuse("unknown_message", raw)
        try:
            fields = layout.decode(body)
        except ProtocolError as error:
            if header.message_id not in KEPT_ANYWAY:
                raise
            self.refuse(error.cause, raw)
            return Held(self.terminal, FLAG + raw + FLAG, Said(name), header)
        answers = header.message_id in OWN_ANSWERS
        if answers:
            self.own_answer(header.message_id, fields)
        silent = answers and header.message_id not in ANSWERED_TOO
        said = Said(name, reports(header, fields, body))
        return Held(self.terminal, FLAG + raw + FLAG, said, None if silent else header)

    # positions

    def _position(self, header: Header, body: bytes, raw: bytes) -> Held:
        return self._fixes(header, raw, Fixes([body], TABLE.read))

    def _position_answer(self, header: Header, body: bytes, raw: bytes) -> Held:
        self.own_answer(header.message_id, {"ack_serial": int.from_bytes(body[:2], "big")})
        return self._fixes(None, raw, Fixes([body[2:]], TABLE.read))

    def _catch_up(self, header: Header, body: bytes, raw: bytes) -> Held:
        return self._fixes(header, raw, Fixes(split_catch_up(body), TABLE.read, True))

    def _fixes(self, header: Header | None, raw: bytes, fixes: Fixes) -> Held:
        return Held(self.terminal, FLAG + raw + FLAG, fixes, header)

    # orders

    def answer(self, held: Held, outcome: Outcome) -> bytes:
        """0x8001 first: only then does the ISU listen to the result of its grab."""
        answered = super().answer(held, outcome)
        if outcome.progress is not None:
            self._uploads.came(outcome.progress, self.heard)
        if isinstance(held.content, Said):
            for report in held.content.reports:
                if isinstance(report, OrderAnswer) and (again := self._orders.heard(report)) is not None:
                    answered += self.build(0x8B01, again, held.token, self._next_serial())
        return answered

    # commands

    def send(self, command: Command) -> int:
        if not self._number:
            raise ProtocolError("not_logged_in", "the terminal has not said anything yet")
        out = outgoing(BUILDERS, command, VERSION)
        body = encode_body(out.message_id, out.fields)
        if isinstance(command, OrderCommand):
            self._orders.say(command, body)
        return self.ask(out.message_id, body, self._target(out.message_id), out.answered_by)

    def _target(self, message_id: int) -> Header:
        return Header(message_id, self._number, 0, VERSION)

    # media

    def _medium(self, header: Header, body: bytes, raw: bytes) -> Held:
        fields = body_layout(header.message_id, body)[1].decode(body)
        return Held(self.terminal, FLAG + raw + FLAG, self._chunk(header, fields, body), header)

    def _chunk(self, header: Header, fields: Mapping[str, Any], body: bytes) -> Chunk:
        said = reports(header, fields, body)
        event = next((report for report in said if isinstance(report, MediaEvent)), None)
        key = self._uploads.key(header.message_id, fields, self.heard)
        return Chunk(key, fields["offset"], fields["size"], False, fields["data"], event)

    def resume(self, media: Sequence[Progress]) -> None:
        for progress in media:
            self._uploads.came(progress, self.heard)

    def tick(self, now: float) -> None:
        """Ask for the rest of a medium whose next piece does not come."""
        if not self._uploads:
            return
        for kind, medium, offset in self._uploads.overdue(now):
            self.counts["media_asked_again"] += 1
            fields = {"type": kind, "file_id": medium, "offset": offset}
            self.ask(0x8803, encode_body(0x8803, fields), self._target(0x8803))
