"""What terminals over 0x7E frames share: acknowledgements, re-sending, heartbeat, blind-area upload.

Without sockets and clock: the link feeds bytes and the time, and writes what is to be sent. An
unanswered message is sent again, unchanged, after T(1), T(2) ... with T(n+1) = T(n) x (n+1); after the
last time the connection counts as dead (JT/T 808-2019, 4.6 and parameters 0x0002, 0x0003).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import ClassVar

from gateway.errors import ProtocolError
from gateway.framed import GENERAL_ANSWER, OK
from gateway.report import Position
from gateway.wire.framing import FrameBuffer
from gateway.wire.kinds import U16
from gateway.wire.message import Header
from simulator.terminal.store import Fix, Store, Witness

NEVER = float("inf")
DONE = {OK, 4}  # 4: alarm handled


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
    """A message that waits for its answer. `keys`: the fixes in it."""

    message_id: int
    frame: bytes
    keys: Sequence[int]
    due: float
    wait: float
    times: int = 1


@dataclass
class FramedTerminal(ABC):
    """number: digits on the wire; sense: the position right now, for a query."""

    number: str
    timing: Timing
    sense: Callable[[], Position]
    witness: Witness
    store: Store = field(init=False)
    counts: Counter[str] = field(default_factory=Counter)
    texts: list[str] = field(default_factory=list)
    closing: str = ""
    ready: bool = False
    _serial: int = -1
    _flights: dict[int, Flight] = field(default_factory=dict)
    _outbox: list[bytes] = field(default_factory=list)
    _buffer: FrameBuffer = field(default_factory=FrameBuffer)
    _quiet_since: float = 0.0

    batch_id: ClassVar[int]
    batch_most: ClassVar[int]

    def __post_init__(self) -> None:
        self.store = Store(self.timing.kept)

    # what a protocol adds

    @abstractmethod
    def body(self, position: Position) -> bytes:
        """The body of 0x0200."""

    @abstractmethod
    def frame(self, message_id: int, body: bytes, serial: int) -> bytes:
        """A whole frame from this terminal."""

    @abstractmethod
    def parse(self, frame: bytes) -> tuple[Header, bytes]:
        """A frame from the platform. Raises ProtocolError."""

    @abstractmethod
    def batch(self, bodies: Sequence[bytes]) -> bytes:
        """The body of the message that uploads stored positions."""

    @abstractmethod
    def begin(self, now: float) -> None:
        """What a terminal says first on a connection; it sets `ready` once positions may follow."""

    @abstractmethod
    def command(self, header: Header, body: bytes, now: float) -> int | None:
        """A message that is no answer: the result of the general answer, or None where another was given."""

    # the connection

    def connected(self, now: float) -> None:
        """A fresh connection."""
        self.closing, self.ready = "", False
        self._buffer, self._outbox, self._quiet_since = FrameBuffer(), [], now
        self.begin(now)

    def disconnected(self) -> None:
        """What was on its way waits again."""
        self.ready = False
        for flight in self._flights.values():
            self.store.come_back(flight.keys)
        self._flights.clear()

    def data_to_send(self) -> bytes:
        data, self._outbox = b"".join(self._outbox), []
        return data

    def deadline(self) -> float:
        """When `advance` has something to do at the latest."""
        heartbeat = self._quiet_since + self.timing.heartbeat_s if self.ready else NEVER
        return min([heartbeat, *(flight.due for flight in self._flights.values())])

    def advance(self, now: float) -> None:
        """Send again what nobody answered; a heartbeat when nothing else was said for long."""
        for flight in [f for f in self._flights.values() if f.due <= now]:
            self._again(flight, now)
        if self.ready and now >= self._quiet_since + self.timing.heartbeat_s:
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

    # fixes

    def record(self, position: Position, now: float) -> None:
        """A new fix: kept, and sent at once where that can be."""
        key = self.keep(Fix(position.time, self.body(position)))
        if self.ready and self._live_flights() < self.timing.window:
            self._send_live(key, now)

    def keep(self, fix: Fix) -> int:
        """Put a fix into the store; the oldest goes when it is full."""
        key, gone = self.store.keep(fix)
        if gone is not None:
            self.counts["lost"] += 1
            self.witness.lost(gone)
        return key

    def _live_flights(self) -> int:
        return sum(flight.message_id == 0x0200 for flight in self._flights.values())

    def _send_live(self, key: int, now: float) -> None:
        self.witness.sent(self.store[key])
        self.say(0x0200, self.store[key].body, now, [key])

    def started(self, now: float) -> None:
        """Logged in: the newest fix first, then what was stored."""
        self.ready = True
        newest = self.store.newest()
        if newest is not None and self.store[newest].live:
            self._send_live(newest, now)
        self.upload(now)

    def upload(self, now: float) -> None:
        """Send stored fixes, oldest first, one message at a time."""
        if not self.ready or any(flight.message_id == self.batch_id for flight in self._flights.values()):
            return
        keys = list(islice(self.store.waiting(), self.batch_most))
        if keys:
            for key in keys:
                self.witness.sent(self.store[key])
            self.say(self.batch_id, self.batch([self.store[key].body for key in keys]), now, keys)

    # messages

    def say(self, message_id: int, body: bytes, now: float, keys: Sequence[int] = ()) -> None:
        """Send a message that must be answered."""
        serial = self._next_serial()
        frame = self.frame(message_id, body, serial)
        self.store.leave(keys)
        self._flights[serial] = Flight(message_id, frame, keys, now + self.timing.answer_s, self.timing.answer_s)
        self._outbox.append(frame)
        self._quiet_since = now

    def reply(self, message_id: int, body: bytes) -> None:
        """Send a message that is itself an answer."""
        self._outbox.append(self.frame(message_id, body, self._next_serial()))

    def _next_serial(self) -> int:
        self._serial = (self._serial + 1) & 0xFFFF
        return self._serial

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
        result = self.command(header, body, now)
        if result is not None:
            fields = {"ack_serial": header.serial, "ack_id": header.message_id, "result": result}
            self.reply(0x0001, GENERAL_ANSWER.write(fields))

    def answered(self, serial: int, message_id: int, result: int, now: float) -> None:
        """The platform's answer to a message of ours."""
        flight = self._flights.get(serial)
        if flight is None or flight.message_id != message_id:
            self.counts["stray_answer"] += 1
            return
        del self._flights[serial]
        tell = self.witness.acknowledged if result in DONE else self.witness.lost
        for fix in self.store.drop(flight.keys):
            tell(fix)
        self.counts["acknowledged" if result in DONE else "refused"] += len(flight.keys)
        self.upload(now)

    def answer_query(self, serial: int) -> None:
        """0x0201: where the car is now. Nobody acknowledges it."""
        position = self.sense()
        fix = Fix(position.time, self.body(position))
        self.witness.sent(fix)
        self.reply(0x0201, U16.write(serial) + fix.body)
