"""Layout tables: one row per field gives decode, encode, numpy columns and documentation."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.errors import ProtocolError
from gateway.wire.kinds import Kind, Number
from gateway.wire.reader import Reader, Span

SI = {
    "km/h": Fraction(10, 36),  # m/s
    "km": Fraction(1000),  # m
    "0.1g": Fraction(980665, 1000000),  # m/s2
    "ms": Fraction(1, 1000),  # s
}
"""Factor from a row's unit to SI. Units that are missing here are SI or stay as they are (deg, L)."""


@dataclass(frozen=True, slots=True)
class Field:
    """One row of a layout.

    kind   how it stands on the wire, scale included: physical value = raw * scale
    unit   unit of the physical value ("" for none)
    zh     the standard's Chinese name
    bits   bit number -> name, for words of flags
    codes  value -> name, for enumerations
    """

    name: str
    kind: Kind
    unit: str = ""
    zh: str = ""
    bits: Mapping[int, str] = field(default_factory=dict)
    codes: Mapping[int, str] = field(default_factory=dict)

    def meaning(self, value: Any) -> str:
        if self.bits and isinstance(value, int):
            return ", ".join(self.bits.get(b, f"bit {b}") for b in range(32) if value >> b & 1)
        return self.codes.get(value, "") if self.codes and isinstance(value, int) else ""

    def span(self, start: int, end: int, path: str, value: Any) -> Span:
        where = f"{path}.{self.name}" if path else self.name
        return Span(start, end, where, value, self.unit, self.zh, self.meaning(value))


class Layout:
    """Fields in their order on the wire. A layout is itself a kind, so layouts nest."""

    code = ""

    def __init__(self, name: str, *fields: Field) -> None:
        self.name = name
        self.fields = fields
        self.names = tuple(f.name for f in fields)
        self._runs = tuple(_Run(tuple(run)) for _, run in groupby(fields, key=_run_key()))
        self.size: int | None = (
            sum(struct.calcsize(">" + f.kind.code) for f in fields) if all(f.kind.code for f in fields) else None
        )

    @property
    def label(self) -> str:
        return f"{{{self.name}}}"

    def value(self, raw: Any) -> Any:
        return raw

    def read(self, reader: Reader) -> dict[str, Any]:
        """Values by field name. Raises ProtocolError."""
        values: dict[str, Any] = {}
        for run in self._runs:
            run.read(reader, values)
        return values

    def write(self, values: Mapping[str, Any]) -> bytes:
        """Inverse of `read`. Raises ProtocolError "range" naming the field that does not fit."""
        parts = []
        for f in self.fields:
            try:
                parts.append(f.kind.write(values[f.name]))
            except KeyError as error:
                raise ProtocolError("range", f"{self.name} lacks {f.name}") from error
            except ProtocolError as error:
                raise ProtocolError("range", f"{self.name}.{f.name}: {error.detail}") from error
        return b"".join(parts)

    def decode(self, body: bytes, trace: list[Span] | None = None) -> dict[str, Any]:
        """A whole body; bytes that no field takes are kept under "surplus"."""
        reader = Reader(body, trace=trace)
        values = self.read(reader)
        if reader.left:
            start = reader.pos
            values["surplus"] = reader.rest()
            if trace is not None:
                trace.append(Span(start, reader.pos, "surplus", values["surplus"], meaning="not in the standard"))
        return values

    @property
    def dtype(self) -> np.dtype[np.void]:
        """Raw records as they stand on the wire. Only for layouts of a fixed size."""
        return np.dtype([(f.name, _numpy(f.kind)) for f in self.fields])

    def columns(self, bodies: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
        """Many bodies at once, in SI.

        bodies  shape (n, >= size), u8; what follows the layout is ignored
        Returns name -> shape (n,): float64 in SI where scale or unit differ from 1, else the raw
        integers; bytes kinds give shape (n, size) u8.
        """
        columns: dict[str, NDArray[Any]] = {}
        start = 0
        for f in self.fields:
            size = struct.calcsize(">" + f.kind.code)
            block = bodies[:, start : start + size]
            columns[f.name] = _column(f, block)
            start += size
        return columns

    def markdown(self) -> Iterator[str]:
        """The layout as a table of the documentation."""
        yield "| offset | field | 字段 | type | scale | unit |\n|---|---|---|---|---|---|"
        offset: int | None = 0
        for f in self.fields:
            scale = f.kind.scale if isinstance(f.kind, Number) else Fraction(1)
            at = "…" if offset is None else offset
            yield f"| {at} | {f.name} | {f.zh} | {f.kind.label} | {scale} | {f.unit} |"
            offset = offset + struct.calcsize(">" + f.kind.code) if offset is not None and f.kind.code else None


class _Run:
    """Neighbouring fields of fixed size, unpacked by one struct; or a single variable field."""

    __slots__ = ("codec", "fields", "offsets")

    def __init__(self, fields: tuple[Field, ...]) -> None:
        self.fields = fields
        codes = [f.kind.code for f in fields]
        self.codec = struct.Struct(">" + "".join(codes)) if all(codes) else None
        sizes = [struct.calcsize(">" + c) for c in codes]
        self.offsets = [sum(sizes[:i]) for i in range(len(sizes) + 1)]

    def read(self, reader: Reader, values: dict[str, Any]) -> None:
        if self.codec is None:
            self._read_variable(reader, values)
            return
        start = reader.skip(self.codec.size)
        for f, raw in zip(self.fields, self.codec.unpack_from(reader.data, start), strict=True):
            values[f.name] = f.kind.value(raw)
        if reader.trace is not None:
            for i, f in enumerate(self.fields):
                begin, end = start + self.offsets[i], start + self.offsets[i + 1]
                reader.trace.append(f.span(begin, end, reader.path, values[f.name]))

    def _read_variable(self, reader: Reader, values: dict[str, Any]) -> None:
        (f,) = self.fields
        start, path = reader.pos, reader.path
        reader.path = f"{path}.{f.name}" if path else f.name
        before = len(reader.trace) if reader.trace is not None else 0
        values[f.name] = f.kind.read(reader)
        reader.path = path
        if reader.trace is not None and len(reader.trace) == before and reader.pos > start:
            reader.trace.append(f.span(start, reader.pos, path, values[f.name]))


def _run_key() -> Any:
    """Groups fixed neighbours together and keeps every variable field alone."""
    serial = iter(range(1, 1 << 30))
    return lambda f: 0 if f.kind.code else next(serial)


def _numpy(kind: Kind) -> Any:
    if isinstance(kind, Number):
        return {"B": "u1", "b": "i1", "H": ">u2", "h": ">i2", "I": ">u4", "i": ">i4"}[kind.code]
    return ("u1", (struct.calcsize(">" + kind.code),))


def _column(f: Field, block: NDArray[np.uint8]) -> NDArray[Any]:
    if not isinstance(f.kind, Number):
        return block
    raw: NDArray[Any] = np.ascontiguousarray(block).view(_numpy(f.kind))[:, 0]
    factor = f.kind.scale * SI.get(f.unit, Fraction(1))
    if factor == 1:
        return raw
    product: NDArray[Any] = raw.astype(np.float64) * factor.numerator
    return product / factor.denominator if factor.denominator != 1 else product
