"""Many bodies of one fixed layout at once: its fields as numpy columns in SI."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.wire.field import Field
from gateway.wire.kinds import Number

SI = {
    "km/h": Fraction(10, 36),  # m/s
    "km": Fraction(1000),  # m
    "0.1g": Fraction(980665, 1000000),  # m/s2
    "ms": Fraction(1, 1000),  # s
}
"""Factor from a row's unit to SI. Units that are missing here are SI or stay as they are (deg, L)."""

CODES = {"B": "u1", "b": "i1", "H": ">u2", "h": ">i2", "I": ">u4", "i": ">i4", "Q": ">u8", "q": ">i8"}


def columns(fields: Sequence[Field], bodies: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
    """Columns of fields that stand one after the other.

    bodies  shape (n, >= size), u8; what follows the fields is ignored
    Returns name -> shape (n,): float64 in SI where scale, offset or unit say so, else the raw
    integers; kinds that are no number give shape (n, size) u8.
    """
    return {f.name: column(f, block, SI.get(f.unit, Fraction(1))) for f, block in blocks(fields, bodies)}


def blocks(fields: Sequence[Field], bodies: NDArray[np.uint8]) -> Iterator[tuple[Field, NDArray[np.uint8]]]:
    """Each field with its bytes, shape (n, size)."""
    start = 0
    for f in fields:
        size = struct.calcsize(">" + f.kind.code)
        yield f, bodies[:, start : start + size]
        start += size


def column(f: Field, block: NDArray[np.uint8], unit: Fraction) -> NDArray[Any]:
    """One field of many bodies in multiples of 1/`unit`, integers where nothing is to be scaled."""
    if not isinstance(f.kind, Number):
        return block
    raw: NDArray[Any] = np.ascontiguousarray(block).view(CODES[f.kind.code])[:, 0]
    factor, offset = f.kind.scale * unit, f.kind.offset * unit
    if factor == 1 and not offset:
        return raw
    product: NDArray[Any] = raw.astype(np.float64) * factor.numerator
    return (product / factor.denominator if factor.denominator != 1 else product) + float(offset)
