"""Tables of a terminal's parameters: id -> one field, tolerant of devices that send another size."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any

from gateway.wire.field import Field
from gateway.wire.items import Table
from gateway.wire.kinds import Kind, Number
from gateway.wire.layout import Layout

SIZES = ("B", "H", "I")
Row = tuple[Any, ...]


def row(number: int, name: str, kind: Kind, zh: str, unit: str = "", **words: Any) -> tuple[int, Field]:
    """One parameter; `bits`, `ranges` and `codes` as those of a field."""
    return number, Field(name, kind, unit, zh, **words)


def table(rows: Iterable[tuple[int, Field]]) -> Table:
    """Rows -> items. The standard's size comes first, so that it is the one that is written.

    A whole number is read in one, two or four bytes: firmware exists that sends each of them as u32.
    """
    found: dict[tuple[int, int | None], Kind] = {}
    for number, field in rows:
        kind = field.kind
        if not isinstance(kind, Number):
            found[number, struct.calcsize(">" + kind.code) if kind.code else None] = Layout(field.name, field)
            continue
        for code in (kind.code, *(size for size in SIZES if size != kind.code)):
            other = Field(
                field.name, Number(code, kind.scale, kind.offset), field.unit, field.zh, field.bits, field.ranges,
                    field.codes
            )  # fmt: skip
            found[number, struct.calcsize(">" + code)] = Layout(field.name, other)
    return found
