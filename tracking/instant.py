"""Times as people and files write them -> seconds since 1970."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

LATEST_S = 4_102_444_800
"""2100-01-01: later times are milliseconds, or nonsense."""


def seconds(text: str, zone: tzinfo = UTC) -> float:
    """ISO 8601, of `zone` where it has no offset, or seconds since 1970. The text of its ValueError goes on from it."""
    try:
        at = datetime.fromisoformat(text) if not text.isdecimal() else None
    except ValueError:
        at = None
    value = _unix(text) if at is None else (at if at.tzinfo else at.replace(tzinfo=zone)).timestamp()
    if not 0 <= value < LATEST_S:
        raise ValueError("is not between 1970 and 2100")
    return value


def _unix(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError("is neither an ISO 8601 time nor seconds since 1970") from None
