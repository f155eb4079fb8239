"""A terminal over 0x7E frames and its fixes: sent as they happen, kept until acknowledged, uploaded when late."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from types import MappingProxyType
from typing import Any, ClassVar

from gateway.report import Position
from gateway.wire.kinds import U16
from simulator.terminal.cabin import Cabin
from simulator.terminal.conversation import DONE, Conversation
from simulator.terminal.store import Fix, Store, Witness

NO_ITEMS: Mapping[str, Any] = MappingProxyType({})
LIVE = (0x0200, 0x0202)


@dataclass
class FramedTerminal(Conversation):
    """cabin: what is around it in the car; witness: who writes down what becomes of fixes."""

    cabin: Cabin
    witness: Witness
    store: Store = field(init=False)

    batch_id: ClassVar[int]
    batch_most: ClassVar[int]

    def __post_init__(self) -> None:
        self.store = Store(self.timing.kept)

    # what a protocol adds

    @abstractmethod
    def body(self, position: Position, items: Mapping[str, Any] = NO_ITEMS) -> bytes:
        """The body of 0x0200. items: more of them, as in the tables."""

    @abstractmethod
    def batch(self, bodies: Sequence[bytes]) -> bytes:
        """The body of the message that uploads stored positions."""

    def dressed(self, position: Position) -> Position:
        """The position with what the terminal knows of the car."""
        return self.cabin.dressed(position)

    def live_id(self) -> int:
        """The message that a live fix goes out in."""
        return 0x0200

    @property
    def heartbeat_s(self) -> float:
        return float(self.cabin.parameter("heartbeat_interval") or self.timing.heartbeat_s)

    # fixes

    def record(self, position: Position, now: float, items: Mapping[str, Any] = NO_ITEMS) -> None:
        """A new fix: kept, and sent at once where that can be. items: more of them, as in the tables."""
        key = self.keep(Fix(position.time, self.body(self.dressed(position), items)))
        if self.ready and self.flying(*LIVE) < self.timing.window:
            self._send([key], self.live_id(), self.store[key].body, now)

    def keep(self, fix: Fix) -> int:
        """Put a fix into the store; the oldest goes when it is full."""
        key, gone = self.store.keep(fix)
        if gone is not None:
            self.counts["lost"] += 1
            self.witness.lost(gone)
        return key

    def started(self, now: float) -> None:
        """Logged in: the newest fix first, then letters, then what was stored."""
        self.ready = True
        newest = self.store.newest()
        if newest is not None and self.store[newest].live:
            self._send([newest], self.live_id(), self.store[newest].body, now)
        super().started(now)
        self.upload(now)

    def disconnected(self) -> None:
        super().disconnected()
        self.store.come_back()

    def upload(self, now: float) -> None:
        """Send stored fixes, oldest first, one message at a time."""
        if not self.ready or self.flying(self.batch_id):
            return
        if keys := list(islice(self.store.waiting(), self.batch_most)):
            self._send(keys, self.batch_id, self.batch([self.store[key].body for key in keys]), now)

    def _send(self, keys: Sequence[int], message_id: int, body: bytes, now: float) -> None:
        for key in keys:
            self.witness.sent(self.store[key])
        self.store.leave(keys)
        self.say(message_id, body, now, partial(self._acknowledged, keys))

    def _acknowledged(self, keys: Sequence[int], result: int, now: float) -> None:
        tell = self.witness.acknowledged if result in DONE else self.witness.lost
        for fix in self.store.drop(keys):
            tell(fix)
        self.counts["acknowledged" if result in DONE else "refused"] += len(keys)

    def answered(self, serial: int, message_id: int, result: int, now: float) -> None:
        super().answered(serial, message_id, result, now)
        self.upload(now)

    def answer_place(self, message_id: int, serial: int) -> None:
        """0x0201, 0x0500: where and how the car is now. Nobody acknowledges it."""
        position = self.dressed(self.cabin.car.sense())
        fix = Fix(position.time, self.body(position))
        self.witness.sent(fix)
        self.reply(message_id, U16.write(serial) + fix.body)
