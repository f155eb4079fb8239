"""A JT/T 905 terminal (ISU) with its taximeter, order screen and camera.

The standard has no log-in: positions follow at once. Shifts, trips and answers to orders are letters,
sent again, over connections and restarts, until the centre has answered them (905.2-2014, 10.3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from gateway.framed import FAILED, OK
from gateway.protocols.jt905.dialogue import CONTROL_VEHICLE
from gateway.protocols.jt905.media import SHOOT
from gateway.protocols.jt905.messages import body_layout, encode_body, frame, parse
from gateway.protocols.jt905.position import ALARM_BITS, BASIC, POSITION, STATUS_BITS
from gateway.report import Position, Status
from gateway.wire.message import Header
from simulator.meter import Meter, Tariff
from simulator.terminal import shifts
from simulator.terminal.car import (
    Aboard,
    AlarmSeen,
    GivenUp,
    Occurrence,
    Paid,
    Pressed,
    ShiftBegun,
    ShiftEnded,
    SwitchedOff,
)
from simulator.terminal.chunks import Chunks
from simulator.terminal.framed import NO_ITEMS, TRACKING, FramedTerminal
from simulator.terminal.orders import Orders
from simulator.terminal.words import word

NOT_POSITIONED, SOUTH, WEST = 1, 1 << 1, 1 << 2
BATCH_MOST = 20
"""Blocks of 25 bytes in a 0x0203: 500 bytes, the largest text or chunk that the standard knows."""
STOP = 0xFF
BY_TIME = 0x00
"""Attribute of 0x8202: seconds between reports, for so many seconds."""
LONGEST_SHIFT = timedelta(hours=14)
INSPECTED = (0x0B03, 0x0B04, 0x0B05)


@dataclass
class Jt905Terminal(FramedTerminal):
    meter: Meter = field(default_factory=lambda: Meter(Tariff()))
    orders: Orders = field(init=False)
    chunks: Chunks = field(init=False)
    _pick_up: Mapping[str, Any] = field(default_factory=dict, init=False)

    batch_id: ClassVar[int] = 0x0203
    batch_most: ClassVar[int] = BATCH_MOST
    tracking_id: ClassVar[int] = TRACKING
    unknown: ClassVar[int] = FAILED  # 905 has no "unsupported"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.orders = Orders(self, lambda: (self.meter.counts.shift is not None, not self.meter.running))
        self.chunks = Chunks(self)
        self.delivered = self.orders.delivered
        self.handlers |= {
            **self.orders.handlers(), **self.common_handlers(), 0x8104: self._tell_parameters, 0x8202: self._track,
            0x8302: self._ask, 0x8500: self._control, 0x8801: self._shoot, 0x8803: self.chunks.wanted,
            0x8B0A: self._alarm_seen, 0x8B0B: self._alarm_seen, 0x8B11: self._inspect,
        }  # fmt: skip

    def encode(self, message_id: int, fields: Mapping[str, Any]) -> bytes:
        return encode_body(message_id, fields)

    def decode(self, header: Header, body: bytes) -> Mapping[str, Any]:
        return body_layout(header.message_id, body)[1].decode(body)

    def parse(self, frame: bytes) -> tuple[Header, bytes]:
        return parse(frame)

    def frame(self, message_id: int, body: bytes, serial: int) -> bytes:
        return frame(message_id, body, terminal=self.number, serial=serial)

    def body(self, position: Position, items: Mapping[str, Any] = NO_ITEMS) -> bytes:
        fields = fields_of(position)
        return POSITION.write({**fields, "items": {**fields["items"], **items}})

    def batch(self, bodies: Sequence[bytes]) -> bytes:
        """The basic parts alone: 0x0203 has no room for items."""
        return b"".join(body[: BASIC.size] for body in bodies)

    def begin(self, now: float) -> None:
        self.started(now)

    def started(self, now: float) -> None:
        super().started(now)
        self.chunks.go_on(now)

    def dressed(self, position: Position) -> Position:
        """With the bit of a task car."""
        booked = Status.BOOKED if self.orders.task.on_call else Status(0)
        return super().dressed(replace(position, status=position.status | booked))

    # what happens in the car

    def occurred(self, what: Occurrence, now: float) -> None:
        match what:
            case ShiftBegun():
                self._begin_shift(what)
            case ShiftEnded(position):
                self._close_shift(position, position.time, shifts.NORMAL)
            case Aboard(position):
                self._flag_down(position)
            case Paid():
                self._flag_up(what)
            case Pressed():
                self.orders.pressed(what, now)
            case GivenUp():
                self.orders.given_up(what, now)
            case SwitchedOff(position):
                self._flag_up(Paid(position))
                self.orders.switched_off()
        self.changed()

    def _begin_shift(self, begun: ShiftBegun) -> None:
        """A shift that power failed in goes on with its driver, and is closed by force with another one."""
        at, licence, open_ = begun.position, begun.driver.licence, self.meter.counts.shift
        if open_ is not None:
            if open_.driver == licence and at.time - open_.on < LONGEST_SHIFT:
                return
            self._close_shift(at, self.meter.counts.seen or at.time, shifts.FORCED)
        shift = self.meter.open(licence, at.time, at.odometer or 0.0)
        self.post(0x0B03, shifts.sign_in(self._place(at), self.cabin, shift))

    def _close_shift(self, at: Position, off: datetime, mode: int) -> None:
        shift = self.meter.close(off, at.odometer or 0.0)
        if shift is not None:
            counts, tariff = self.meter.counts, self.meter.tariff
            self.post(0x0B04, shifts.sign_out(self._place(at), self.cabin, shift, off, mode, counts, tariff))

    def _flag_down(self, position: Position) -> None:
        task = self.orders.task
        self._pick_up = self._place(position)
        self.meter.down(position.time, position.odometer or 0.0, task.order if task.on_call else 0)

    def _flag_up(self, paid: Paid) -> None:
        at = paid.position
        fee = self.orders.fee if self.meter.order else shifts.NO_FEE
        trip = self.meter.up(at.time, at.odometer or 0.0, paid.slow_s, fee)
        if trip is None:
            return
        self.orders.finish()
        driver = self.meter.counts.shift.driver if self.meter.counts.shift else ""
        rated = shifts.Rated(paid.rating, at.time)
        self.post(0x0B05, shifts.operation(self._pick_up, self._place(at), self.cabin, driver, trip, rated))

    def _place(self, position: Position) -> Mapping[str, Any]:
        """Fields of the basic position."""
        fields = fields_of(self.dressed(position))
        return {name: fields[name] for name in BASIC.names}

    # what the centre says

    def _tell_parameters(self, header: Header, fields: Mapping[str, Any], _now: float) -> None:
        known = self.cabin.parameters([f"0x{number:04x}" for number in fields["ids"]])
        self.reply(0x0104, self.encode(0x0104, {"ack_serial": header.serial, "parameters": known}))

    def _track(self, _header: Header, fields: Mapping[str, Any], now: float) -> int:
        if fields["attribute"] == STOP:
            return self.cabin.track(0, 0, now)
        if fields["attribute"] != BY_TIME or not {"interval", "duration"} <= fields.keys():
            return FAILED
        return self.cabin.track(fields["interval"], fields["duration"], now)

    def _ask(self, _header: Header, fields: Mapping[str, Any], now: float) -> int:
        if not fields["answers"]:
            return FAILED
        chosen, after_s = self.cabin.ask(fields["question"], {a["answer_id"]: a["text"] for a in fields["answers"]})
        if chosen is not None:
            answer = self.encode(0x0302, {"question_id": fields["question_id"], "answer_id": chosen})
            self.later(now + after_s, lambda then: self.say(0x0302, answer, then))
        return OK

    def _control(self, header: Header, fields: Mapping[str, Any], _now: float) -> int | None:
        """The doors, and nothing that would stop a car."""
        if CONTROL_VEHICLE.code_name(fields, "item") != "doors":
            return FAILED
        self.confirm(header)
        self.cabin.lock(CONTROL_VEHICLE.code_name(fields, "command") == "cut")
        self.answer_place(0x0500, header.serial)
        return None

    def _shoot(self, header: Header, fields: Mapping[str, Any], now: float) -> int:
        return self.photograph(
            fields, SHOOT, now, lambda picture, then: self.chunks.upload(picture, header.serial, then)
        )

    def _alarm_seen(self, _header: Header, _fields: Mapping[str, Any], _now: float) -> int:
        self.cabin.car.tell(AlarmSeen())
        return OK

    def _inspect(self, _header: Header, _fields: Mapping[str, Any], _now: float) -> None:
        """Of the devices, the ISU alone reports on itself."""
        place = self._place(self.cabin.car.sense())
        waiting = [sum(letter.message_id == kind for letter in self.letters) for kind in INSPECTED]
        isu = {
            "id": self.number[2:], "hardware": "01", "software": "0100", "status": place["status"],
            "alarm": place["alarm"], **dict(zip(("sign_ins", "sign_outs", "trips"), waiting, strict=True)),
            "card_records": 0,
        }  # fmt: skip
        self.reply(0x0B11, self.encode(0x0B11, {"devices": {"0x00": isu}}))


def fields_of(position: Position) -> dict[str, Any]:
    """Position -> fields of a 0x0200 body, the inverse of the gateway's translation."""
    status = word(position.status, STATUS_BITS)
    status |= SOUTH * (position.lat < 0) | WEST * (position.lon < 0)
    status |= NOT_POSITIONED * (Status.POSITIONED not in position.status)
    odometer = {} if position.odometer is None else {"0x01": {"odometer": position.odometer / 1000}}
    altitude = {} if position.altitude is None else {"0x03": {"altitude": round(position.altitude)}}
    return {
        "alarm": word(position.alarms, ALARM_BITS),
        "status": status,
        "lat": abs(position.lat),
        "lon": abs(position.lon),
        "speed": (position.speed or 0) * 3.6,
        "direction": 2 * round((position.course or 0) / 2) % 360,
        "time": position.time,
        "items": odometer | altitude,
    }
