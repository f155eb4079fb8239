"""Values out of JSON objects that devices sent: each is checked, each error says which key is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from gateway.errors import ProtocolError

LARGEST = 1e12
"""Beyond it a number is none that a device could mean, and no column could hold it."""
DEEPEST = 64
"""Objects and lists inside each other that are taken; writers of JSON have bounds of their own."""


def load(payload: bytes) -> Any:
    """JSON -> value that everyone downstream can keep. Raises ProtocolError "json" that says where it is wrong.

    Python reads more than others write: integers of any size, halves of surrogate pairs, any depth.
    A text with U+0000 is no text to a database.
    """
    try:
        value = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("json", str(error)) from error
    _check(value, ())
    return value


def _check(value: Any, path: tuple[str | int, ...]) -> None:
    match value:
        case str():
            _check_text(value, path)
        case int() if not -(1 << 63) <= value < 1 << 64:
            raise ProtocolError("json", f"{_place(path)} is an integer of more than 64 bits")
        case dict() | list():
            if len(path) >= DEEPEST:
                raise ProtocolError("json", f"objects and lists inside each other more than {DEEPEST} deep")
            inner: Iterable[tuple[str | int, Any]] = value.items() if isinstance(value, dict) else enumerate(value)
            for key, one in inner:
                if isinstance(key, str):
                    _check_text(key, path)
                _check(one, (*path, key))


def _check_text(text: str, path: tuple[str | int, ...]) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ProtocolError("json", f"{_place(path)}: {error.object[error.start]!r} is half a character") from error
    if "\0" in text:
        raise ProtocolError("json", f"{_place(path)}: a text with U+0000")


def _place(path: tuple[str | int, ...]) -> str:
    """The way to a value: "status.door[2]"."""
    keys = (f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)
    return ascii("".join(keys).removeprefix("."))[1:-1] or "the value"


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
        if time.tzinfo is None:
            raise ProtocolError("time", f"{key} = {value!r} lacks its offset from UTC")
        return time.astimezone(UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise ProtocolError("time", f"{key} = {value!r} is no RFC 3339 time") from error
