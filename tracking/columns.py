"""Fixes in columns -> rows of PostgreSQL's binary COPY, without a loop over rows.

Format: PostgreSQL documentation, COPY, "Binary Format": a 19-byte head, per row a 16-bit count of
fields, per field a 32-bit length and its bytes, all big-endian, and a 16-bit -1 at the end.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gateway.report import FixBatch

HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TAIL = b"\xff\xff"
EPOCH_2000_US = 946_684_800_000_000
"""PostgreSQL counts time in microseconds from 2000-01-01 UTC."""

FIXED = (
    ("terminal_id", ">i4"), ("time", ">i8"), ("identity", ">i8"), ("received", ">i8"), ("lat", ">f8"), ("lon", ">f8"),
    ("speed", ">f4"), ("course", ">f4"), ("altitude", ">f4"), ("recorder_speed", ">f4"), ("fuel", ">f4"),
    ("odometer", ">f8"), ("alarms", ">i8"), ("status", ">i4"), ("flags", ">i2"), ("satellites", ">i2"),
    ("signal", ">i2"),
)  # fmt: skip
"""Columns of `position` that every row fills, in the order of COPY; `attributes` follows them."""
COLUMNS = (*(name for name, _ in FIXED), "attributes")
ROW = np.dtype(
    [("fields", ">i2")]
    + [part for name, code in FIXED for part in ((f"{name}_length", ">i4"), (name, code))]
    + [("attributes_length", ">i4")]
)
JSONB_VERSION = b"\x01"
MICROSECONDS = ("time", "received")


def copy_rows(batch: FixBatch, terminal_ids: NDArray[np.int32]) -> bytes:
    """The whole stream of a COPY `position` FROM STDIN (FORMAT BINARY).

    terminal_ids  shape (n,): the database's id of each fix's terminal
    """
    rows = np.zeros(len(batch), ROW)
    rows["fields"] = len(COLUMNS)
    rows["terminal_id"] = terminal_ids
    for name, code in FIXED:
        rows[f"{name}_length"] = np.dtype(code).itemsize
        if name != "terminal_id":
            values = batch.rows[name]
            rows[name] = values - EPOCH_2000_US if name in MICROSECONDS else values
    rows["attributes_length"] = -1
    if not any(batch.attributes):
        return b"".join((HEAD, rows.tobytes(), TAIL))
    return b"".join((HEAD, _with_attributes(rows, batch.attributes), TAIL))


def _with_attributes(rows: NDArray[np.void], attributes: Sequence[bytes]) -> bytes:
    """Rows with their JSON behind them, where there is any."""
    parts: list[bytes] = []
    raw, size, done = rows.tobytes(), ROW.itemsize, 0
    for i, text in enumerate(attributes):
        if text:
            end = (i + 1) * size
            parts += (raw[done : end - 4], (len(text) + 1).to_bytes(4, "big"), JSONB_VERSION, text)
            done = end
    return b"".join((*parts, raw[done:]))
