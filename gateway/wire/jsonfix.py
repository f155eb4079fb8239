"""Values out of JSON objects that devices sent: each is checked, each error says which key is wrong."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

from gateway.errors import ProtocolError


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


def number(data: dict[str, Any], key: str, low: float, high: float) -> float | None:
    """A finite number within bounds, or None when the key is missing or null."""
    value = data.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ProtocolError("json", f"{key} must be a number, not {value!r}")
    if not low <= value <= high:
        raise ProtocolError("range", f"{key} = {value} is outside {low}..{high}")
    return float(value)


def required(data: dict[str, Any], key: str, low: float, high: float) -> float:
    value = number(data, key, low, high)
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
