"""Values out of JSON objects that devices sent: each is checked, each error says which key is wrong."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from gateway.errors import ProtocolError

LARGEST = 1e12
"""Beyond it a number is none that a device could mean, and no column could hold it."""


def load(payload: bytes) -> Any:
    """JSON -> value. Raises ProtocolError "json"."""
    try:
        return json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("json", str(error)) from error


def obj(value: Any) -> dict[str, Any]:
    """The value, which must be an object."""
    if not isinstance(value, dict):
        raise ProtocolError("json", f"an object is expected, not {type(value).__name__}")
    return value


def number(data: dict[str, Any], key: str) -> float | None:
    """A finite number, or None when the key is missing or null. Whether it is believable is judged elsewhere."""
    value = data.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= LARGEST:
        raise ProtocolError("json", f"{key} must be a number, not {str(value)[:40]!r}")
    return float(value)


def whole(data: dict[str, Any], key: str, low: int, high: int) -> int | None:
    """A whole number within bounds, or None when there is none: then the value stays an attribute."""
    value = data.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high else None


def required(data: dict[str, Any], key: str) -> float:
    value = number(data, key)
    if value is None:
        raise ProtocolError("json", f"{key} is missing")
    return value


def moment(data: dict[str, Any], key: str) -> datetime:
    """RFC 3339 with an offset, or seconds since the epoch -> aware UTC."""
    value = data.get(key)
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        time = datetime.fromisoformat(str(value))
    except (ValueError, OverflowError, OSError) as error:
        raise ProtocolError("time", f"{key} = {value!r} is no RFC 3339 time") from error
    if time.tzinfo is None:
        raise ProtocolError("time", f"{key} = {value!r} lacks its offset from UTC")
    return time.astimezone(UTC)
