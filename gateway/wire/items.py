"""Items of id, length and value, as many as there are (JT/T 808-2019, 8.12.3 and 8.10)."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from gateway.errors import ProtocolError
from gateway.wire.field import Field
from gateway.wire.groups import whole
from gateway.wire.kinds import U8, Kind, Number, Raw
from gateway.wire.layout import Layout
from gateway.wire.reader import Reader, Span

UNKNOWN = Layout("unknown item", Field("raw", Raw(), zh="未知项"))
REST = ("truncated", "padding")
Table = Mapping[tuple[int, int | None], Kind]


@dataclass(frozen=True)
class Items:
    """Items until the end, or as many as `count` says.

    table   (id, length) -> layout, or (id, None) for any length; devices reuse ids with other
            lengths, hence the pair. An unknown pair, and an item that its layout cannot read, is
            kept as bytes under "raw"
    id      how the id stands on the wire
    length  how the length stands on the wire
    swapped the length stands before the id and counts it

    Values are keyed by the id in hex, a repeated one as "0x01#2". A last item that is cut short is
    kept as "truncated" and never costs the message; noughts to the end are "padding". Where a count
    says so, they tell how many items are missing.
    """

    table: Table
    id: Number = U8
    length: Number = U8
    count: Number | None = None
    swapped: bool = False
    code: str = ""

    @property
    def label(self) -> str:
        head = f"{self.count.label} count x " if self.count else "n x "
        parts = (f"length {self.length.label}", f"id {self.id.label}")
        return f"{head}{{{', '.join(parts if self.swapped else reversed(parts))}, value}}"

    def value(self, raw: Any) -> Any:
        return raw

    def read(self, reader: Reader) -> dict[str, dict[str, Any]]:
        items: dict[str, dict[str, Any]] = {}
        times: Counter[int] = Counter()
        wanted, path = None, reader.path
        if self.count is not None:
            start, wanted = reader.pos, int(self.count.read(reader))
            reader.note(start, "count", wanted, "个数")
        told = reader.pos + len(reader.data[reader.pos : reader.end].rstrip(b"\0"))
        while reader.left if wanted is None else len(items) < wanted:
            start = reader.pos
            number, length = self._next(reader)
            if length > reader.left or (number == length == 0 and start >= told):
                reader.pos = start
                self._rest(reader, items, "truncated" if length > reader.left - self.head else "padding", wanted)
                break
            times[number] += 1
            key = self._key(number, times[number])
            reader.note(start, key, length, "项ID和长度", f"{length} bytes")
            kind = self.table.get((number, length)) or self.table.get((number, None)) or UNKNOWN
            items[key] = _tolerant(kind, reader.within(length, f"{path}.{key}" if path else key))
        return items

    def _rest(self, reader: Reader, items: dict[str, dict[str, Any]], name: str, wanted: int | None) -> None:
        """Keep what is no whole item, and how many items are missing where their number is known."""
        start, raw = reader.pos, reader.rest()
        reader.note(start, name, raw, "", "no whole item" if name == "truncated" else "")
        items[name] = {"raw": raw} if wanted is None else {"raw": raw, "missing": wanted - len(items)}

    def _next(self, reader: Reader) -> tuple[int, int]:
        """Id and length of the next item; the length is beyond the end when they are cut short."""
        wide, size = self.widths
        start, data = reader.pos, reader.data
        if wide + size > reader.left:
            return -1, reader.left + 1
        reader.pos = start + wide + size
        if not self.swapped:
            return int.from_bytes(data[start : start + wide], "big"), int.from_bytes(
                data[start + wide : reader.pos], "big"
            )
        length = int.from_bytes(data[start : start + size], "big") - wide
        number = int.from_bytes(data[start + size : reader.pos], "big")
        return number, length if length >= 0 else reader.left + 1

    @property
    def head(self) -> int:
        """Bytes of an item before its value."""
        return sum(self.widths)

    @cached_property
    def widths(self) -> tuple[int, int]:
        """Bytes of id and length."""
        return struct.calcsize(">" + self.id.code), struct.calcsize(">" + self.length.code)

    def _key(self, number: int, time: int) -> str:
        name = f"0x{number:0{2 if self.widths[0] == 1 else 4}x}"
        return name if time == 1 else f"{name}#{time}"

    def write(self, value: Mapping[str, Mapping[str, Any]]) -> bytes:
        held = sum(key not in REST for key in value) + sum(value[key].get("missing", 0) for key in REST if key in value)
        parts = [] if self.count is None else [self.count.write(held)]
        for key, item in value.items():
            if key in REST:
                parts.append(item["raw"])
                continue
            number = int(key.partition("#")[0], 16)
            raw = item["raw"] if "raw" in item else self.kind(number, item).write(item)
            parts += [*self._head(number, len(raw)), raw]
        return b"".join(parts)

    def proves(self, value: Mapping[str, Any]) -> bool:
        """Whether the items fill their place."""
        return "truncated" not in value

    def _head(self, number: int, length: int) -> tuple[bytes, bytes]:
        if self.swapped:
            return self.length.write(length + self.widths[0]), self.id.write(number)
        return self.id.write(number), self.length.write(length)

    @cached_property
    def _kinds(self) -> Mapping[int, Sequence[Kind]]:
        """The table by id alone."""
        kinds: dict[int, list[Kind]] = {}
        for (number, _), kind in self.table.items():
            kinds.setdefault(number, []).append(kind)
        return kinds

    def kind(self, number: int, item: Mapping[str, Any]) -> Kind:
        """The layout of this id whose field names are the item's. Raises ProtocolError."""
        for kind in self._kinds.get(number, ()):
            if getattr(kind, "takes", bool)(item):
                return kind
        raise ProtocolError("range", f"no layout of item 0x{number:02x} has the fields {sorted(item)}")


def _tolerant(kind: Kind, reader: Reader) -> dict[str, Any]:
    """An item's fields, or its bytes when its layout cannot read them."""
    start, before = reader.pos, len(reader.trace or ())
    try:
        fields: dict[str, Any] = whole(kind, reader)
    except ProtocolError as error:
        raw = reader.data[start : reader.end]
        if reader.trace is not None:
            reader.trace[before:] = [Span(start, reader.end, reader.path, raw, meaning=str(error))]
        return {"raw": raw}
    return fields
