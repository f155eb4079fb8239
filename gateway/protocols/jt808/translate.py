"""JT/T 808 positions -> the gateway's published language, one at a time and in columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from gateway.errors import ProtocolError
from gateway.protocols.jt808.position import BASIC, ITEMS, POSITION
from gateway.report import FIX, Alarm, Position, Status
from gateway.session import Columns
from gateway.wire.bcd import INVALID, times
from gateway.wire.bits import BitMap
from gateway.wire.identity import identities, identity
from gateway.wire.kinds import Items
from gateway.wire.layout import Layout
from gateway.wire.reader import Reader
from gateway.wire.tlv import shapes

STATUS = BitMap(
    {
        0: Status.ACC_ON, 1: Status.POSITIONED, 4: Status.OUT_OF_SERVICE, 5: Status.ENCRYPTED,
        6: Status.COLLISION_WARNING, 7: Status.LANE_DEPARTURE, 8: Status.LOAD_HALF, 9: Status.LOAD_FULL,
        10: Status.OIL_CUT, 11: Status.CIRCUIT_CUT, 12: Status.DOORS_LOCKED, 13: Status.DOOR_1_OPEN,
        14: Status.DOOR_2_OPEN, 15: Status.DOOR_3_OPEN, 16: Status.DOOR_4_OPEN, 17: Status.DOOR_5_OPEN,
        18: Status.GPS_USED, 19: Status.BEIDOU_USED, 20: Status.GLONASS_USED, 21: Status.GALILEO_USED,
        22: Status.MOVING,
    }
)  # fmt: skip
ALARMS = BitMap({bit: 1 << bit for bit in range(32)})
ALARMS_2019 = BitMap({bit: 1 << bit for bit in range(32)} | {3: Alarm.DANGEROUS_DRIVING})
SOUTH, WEST = 1 << 2, 1 << 3
LOAD = 3 << 8
SIZE = BASIC.size or 0

FIXED_ITEMS = {(0x01, 4): "odometer", (0x02, 2): "fuel", (0x03, 2): "recorder_speed", (0x30, 1): "signal",
               (0x31, 1): "satellites"}  # fmt: skip
"""Items that have a column of their own; all others become attributes."""


def _status(word: int) -> Status:
    """Load bits 01 is half, 11 is full (10 is reserved); either means that the taxi is occupied."""
    load = word >> 8 & 3
    loaded = {1: Status.LOAD_HALF | Status.OCCUPIED, 3: Status.LOAD_FULL | Status.OCCUPIED}.get(
        load, Status(0)
    )
    return Status(STATUS.word(word & ~LOAD)) | loaded


def _status_column(words: NDArray[np.uint32]) -> NDArray[np.uint64]:
    load = words >> 8 & 3
    mapped = STATUS.column((words & np.uint32(~LOAD & 0xFFFFFFFF)).astype("<u4"))
    mapped |= np.where(load == 1, np.uint64(Status.LOAD_HALF | Status.OCCUPIED), np.uint64(0))
    mapped |= np.where(load == 3, np.uint64(Status.LOAD_FULL | Status.OCCUPIED), np.uint64(0))
    return mapped


def attributes(items: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Items without a column, flat: known ones by their field names, unknown ones as hex by id."""
    flat: dict[str, Any] = {}
    for key, item in items.items():
        if "raw" in item:
            flat[key] = item["raw"].hex()
        else:
            flat.update({name: value for name, value in item.items() if name not in FIXED_ITEMS.values()})
    return flat


def position(terminal: str, fields: Mapping[str, Any], version: int = 2013, basic: bytes = b"") -> Position:
    """Decoded fields of a 0x0200 body -> Position. `basic` is the body, for the fix's identity."""
    status, items = fields["status"], fields.get("items", {})
    plain = {name: value for item in items.values() for name, value in item.items()}
    alarms = ALARMS_2019 if version >= 2019 else ALARMS
    return Position(
        terminal=terminal,
        time=fields["time"].astimezone(UTC),
        lat=-fields["lat"] if status & SOUTH else fields["lat"],
        lon=-fields["lon"] if status & WEST else fields["lon"],
        valid=bool(status & 2),
        speed=fields["speed"] / 3.6,
        course=fields["direction"],
        altitude=fields["altitude"],
        recorder_speed=plain["recorder_speed"] / 3.6 if "recorder_speed" in plain else None,
        fuel=plain.get("fuel"),
        odometer=round(plain["odometer"] * 1000, 3) if "odometer" in plain else None,
        satellites=plain.get("satellites"),
        signal=plain.get("signal"),
        alarms=Alarm(alarms.word(fields["alarm"])),
        status=_status(status),
        identity=identity(basic[:SIZE]) if basic else 0,
        attributes=attributes(items),
    )


def columns(bodies: Sequence[bytes], version: int = 2013) -> Columns:
    """0x0200 bodies -> FIX rows. A body that is too short or whose time is no date goes to `errors`."""
    rows = np.zeros(len(bodies), FIX)
    rows["satellites"] = rows["signal"] = -1
    for name in ("recorder_speed", "fuel", "odometer"):
        rows[name] = np.nan
    extra = [b""] * len(bodies)
    good = np.zeros(len(bodies), bool)
    errors: dict[int, str] = {}
    for size, where in _by_size(bodies).items():
        if size < SIZE:
            errors.update(dict.fromkeys(where.tolist(), "truncated"))
            continue
        block = np.frombuffer(b"".join([bodies[i] for i in where]), np.uint8).reshape(-1, size)
        rows[where] = _basic(block, rows[where], version)
        good[where] = rows["time"][where] != INVALID
        _items(block, where, rows, extra)
    for i in np.flatnonzero(~good).tolist():
        errors.setdefault(i, "time")
    source = np.flatnonzero(good)
    return Columns(rows[good], [extra[i] for i in source], source, errors)


def columns_2019(bodies: Sequence[bytes]) -> Columns:
    """The same for terminals that speak the 2019 edition."""
    return columns(bodies, 2019)


def _by_size(bodies: Sequence[bytes]) -> dict[int, NDArray[np.intp]]:
    sizes = np.fromiter(map(len, bodies), np.intp, len(bodies))
    return {int(size): np.flatnonzero(sizes == size) for size in np.unique(sizes)}


def _basic(block: NDArray[np.uint8], rows: NDArray[np.void], version: int) -> NDArray[np.void]:
    base = BASIC.columns(block)
    status = base["status"].astype("<u4")
    rows["time"] = times(base["time"])
    rows["identity"] = identities(block[:, :SIZE])
    rows["lat"] = np.where(status & SOUTH, -base["lat"], base["lat"])
    rows["lon"] = np.where(status & WEST, -base["lon"], base["lon"])
    rows["speed"] = base["speed"]
    rows["course"] = base["direction"]
    rows["altitude"] = base["altitude"]
    rows["alarms"] = (ALARMS_2019 if version >= 2019 else ALARMS).column(base["alarm"].astype("<u4"))
    rows["status"] = _status_column(status)
    return rows


def _items(
    block: NDArray[np.uint8], where: NDArray[np.intp], rows: NDArray[np.void], extra: list[bytes]
) -> None:
    """Fill the columns that items feed, group by group; other items become JSON."""
    for shape in shapes(block, SIZE):
        seen: set[str] = set()
        other = shape.tail < block.shape[1]
        for number, length, at in shape.items:
            name, layout = FIXED_ITEMS.get((number, length)), ITEMS.get((number, length))
            if name is None or name in seen or not isinstance(layout, Layout):
                other = True
                continue
            seen.add(name)
            rows[name][where[shape.rows]] = layout.columns(block[shape.rows, at : at + length])[name]
        if other:
            for row in shape.rows.tolist():
                extra[where[row]] = _json(block[row].tobytes())


def _json(body: bytes) -> bytes:
    flat = attributes(Items(ITEMS).read(Reader(body, SIZE)))
    return orjson.dumps(flat) if flat else b""


def split_batch(body: bytes) -> tuple[list[bytes], bool]:
    """A 0x0704 body -> its 0x0200 bodies, and whether they are blind-area catch-up.

    Raises ProtocolError when lengths and count do not fit the body.
    """
    reader = Reader(body)
    count, kind = int.from_bytes(reader.take(2), "big"), reader.take(1)[0]
    bodies = [reader.take(int.from_bytes(reader.take(2), "big")) for _ in range(count)]
    if not bodies:
        raise ProtocolError("empty", "a batch without positions", reply=2)
    return bodies, kind == 1


def decode_position(body: bytes) -> dict[str, Any]:
    """The fields of one 0x0200 body. Raises ProtocolError."""
    return POSITION.decode(body)
