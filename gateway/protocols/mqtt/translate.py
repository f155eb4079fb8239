"""JSON fixes: {"time","lat","lon","speed_kmh","course_deg","altitude_m","odometer_km","status":{...}}."""

from __future__ import annotations

import json
from typing import Any, TypeVar

from gateway.errors import ProtocolError
from gateway.report import Alarm, Position, Status
from gateway.rows import each
from gateway.wire.identity import identity
from gateway.wire.jsonfix import load, moment, number, obj, required

KNOWN = {
    "time", "lat", "lon", "speed_kmh", "course_deg", "altitude_m", "odometer_km", "satellites", "status", "alarms",
    "valid",
}  # fmt: skip
F = TypeVar("F", Status, Alarm)
MOST = 1000
"""Fixes in one message."""


def split(payload: bytes) -> list[bytes]:
    """One object or a list -> the objects, each as bytes. Raises ProtocolError."""
    value = load(payload)
    items = value if isinstance(value, list) else [value]
    if not items or len(items) > MOST:
        raise ProtocolError("length", f"{len(items)} fixes in one message, 1 to {MOST} are taken")
    return [payload] if items is not value else [json.dumps(i, ensure_ascii=False).encode() for i in items]


def position(body: bytes, terminal: str = "") -> Position:
    """One JSON object -> Position. Raises ProtocolError that names the key."""
    data = obj(load(body))
    valid = data.get("valid", True) is not False
    status = _flags(data, "status", Status) | (Status.POSITIONED if valid else Status(0))
    speed, odometer = number(data, "speed_kmh", 0, 1000), number(data, "odometer_km", 0, 1e7)
    basic = {key: data.get(key) for key in sorted(KNOWN)}
    satellites = number(data, "satellites", 0, 255)
    return Position(
        terminal=terminal,
        time=moment(data, "time"),
        lat=required(data, "lat", -90, 90),
        lon=required(data, "lon", -180, 180),
        valid=valid,
        speed=None if speed is None else speed / 3.6,
        course=number(data, "course_deg", 0, 360),
        altitude=number(data, "altitude_m", -500, 9000),
        odometer=None if odometer is None else round(odometer * 1000, 3),
        satellites=None if satellites is None else int(satellites),
        status=status,
        alarms=_flags(data, "alarms", Alarm),
        identity=identity(json.dumps(basic, sort_keys=True).encode()),
        attributes={key: value for key, value in data.items() if key not in KNOWN},
    )


def _flags(data: dict[str, Any], key: str, kind: type[F]) -> F:
    """{"occupied": true, ...} or ["occupied", ...] -> flags. Raises ProtocolError on an unknown name."""
    given = data.get(key) or {}
    wanted = [name for name, on in given.items() if on] if isinstance(given, dict) else given
    flags = kind(0)
    if not isinstance(wanted, list):
        raise ProtocolError("json", f"{key} must be an object or a list, not {given!r}")
    for name in wanted:
        try:
            flags |= kind[str(name).upper()]
        except KeyError as error:
            raise ProtocolError("json", f"{key} does not know {name!r}") from error
    return flags


read_json = each(position)
