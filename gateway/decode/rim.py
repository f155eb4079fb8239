"""The published language as JSON for people and other systems: units in the names, flags by name.

Inside, values are SI; here a speed is `speed_kmh`, a way `odometer_km`. Times are RFC 3339 in UTC.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson

from gateway.explain import Decoded
from gateway.report import KINDS, Alarm, Report, Status, names

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

UNITS = {
    "speed": ("speed_kmh", 3.6),
    "recorder_speed": ("recorder_speed_kmh", 3.6),
    "course": ("course_deg", 1),
    "altitude": ("altitude_m", 1),
    "odometer": ("odometer_km", 0.001),
    "fuel": ("fuel_l", 1),
    "distance": ("distance_km", 0.001),
    "empty_distance": ("empty_distance_km", 0.001),
    "occupied_distance": ("occupied_distance_km", 0.001),
    "between_distance": ("between_distance_km", 0.001),
    "total_distance": ("total_distance_km", 0.001),
    "total_occupied_distance": ("total_occupied_distance_km", 0.001),
    "waiting": ("waiting_s", 1),
    "timing": ("timing_s", 1),
}
"""Attribute of a report -> its name here, and the factor from SI."""
HIDDEN = {"identity"}
DIGITS = 9
"""Decimals that are kept: more than any terminal sends, fewer than binary fractions leave behind."""


flag_names = lru_cache(4096, typed=True)(names)
"""The same few combinations of flags come again and again. Typed: equal flags of two kinds have other names."""


def report(said: Report) -> dict[str, Any]:
    """{"kind": ..., ...} of one report."""
    return {"kind": KINDS[type(said)], **_members(said)}


def _members(said: DataclassInstance) -> dict[str, Any]:
    return dict(_pair(f.name, getattr(said, f.name)) for f in fields(said) if f.name not in HIDDEN)


def _pair(name: str, value: Any) -> tuple[str, Any]:
    if name in UNITS:
        shown, factor = UNITS[name]
        return shown, None if value is None else round(value * factor, DIGITS)
    if isinstance(value, Status):
        return name, dict.fromkeys(flag_names(value), True)
    if isinstance(value, Alarm):
        return name, flag_names(value)
    if is_dataclass(value) and not isinstance(value, type):
        return name, _members(value)
    return name, value.astimezone(UTC) if isinstance(value, datetime) else value


def frame(decoded: Decoded) -> dict[str, Any]:
    """One frame as JSON: what it is, whether it is good, and its fields."""
    return {
        "message": decoded.message or None,
        "message_id": None if decoded.message_id is None else f"0x{decoded.message_id:04X}",
        "terminal": decoded.terminal or None,
        "serial": decoded.serial,
        "ok": decoded.error is None,
        "error": None if decoded.error is None else str(decoded.error),
        "fields": decoded.fields,
    }


def dumps(value: Any) -> bytes:
    """JSON in one line: bytes as hex, money as decimal text, times as RFC 3339."""
    return orjson.dumps(value, default=_plain, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS)


def shown(value: Any) -> str:
    """A value for a cell of a table."""
    if isinstance(value, bytes | Decimal | date | time):
        return str(_plain(value)) if isinstance(value, bytes | Decimal) else value.isoformat()
    return value if isinstance(value, str) else dumps(value).decode()


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no place in JSON")
