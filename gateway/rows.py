"""Positions that are read one at a time -> FIX rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import orjson
from numpy.typing import NDArray

from gateway.errors import ProtocolError
from gateway.report import FIX, Position, micros
from gateway.session import Columns

OPTIONAL = ("speed", "course", "altitude", "recorder_speed", "fuel", "odometer", "satellites", "signal")
"""Fields of a Position that may be None, each with a column of its own."""


def blank(count: int) -> NDArray[np.void]:
    """FIX rows in which nothing is reported yet."""
    rows = np.zeros(count, FIX)
    rows["satellites"] = rows["signal"] = -1
    for name in ("speed", "course", "altitude", "recorder_speed", "fuel", "odometer"):
        rows[name] = np.nan
    return rows


def rows_of(results: Sequence[Position | ProtocolError]) -> Columns:
    """Positions that were read one at a time -> FIX rows; errors keep their index."""
    good = [(i, p) for i, p in enumerate(results) if isinstance(p, Position)]
    errors = {i: e.cause for i, e in enumerate(results) if isinstance(e, ProtocolError)}
    rows = blank(len(good))
    for row, (_, p) in zip(rows, good, strict=True):
        row["time"], row["identity"], row["lat"], row["lon"] = micros(p.time), p.identity, p.lat, p.lon
        row["alarms"], row["status"] = int(p.alarms), int(p.status)
        for name in OPTIONAL:
            if (value := getattr(p, name)) is not None:
                row[name] = value
    extra = [orjson.dumps(p.attributes) if p.attributes else b"" for _, p in good]
    return Columns(rows, extra, np.array([i for i, _ in good], np.intp), errors)


def each(read_one: Callable[[bytes], Position]) -> Callable[[Sequence[bytes]], Columns]:
    """A reader of one body -> a translator of many."""

    def read(bodies: Sequence[bytes]) -> Columns:
        results: list[Position | ProtocolError] = []
        for body in bodies:
            try:
                results.append(read_one(body))
            except ProtocolError as error:
                results.append(error)
        return rows_of(results)

    return read
