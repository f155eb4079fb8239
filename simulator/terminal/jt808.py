"""A JT/T 808 terminal of the 2011, 2013 or 2019 edition.

no code --0x0100--> 0x8100 with a code --0x0102--> 0x8001 --> ready
a code is kept: --0x0102--> ready; refused: the code is forgotten and asked for anew
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, ClassVar

from gateway.framed import FAILED, OK, UNSUPPORTED
from gateway.protocols.jt808.header import build, parse
from gateway.protocols.jt808.media import SHOOT
from gateway.protocols.jt808.messages import body_layout, encode_body
from gateway.protocols.jt808.position import ALARM_BITS, STATUS_BITS
from gateway.report import Position, Status
from gateway.wire.kinds import U16
from gateway.wire.message import Header
from simulator.crew import ISSUER, Person
from simulator.danger import Hazard
from simulator.terminal import safety
from simulator.terminal.camera import Picture
from simulator.terminal.car import AlarmSeen, Occurrence, ShiftBegun, ShiftEnded
from simulator.terminal.framed import NO_ITEMS, FramedTerminal
from simulator.terminal.parts import Parts
from simulator.terminal.words import word

JIANGSU, KUNSHAN = 32, 583  # GB/T 2260
BLUE = 1
MAKER, FIRMWARE = "TXHUB", "1.0"
SOUTH, WEST, FULL_LOAD = 1 << 2, 1 << 3, 3 << 8
BATCH_MOST = 20
"""Positions in a 0x0704: 20 of 48 bytes fit one frame of 1,023."""
TAXI, LTE, GPS_AND_BEIDOU = 1 << 3, 1 << 5, 0b11
IN, OUT = 1, 2
EXPIRES = date(2035, 12, 31)
DOORS = 1


@dataclass
class Jt808Terminal(FramedTerminal):
    """code: of the last registration, "" for none.

    attachments_wanted  told when the platform wants the pictures of a safety alarm: fields of 0x9208; returns the
                        result of the general answer
    """

    version: int = 2013
    code: str = ""
    attachments_wanted: Callable[[Mapping[str, Any]], int] = field(default=lambda _fields: OK, kw_only=True)
    driver: Person | None = field(default=None, init=False)
    parts: Parts = field(init=False)
    _inserted: Position | None = field(default=None, init=False)
    _hazards: int = field(default=0, init=False)

    batch_id: ClassVar[int] = 0x0704
    batch_most: ClassVar[int] = BATCH_MOST
    unknown: ClassVar[int] = UNSUPPORTED

    def __post_init__(self) -> None:
        super().__post_init__()
        self.parts = Parts(self, self.version)
        self.handlers |= {
            **self.common_handlers(), 0x8003: self.parts.asked, 0x8100: self._registered, 0x8104: self._tell_parameters,
            0x8106: self._tell_parameters, 0x8107: self._tell_attributes, 0x8202: self._track,
            0x8203: self._alarm_seen, 0x8302: self._ask, 0x8500: self._control, 0x8702: self._tell_driver,
            0x8800: self.parts.judged, 0x8801: self._shoot, 0x8805: self._upload_one, 0x9208: self._attachments,
        }  # fmt: skip

    def encode(self, message_id: int, fields: Mapping[str, Any]) -> bytes:
        return encode_body(message_id, fields, self.version)

    def decode(self, header: Header, body: bytes) -> Mapping[str, Any]:
        return body_layout(header.message_id, self.version, body)[1].decode(body)

    def parse(self, frame: bytes) -> tuple[Header, bytes]:
        return parse(frame)

    def frame(self, message_id: int, body: bytes, serial: int) -> bytes:
        return build(message_id, self.number, serial, body, self.version)

    def body(self, position: Position, items: Mapping[str, Any] = NO_ITEMS) -> bytes:
        fields = fields_of(position)
        return self.encode(0x0200, {**fields, "items": {**fields["items"], **items}})

    def hazard_items(self, hazard: Hazard, position: Position) -> Mapping[str, Any]:
        self._hazards += 1
        return safety.items(hazard, position, self.number, self._hazards)

    def batch(self, bodies: Sequence[bytes]) -> bytes:
        """Type 1: stored while there was no connection."""
        items = b"".join(U16.write(len(body)) + body for body in bodies)
        return U16.write(len(bodies)) + b"\1" + items

    # log-in

    def begin(self, now: float) -> None:
        if self.code:
            self._authenticate(now)
        else:
            self.say(0x0100, self.encode(0x0100, self._registration()), now)

    def _registration(self) -> dict[str, Any]:
        return {
            "province": JIANGSU, "city": KUNSHAN, "maker": MAKER, "model": f"SIM{self.version}",
            "terminal_id": self.number[-7:], "plate_color": BLUE, "plate": self.cabin.plate,
        }  # fmt: skip

    def _registered(self, _header: Header, fields: Mapping[str, Any], now: float) -> None:
        self.answered(fields["ack_serial"], 0x0100, OK, now)
        if fields["result"] == 0 and "code" in fields:
            self._learn(fields["code"])
            self._authenticate(now)
        else:
            self.closing = f"registration refused with {fields['result']}: not on the roll?"

    def _authenticate(self, now: float) -> None:
        fields = {"auth": self.code, "imei": self.number[-15:].rjust(15, "0"), "software": "taxihub-sim"}
        self.say(0x0102, self.encode(0x0102, fields), now, self._authenticated)

    def _authenticated(self, result: int, now: float) -> None:
        if result == OK:
            self.started(now)
        else:
            self._learn("")
            self.begin(now)

    def _learn(self, code: str) -> None:
        self.code = code
        self.changed()

    def started(self, now: float) -> None:
        super().started(now)
        self.parts.started(now)

    # what happens in the car

    def occurred(self, what: Occurrence, now: float) -> None:
        """The driver's card goes into the reader and out of it; there is no meter."""
        match what:
            case ShiftBegun(driver, position):
                self.driver, self._inserted = driver, position
                self.post(0x0702, self._card(driver, position))
            case ShiftEnded(position) if self.driver is not None:
                driver, self.driver = self.driver, None
                if self.version > 2011:
                    self.post(0x0702, {"status": OUT, "time": position.time})

    def _card(self, driver: Person, position: Position) -> Mapping[str, Any]:
        person = {"name": driver.name, "licence": driver.licence, "issuer": ISSUER}
        if self.version == 2011:
            return {**person, "id_number": ""}
        number = {"id_number": ""} if self.version >= 2019 else {}
        return {"status": IN, "time": position.time, "result": OK, **person, "expires": EXPIRES, **number}

    # what the platform says

    def _tell_parameters(self, header: Header, fields: Mapping[str, Any], _now: float) -> None:
        """0x8104 all, 0x8106 some."""
        known = self.cabin.parameters([f"0x{number:04x}" for number in fields.get("ids", ())])
        self.reply(0x0104, self.encode(0x0104, {"ack_serial": header.serial, "parameters": known}))

    def _tell_attributes(self, _header: Header, _fields: Mapping[str, Any], _now: float) -> None:
        fields = {
            "type": TAXI, "maker": MAKER, "model": f"SIM{self.version}", "terminal_id": self.number[-7:],
            "iccid": f"8986{self.number:0>16}", "hardware": FIRMWARE, "firmware": FIRMWARE, "gnss": GPS_AND_BEIDOU,
            "communication": LTE,
        }  # fmt: skip
        self.reply(0x0107, self.encode(0x0107, fields))

    def _track(self, _header: Header, fields: Mapping[str, Any], now: float) -> int:
        return self.cabin.track(fields["interval"], fields.get("duration", 0), now)

    def _alarm_seen(self, _header: Header, _fields: Mapping[str, Any], _now: float) -> int:
        self.cabin.car.tell(AlarmSeen())
        return OK

    def _ask(self, header: Header, fields: Mapping[str, Any], now: float) -> int:
        if not fields["answers"]:
            return FAILED
        chosen, after_s = self.cabin.ask(fields["question"], {a["answer_id"]: a["text"] for a in fields["answers"]})
        if chosen is not None:
            answer = self.encode(0x0302, {"ack_serial": header.serial, "answer_id": chosen})
            self.later(now + after_s, lambda then: self.say(0x0302, answer, then))
        return OK

    def _control(self, header: Header, fields: Mapping[str, Any], _now: float) -> int | None:
        """The doors. 1 locks them before 2019 and opens them since."""
        items = fields.get("controls", [fields])
        if "flag" in fields:
            self.cabin.lock(bool(fields["flag"] & 1))
        elif items and all(item["type"] == DOORS for item in items):
            self.cabin.lock(not items[-1]["parameter"])
        else:
            return UNSUPPORTED
        self.answer_place(0x0500, header.serial)
        return None

    def _tell_driver(self, header: Header, _fields: Mapping[str, Any], _now: float) -> int | None:
        if self.driver is None or self._inserted is None:
            return FAILED
        self.post(0x0702, self._card(self.driver, self._inserted))
        return OK

    def _attachments(self, _header: Header, fields: Mapping[str, Any], _now: float) -> int:
        self.cabin.note("attachments wanted", number=fields["alarm_number"])
        return self.attachments_wanted(fields)

    # pictures

    def _shoot(self, header: Header, fields: Mapping[str, Any], now: float) -> None:
        """0x0805 names the first picture once it was taken; more of them come by themselves."""
        waiting = [header.serial]

        def deliver(picture: Picture, then: float) -> None:
            if waiting:
                self._shot(waiting.pop(), OK, [picture.number])
            self._upload(picture, then)

        result = self.photograph(fields, SHOOT, now, deliver)
        if result != OK or not fields["command"]:
            self._shot(header.serial, result, [])

    def _shot(self, serial: int, result: int, numbers: Sequence[int]) -> None:
        self.reply(0x0805, self.encode(0x0805, {"ack_serial": serial, "result": result, "media_ids": numbers}))

    def _upload_one(self, _header: Header, fields: Mapping[str, Any], now: float) -> int:
        picture = self.cabin.camera.find(fields["media_id"])
        if picture is None:
            return FAILED
        self.later(now, lambda then: self._upload(picture, then))
        return OK

    def _upload(self, picture: Picture, now: float) -> None:
        place = {name: value for name, value in fields_of(picture.position).items() if name != "items"}
        self.parts.upload(picture, place, now)


def fields_of(position: Position) -> dict[str, Any]:
    """Position -> fields of a 0x0200 body, the inverse of the gateway's translation."""
    status = word(position.status, STATUS_BITS)
    status |= SOUTH * (position.lat < 0) | WEST * (position.lon < 0)
    status |= FULL_LOAD * (Status.OCCUPIED in position.status)
    return {
        "alarm": word(position.alarms, ALARM_BITS),
        "status": status,
        "lat": abs(position.lat),
        "lon": abs(position.lon),
        "altitude": round(position.altitude or 0) & 0xFFFF,
        "speed": (position.speed or 0) * 3.6,
        "direction": round(position.course or 0) % 360,
        "time": position.time,
        "items": _items(position),
    }


def _items(position: Position) -> dict[str, dict[str, Any]]:
    given: dict[str, dict[str, Any]] = {
        "0x01": {"odometer": None if position.odometer is None else position.odometer / 1000},
        "0x03": {"recorder_speed": None if position.recorder_speed is None else position.recorder_speed * 3.6},
        "0x30": {"signal": position.signal},
        "0x31": {"satellites": position.satellites},
    }
    return {key: item for key, item in given.items() if None not in item.values()}
