"""Kinds that are made of other kinds: with a length, repeated, chosen by a field, or by what fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from gateway.errors import ProtocolError
from gateway.wire.kinds import Kind, Number, Raw
from gateway.wire.reader import Reader


def whole(kind: Kind, reader: Reader) -> Any:
    """All that is left, read by `kind`. A layout keeps bytes that no field takes as "surplus".

    Raises ProtocolError "length" when another kind leaves some.
    """
    value = kind.read(reader)
    if reader.left:
        start, surplus = reader.pos, reader.rest()
        if not isinstance(value, dict):
            raise ProtocolError("length", f"{reader.path or 'body'}: {len(surplus)} bytes too many", reply=2)
        value["surplus"] = surplus
        reader.note(start, "surplus", surplus, "多余数据", "not in the standard")
    return value


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
        start = reader.pos
        length = int(self.length.read(reader))
        reader.note(start, "length", length, "长度")
        return whole(self.inner, reader.within(length, reader.path))

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
        path, wanted = reader.path, None
        if self.count is not None:
            start, wanted = reader.pos, int(self.count.read(reader))
            reader.note(start, "count", wanted, "个数")
        while reader.left if wanted is None else len(values) < wanted:
            reader.path, before = f"{path}[{len(values)}]", reader.pos
            values.append(self.item.read(reader))
            if reader.pos == before:
                raise ProtocolError("truncated", f"{reader.path} is empty", reply=2)
        reader.path = path
        return values

    def write(self, value: Sequence[Any]) -> bytes:
        head = self.count.write(len(value)) if self.count else b""
        return head + b"".join(map(self.item.write, value))


@dataclass(frozen=True)
class By:
    """The kind that an earlier field of the same layout names; `other` where the table has no row."""

    field: str
    table: Mapping[int, Kind]
    other: Kind = Raw()  # noqa: RUF009 (frozen)
    code: str = ""

    @property
    def label(self) -> str:
        return f"by {self.field}"

    def pick(self, values: Mapping[str, Any]) -> Kind:
        return self.table.get(values[self.field], self.other)

    def value(self, raw: Any) -> Any:
        return raw

    def read(self, reader: Reader) -> Any:
        raise TypeError(f"a kind by {self.field} is read by its layout")

    def write(self, value: Any) -> bytes:
        raise TypeError(f"a kind by {self.field} is written by its layout")


class OneOf:
    """The first kind that the bytes prove, where editions and devices differ without saying so.

    Proved is a kind that reads all that is left without an error and whose telling fields hold
    listed values. Without proof the first that fits exactly is taken, then the first that can be
    read with a surplus, then the first of all, for its error.
    """

    code = ""

    def __init__(self, *kinds: Kind) -> None:
        self.kinds = kinds

    @property
    def label(self) -> str:
        return " or ".join(kind.label for kind in self.kinds)

    def value(self, raw: Any) -> Any:
        return raw

    def choose(self, data: bytes, start: int = 0, end: int | None = None) -> Kind:
        """The kind for `data[start:end]`."""
        ranks = [_rank(kind, Reader(data, start, end)) for kind in self.kinds]
        return self.kinds[ranks.index(max(ranks))]

    def read(self, reader: Reader) -> Any:
        return self.choose(reader.data, reader.pos, reader.end).read(reader)

    def write(self, value: Any) -> bytes:
        problem = ProtocolError("range", f"none of {self.label} has these fields: {value!r}")
        for kind in self.kinds:
            takes = getattr(kind, "takes", lambda value: not isinstance(value, Mapping))
            try:
                if takes(value):
                    return kind.write(value)
            except ProtocolError as error:
                problem = error
        raise problem


UNREADABLE, LOOSE, EXACT, PROVED = range(4)


def _rank(kind: Kind, reader: Reader) -> int:
    """How well `kind` fits the rest of `reader`."""
    value = None
    with suppress(ProtocolError):
        value = kind.read(reader)
    if value is None:
        return UNREADABLE
    if reader.left or (isinstance(value, dict) and "surplus" in value):
        return LOOSE
    proves = getattr(kind, "proves", None)
    return PROVED if proves is None or proves(value) else EXACT
