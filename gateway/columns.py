"""Bodies of positions -> FIX rows, for every protocol whose position is a fixed part plus items."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from gateway.rows import blank
from gateway.session import Columns
from gateway.wire import plain
from gateway.wire.bcd import INVALID
from gateway.wire.identity import identities
from gateway.wire.items import Items, Table
from gateway.wire.layout import Layout
from gateway.wire.reader import Reader
from gateway.wire.spans import Spans
from gateway.wire.tlv import Item, shapes, walk

MOST_SHAPES = 32
"""Arrangements of items in one batch that are read in columns; bodies beyond are read one at a time."""

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
        return self.read_spans(Spans.of(bodies))

    def read_spans(self, bodies: Spans) -> Columns:
        """The same of bodies inside one buffer."""
        rows = blank(len(bodies))
        extra = [b""] * len(bodies)
        good = np.zeros(len(bodies), bool)
        errors: dict[int, str] = {}
        most = MOST_SHAPES
        for size, where in bodies.by_size():
            if size < self.size:
                errors.update(dict.fromkeys(where.tolist(), "truncated"))
                continue
            block = bodies[where].first(size)
            part = rows[where]
            part["identity"] = identities(block[:, : self.size])
            self.fill(block, part)
            rows[where] = part
            good[where] = part["time"] != INVALID
            most -= self._read_items(block, where, rows, extra, most)
        errors.update(dict.fromkeys(np.flatnonzero(~good).tolist(), "time") | errors)
        source = np.flatnonzero(good)
        return Columns(rows[good], [extra[i] for i in source], source, errors)

    def _read_items(
        self, block: NDArray[np.uint8], where: NDArray[np.intp], rows: NDArray[np.void], extra: list[bytes], most: int
    ) -> int:
        """Fill the columns that items feed, group by group; the others become JSON attributes.

        most  groups that may be made; returns how many were
        """
        known: dict[bytes, tuple[bytes, int]] = {}
        groups, left = shapes(block, self.size, most)
        for shape in groups:
            fed, others = self._part(shape.items)
            for name, (number, length, at) in fed.items():
                values = self._values(number, length, block[shape.rows, at : at + length])
                rows[name][where[shape.rows]] = values
            if shape.tail == block.shape[1] and all(self._simple(number, length) for number, length, _ in others):
                self._tell(others, block[shape.rows], where[shape.rows], extra)
            else:
                told = _named(shape.items, fed, others)
                places = [i for _, length, at in told for i in range(at - 2, at + length)]
                places += range(shape.tail, block.shape[1])
                self._read_others(block[shape.rows][:, places], where[shape.rows], rows, extra, known)
        if left.size:
            self._read_alone(block[left], where[left], rows, extra)
        return len(groups)

    def _read_alone(
        self, block: NDArray[np.uint8], where: NDArray[np.intp], rows: NDArray[np.void], extra: list[bytes]
    ) -> None:
        """The same where hardly two bodies have their items at the same places: walked one at a time."""
        found: dict[tuple[str, int, int], list[tuple[int, bytes]]] = {}
        for row, values in zip(where.tolist(), block, strict=True):
            body = values.tobytes()
            items, tail = walk(body, self.size)
            fed, others = self._part(items)
            for name, (number, length, at) in fed.items():
                found.setdefault((name, number, length), []).append((row, body[at : at + length]))
            told = _named(items, fed, others)
            content = b"".join([body[at - 2 : at + length] for _, length, at in told]) + body[tail:]
            if content:
                extra[row], alarms = self._told(content)
                rows["alarms"][row] |= np.uint64(alarms)
        for (name, number, length), raws in found.items():
            column = np.frombuffer(b"".join([raw for _, raw in raws]), np.uint8).reshape(-1, length)
            rows[name][[row for row, _ in raws]] = self._values(number, length, column)

    def _part(self, items: Sequence[Item]) -> tuple[dict[str, Item], list[Item]]:
        """Items that feed a column, the first for each, and the others."""
        fed: dict[str, Item] = {}
        others: list[Item] = []
        for item in items:
            name = self.columns.get(item[:2])
            if name is None or name in fed or not isinstance(self.items.get(item[:2]), Layout):
                others.append(item)
            else:
                fed[name] = item
        return fed, others

    def _values(self, number: int, length: int, raw: NDArray[np.uint8]) -> NDArray[Any]:
        """What items of one field say in SI; shape (n, length) -> (n,)."""
        layout = self.items[number, length]
        assert isinstance(layout, Layout)
        (values,) = layout.columns(raw).values()
        return values

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


def _named(items: Sequence[Item], fed: Mapping[str, Item], others: Sequence[Item]) -> Sequence[Item]:
    """The items to read for attributes: all of them where one repeats the id of a column's, and is named after that."""
    feeding = {number for number, _, _ in fed.values()}
    return items if any(number in feeding for number, _, _ in others) else others
