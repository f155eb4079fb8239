"""JSON fixes: {"time","lat","lon","speed_kmh","course_deg","altitude_m","odometer_km","status":{...}}."""

from __future__ import annotations

import json
from typing import Any, TypeVar

from gateway.columns import each
from gateway.errors import ProtocolError
from gateway.report import Alarm, Position, Status
from gateway.wire.identity import identity
from gateway.wire.jsonfix import load, moment, number, obj, required, whole

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
    status, other_status = _flags(data, "status", Status)
    alarms, other_alarms = _flags(data, "alarms", Alarm)
    speed, odometer, satellites = (
        number(data, "speed_kmh"),
        number(data, "odometer_km"),
        whole(data, "satellites", 0, 255),
    )
    basic = {key: data.get(key) for key in sorted(KNOWN)}
    attributes = {key: value for key, value in data.items() if key not in KNOWN} | other_status | other_alarms
    if satellites is None and data.get("satellites") is not None:
        attributes["satellites"] = data["satellites"]
    return Position(
        terminal=terminal,
        time=moment(data, "time"),
        lat=required(data, "lat"),
        lon=required(data, "lon"),
        valid=valid,
        speed=None if speed is None else speed / 3.6,
        course=number(data, "course_deg"),
        altitude=number(data, "altitude_m"),
        odometer=None if odometer is None else round(odometer * 1000, 3),
        satellites=satellites,
        status=status | (Status.POSITIONED if valid else Status(0)),
        alarms=alarms,
        identity=identity(json.dumps(basic, sort_keys=True).encode()),
        attributes=attributes,
    )


def _flags(data: dict[str, Any], key: str, kind: type[F]) -> tuple[F, dict[str, Any]]:
    """{"occupied": true, ...} or ["occupied", ...] -> flags, and what else is said there, as attributes."""
    given = data.get(key)
    said = dict.fromkeys(map(str, given), True) if isinstance(given, list) else given
    if not isinstance(said, dict):
        return kind(0), {} if given is None else {key: given}
    flags, rest = kind(0), dict[str, Any]()
    for name, on in said.items():
        flag = kind.__members__.get(name.upper())
        if flag is None or not (on is None or on in (False, True)):
            rest[name] = on
        elif on:
            flags |= flag
    return flags, {key: rest} if rest else {}


read_json = each(position)
