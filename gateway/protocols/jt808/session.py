"""The JT/T 808 session: log-in, positions, messages in parts, media, commands. No sockets, no clock, no files.

    NEW --0x0100 on the roll--> NEW (code issued) --0x0102 right code--> READY --0x0003--> NEW

Only 0x0100, 0x0102, 0x0002, 0x0003 and 0x0004 are taken before log-in. A connection belongs to one terminal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from gateway.command import Command
from gateway.errors import ProtocolError
from gateway.framed import BAD, FAILED, OK, UNSUPPORTED, FramedSession
from gateway.outgoing import outgoing
from gateway.protocols.jt808 import dialects
from gateway.protocols.jt808.commands import BUILDERS
from gateway.protocols.jt808.compressed import inflate
from gateway.protocols.jt808.forms import FORMS
from gateway.protocols.jt808.header import ENCRYPTED, LENGTH, ORDINARY, WIRES, split
from gateway.protocols.jt808.messages import MESSAGES, body_layout, encode_body
from gateway.protocols.jt808.reports import has_safety, reports
from gateway.protocols.jt808.translate import split_batch, split_short, table
from gateway.protocols.jt808.uploads import Uploads
from gateway.report import MediaEvent, Report, SafetyEvent, terminal_key
from gateway.session import Authority, Fixes, Held, Limits, Outcome, Progress, Said, Translator
from gateway.wire.framing import FLAG, FrameBuffer, unwrap, wrap
from gateway.wire.message import Header
from gateway.wire.parts import Parts

NO_SUCH_TERMINAL = 4
LOGIN = {0x0100, 0x0102}
"""These refuse strangers by themselves."""
TAKEN_BEFORE_LOGIN = {0x0002, 0x0003, 0x0004, *LOGIN}
ATTEMPTS = 3
SENT_KEPT = 4
"""Long messages to the terminal of which it may ask for parts again."""
OWN_ANSWERS = {0x0104, 0x0107, 0x0201, 0x0302, 0x0500, 0x0700, 0x0702, 0x0802, 0x0805, 0x1003, 0x1205}
"""Messages that answer commands; all but 0x0702 need no answer themselves."""

MOST_PARTS = {0x0200: 2, 0x0704: 16}
"""Of messages whose reading costs most: 16 kB of positions are a batch of hours."""

Handler = Callable[[Header, bytes, bytes], Held | None]


class Jt808Session(FramedSession):
    def __init__(self, authority: Authority, now: float, limits: Limits) -> None:
        super().__init__(authority, now, limits)
        self._wire, self._begun = ORDINARY, False
        self._wrong_codes = 0
        self._version = 2013
        self._dialect = dialects.STANDARD
        self._parts = Parts(most=MOST_PARTS)
        self._uploads = Uploads(limits.missing_s)
        self._sent: dict[int, list[bytes]] = {}  # first serial of a long message -> its frames
        self._handlers: dict[int, Handler] = {
            0x0001: lambda _header, body, _frame: self.command_result(body),
            0x0002: lambda header, _body, _frame: self.acknowledge(header),
            0x0003: self._logout,
            0x0004: self._tell_time,
            0x0005: self._send_parts_again,
            0x0100: self._register,
            0x0102: self._authenticate,
            0x0200: self._position,
            0x0201: self._position_answer,
            0x0210: self._short_batch,
            0x0500: self._position_answer,
            0x0704: self._batch,
            0x0801: self._medium,
            0x0901: self._compressed,
        }

    def receive(self, data: bytes, now: float) -> list[Held]:
        self._begin(data)
        return super().receive(data, now)

    def again(self, frame: bytes, now: float) -> Held | None:
        self._begin(frame)
        return super().again(frame, now)

    def _begin(self, data: bytes) -> None:
        """The first byte tells the framing."""
        if not self._begun and data:
            self._begun = True
            self._wire = WIRES.get(data[:1], ORDINARY)
            self._buffer = FrameBuffer(flag=self._wire.escapes.flag)

    def parse(self, frame: bytes) -> tuple[Header, bytes]:
        return self._wire.parse(frame)

    def build(self, message_id: int, body: bytes, header: Header, serial: int) -> bytes:
        return self._wire.build(message_id, header.terminal, serial, body, header.version)

    def _framed(self, frame: bytes) -> bytes:
        """A frame as it came, with its delimiters."""
        return self._wire.escapes.flag + frame + self._wire.escapes.flag

    def dispatch(self, header: Header, body: bytes, frame: bytes) -> Held | None:
        if self._number and header.terminal != self._number:
            if terminal_key("jt808", header.terminal) != self.terminal:
                raise ProtocolError("terminal_mismatch", f"{header.terminal} on the connection of {self._number}")
            self._number, self._version = header.terminal, header.version  # the other edition's padding
            self._find_form()
        if not self.terminal:
            self._look_at_stranger(header)
        self._version = header.version
        if header.package and header.package[0] > 1 and header.message_id != 0x0801:
            whole = self._parts.add(header, body, self.heard)
            if whole is None:
                return self._kept(header, frame, Said("part"))
            header, body = replace(header, package=None), whole
        return self._handlers.get(header.message_id, self._other)(header, body, frame)

    def decline(self, frame: bytes, result: int) -> None:
        """What is refused for its encryption has a header that can be read."""
        content = bytearray(unwrap(frame, self._wire.escapes))
        content[2] &= ~(ENCRYPTED >> 8)
        with suppress(ProtocolError):  # no header either
            self.acknowledge(split(bytes(content), self._wire.old)[0], result)

    # log-in

    def _look_at_stranger(self, header: Header) -> None:
        """Before the log-in only some messages are taken, and those of terminals of the roll. Raises ProtocolError."""
        if header.message_id not in TAKEN_BEFORE_LOGIN:
            raise ProtocolError("not_logged_in", f"0x{header.message_id:04x}", reply=FAILED)
        if header.message_id not in LOGIN and not self._authority.enrolled(terminal_key("jt808", header.terminal)):
            raise ProtocolError("unknown_terminal", header.terminal, reply=FAILED)

    def _register(self, header: Header, body: bytes, _frame: bytes) -> None:
        registration = self._fields(header, body)
        terminal = terminal_key("jt808", header.terminal)
        fields: dict[str, object] = {"ack_serial": header.serial, "result": OK}
        if self._authority.enrolled(terminal):
            fields["code"] = self._authority.issue_code(terminal, registration["model"])
            self.counts["registered"] += 1
        else:
            fields["result"] = NO_SUCH_TERMINAL
            self.counts["unknown_terminal"] += 1
            self.closing = True
        self.say(0x8100, encode_body(0x8100, fields, header.version), header)

    def _authenticate(self, header: Header, body: bytes, _frame: bytes) -> None:
        code = self._fields(header, body)["auth"]
        terminal = terminal_key("jt808", header.terminal)
        self.proof = self._authority.check_code(terminal, code)
        if not self.proof:
            self._wrong_codes += 1
            known = self._authority.enrolled(terminal)
            self.counts["wrong_code" if known else "unknown_terminal"] += 1
            self.acknowledge(header, FAILED)
            self.closing = not known or self._wrong_codes >= ATTEMPTS
            return
        self.trust(header)
        self.counts["logged_in"] += 1
        self.acknowledge(header)

    def trust(self, header: Header) -> None:
        self._number, self.terminal = header.terminal, terminal_key("jt808", header.terminal)
        self._dialect = dialects.of_model(self._authority.model(self.terminal))
        self._find_form()

    def _logout(self, header: Header, _body: bytes, _frame: bytes) -> None:
        if self.terminal:
            self._number, self.terminal = "", ""
            self._find_form()
            self._began = self.heard
        self.acknowledge(header)

    def _tell_time(self, header: Header, _body: bytes, _frame: bytes) -> None:
        """The one time in JT/T 808 that is in UTC."""
        now = datetime.fromtimestamp(self._limits.epoch + self.heard, UTC)
        self.say(0x8004, encode_body(0x8004, {"time": now}, header.version), header)

    def _find_form(self) -> None:
        """Frames are ordinary once the terminal has logged in, if it speaks as the standard says."""
        ordinary = self.terminal and self._wire is ORDINARY and self._dialect is dialects.STANDARD
        self.form = FORMS[self._version] if ordinary else None
        self.number = bytes.fromhex(self._number)

    # positions

    def _position(self, header: Header, body: bytes, frame: bytes) -> Held:
        fixes = Fixes([body], self._table(header), False, "position", self._safety(header, [body]))
        return self._fixes(header, frame, fixes)

    def _position_answer(self, header: Header, body: bytes, frame: bytes) -> Held:
        self.own_answer(header.message_id, {"ack_serial": int.from_bytes(body[:2], "big")})
        return self._fixes(None, frame, Fixes([body[2:]], self._table(header)))

    def _batch(self, header: Header, body: bytes, frame: bytes) -> Held:
        bodies, blind = split_batch(body)
        fixes = Fixes(bodies, self._table(header), blind, "position_batch", self._safety(header, bodies))
        return self._fixes(header, frame, fixes)

    def _short_batch(self, header: Header, body: bytes, frame: bytes) -> Held:
        bodies = split_short(body)
        fixes = Fixes(bodies, self._table(header), False, "short_batch", self._safety(header, bodies))
        return self._fixes(header, frame, fixes)

    def _safety(self, header: Header, bodies: list[bytes]) -> Sequence[Report]:
        """Safety alarms that stand among the items of positions."""
        telling = [body for body in bodies if has_safety(body)]
        if not telling:
            return ()
        position = replace(header, message_id=0x0200)
        said = (self._reports(position, self._fields(position, body), body) for body in telling)
        return [report for some in said for report in some if isinstance(report, SafetyEvent)]

    def _table(self, header: Header) -> Translator:
        return table(header.version, self._dialect.items).read

    def _fixes(self, header: Header | None, frame: bytes, fixes: Fixes) -> Held:
        return Held(self.terminal, self._framed(frame), fixes, header)

    # other messages

    def _other(self, header: Header, body: bytes, frame: bytes) -> Held:
        row = MESSAGES.get(header.message_id)
        if row is None or not row.uplink:
            raise ProtocolError("unknown_message", f"0x{header.message_id:04x}", reply=UNSUPPORTED)
        fields = self._fields(header, body)
        answers = header.message_id in OWN_ANSWERS
        if answers:
            self.own_answer(header.message_id, fields)
        silent = answers and header.message_id != 0x0702
        return self._kept(None if silent else header, frame, Said(row.name, self._reports(header, fields, body)))

    def _compressed(self, header: Header, body: bytes, frame: bytes) -> Held | None:
        """The message inside stands for it, but the answer is to the outer one."""
        inside = inflate(self._fields(header, body)["data"])
        if not inside:
            return self._kept(header, frame, Said("compressed"))
        inner, inner_body = ORDINARY.parse(inside if inside.startswith(FLAG) else wrap(inside))
        if inner.message_id == header.message_id:
            raise ProtocolError("compressed", "a compressed message inside a compressed message", reply=BAD)
        held = self.dispatch(inner, inner_body, frame)
        if held is None:  # the inner message has its answer
            self.acknowledge(header)
            return None
        return replace(held, token=header)

    def _fields(self, header: Header, body: bytes) -> Mapping[str, Any]:
        return body_layout(header.message_id, header.version, body, self._dialect)[1].decode(body)

    def _reports(self, header: Header, fields: Mapping[str, Any], body: bytes) -> list[Report]:
        return reports(header, fields, body, self._dialect.items)

    def _kept(self, header: Header | None, frame: bytes, said: Said) -> Held:
        return Held(self.terminal, self._framed(frame), said, header)

    # media

    def _medium(self, header: Header, body: bytes, frame: bytes) -> Held:
        first = header.package is None or header.package[1] == 1
        fields = self._fields(header, body) if first else None
        said = self._reports(header, fields, body) if fields else []
        event = next((report for report in said if isinstance(report, MediaEvent)), None)
        chunk = self._uploads.chunk(header, body, fields, event, self.heard)
        return Held(self.terminal, self._framed(frame), chunk, header)

    def answer(self, held: Held, outcome: Outcome) -> bytes:
        answered = super().answer(held, outcome)
        if outcome.progress is not None:
            due = self._uploads.came(outcome.progress, self.heard)
            answered += b"".join(self._media_answer(*one) for one in due)
        return answered

    def _media_answer(self, medium: int, missing: list[int]) -> bytes:
        fields: dict[str, Any] = {"media_id": medium} | ({"parts": missing} if missing else {})
        target = Header(0x8800, self._number, 0, self._version)
        return self.build(0x8800, encode_body(0x8800, fields, self._version), target, self._next_serial())

    def resume(self, media: Sequence[Progress]) -> None:
        for progress in media:
            self._uploads.left(progress, self.heard)

    def tick(self, now: float) -> None:
        if not (self._uploads or self._parts):
            return
        by_id, by_serial = self._uploads.overdue(now)
        self.counts["media_asked_again"] += len(by_id) + len(by_serial)
        self._outbox += [self._media_answer(medium, missing) for medium, missing in by_id]
        for first, missing in by_serial:
            self._ask_parts(first, missing)
        for lacking in self._parts.overdue(now, self._limits.missing_s):
            self.counts["parts_asked_again"] += 1
            self._ask_parts(lacking.first_serial, lacking.parts)

    def _ask_parts(self, first_serial: int, parts: Sequence[int]) -> None:
        fields = {"first_serial": first_serial, "parts": list(parts)}
        target = Header(0x8003, self._number, 0, self._version)
        self.say(0x8003, encode_body(0x8003, fields, self._version), target)

    # commands

    def send(self, command: Command) -> int:
        if not self.terminal:
            raise ProtocolError("not_logged_in", "the terminal has not logged in")
        out = outgoing(BUILDERS, command, self._version)
        body = encode_body(out.message_id, out.fields, self._version, self._dialect)
        target = Header(out.message_id, self._number, 0, self._version)
        if len(body) <= LENGTH:
            return self.ask(out.message_id, body, target, out.answered_by)
        return self._ask_in_parts(target, body, out.answered_by)

    def _ask_in_parts(self, target: Header, body: bytes, answered_by: int | None) -> int:
        """A long message: each part has a serial, and terminals answer by that of the first or of the last."""
        first = (self.serial + 1) & 0xFFFF
        frames = self._wire.build_parts(target.message_id, target.terminal, first, body, target.version)
        while len(self._sent) >= SENT_KEPT:
            del self._sent[next(iter(self._sent))]
        self._sent[first] = frames
        self._outbox += frames
        return self.asked_in_parts(target.message_id, first, len(frames), answered_by)

    def _send_parts_again(self, header: Header, body: bytes, _frame: bytes) -> None:
        fields = self._fields(header, body)
        frames = self._sent.get(fields["first_serial"], [])
        again = [frames[n - 1] for n in dict.fromkeys(fields["parts"]) if 1 <= n <= len(frames)]
        self.counts["parts_sent_again"] += len(again)
        self._outbox += again
        if not again:
            raise ProtocolError("parts", f"no message began with serial {fields['first_serial']}", reply=FAILED)
