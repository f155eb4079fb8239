"""A JT/T 808 terminal of the 2011, 2013 or 2019 edition.

no code --0x0100--> 0x8100 with a code --0x0102--> 0x8001 --> ready
a code is kept: --0x0102--> ready; refused: the code is forgotten and asked for anew
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from gateway.framed import OK, UNSUPPORTED
from gateway.protocols.jt808.header import build, parse
from gateway.protocols.jt808.messages import body_layout, encode_body
from gateway.protocols.jt808.position import ALARM_BITS, STATUS_BITS
from gateway.report import Position, Status
from gateway.wire.kinds import U16
from gateway.wire.message import Header
from simulator.terminal.framed import FramedTerminal
from simulator.terminal.words import word

JIANGSU, KUNSHAN = 32, 583  # GB/T 2260
BLUE = 1
SOUTH, WEST, FULL_LOAD = 1 << 2, 1 << 3, 3 << 8
BATCH_MOST = 20
"""Positions in a 0x0704: 20 of 48 bytes fit one frame of 1,023."""


@dataclass
class Jt808Terminal(FramedTerminal):
    """plate: told when registering; code: of the last registration, "" for none; remember: keeps a new one."""

    version: int = 2013
    plate: str = ""
    code: str = ""
    remember: Callable[[str], None] = lambda _code: None

    batch_id: ClassVar[int] = 0x0704
    batch_most: ClassVar[int] = BATCH_MOST

    def parse(self, frame: bytes) -> tuple[Header, bytes]:
        return parse(frame)

    def frame(self, message_id: int, body: bytes, serial: int) -> bytes:
        return build(message_id, self.number, serial, body, self.version)

    def body(self, position: Position) -> bytes:
        return encode_body(0x0200, fields_of(position), self.version)

    def batch(self, bodies: Sequence[bytes]) -> bytes:
        """Type 1: stored while there was no connection."""
        items = b"".join(U16.write(len(body)) + body for body in bodies)
        return U16.write(len(bodies)) + b"\1" + items

    # log-in

    def begin(self, now: float) -> None:
        if self.code:
            self._authenticate(now)
        else:
            self.say(0x0100, self._encoded(0x0100, self._registration()), now)

    def _registration(self) -> dict[str, Any]:
        return {
            "province": JIANGSU, "city": KUNSHAN, "maker": "TXHUB", "model": f"SIM{self.version}",
            "terminal_id": self.number[-7:], "plate_color": BLUE, "plate": self.plate,
        }  # fmt: skip

    def _authenticate(self, now: float) -> None:
        fields = {"auth": self.code, "imei": self.number[-15:].rjust(15, "0"), "software": "taxihub-sim"}
        self.say(0x0102, self._encoded(0x0102, fields), now)

    def _encoded(self, message_id: int, fields: Mapping[str, Any]) -> bytes:
        return encode_body(message_id, fields, self.version)

    def answered(self, serial: int, message_id: int, result: int, now: float) -> None:
        waited = serial in self._flights
        super().answered(serial, message_id, result, now)
        if not waited or message_id != 0x0102:
            return
        if result == OK:
            self.started(now)
        else:
            self._learn("")
            self.begin(now)

    def _registered(self, fields: Mapping[str, Any], now: float) -> None:
        self.answered(fields["ack_serial"], 0x0100, OK, now)
        if fields["result"] == 0:
            self._learn(fields["code"])
            self._authenticate(now)
        else:
            self.closing = f"registration refused with {fields['result']}: not on the roll?"

    def _learn(self, code: str) -> None:
        self.code = code
        self.remember(code)

    # what the platform says

    def command(self, header: Header, body: bytes, now: float) -> int | None:
        fields = body_layout(header.message_id, self.version, body)[1].decode(body)
        match header.message_id:
            case 0x8100:
                self._registered(fields, now)
                return None
            case 0x8201:
                self.answer_query(header.serial)
                return None
            case 0x8300:
                self.texts.append(fields["text"])
                return OK
            case _:
                return UNSUPPORTED


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
