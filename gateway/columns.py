"""Bodies of positions -> FIX rows, for every protocol whose position is a fixed part plus items."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from gateway.errors import ProtocolError
from gateway.report import FIX, Position, micros
from gateway.session import Columns
from gateway.wire import plain
from gateway.wire.bcd import INVALID
from gateway.wire.identity import identities
from gateway.wire.items import Items, Table
from gateway.wire.layout import Layout
from gateway.wire.reader import Reader
from gateway.wire.tlv import shapes

OPTIONAL = ("speed", "course", "altitude", "recorder_speed", "fuel", "odometer", "satellites", "signal")
"""Fields of a Position that may be None, each with a column of its own."""

Item = tuple[int, int, int]
"""Id, length and offset of the value."""
Fill = Callable[[NDArray[np.uint8], NDArray[np.void]], None]


def no_alarms(items: Mapping[str, Mapping[str, Any]]) -> int:
    return 0


@dataclass(frozen=True)
class PositionTable:
    """What a protocol says of its positions.

    basic    the fixed part
    items    (id, length) -> layout of an additional item
    columns  (id, length) -> the FIX column that it feeds; all other items become attributes
    fill     writes a block of basic bodies, shape (n, >= size) u8, into FIX rows, shape (n,)
    alarms   what decoded items say beyond the word of alarms, as a mask of `Alarm`
    alarm_ids  ids of the items that `alarms` looks at
    """

    basic: Layout
    items: Table
    columns: Mapping[tuple[int, int], str]
    fill: Fill
    alarms: Callable[[Mapping[str, Mapping[str, Any]]], int] = no_alarms
    alarm_ids: frozenset[int] = frozenset()
    size: int = field(init=False)
    kind: Items = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", self.basic.size)
        object.__setattr__(self, "kind", Items(self.items))

    def split(
        self, items: Mapping[str, Mapping[str, Any]], kind: Items | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Values of the columns, as the items give them, and the attributes; the first of several counts.

        kind  how the items were read, where a dialect reads them otherwise
        """
        columns, rest = dict[str, Any](), dict[str, Mapping[str, Any]]()
        names = {(number, name) for (number, _), name in self.columns.items()}
        for key, item in items.items():
            found = [name for name in item if (int(key[:4], 16), name) in names] if key[:2] == "0x" else []
            if not found:
                rest[key] = item
            for name in found:
                columns.setdefault(name, item[name])
        return columns, plain.items(kind or self.kind, rest)

    def read(self, bodies: Sequence[bytes]) -> Columns:
        """FIX rows of all readable bodies; too short ones and impossible times go to `errors`."""
        rows = blank(len(bodies))
        extra = [b""] * len(bodies)
        good = np.zeros(len(bodies), bool)
        errors: dict[int, str] = {}
        for size, where in _by_size(bodies).items():
            if size < self.size:
                errors.update(dict.fromkeys(where.tolist(), "truncated"))
                continue
            block = np.frombuffer(b"".join([bodies[i] for i in where]), np.uint8).reshape(-1, size)
            part = rows[where]
            part["identity"] = identities(block[:, : self.size])
            self.fill(block, part)
            rows[where] = part
            good[where] = part["time"] != INVALID
            self._read_items(block, where, rows, extra)
        errors.update(dict.fromkeys(np.flatnonzero(~good).tolist(), "time") | errors)
        source = np.flatnonzero(good)
        return Columns(rows[good], [extra[i] for i in source], source, errors)

    def _read_items(
        self, block: NDArray[np.uint8], where: NDArray[np.intp], rows: NDArray[np.void], extra: list[bytes]
    ) -> None:
        """Fill the columns that items feed, group by group; the others become JSON attributes."""
        known: dict[bytes, tuple[bytes, int]] = {}
        for shape in shapes(block, self.size):
            seen: set[str] = set()
            others: list[Item] = []
            for number, length, at in shape.items:
                name, layout = self.columns.get((number, length)), self.items.get((number, length))
                if name is None or name in seen or not isinstance(layout, Layout):
                    others.append((number, length, at))
                    continue
                seen.add(name)
                rows[name][where[shape.rows]] = layout.columns(block[shape.rows, at : at + length])[name]
            if shape.tail == block.shape[1] and all(self._simple(number, length) for number, length, _ in others):
                self._tell(others, block[shape.rows], where[shape.rows], extra)
            else:
                places = [i for _, length, at in others for i in range(at - 2, at + length)]
                places += range(shape.tail, block.shape[1])
                self._read_others(block[shape.rows][:, places], where[shape.rows], rows, extra, known)

    def _simple(self, number: int, length: int) -> bool:
        """Whether an item is nothing but numbers that become attributes."""
        return (
            (number, length) not in self.columns
            and number not in self.alarm_ids
            and plain.simple(self.items.get((number, length)))
        )

    def _tell(
        self, items: Sequence[Item], block: NDArray[np.uint8], where: NDArray[np.intp], extra: list[bytes]
    ) -> None:
        """Attributes of rows with the same items, column by column."""
        layouts = [(self.items[number, length], block[:, at : at + length]) for number, length, at in items]
        columns = plain.columns([(layout, values) for layout, values in layouts if isinstance(layout, Layout)])
        names = [name for name, _ in columns]
        for row, values in zip(where.tolist(), zip(*(c for _, c in columns), strict=True), strict=False):
            extra[row] = orjson.dumps(dict(zip(names, values, strict=True)))

    def _read_others(
        self,
        items: NDArray[np.uint8],
        where: NDArray[np.intp],
        rows: NDArray[np.void],
        extra: list[bytes],
        known: dict[bytes, tuple[bytes, int]],
    ) -> None:
        """Attributes and alarms of items of every kind, each content read once."""
        alarms = np.zeros(len(where), np.uint64)
        for i, (row, item) in enumerate(zip(where.tolist(), items, strict=True)):
            content = item.tobytes()
            if content not in known:
                known[content] = self._told(content)
            extra[row], alarms[i] = known[content]
        rows["alarms"][where] |= alarms

    def _told(self, content: bytes) -> tuple[bytes, int]:
        items = self.kind.read(Reader(content))
        _, attributes = self.split(items)
        return orjson.dumps(attributes) if attributes else b"", self.alarms(items)


def blank(count: int) -> NDArray[np.void]:
    """FIX rows in which nothing is reported yet."""
    rows = np.zeros(count, FIX)
    rows["satellites"] = rows["signal"] = -1
    for name in ("speed", "course", "altitude", "recorder_speed", "fuel", "odometer"):
        rows[name] = np.nan
    return rows


def _by_size(bodies: Sequence[bytes]) -> dict[int, NDArray[np.intp]]:
    sizes = np.fromiter(map(len, bodies), np.intp, len(bodies))
    return {int(size): np.flatnonzero(sizes == size) for size in np.unique(sizes)}


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
