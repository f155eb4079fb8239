"""A JT/T 905 terminal (ISU). The standard has no log-in: positions follow at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from gateway.framed import FAILED, OK
from gateway.protocols.jt905.messages import MESSAGES, VERSION, frame, parse
from gateway.protocols.jt905.position import ALARM_BITS, BASIC, POSITION, STATUS_BITS
from gateway.report import Position, Status
from gateway.wire.message import Header
from simulator.terminal.framed import FramedTerminal
from simulator.terminal.words import word

NOT_POSITIONED, SOUTH, WEST = 1, 1 << 1, 1 << 2
BATCH_MOST = 20
"""Blocks of 25 bytes in a 0x0203: 500 bytes, the largest text or chunk that the standard knows."""


@dataclass
class Jt905Terminal(FramedTerminal):
    batch_id: ClassVar[int] = 0x0203
    batch_most: ClassVar[int] = BATCH_MOST

    def parse(self, frame: bytes) -> tuple[Header, bytes]:
        return parse(frame)

    def frame(self, message_id: int, body: bytes, serial: int) -> bytes:
        return frame(message_id, body, terminal=self.number, serial=serial)

    def body(self, position: Position) -> bytes:
        return POSITION.write(fields_of(position))

    def batch(self, bodies: Sequence[bytes]) -> bytes:
        """The basic parts alone: 0x0203 has no room for items."""
        return b"".join(body[: BASIC.size] for body in bodies)

    def begin(self, now: float) -> None:
        self.started(now)

    def command(self, header: Header, body: bytes, now: float) -> int | None:
        row = MESSAGES.get(header.message_id)
        match header.message_id:
            case 0x8201:
                self.answer_query(header.serial)
                return None
            case 0x8300 if row:
                self.texts.append(row.layout(VERSION).decode(body)["text"])
                return OK
            case _:
                return FAILED  # 905 has no "unsupported"


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
