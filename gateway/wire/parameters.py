"""Tables of a terminal's parameters: id -> one field, tolerant of devices that send another size."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any

from gateway.wire.field import Field
from gateway.wire.items import Table
from gateway.wire.kinds import Kind, Noughts, Number
from gateway.wire.layout import Layout

WIDER = {"B": (2, 4), "H": (4,)}


def row(number: int, name: str, kind: Kind, zh: str, unit: str = "", **words: Any) -> tuple[int, Field]:
    """One parameter; `bits`, `ranges` and `codes` as those of a field."""
    return number, Field(name, kind, unit, zh, **words)


def table(rows: Iterable[tuple[int, Field]]) -> Table:
    """Rows -> items.

    A small number is also read in two or four bytes: firmware exists that sends every number as u32.
    """
    found: dict[tuple[int, int | None], Kind] = {}
    for number, field in rows:
        size = struct.calcsize(">" + field.kind.code) if field.kind.code else None
        found[number, size] = Layout(field.name, field)
        for wider in WIDER.get(field.kind.code, ()) if isinstance(field.kind, Number) else ():
            added = wider - (size or 0)
            wide = Field(f"widened_by_{added}", Noughts(added), zh="高位补零")
            found[number, wider] = Layout(field.name, wide, field)
    return found
