"""Fixes in columns -> rows of PostgreSQL's binary COPY, without a loop over rows.

Format: PostgreSQL documentation, COPY, "Binary Format": a 19-byte head, per row a 16-bit count of
fields, per field a 32-bit length and its bytes, all big-endian, and a 16-bit -1 at the end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gateway.report import FixBatch, Flag

HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TAIL = b"\xff\xff"
DAY_US = 86_400_000_000
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


@dataclass(frozen=True, slots=True)
class Encoded:
    """A batch as streams of COPY.

    rows    all fixes
    latest  those which a last state may follow: of each terminal the last received and the newest good live one
    """

    rows: bytes
    latest: bytes


def encode(batch: FixBatch, terminal_ids: NDArray[np.int32]) -> Encoded:
    """Streams in the order of the key: the index grows in few places, and a route lies in few pages.

    terminal_ids  shape (n,): the database's id of each fix's terminal
    """
    order = np.lexsort((batch.rows["time"], terminal_ids))
    batch, terminal_ids = batch.only(order), terminal_ids[order]
    latest = np.union1d(batch.newest("received", Flag(0)), batch.newest())
    bare = FixBatch(batch.terminals, batch.rows[latest], ())
    return Encoded(copy_rows(batch, terminal_ids), copy_rows(bare, terminal_ids[latest]))


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
    lengths = np.fromiter(map(len, batch.attributes), np.int32, len(batch.attributes))
    filled = np.flatnonzero(lengths)
    rows["attributes_length"] = -1
    rows["attributes_length"][filled] = lengths[filled] + len(JSONB_VERSION)
    return b"".join((HEAD, *_with_attributes(rows.tobytes(), batch.attributes, filled), TAIL))


def _with_attributes(raw: bytes, attributes: Sequence[bytes], filled: NDArray[np.intp]) -> Iterator[bytes]:
    """Rows with their JSON behind them, where there is any."""
    done = 0
    for i, end in zip(filled.tolist(), ((filled + 1) * ROW.itemsize).tolist(), strict=True):
        yield raw[done:end]
        yield JSONB_VERSION
        yield attributes[i]
        done = end
    yield raw[done:]
