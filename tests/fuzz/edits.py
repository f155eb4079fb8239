"""Small changes of bytes."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

SPECIAL = (b"\0", b"\1", b"\x7d", b"\x7e", b"\x7f", b"\x80", b"\x99", b"\xaa", b"\xff")
LONGEST_RUN = 300


def scatter(data: bytes, rng: Random) -> bytes:
    """A few bytes set, flipped, added, taken away or repeated, anywhere."""
    for _ in range(rng.choice((1, 1, 2, 5))):
        at, kind = rng.randrange(len(data) + 1), rng.randrange(7)
        width = rng.choice((1, 1, 2, 4, 16))
        if kind == 0:
            data = data[:at] + rng.randbytes(width) + data[at + width :]
        elif kind == 1:
            data = data[:at] + rng.choice(SPECIAL) * width + data[at + width :]
        elif kind == 2 and at < len(data):
            data = data[:at] + bytes((data[at] ^ 1 << rng.randrange(8),)) + data[at + 1 :]
        elif kind == 3:
            data = data[:at] + rng.choice(SPECIAL) * width + data[at:]
        elif kind == 4:
            data = data[:at] + data[at + width :]
        elif kind == 5:
            data = data[:at]
        else:
            data = data[:at] + data[at : at + width] * rng.choice((2, 3, LONGEST_RUN // width)) + data[at + width :]
    return data


def splice(one: bytes, other: bytes, rng: Random) -> bytes:
    """The beginning of one and the end of another."""
    return one[: rng.randrange(len(one) + 1)] + other[rng.randrange(len(other) + 1) :]


def field(data: bytes, starts: Sequence[int], rng: Random) -> bytes:
    """One field set to a value at the edge of what it can hold, or to a random one."""
    start, end = _one(data, starts, rng)
    size = end - start
    value = rng.choice((
        bytes(size), b"\xff" * size, b"\x99" * size, b"\x80" + bytes(max(size - 1, 0)), rng.randbytes(size),
        (len(data) - end).to_bytes(8, "big")[-size:] if size <= 8 else rng.randbytes(size),
    ))  # fmt: skip
    return data[:start] + value[:size] + data[end:]


def spread(data: bytes, starts: Sequence[int], rng: Random) -> bytes:
    """One field repeated, taken away, or made longer or shorter than it is."""
    start, end = _one(data, starts, rng)
    old = data[start:end]
    new = rng.choice((b"", old * 2, old * rng.choice((3, 30)), old[: len(old) // 2], old + rng.randbytes(3)))
    return data[:start] + new[:LONGEST_RUN] + data[end:]


def _one(data: bytes, starts: Sequence[int], rng: Random) -> tuple[int, int]:
    """Where one field begins and ends."""
    places = sorted({*starts, 0, len(data)})
    i = rng.randrange(len(places) - 1) if len(places) > 1 else 0
    return places[i], places[i + 1] if len(places) > 1 else len(data)
