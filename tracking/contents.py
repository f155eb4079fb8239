"""What stands in a content that no table took, for people to read: as much of it as can be made out."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from gateway.report import Alarm, FixBatch, Flag, Status, moment, names

MOST_FIXES = 100
"""Of one content that are told."""
BITS: Mapping[str, type[Alarm] | type[Status] | type[Flag]] = {"alarms": Alarm, "status": Status, "flags": Flag}
PLAIN = (ValueError, RecursionError)


def told(kind: str, content: bytes) -> tuple[Any, str]:
    """A content of this kind (see `gateway.spool`) as plain values, or None and why not.

    Fixes: the first hundred by name, in the units of `gateway.report.FIX`; NaN is None. Whatever else came: its JSON.
    """
    try:
        value = list(_fixes(content)) if kind == "fix" else json.loads(content)
        json.dumps(value, allow_nan=False)
    except PLAIN as error:
        return None, str(error)
    return value, ""


def _fixes(content: bytes) -> Iterator[dict[str, Any]]:
    batch = FixBatch.from_bytes(content)
    for row, attributes in zip(batch.rows[:MOST_FIXES], batch.attributes, strict=False):
        yield {
            "terminal": batch.terminals[row["terminal"]],
            **{name: _value(name, row[name]) for name in batch.rows.dtype.names or () if name != "terminal"},
            "attributes": _attributes(attributes),
        }


def _value(name: str, value: np.generic) -> Any:
    plain = value.item()
    if name in BITS:
        return names(BITS[name](plain))
    if name in ("time", "received"):
        return _moment(plain)
    if name == "identity":
        return f"{plain & (1 << 64) - 1:016x}"  # more than a number of JavaScript holds
    if isinstance(plain, float):
        return float(f"{plain:.9g}") if math.isfinite(plain) else None
    return plain


def _moment(microseconds: int) -> str:
    try:
        return moment(microseconds).isoformat().replace("+00:00", "Z")
    except OverflowError:
        return f"{microseconds} µs"


def _attributes(text: bytes) -> Any:
    """JSON, or the text itself where it is none that can be told."""
    try:
        value = json.loads(text) if text else {}
        json.dumps(value, allow_nan=False)
    except PLAIN:
        return text.decode("utf-8", "replace")
    return value
