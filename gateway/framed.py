"""What sessions over 0x7E frames share: the buffer, the outbox, the clock and the counters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Protocol

from gateway.command import Command
from gateway.errors import ProtocolError
from gateway.form import Form
from gateway.proof import Proof
from gateway.session import Answer, Authority, Held, Limits, Outcome, Progress
from gateway.wire.field import Field, terms
from gateway.wire.framing import FLAG, FrameBuffer
from gateway.wire.kinds import U8, U16
from gateway.wire.layout import Layout
from gateway.wire.message import Header

OK, FAILED, BAD, UNSUPPORTED = 0, 1, 2, 3
RESULTS = terms("ok 成功", "failed 失败", "bad_message 消息有误", "unsupported 不支持", "alarm_handled 报警处理确认")
GENERAL_ANSWER = Layout(
    "general answer",
    Field("ack_serial", U16, zh="应答流水号"),
    Field("ack_id", U16, zh="应答ID", base16=True),
    Field("result", U8, zh="结果", codes=RESULTS),
)
"""0x0001 and 0x8001, alike in JT/T 808 (8.1, 8.2) and JT/T 905 (which knows results 0-2 only)."""


NOTHING: Mapping[str, Any] = MappingProxyType({})
MOST_ASKED = 64
"""Commands of one connection that wait for an answer; the oldest gives way."""


@dataclass(slots=True)
class _Asked:
    """A command on its way. answered_by: id of the message that answers it, None for the general answer."""

    serial: int
    message_id: int
    answered_by: int | None


class Cutter(Protocol):
    """Cuts a byte stream; `overlong` counts what it dropped as too long; `between`: it stands right behind a frame."""

    overlong: int
    between: bool

    @property
    def pending(self) -> int:
        """Bytes of what is not complete."""

    def feed(self, data: bytes) -> list[bytes]:
        """What `data` completes."""


class FramedSession(ABC):
    """Cuts frames, parses headers, counts and samples what is refused, answers what was held."""

    general: ClassVar[int] = 0x8001

    def __init__(self, authority: Authority, now: float, limits: Limits, cutter: Cutter | None = None) -> None:
        self.counts: Counter[str] = Counter()
        self.samples: list[tuple[str, bytes]] = []
        self.terminal = ""
        self.proof = Proof.NONE
        self.closing = False
        self._authority = authority
        self._limits = limits
        self._number = ""
        self._buffer: Cutter = cutter or FrameBuffer()
        self.form: Form | None = None
        """How the terminal's ordinary frames look, while they need nothing but to be held and answered."""
        self.number = b""
        """The terminal's number in their header."""
        self.serial = -1
        self._outbox: list[bytes] = []
        self.answers: list[Answer] = []
        self._asked: dict[int, _Asked] = {}
        self.heard = self._began = self._partial_since = now

    # what a protocol adds

    @abstractmethod
    def parse(self, frame: bytes) -> tuple[Header, bytes]:
        """Frame -> header and body. Raises ProtocolError."""

    @abstractmethod
    def build(self, message_id: int, body: bytes, header: Header, serial: int) -> bytes:
        """A frame to the terminal and in the version of `header`."""

    @abstractmethod
    def dispatch(self, header: Header, body: bytes, frame: bytes) -> Held | None:
        """One good frame. Raises ProtocolError, with `reply` where the terminal is to be told."""

    @abstractmethod
    def resume(self, media: Sequence[Progress]) -> None:
        """Media that this terminal left unfinished on an earlier connection."""

    @abstractmethod
    def send(self, command: Command) -> int:
        """Queue a command; its serial. Raises ProtocolError when this protocol cannot say it, or not so."""

    @abstractmethod
    def tick(self, now: float) -> None:
        """Time has passed: ask again for what is missing."""

    # bytes in

    def receive(self, data: bytes, now: float) -> list[Held]:
        frames = self._buffer.feed(data)
        self.heard = now
        if frames or not self._buffer.pending:
            self._partial_since = now
        if self._buffer.overlong:
            self.counts["overlong"] += self._buffer.overlong
            self._buffer.overlong = 0
        held = []
        for frame in frames:
            if not self.closing and (one := self.take(frame)) is not None:
                held.append(one)
        return held

    def ordinary(self, data: bytes, now: float) -> bool:
        """Whether `data` are nothing but whole frames, which may be of the form: then they count as received."""
        if self.closing or not self._buffer.between or data[0] != FLAG[0] or data[-1] != FLAG[0]:
            return False
        self.heard = self._partial_since = now
        return True

    def take(self, frame: bytes) -> Held | None:
        """One frame as it was cut; what must be held of it."""
        try:
            header, body = self.parse(frame)
        except ProtocolError as error:
            self.refuse(error.cause, frame)
            if error.reply is not None:
                self.decline(frame, error.reply)
            return None
        self.counts["frames"] += 1
        try:
            return self.dispatch(header, body, frame)
        except ProtocolError as error:
            self.refuse(error.cause, frame)
            if error.reply is not None:
                self.acknowledge(header, error.reply)
            return None

    def again(self, frame: bytes, now: float) -> Held | None:
        """A frame that was held before, with its delimiters; who sent it had shown who it is. Raises ProtocolError."""
        self.heard = now
        if len(frame) < 2 or frame[:1] != frame[-1:]:
            raise ProtocolError("framing", "no frame: it is not delimited")
        header, body = self.parse(frame[1:-1])
        self.trust(header)
        return self.dispatch(header, body, frame[1:-1])

    def trust(self, _header: Header) -> None:
        """From here on the terminal of this header counts as logged in, where the protocol has a log-in."""
        return

    def decline(self, _frame: bytes, _result: int) -> None:
        """Answer a frame of which no more than the header can be read, where the protocol can."""
        return

    def refuse(self, cause: str, frame: bytes) -> None:
        """Count a refused frame and keep a few."""
        self.counts[cause] += 1
        if len(self.samples) < self._limits.samples:
            self.samples.append((cause, frame))

    # bytes out

    def answer(self, held: Held, outcome: Outcome) -> bytes:
        header: Header | None = held.token
        return self._general(header, OK if outcome.ok else BAD) if header is not None else b""

    def acknowledge(self, header: Header, result: int = OK) -> None:
        """The general answer, at once."""
        self._outbox.append(self._general(header, result))

    def say(self, message_id: int, body: bytes, header: Header) -> None:
        """Any message to the terminal of `header`."""
        self._outbox.append(self.build(message_id, body, header, self._next_serial()))

    def _general(self, header: Header, result: int) -> bytes:
        fields = {"ack_serial": header.serial, "ack_id": header.message_id, "result": result}
        return self.build(self.general, GENERAL_ANSWER.write(fields), header, self._next_serial())

    def ask(self, message_id: int, body: bytes, header: Header, answered_by: int | None = None) -> int:
        """Say something that is answered: by the general answer, or by a message of its own. Returns its serial."""
        self.say(message_id, body, header)
        while len(self._asked) >= MOST_ASKED:
            self._asked.pop(next(iter(self._asked)))
        self._asked[self.serial] = _Asked(self.serial, message_id, answered_by)
        return self.serial

    def asked_in_parts(self, message_id: int, first: int, count: int, answered_by: int | None = None) -> int:
        """The same for a message that went out in `count` parts, which any of their serials may answer."""
        self.serial = (first + count - 1) & 0xFFFF
        asked = _Asked(self.serial, message_id, answered_by)
        self._asked |= {(first + i) & 0xFFFF: asked for i in range(count)}
        return self.serial

    def command_result(self, body: bytes) -> None:
        """The terminal's general answer to something that was said to it."""
        fields = GENERAL_ANSWER.decode(body)
        result = int(fields["result"])
        asked = self._asked.get(fields["ack_serial"])
        if asked is None or asked.message_id != fields["ack_id"]:
            self.counts["unasked_answer"] += 1
        elif result != OK or asked.answered_by is None:
            self._settle(asked, result == OK, str(RESULTS.get(result, result)))

    def own_answer(self, message_id: int, fields: Mapping[str, Any]) -> None:
        """A message that answers a command: that of its serial, or where it has none the oldest that it can answer."""
        answered = [a for serial, a in self._asked.items() if fields.get("ack_serial", serial) == serial]
        asked = next((a for a in answered if a.answered_by == message_id), None)
        if asked is not None:
            self._settle(asked, True, "answered", fields)
        elif "ack_serial" in fields:
            self.counts["unasked_answer"] += 1

    def _settle(self, asked: _Asked, ok: bool, result: str, fields: Mapping[str, Any] = NOTHING) -> None:
        for serial in [s for s, a in self._asked.items() if a is asked]:
            del self._asked[serial]
        self.answers.append(Answer(asked.serial, ok, result, fields))
        self.counts["command_done" if ok else "command_refused"] += 1

    def _next_serial(self) -> int:
        self.serial = (self.serial + 1) & 0xFFFF
        return self.serial

    def data_to_send(self) -> bytes:
        if not self._outbox:
            return b""
        data, self._outbox = b"".join(self._outbox), []
        return data

    def deadline(self) -> float:
        if not self.terminal:
            return self._began + self._limits.login_s
        if self._buffer.pending:
            return self._partial_since + self._limits.partial_s
        return self.heard + self._limits.idle_s
