"""Layout tables: one row per field gives decode, encode, numpy columns and documentation."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.errors import ProtocolError
from gateway.wire.arrays import columns
from gateway.wire.field import Field
from gateway.wire.groups import By, whole
from gateway.wire.kinds import Kind
from gateway.wire.reader import Reader, Span, gaps


class Layout:
    """Fields in their order on the wire. A layout is itself a kind, so layouts nest.

    telling  fields whose value must be a listed one before `OneOf` believes in this layout
    """

    code = ""

    def __init__(self, name: str, *fields: Field, telling: tuple[str, ...] = ()) -> None:
        self.name = name
        self.fields = fields
        self.names = tuple(f.name for f in fields)
        self._telling = tuple(f for f in fields if f.name in telling)
        self._runs = tuple(_run(tuple(run)) for _, run in groupby(fields, key=_run_key()))
        self.size: int | None = None
        if all(f.kind.code and f.when is None for f in fields):
            self.struct = struct.Struct(">" + "".join(f.kind.code for f in fields))
            self.size = self.struct.size

    @property
    def label(self) -> str:
        return f"{{{self.name}}}"

    def value(self, raw: Any) -> Any:
        return raw

    def read(self, reader: Reader) -> dict[str, Any]:
        """Values by field name; a field whose condition fails is missing. Raises ProtocolError."""
        values: dict[str, Any] = {}
        for run in self._runs:
            run.read(reader, values)
        return values

    def write(self, values: Mapping[str, Any]) -> bytes:
        """Inverse of `read`. Raises ProtocolError "range" naming the field that does not fit."""
        parts = [self._write(f, values) for f in self.fields]
        surplus: bytes = values.get("surplus", b"")
        return b"".join(parts) + surplus

    def _write(self, f: Field, values: Mapping[str, Any]) -> bytes:
        try:
            if f.when is not None and not f.when.wanted(values, f.name):
                if values.get(f.name) is not None:
                    raise ProtocolError("range", f"is given although it needs {f.when.label}")
                return b""
            kind = f.kind.pick(values) if isinstance(f.kind, By) else f.kind
            return kind.write(values[f.name])
        except KeyError as error:
            raise ProtocolError("range", f"{self.name} lacks {error.args[0]}") from error
        except (TypeError, AttributeError, ValueError) as error:
            raise ProtocolError("range", f"{self.name}.{f.name}: {error}") from error
        except ProtocolError as error:
            raise ProtocolError("range", f"{self.name}.{f.name}: {error.detail}") from error

    def code_name(self, values: Mapping[str, Any], name: str) -> str:
        """The name of a code's value, or its number where the table has none."""
        codes = next(f.codes for f in self.fields if f.name == name)
        return str(codes.get(values[name], values[name]))

    def place(self, name: str) -> slice:
        """The bytes of a field, where it and all before it have a fixed size."""
        at = self.names.index(name)
        sizes = [_size(f.kind) for f in self.fields[: at + 1]]
        return slice(sum(sizes[:at]), sum(sizes))

    def takes(self, values: Any) -> bool:
        """Whether these are the values of this layout: all its fields that must be there, no others."""
        if not isinstance(values, Mapping):
            return False
        needed = {f.name for f in self.fields if f.when is None}
        inner = ((f.kind, values.get(f.name)) for f in self.fields)
        return needed <= values.keys() <= {*self.names, "surplus"} and all(
            kind.takes(value) for kind, value in inner if isinstance(kind, Layout) and value is not None
        )

    def proves(self, values: Mapping[str, Any]) -> bool:
        """Whether the telling fields hold listed values, and nothing inside is cut short."""
        inner = ((getattr(f.kind, "proves", None), values.get(f.name)) for f in self.fields)
        return all(values.get(f.name) in f.codes for f in self._telling) and all(
            proves(value) for proves, value in inner if proves is not None and value is not None
        )

    def decode(self, body: bytes, trace: list[Span] | None = None) -> dict[str, Any]:
        """A whole body; bytes that no field takes are kept under "surplus". Raises ProtocolError."""
        values: dict[str, Any] = whole(self, Reader(body, trace=trace))
        return values

    def columns(self, bodies: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
        """Many bodies at once, in SI; see `arrays.columns`. Only for layouts of a fixed size."""
        return columns(self.fields, bodies)


class _Run:
    """Neighbouring fields of fixed size that are always there, unpacked by one struct."""

    __slots__ = ("codec", "fields", "offsets")

    def __init__(self, fields: tuple[Field, ...]) -> None:
        self.fields = fields
        self.codec = struct.Struct(">" + "".join(f.kind.code for f in fields))
        sizes = [struct.calcsize(">" + f.kind.code) for f in fields]
        self.offsets = [sum(sizes[:i]) for i in range(len(sizes) + 1)]

    def read(self, reader: Reader, values: dict[str, Any]) -> None:
        start = reader.skip(self.codec.size)
        for f, raw in zip(self.fields, self.codec.unpack_from(reader.data, start), strict=True):
            values[f.name] = f.kind.value(raw)
        if reader.trace is not None:
            for i, f in enumerate(self.fields):
                begin, end = start + self.offsets[i], start + self.offsets[i + 1]
                reader.trace.append(f.span(begin, end, reader.path, values[f.name]))


class _Single:
    """A field of variable size, or one that is not always there."""

    __slots__ = ("field",)

    def __init__(self, field: Field) -> None:
        self.field = field

    def read(self, reader: Reader, values: dict[str, Any]) -> None:
        f = self.field
        if f.when is not None and not f.when.holds(values, reader.left):
            return
        kind = f.kind.pick(values) if isinstance(f.kind, By) else f.kind
        start, path = reader.pos, reader.path
        before = len(reader.trace) if reader.trace is not None else 0
        reader.path = f"{path}.{f.name}" if path else f.name
        values[f.name] = kind.read(reader)
        reader.path = path
        if reader.trace is not None:
            own = [f.span(a, b, path, values[f.name]) for a, b in gaps(reader.trace[before:], start, reader.pos)]
            reader.trace += own


def _size(kind: Kind) -> int:
    if isinstance(kind, Layout) and kind.size is not None:
        return kind.size
    if not kind.code:
        raise TypeError(f"{kind.label} has no fixed size")
    return struct.calcsize(">" + kind.code)


def _run(fields: tuple[Field, ...]) -> _Run | _Single:
    return _Single(fields[0]) if not _fixed(fields[0]) else _Run(fields)


def _fixed(f: Field) -> bool:
    return bool(f.kind.code) and f.when is None


def _run_key() -> Any:
    """Groups fixed neighbours together and keeps every other field alone."""
    serial = iter(range(1, 1 << 30))
    return lambda f: 0 if _fixed(f) else next(serial)
