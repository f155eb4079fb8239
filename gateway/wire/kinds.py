"""Kinds of fields: how one value stands on the wire. Big-endian throughout (JT/T 808-2019, 4.2).

Each kind reads from a `Reader` and writes bytes; kinds of a fixed size also have a struct code,
and numbers a numpy code, so that `Layout` can decode whole columns. Times stand in `clocks`, kinds
that are made of other kinds in `groups`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Protocol, runtime_checkable

from gateway.errors import ProtocolError
from gateway.wire.reader import Reader


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


LABELS = {"B": "u8", "b": "i8", "H": "u16", "h": "i16", "I": "u32", "i": "i32", "Q": "u64", "q": "i64"}


@dataclass(frozen=True, slots=True)
class Number:
    """An integer on the wire; physical = raw * scale + offset. Code: B b H h I i Q q."""

    code: str
    scale: Fraction = Fraction(1)
    offset: int = 0

    @property
    def label(self) -> str:
        return LABELS[self.code]

    def value(self, raw: int) -> int | float:
        scale = self.scale
        if scale == 1:
            return raw + self.offset
        product = raw * scale.numerator
        return (product if scale.denominator == 1 else product / scale.denominator) + self.offset

    def read(self, reader: Reader) -> int | float:
        (raw,) = struct.unpack(">" + self.code, reader.take(struct.calcsize(">" + self.code)))
        return self.value(raw)

    def write(self, value: float) -> bytes:
        scale, plain = self.scale, value - self.offset
        try:
            raw = plain if scale == 1 else round(plain * scale.denominator / scale.numerator)
            return struct.pack(">" + self.code, raw)
        except (struct.error, OverflowError, ValueError) as error:
            raise ProtocolError("range", f"{value!r} does not fit {self.label} at scale {scale}") from error


U8, U16, U32, U64, I16 = Number("B"), Number("H"), Number("I"), Number("Q"), Number("h")


@dataclass(frozen=True, slots=True)
class SignMagnitude:
    """A number whose highest bit is its sign; physical = +-raw * scale. Minus nought reads as nought."""

    code: str
    scale: Fraction = Fraction(1)

    @property
    def label(self) -> str:
        return LABELS[self.code] + " sign and magnitude"

    @property
    def _sign(self) -> int:
        return 1 << (8 * struct.calcsize(">" + self.code) - 1)

    def value(self, raw: int) -> float:
        size = (raw & (self._sign - 1)) * self.scale.numerator / self.scale.denominator
        return -size if raw & self._sign and size else size

    def read(self, reader: Reader) -> float:
        (raw,) = struct.unpack(">" + self.code, reader.take(struct.calcsize(">" + self.code)))
        return self.value(raw)

    def write(self, value: float) -> bytes:
        size = round(abs(value) * self.scale.denominator / self.scale.numerator)
        if size >= self._sign:
            raise ProtocolError("range", f"{value!r} does not fit {self.label} at scale {self.scale}")
        return struct.pack(">" + self.code, size | (self._sign if value < 0 else 0))


@dataclass(frozen=True, slots=True)
class Unless:
    """A number of which one raw value says that there is none: None."""

    inner: Number | SignMagnitude
    nothing: int

    @property
    def code(self) -> str:
        return self.inner.code

    @property
    def label(self) -> str:
        return f"{self.inner.label}, {self.nothing} is none"

    def value(self, raw: int) -> float | None:
        return None if raw == self.nothing else self.inner.value(raw)

    def read(self, reader: Reader) -> float | None:
        (raw,) = struct.unpack(">" + self.code, reader.take(struct.calcsize(">" + self.code)))
        return self.value(raw)

    def write(self, value: float | None) -> bytes:
        return struct.pack(">" + self.code, self.nothing) if value is None else self.inner.write(value)


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
class Digits:
    """BCD[size] as a number: physical = digits * 10**-places. Raises ProtocolError "bcd" on a letter.

    exact  a Decimal, for money; else an int, or a float where there are places
    """

    size: int
    places: int = 0
    exact: bool = False

    @property
    def code(self) -> str:
        return f"{self.size}s"

    @property
    def label(self) -> str:
        shape = "X" * (2 * self.size - self.places) + ("." + "X" * self.places if self.places else "")
        return f"BCD[{self.size}] {shape}"

    def value(self, raw: bytes) -> int | float | Decimal:
        text = raw.hex()
        if not text.isdecimal():
            raise ProtocolError("bcd", f"{text} is no decimal number", reply=2)
        number = int(text)
        if self.exact:
            return Decimal(number).scaleb(-self.places)
        return number / 10**self.places if self.places else number

    def read(self, reader: Reader) -> int | float | Decimal:
        return self.value(reader.take(self.size))

    def write(self, value: float | Decimal) -> bytes:
        number = round(Decimal(str(value)).scaleb(self.places))
        if not 0 <= number < 10 ** (2 * self.size):
            raise ProtocolError("range", f"{value} does not fit {self.label}")
        return bytes.fromhex(f"{number:0{2 * self.size}d}")


@dataclass(frozen=True, slots=True)
class Noughts:
    """Bytes that must be nought. The value is how many."""

    size: int

    @property
    def code(self) -> str:
        return f"{self.size}s"

    @property
    def label(self) -> str:
        return f"{self.size} x 0x00"

    def value(self, raw: bytes) -> int:
        if any(raw):
            raise ProtocolError("range", f"{raw.hex()} is not nought", reply=2)
        return self.size

    def read(self, reader: Reader) -> int:
        return self.value(reader.take(self.size))

    def write(self, value: int) -> bytes:
        return bytes(self.size)


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
