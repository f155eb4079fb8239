"""Additional items in columns: bodies whose items stand at the same places are decoded together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Shape:
    """Where items stand in a group of bodies: (id, length, offset of the value)."""

    rows: NDArray[np.intp]
    items: tuple[tuple[int, int, int], ...]
    tail: int  # where bytes begin that are no whole item


def walk(body: bytes, start: int) -> tuple[tuple[tuple[int, int, int], ...], int]:
    """Items of one body from `start`: ((id, length, offset), ...) and where they end."""
    items, pos, end = [], start, len(body)
    while pos + 2 <= end and pos + 2 + body[pos + 1] <= end and any(body[pos:]):
        items.append((body[pos], body[pos + 1], pos + 2))
        pos += 2 + body[pos + 1]
    return tuple(items), pos


def shapes(bodies: NDArray[np.uint8], start: int) -> Iterator[Shape]:
    """Groups of rows that share their items' ids and lengths.

    bodies  shape (n, size), all of one length. Every row is in exactly one group.
    """
    left = np.arange(len(bodies))
    while left.size:
        items, tail = walk(bodies[left[0]].tobytes(), start)
        # a row is alike when every id and length stands where the first row has it, and the same
        # bytes follow the last item (its length or its nothing decides whether an item begins there)
        fixed = [at - 2 for _, _, at in items] + [at - 1 for _, _, at in items]
        fixed += list(range(tail, bodies.shape[1]))
        alike = (bodies[left][:, fixed] == bodies[left[0], fixed]).all(axis=1)
        yield Shape(left[alike], items, tail)
        left = left[~alike]
