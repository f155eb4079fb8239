"""A terminal over 0x7E frames and its fixes: sent as they happen, kept until acknowledged, uploaded when late."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from types import MappingProxyType
from typing import Any, ClassVar

from gateway.framed import FAILED, OK
from gateway.report import Position, Status
from gateway.wire.kinds import U16
from gateway.wire.layout import Layout
from gateway.wire.message import Header
from simulator.danger import Hazard
from simulator.terminal.cabin import Cabin
from simulator.terminal.camera import Picture, size_of
from simulator.terminal.car import Occurrence, Told
from simulator.terminal.conversation import DONE, Conversation, Handler
from simulator.terminal.store import Fix, Store, Witness

NO_ITEMS: Mapping[str, Any] = MappingProxyType({})
POSITION, TRACKING = 0x0200, 0x0202
MONITOR = 1
VIDEO, MOST_PHOTOS = 0xFFFF, 16
MOST_OCTETS, LENGTH_OCTETS = 1_000, 2
"""Of the positions in one message, and of the length before each."""
Deliver = Callable[[Picture, float], None]
"""What becomes of a picture that was taken: (picture, now)."""


@dataclass
class FramedTerminal(Conversation):
    """cabin: what is around it in the car; witness: who writes down what becomes of fixes."""

    cabin: Cabin
    witness: Witness
    store: Store = field(init=False)

    batch_id: ClassVar[int]
    batch_most: ClassVar[int]
    tracking_id: ClassVar[int] = POSITION
    """What live fixes go out in while the car is tracked."""

    def __post_init__(self) -> None:
        self.store = Store(self.timing.kept)

    # what a protocol adds

    @abstractmethod
    def body(self, position: Position, items: Mapping[str, Any] = NO_ITEMS) -> bytes:
        """The body of 0x0200. items: more of them, as in the tables."""

    @abstractmethod
    def batch(self, bodies: Sequence[bytes]) -> bytes:
        """The body of the message that uploads stored positions."""

    @abstractmethod
    def occurred(self, what: Occurrence, now: float) -> None:
        """Something has happened in the car."""

    def hazard_items(self, _hazard: Hazard, _position: Position) -> Mapping[str, Any]:
        """What a camera has seen, as items of a position; none where the protocol has no such."""
        return NO_ITEMS

    def dressed(self, position: Position) -> Position:
        """The position with what the terminal knows of the car."""
        return self.cabin.dressed(position)

    @property
    def heartbeat_s(self) -> float:
        return float(self.cabin.parameter("heartbeat_interval") or self.timing.heartbeat_s)

    # fixes

    def record(self, position: Position, now: float, hazard: Hazard | None = None) -> None:
        """A new fix: kept, and sent at once where that can be. hazard: what a camera has seen there."""
        items = self.hazard_items(hazard, position) if hazard else NO_ITEMS
        key = self.keep(Fix(position.time, self.body(self.dressed(position), items)))
        if self.ready and self.flying(POSITION, TRACKING) < self.timing.window:
            self._send_live(key, now)

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
            self._send_live(newest, now)
        super().started(now)
        self.upload(now)

    def disconnected(self) -> None:
        super().disconnected()
        self.store.come_back()

    def upload(self, now: float) -> None:
        """Send stored fixes, oldest first, one message at a time."""
        if not self.ready or self.flying(self.batch_id):
            return
        if keys := self._fitting(islice(self.store.waiting(), self.batch_most)):
            self._send(keys, self.batch_id, self.batch([self.store[key].body for key in keys]), now)

    def _fitting(self, waiting: Iterable[int]) -> list[int]:
        """As many of them as fit one frame."""
        keys, octets = [], 0
        for key in waiting:
            octets += LENGTH_OCTETS + len(self.store[key].body)
            if octets > MOST_OCTETS:
                break
            keys.append(key)
        return keys

    def _send_live(self, key: int, now: float) -> None:
        message_id = POSITION if self.cabin.tracked(now) is None else self.tracking_id
        self._send([key], message_id, self.store[key].body, now)

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
        self.upload(now)

    def interval_s(self, position: Position, usual_s: float, now: float) -> float:
        """Seconds until the next fix: while tracked, by a parameter, or as is usual."""
        tracked = self.cabin.tracked(now)
        if tracked is not None:
            return tracked
        moving = "interval_occupied" if Status.OCCUPIED in position.status else "interval_vacant"
        names = (moving, "interval_default") if Status.ACC_ON in position.status else ("interval_asleep",)
        return float(next((set_ for name in names if (set_ := self.cabin.parameter(name))), usual_s))

    # what all of them understand

    def common_handlers(self) -> Mapping[int, Handler]:
        return {0x8103: self._set_parameters, 0x8201: self._query, 0x8300: self._show, 0x8400: self._call}

    def _set_parameters(self, _header: Header, fields: Mapping[str, Any], _now: float) -> int:
        result = self.cabin.set_parameters(fields["parameters"])
        self.changed()
        return result

    def _query(self, header: Header, _fields: Mapping[str, Any], _now: float) -> None:
        self.answer_place(0x0201, header.serial)

    def _show(self, _header: Header, fields: Mapping[str, Any], _now: float) -> int:
        self.cabin.note("text shown in the car", text=fields["text"])
        self.cabin.car.tell(Told(fields["text"]))
        return OK

    def _call(self, _header: Header, fields: Mapping[str, Any], _now: float) -> int:
        return self.cabin.call(fields["phone"], listen=fields["flag"] == MONITOR)

    def answer_place(self, message_id: int, serial: int) -> None:
        """0x0201, 0x0500: where and how the car is now. Nobody acknowledges it."""
        position = self.dressed(self.cabin.car.sense())
        fix = Fix(position.time, self.body(position))
        self.witness.sent(fix)
        self.reply(message_id, U16.write(serial) + fix.body)

    def photograph(self, fields: Mapping[str, Any], layout: Layout, now: float, deliver: Deliver) -> int:
        """0x8801: one picture after the other, each delivered once it was taken. The result of the answer."""
        if fields["command"] == VIDEO:
            return FAILED
        size = size_of(layout.code_name(fields, "resolution"))
        for number in range(min(fields["command"], MOST_PHOTOS)):
            self.later(now + number * fields["interval"], partial(self._expose, fields["channel"], size, deliver))
        return OK

    def _expose(self, channel: int, size: tuple[int, int], deliver: Deliver, now: float) -> None:
        picture = self.cabin.camera.shoot(channel, size, self.dressed(self.cabin.car.sense()))
        self.cabin.note("picture taken", channel=channel, octets=len(picture.content))
        deliver(picture, now)
