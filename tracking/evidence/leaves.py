"""Fixes as bytes, the same from the table and from the archive's files.

An entry is the word `taxihub position 1`, a zero, the terminal's key, a zero, the columns of `tracking.columns.FIXED`
behind the terminal packed big-endian (times in microseconds since 1970, NaN as one NaN), and the attributes' JSON as
the database writes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tracking.columns import COLUMNS, FIXED, MICROSECONDS
from tracking.evidence import merkle

HEAD = b"taxihub position 1\0"
PACKED = np.dtype([(name, code) for name, code in FIXED if name != "terminal_id"])
KEY = np.dtype([("time", ">i8"), ("identity", ">i8")])
Key = tuple[int, int]
"""Time in microseconds since 1970, identity."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Of one terminal, in the order of their keys.

    packed   PACKED records, shape (n,)
    entries  as bytes, and their hashes
    """

    terminal: str
    packed: NDArray[np.void]
    entries: Sequence[bytes]
    leaves: Sequence[bytes]

    def keys(self) -> list[Key]:
        return list(zip(self.packed["time"].tolist(), self.packed["identity"].tolist(), strict=True))

    @property
    def hours(self) -> NDArray[np.int64]:
        """Seconds since 1970 at which the hour of each begins."""
        hours: NDArray[np.int64] = self.packed["time"].astype(np.int64) // 3_600_000_000 * 3600
        return hours


def rows(table: pa.Table) -> Iterator[Rows]:
    """A table in the form of the archive's, terminal by terminal in the order of their keys."""
    order = [("terminal", "ascending"), ("time", "ascending"), ("identity", "ascending")]
    table = table.sort_by(order).combine_chunks()
    terminals = np.array(table["terminal"].to_pylist(), object)
    packed, texts = _packed(table), table[COLUMNS[-1]].to_pylist()
    edges = [0, *(np.flatnonzero(terminals[1:] != terminals[:-1]) + 1).tolist(), len(terminals)]
    for start, end in pairwise(edges):
        if start < end:
            yield _rows(str(terminals[start]), packed[start:end], texts[start:end])


def _packed(table: pa.Table) -> NDArray[np.void]:
    packed = np.zeros(table.num_rows, PACKED)
    for name in PACKED.names or ():
        column = table[name].cast(pa.int64()) if name in MICROSECONDS else table[name]
        values = column.to_numpy(zero_copy_only=False) if isinstance(column, pa.Array) else column.to_numpy()
        packed[name] = np.where(np.isnan(values), np.nan, values) if values.dtype.kind == "f" else values
    return packed


def _rows(terminal: str, packed: NDArray[np.void], texts: Sequence[str | None]) -> Rows:
    entries = list(packing(terminal, packed, texts))
    return Rows(terminal, packed, entries, [merkle.leaf(entry) for entry in entries])


def packing(terminal: str, packed: NDArray[np.void], texts: Sequence[str | None]) -> Iterator[bytes]:
    head, raw, size = HEAD + terminal.encode() + b"\0", packed.tobytes(), packed.dtype.itemsize
    for number, text in enumerate(texts):
        yield head + raw[number * size : (number + 1) * size] + (text or "").encode()


def told(entry: bytes) -> dict[str, Any]:
    """An entry by name: terminal, the packed columns as plain numbers, attributes as text. Raises ValueError."""
    if not entry.startswith(HEAD):
        raise ValueError("this is no fix")
    terminal, _, rest = entry[len(HEAD) :].partition(b"\0")
    row = np.frombuffer(rest[: PACKED.itemsize], PACKED)[0]
    values = {name: row[name].item() for name in PACKED.names or ()}
    return {"terminal": terminal.decode(), **values, "attributes": rest[PACKED.itemsize :].decode()}
