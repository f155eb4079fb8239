"""JT/T 905 positions -> the gateway's published language, one at a time and in columns."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.columns import PositionTable
from gateway.errors import ProtocolError
from gateway.protocols.jt905.position import ALARM_BITS, BASIC, ITEMS
from gateway.report import Alarm, Position, Status
from gateway.wire.bcd import times
from gateway.wire.bits import BitMap
from gateway.wire.identity import identity

ALARMS = BitMap({bit: Alarm[name.upper()] for bit, name in ALARM_BITS.items()})
STATUS = BitMap(
    {
        3: Status.OUT_OF_SERVICE, 4: Status.BOOKED, 5: Status.PICK_UP_EDGE, 6: Status.DROP_OFF_EDGE,
        8: Status.ACC_ON, 9: Status.OCCUPIED, 10: Status.OIL_CUT, 11: Status.CIRCUIT_CUT,
        12: Status.DOORS_LOCKED, 13: Status.VEHICLE_LOCKED, 14: Status.TRIP_LIMIT,
    }
)  # fmt: skip
NOT_POSITIONED, SOUTH, WEST = 1, 1 << 1, 1 << 2


def position(terminal: str, fields: Mapping[str, Any], body: bytes = b"", *, backfill: bool = False) -> Position:
    """Decoded fields of a 0x0200 body -> Position. Status bit 0 means *not* positioned here."""
    status, items = fields["status"], fields.get("items", {})
    columns, attributes = TABLE.split(items)
    positioned = Status(0) if status & NOT_POSITIONED else Status.POSITIONED
    return Position(
        terminal=terminal,
        time=fields["time"].astimezone(UTC),
        lat=-fields["lat"] if status & SOUTH else fields["lat"],
        lon=-fields["lon"] if status & WEST else fields["lon"],
        valid=not status & NOT_POSITIONED,
        speed=fields["speed"] / 3.6,
        course=fields["direction"],
        altitude=columns.get("altitude"),
        fuel=columns.get("fuel"),
        odometer=round(columns["odometer"] * 1000, 3) if "odometer" in columns else None,
        alarms=Alarm(ALARMS.word(fields["alarm"])),
        status=Status(STATUS.word(status)) | positioned,
        backfill=backfill,
        identity=identity(body[: TABLE.size]) if body else 0,
        attributes=attributes,
    )


def _fill(block: NDArray[np.uint8], rows: NDArray[np.void]) -> None:
    base = BASIC.columns(block)
    status = base["status"].astype("<u4")
    rows["time"] = times(base["time"])
    rows["lat"] = np.where(status & SOUTH, -base["lat"], base["lat"])
    rows["lon"] = np.where(status & WEST, -base["lon"], base["lon"])
    rows["speed"] = base["speed"]
    rows["course"] = base["direction"]
    rows["alarms"] = ALARMS.column(base["alarm"].astype("<u4"))
    positioned = np.where(status & NOT_POSITIONED, np.uint64(0), np.uint64(Status.POSITIONED))
    rows["status"] = STATUS.column(status) | positioned


TABLE = PositionTable(BASIC, ITEMS, {(0x01, 4): "odometer", (0x02, 2): "fuel", (0x03, 2): "altitude"}, _fill)


def split_catch_up(body: bytes) -> list[bytes]:
    """A 0x0203 body -> its 25-byte blocks. Raises ProtocolError when they do not fill it."""
    if not body or len(body) % TABLE.size:
        raise ProtocolError("length", f"{len(body)} bytes are no multiple of {TABLE.size}", reply=2)
    return [body[i : i + TABLE.size] for i in range(0, len(body), TABLE.size)]
