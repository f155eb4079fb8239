"""Kinds of fields: how one value stands on the wire. Big-endian throughout (JT/T 808-2019, 4.2).

Each kind reads from a `Reader` and writes bytes; kinds of a fixed size also have a struct code,
and numbers a numpy code, so that `Layout` can decode whole columns.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from fractions import Fraction
from typing import Any, Protocol, runtime_checkable

from gateway.errors import ProtocolError
from gateway.wire.reader import Reader

CHINA = timezone(timedelta(hours=8), "GMT+8")
"""All times on the wire, JT/T 808-2019 4.4 and JT/T 905.2 (no daylight saving)."""


@runtime_checkable
class Kind(Protocol):
    @property
    def code(self) -> str:
        """struct code without byte order, or "" for a kind of variable size."""

    @property
    def label(self) -> str:
        """The standard's name of the type, for the documentation."""

    def value(self, raw: Any) -> Any:
        """What struct unpacked -> physical value. Only for kinds with a code."""

    def read(self, reader: Reader) -> Any: ...

    def write(self, value: Any) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Number:
    """An integer on the wire; physical = raw * scale. Code: B b H h I i."""

    code: str
    scale: Fraction = Fraction(1)

    @property
    def label(self) -> str:
        return {"B": "u8", "b": "i8", "H": "u16", "h": "i16", "I": "u32", "i": "i32"}[self.code]

    def value(self, raw: int) -> int | float:
        scale = self.scale
        if scale == 1:
            return raw
        product = raw * scale.numerator
        return product if scale.denominator == 1 else product / scale.denominator

    def read(self, reader: Reader) -> int | float:
        (raw,) = struct.unpack(">" + self.code, reader.take(struct.calcsize(">" + self.code)))
        return self.value(raw)

    def write(self, value: float) -> bytes:
        scale = self.scale
        raw = value if scale == 1 else round(value * scale.denominator / scale.numerator)
        try:
            return struct.pack(">" + self.code, raw)
        except struct.error as error:
            raise ProtocolError("range", f"{value!r} does not fit {self.label} at scale {scale}") from error


U8, U16, U32, I16 = Number("B"), Number("H"), Number("I"), Number("h")


@dataclass(frozen=True, slots=True)
class Bcd:
    """BCD[size] as text of 2*size digits. Letters A-F are kept: real terminals send them."""

    size: int

    @property
    def code(self) -> str:
        return f"{self.size}s"

    @property
    def label(self) -> str:
        return f"BCD[{self.size}]"

    def value(self, raw: bytes) -> str:
        return raw.hex()

    def read(self, reader: Reader) -> str:
        return reader.take(self.size).hex()

    def write(self, value: str) -> bytes:
        try:
            raw = bytes.fromhex(value.rjust(2 * self.size, "0"))
        except ValueError as error:
            raise ProtocolError("range", f"{value!r} is not BCD") from error
        if len(raw) != self.size:
            raise ProtocolError("range", f"{value!r} is longer than BCD[{self.size}]")
        return raw


@dataclass(frozen=True, slots=True)
class Clock:
    """BCD[6] YYMMDDhhmmss, GMT+8, years 2000-2099 -> aware datetime."""

    code: str = "6s"
    label: str = "BCD[6] time"

    def value(self, raw: bytes) -> datetime:
        text = raw.hex()
        try:
            return datetime(
                2000 + int(text[:2]), int(text[2:4]), int(text[4:6]),
                int(text[6:8]), int(text[8:10]), int(text[10:12]), tzinfo=CHINA,
            )  # fmt: skip
        except ValueError as error:
            raise ProtocolError("time", f"{text} is no YYMMDDhhmmss", reply=2) from error

    def read(self, reader: Reader) -> datetime:
        return self.value(reader.take(6))

    def write(self, value: datetime) -> bytes:
        local = value.astimezone(CHINA)
        if not 2000 <= local.year < 2100:
            raise ProtocolError("range", f"year {local.year} does not fit YY")
        return bytes.fromhex(local.strftime("%y%m%d%H%M%S"))


@dataclass(frozen=True, slots=True)
class Raw:
    """Opaque bytes: `size` of them, or all that is left."""

    size: int | None = None

    @property
    def code(self) -> str:
        return "" if self.size is None else f"{self.size}s"

    @property
    def label(self) -> str:
        return "BYTE[n]" if self.size is None else f"BYTE[{self.size}]"

    def value(self, raw: bytes) -> bytes:
        return raw

    def read(self, reader: Reader) -> bytes:
        return reader.rest() if self.size is None else reader.take(self.size)

    def write(self, value: bytes) -> bytes:
        if self.size is not None and len(value) != self.size:
            raise ProtocolError("range", f"{len(value)} bytes given for {self.label}")
        return value


@dataclass(frozen=True, slots=True)
class Text:
    """STRING in GBK: `size` bytes padded, or all that is left. Padding is stripped at both ends."""

    size: int | None = None
    pad: bytes = b"\0"

    @property
    def code(self) -> str:
        return "" if self.size is None else f"{self.size}s"

    @property
    def label(self) -> str:
        return "STRING" if self.size is None else f"STRING[{self.size}]"

    def value(self, raw: bytes) -> str:
        return raw.strip(b"\0 ").decode("gb18030", errors="replace")

    def read(self, reader: Reader) -> str:
        return self.value(reader.rest() if self.size is None else reader.take(self.size))

    def write(self, value: str) -> bytes:
        raw = value.encode("gb18030")
        if self.size is None:
            return raw
        if len(raw) > self.size:
            raise ProtocolError("range", f"{value!r} takes {len(raw)} bytes of {self.size}")
        return raw.ljust(self.size, self.pad)


@dataclass(frozen=True, slots=True)
class Sized:
    """A length, then that many bytes which `inner` reads."""

    length: Number
    inner: Kind
    code: str = ""

    @property
    def label(self) -> str:
        return f"{self.length.label} length + {self.inner.label}"

    def value(self, raw: Any) -> Any:
        return raw

    def read(self, reader: Reader) -> Any:
        return self.inner.read(reader.within(int(self.length.read(reader)), reader.path))

    def write(self, value: Any) -> bytes:
        body = self.inner.write(value)
        return self.length.write(len(body)) + body


@dataclass(frozen=True, slots=True)
class Many:
    """`item` repeated: as often as a count says, or until the end when there is none."""

    item: Kind
    count: Number | None = None
    code: str = ""

    @property
    def label(self) -> str:
        return f"{self.count.label} count x {self.item.label}" if self.count else f"n x {self.item.label}"

    def value(self, raw: Any) -> Any:
        return raw

    def read(self, reader: Reader) -> list[Any]:
        values: list[Any] = []
        path = reader.path
        wanted = int(self.count.read(reader)) if self.count else None
        while reader.left if wanted is None else len(values) < wanted:
            reader.path = f"{path}[{len(values)}]"
            values.append(self.item.read(reader))
        reader.path = path
        return values

    def write(self, value: Sequence[Any]) -> bytes:
        head = self.count.write(len(value)) if self.count else b""
        return head + b"".join(map(self.item.write, value))


@dataclass(frozen=True, slots=True)
class Items:
    """Additional items: {id u8, length u8, value} until the end (JT/T 808-2019 8.12.3).

    `table` maps (id, length) to a kind; an unknown pair is kept as bytes under "raw". Devices reuse
    ids with other lengths, hence the pair. A last item that is cut short is kept as "truncated"
    and never costs the message; zeros to the end are "padding". A repeated id is keyed "0x01#2".
    """

    table: Mapping[tuple[int, int], Kind]
    code: str = ""
    label: str = "items"

    def value(self, raw: Any) -> Any:
        return raw

    def read(self, reader: Reader) -> dict[str, dict[str, Any]]:
        items: dict[str, dict[str, Any]] = {}
        path = reader.path
        while reader.left:
            if reader.left < 2 or reader.left - 2 < reader.data[reader.pos + 1]:
                items["truncated"] = {"raw": reader.rest()}
                break
            if reader.data[reader.pos : reader.pos + 2] == b"\0\0":
                items["padding"] = {"raw": reader.rest()}
                break
            number, length = reader.take(2)
            key, again = f"0x{number:02x}", 2
            while key in items:
                key, again = f"0x{number:02x}#{again}", again + 1
            inner = reader.within(length, f"{path}.{key}")
            kind = self.table.get((number, length))
            items[key] = kind.read(inner) if kind else {"raw": inner.rest()}
        return items

    def write(self, value: Mapping[str, Mapping[str, Any]]) -> bytes:
        parts = []
        for key, item in value.items():
            if key in ("truncated", "padding"):
                parts.append(item["raw"])
                continue
            number = int(key.partition("#")[0], 16)
            raw = item["raw"] if "raw" in item else self._kind(number, item).write(item)
            parts.append(bytes((number, len(raw))) + raw)
        return b"".join(parts)

    def _kind(self, number: int, item: Mapping[str, Any]) -> Kind:
        """The layout of this id whose field names are the item's."""
        for (candidate, _), kind in self.table.items():
            if candidate == number and set(getattr(kind, "names", ())) == set(item):
                return kind
        raise ProtocolError("range", f"no layout of item 0x{number:02x} has the fields {sorted(item)}")
