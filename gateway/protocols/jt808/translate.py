"""JT/T 808 positions -> the gateway's published language, one at a time and in columns."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.columns import PositionTable
from gateway.errors import ProtocolError
from gateway.protocols.jt808.item_alarms import ALARM_ITEMS, item_alarms
from gateway.protocols.jt808.position import ALARM_BITS, ALARM_BITS_2019, BASIC, ITEMS
from gateway.report import Alarm, Position, Status
from gateway.wire.bcd import times
from gateway.wire.bits import BitMap
from gateway.wire.identity import identity
from gateway.wire.items import Items
from gateway.wire.reader import Reader

STATUS = BitMap(
    {
        0: Status.ACC_ON, 1: Status.POSITIONED, 4: Status.OUT_OF_SERVICE, 5: Status.ENCRYPTED,
        6: Status.COLLISION_WARNING, 7: Status.LANE_DEPARTURE, 10: Status.OIL_CUT, 11: Status.CIRCUIT_CUT,
        12: Status.DOORS_LOCKED, 13: Status.DOOR_1_OPEN, 14: Status.DOOR_2_OPEN, 15: Status.DOOR_3_OPEN,
        16: Status.DOOR_4_OPEN, 17: Status.DOOR_5_OPEN, 18: Status.GPS_USED, 19: Status.BEIDOU_USED,
        20: Status.GLONASS_USED, 21: Status.GALILEO_USED, 22: Status.MOVING,
    }
)  # fmt: skip


def _alarms(bits: Mapping[int, str]) -> BitMap:
    return BitMap({bit: Alarm[name.upper()] for bit, name in bits.items()})


ALARMS, ALARMS_2019 = _alarms(ALARM_BITS), _alarms(ALARM_BITS_2019)
LOADS = np.array(
    [0, Status.LOAD_HALF | Status.OCCUPIED, 0, Status.LOAD_FULL | Status.OCCUPIED], np.uint64
)  # status bits 8-9: 01 is half, 11 is full, 10 is reserved; either load means an occupied taxi
SOUTH, WEST = 1 << 2, 1 << 3
BELOW_SEA = 65536 - 1000
"""The standard's altitude is unsigned; terminals below the sea send two's complement, which never reaches -1,000 m."""


def position(
    terminal: str,
    fields: Mapping[str, Any],
    version: int = 2013,
    body: bytes = b"",
    *,
    backfill: bool = False,
    kind: Items | None = None,
) -> Position:
    """Decoded fields of a 0x0200 body -> Position. `body` gives the fix its identity, `kind` is the dialect's items."""
    status, items = fields["status"], fields.get("items", {})
    alarms = ALARMS_2019 if version >= 2019 else ALARMS
    columns, attributes = OLD.split(items, kind)
    return Position(
        terminal=terminal,
        time=fields["time"].astimezone(UTC),
        lat=-fields["lat"] if status & SOUTH else fields["lat"],
        lon=-fields["lon"] if status & WEST else fields["lon"],
        valid=bool(status & 2),
        speed=fields["speed"] / 3.6,
        course=fields["direction"],
        altitude=fields["altitude"] - 65536 * (fields["altitude"] >= BELOW_SEA),
        recorder_speed=columns["recorder_speed"] / 3.6 if "recorder_speed" in columns else None,
        fuel=columns.get("fuel"),
        odometer=round(columns["odometer"] * 1000, 3) if "odometer" in columns else None,
        satellites=columns.get("satellites"),
        signal=columns.get("signal"),
        alarms=Alarm(alarms.word(fields["alarm"]) | item_alarms(items)),
        status=Status(STATUS.word(status) | int(LOADS[status >> 8 & 3])),
        backfill=backfill,
        identity=identity(body[: OLD.size]) if body else 0,
        attributes=attributes,
    )


def _fill(block: NDArray[np.uint8], rows: NDArray[np.void], alarms: BitMap) -> None:
    base = BASIC.columns(block)
    status = base["status"].astype("<u4")
    rows["time"] = times(base["time"])
    rows["lat"] = np.where(status & SOUTH, -base["lat"], base["lat"])
    rows["lon"] = np.where(status & WEST, -base["lon"], base["lon"])
    rows["speed"] = base["speed"]
    rows["course"] = base["direction"]
    altitude = base["altitude"].astype("<i4")
    rows["altitude"] = altitude - 65536 * (altitude >= BELOW_SEA)
    rows["alarms"] = alarms.column(base["alarm"].astype("<u4"))
    rows["status"] = STATUS.column(status) | LOADS[status >> 8 & 3]


COLUMN_ITEMS = {
    (0x01, 4): "odometer", (0x02, 2): "fuel", (0x03, 2): "recorder_speed", (0x30, 1): "signal",
    (0x31, 1): "satellites",
}  # fmt: skip


@cache
def table(version: int, items: Items | None = None) -> PositionTable:
    """How positions of an edition are read in columns; `items` are a dialect's own."""
    alarms = ALARMS_2019 if version >= 2019 else ALARMS
    return PositionTable(
        BASIC, items.table if items else ITEMS, COLUMN_ITEMS, lambda block, rows: _fill(block, rows, alarms),
        item_alarms, ALARM_ITEMS,
    )  # fmt: skip


OLD, NEW = table(2013), table(2019)
"""0x0200 of the 2011 and 2013 editions, and of 2019, which gave some alarm bits another meaning."""


def split_batch(body: bytes) -> tuple[list[bytes], bool]:
    """A 0x0704 body -> its 0x0200 bodies, and whether they are blind-area catch-up.

    Raises ProtocolError when the lengths do not fit the body or there is nothing in it.
    """
    reader = Reader(body)
    count, kind = int.from_bytes(reader.take(2), "big"), reader.take(1)[0]
    bodies = [reader.take(int.from_bytes(reader.take(2), "big")) for _ in range(count)]
    if not bodies:
        raise ProtocolError("empty", "a batch without positions", reply=2)
    return bodies, kind == 1


def split_short(body: bytes) -> list[bytes]:
    """A 0x0210 body -> its 0x0200 bodies, each after a length of one byte. Raises ProtocolError."""
    reader, bodies = Reader(body), []
    while reader.left:
        bodies.append(reader.take(reader.take(1)[0]))
    if not bodies:
        raise ProtocolError("empty", "a batch without positions", reply=2)
    return bodies
