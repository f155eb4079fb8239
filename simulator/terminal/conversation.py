"""How a terminal over 0x7E frames talks: acknowledgements, re-sending, heartbeat, letters, commands.

Without sockets and clock: the link feeds bytes and the time, and writes what is to be sent. An
unanswered message is sent again, unchanged, after T(1), T(2) ... with T(n+1) = T(n) x (n+1); after the
last time the connection counts as dead (JT/T 808-2019, 4.6 and parameters 0x0002, 0x0003).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

from gateway.errors import ProtocolError
from gateway.framed import BAD, GENERAL_ANSWER, OK
from gateway.wire.framing import FrameBuffer
from gateway.wire.message import Header
from simulator.terminal.letters import Letter, Letters

NEVER = float("inf")
DONE = {OK, 4}  # 4: alarm handled
Answered = Callable[[int, float], None]
"""What happens when a message is answered: (result, now)."""
Handler = Callable[[Header, Mapping[str, Any], float], int | None]
"""(header, fields, now) of a command -> the result of the general answer, None where another was given."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Habits of a terminal: seconds and counts.

    window  live fixes that may be unanswered at a time; more wait in the store
    kept    fixes in the store
    """

    heartbeat_s: float = 60.0
    answer_s: float = 10.0
    retries: int = 2
    window: int = 8
    kept: int = 10_000


@dataclass(slots=True)
class Flight:
    """A message that waits for its answer. then: what the answer brings about."""

    message_id: int
    frame: bytes
    due: float
    wait: float
    then: Answered | None
    times: int = 1


@dataclass
class Conversation(ABC):
    """number: digits on the wire.

    handlers  what it does about each message of the platform that is no answer
    wake      told when there is something to be sent
    changed   told when what must outlive a kill has changed
    delivered told when a letter was answered: (message id, result, now)
    """

    number: str
    timing: Timing
    letters: Letters = field(default_factory=Letters, kw_only=True)
    counts: Counter[str] = field(default_factory=Counter, kw_only=True)
    handlers: dict[int, Handler] = field(default_factory=dict, kw_only=True)
    wake: Callable[[], None] = field(default=lambda: None, kw_only=True)
    changed: Callable[[], None] = field(default=lambda: None, kw_only=True)
    delivered: Callable[[int, int, float], None] = field(default=lambda _id, _result, _now: None, kw_only=True)
    closing: str = field(default="", kw_only=True)
    ready: bool = field(default=False, kw_only=True)
    _serial: int = field(default=-1, init=False)
    _flights: dict[int, Flight] = field(default_factory=dict, init=False)
    _outbox: list[bytes] = field(default_factory=list, init=False)
    _buffer: FrameBuffer = field(default_factory=FrameBuffer, init=False)
    _quiet_since: float = field(default=0.0, init=False)
    _later: list[tuple[float, Callable[[float], None]]] = field(default_factory=list, init=False)

    unknown: ClassVar[int]
    """Result of the general answer to a command that has no handler."""

    # what a protocol adds

    @abstractmethod
    def encode(self, message_id: int, fields: Mapping[str, Any]) -> bytes:
        """A body from fields named as in the tables. Raises ProtocolError."""

    @abstractmethod
    def decode(self, header: Header, body: bytes) -> Mapping[str, Any]:
        """Inverse of `encode`. Raises ProtocolError."""

    @abstractmethod
    def frame(self, message_id: int, body: bytes, serial: int) -> bytes:
        """A whole frame from this terminal."""

    @abstractmethod
    def parse(self, frame: bytes) -> tuple[Header, bytes]:
        """A frame from the platform. Raises ProtocolError."""

    @abstractmethod
    def begin(self, now: float) -> None:
        """What a terminal says first on a connection; `started` follows once it is logged in."""

    @property
    def heartbeat_s(self) -> float:
        return self.timing.heartbeat_s

    # the connection

    def connected(self, now: float) -> None:
        """A fresh connection."""
        self.closing, self.ready = "", False
        self._buffer, self._outbox, self._quiet_since = FrameBuffer(), [], now
        self.begin(now)

    def started(self, now: float) -> None:
        """Logged in."""
        self.ready = True
        self._send_letters(now)

    def disconnected(self) -> None:
        """What was on its way waits again."""
        self.ready = False
        self.letters.come_back()
        self._flights.clear()

    def data_to_send(self) -> bytes:
        data, self._outbox = b"".join(self._outbox), []
        return data

    def deadline(self) -> float:
        """When `advance` has something to do at the latest."""
        heartbeat = self._quiet_since + self.heartbeat_s if self.ready else NEVER
        later = (due for due, _ in self._later)
        return min([heartbeat, *later, *(flight.due for flight in self._flights.values())])

    def later(self, due: float, do: Callable[[float], None]) -> None:
        """Do something once that time has come."""
        self._later.append((due, do))
        self.wake()

    def advance(self, now: float) -> None:
        """Send again what nobody answered; letters; a heartbeat when nothing else was said for long."""
        for flight in [f for f in self._flights.values() if f.due <= now]:
            self._again(flight, now)
        due = [do for at, do in self._later if at <= now]
        self._later = [one for one in self._later if one[0] > now]
        for do in due:
            do(now)
        self._send_letters(now)
        if self.ready and now >= self._quiet_since + self.heartbeat_s:
            self.say(0x0002, b"", now)

    def _again(self, flight: Flight, now: float) -> None:
        if flight.times > self.timing.retries:
            self.closing = f"0x{flight.message_id:04x} was not answered {flight.times} times"
            return
        flight.times += 1
        flight.wait *= flight.times
        flight.due = now + flight.wait
        self._outbox.append(flight.frame)
        self.counts["sent_again"] += 1

    # letters

    def post(self, message_id: int, fields: Mapping[str, Any]) -> None:
        """A message that must arrive, on whichever connection. Raises ProtocolError."""
        if self.letters.post(Letter(message_id, self.encode(message_id, fields))) is not None:
            self.counts["letters_lost"] += 1
        self.changed()
        self.wake()

    def _send_letters(self, now: float) -> None:
        """Each under the serial that it had the first time, so that it can be known again."""
        waiting = self.letters.waiting() if self.ready else []
        fresh = [letter for letter in waiting if letter.serial is None]
        for letter in fresh:
            letter.serial = self.next_serial()
            letter.frame = self.frame(letter.message_id, letter.body, letter.serial)
        if fresh:
            self.changed()
        for letter in waiting:
            letter.on_way = True
            self.fly(letter.serial or 0, letter.message_id, letter.frame, now, partial(self._delivered, letter))

    def _delivered(self, letter: Letter, result: int, now: float) -> None:
        self.letters.answered(letter)
        self.counts["delivered" if result in DONE else "undeliverable"] += 1
        self.delivered(letter.message_id, result, now)
        self.changed()

    # messages

    def say(self, message_id: int, body: bytes, now: float, then: Answered | None = None) -> None:
        """Send a message that must be answered."""
        serial = self.next_serial()
        self.fly(serial, message_id, self.frame(message_id, body, serial), now, then)

    def fly(self, serial: int, message_id: int, frame: bytes, now: float, then: Answered | None = None) -> None:
        """The same for a whole frame."""
        wait = self.timing.answer_s
        self._flights[serial] = Flight(message_id, frame, now + wait, wait, then)
        self._outbox.append(frame)
        self._quiet_since = now

    def flying(self, *message_ids: int) -> int:
        """How many of these messages wait for their answer."""
        return sum(flight.message_id in message_ids for flight in self._flights.values())

    def reply(self, message_id: int, body: bytes) -> None:
        """Send a message that is itself an answer."""
        self._outbox.append(self.frame(message_id, body, self.next_serial()))

    def send(self, frames: list[bytes]) -> None:
        """Send whole frames that nobody answers."""
        self._outbox += frames

    def next_serial(self) -> int:
        """One that nothing on its way has, and no letter that will be sent again."""
        self._serial = (self._serial + 1) & 0xFFFF
        while self._serial in self._flights or self._serial in self.letters.serials:
            self._serial = (self._serial + 1) & 0xFFFF
        return self._serial

    def next_serials(self, count: int) -> int:
        """The first of so many serials that follow one another, as the parts of one message have."""
        first = self.next_serial()
        for number in range(1, count):
            if self.next_serial() != (first + number) & 0xFFFF:
                return self.next_serials(count)
        return first

    def receive(self, data: bytes, now: float) -> None:
        """Bytes from the platform. Never raises for bad ones."""
        for raw in self._buffer.feed(data):
            try:
                header, body = self.parse(raw)
                self._take(header, body, now)
            except ProtocolError as error:
                self.counts[error.cause] += 1

    def _take(self, header: Header, body: bytes, now: float) -> None:
        if header.message_id == 0x8001:
            answer = GENERAL_ANSWER.decode(body)
            self.answered(answer["ack_serial"], answer["ack_id"], answer["result"], now)
            return
        handler = self.handlers.get(header.message_id)
        try:
            result = handler(header, self.decode(header, body), now) if handler else self.unknown
        except ProtocolError as error:
            self.counts[error.cause] += 1
            result = BAD
        if result is not None:
            self.confirm(header, result)

    def confirm(self, header: Header, result: int = OK) -> None:
        """The general answer to a message of the platform."""
        fields = {"ack_serial": header.serial, "ack_id": header.message_id, "result": result}
        self.reply(0x0001, GENERAL_ANSWER.write(fields))

    def answered(self, serial: int, message_id: int, result: int, now: float) -> None:
        """The platform's answer to a message of ours."""
        flight = self._flights.get(serial)
        if flight is None or flight.message_id != message_id:
            self.counts["stray_answer"] += 1
            return
        del self._flights[serial]
        if flight.then is not None:
            flight.then(result, now)
