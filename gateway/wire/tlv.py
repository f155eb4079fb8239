"""Additional items in columns: bodies whose items stand at the same places are decoded together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gateway.wire.spans import Spans

Item = tuple[int, int, int]
"""Id, length and offset of the value."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Where items stand in a group of bodies."""

    rows: NDArray[np.intp]
    items: tuple[Item, ...]
    tail: int  # where bytes begin that are no whole item


def walk(body: bytes, start: int) -> tuple[tuple[Item, ...], int]:
    """Items of one body from `start`, and where they end. Noughts to the end are none."""
    items, pos, end = [], start, len(body)
    told = len(body.rstrip(b"\0"))
    while pos + 2 <= end and pos + 2 + body[pos + 1] <= end and pos < told:
        items.append((body[pos], body[pos + 1], pos + 2))
        pos += 2 + body[pos + 1]
    return tuple(items), pos


def shapes(bodies: NDArray[np.uint8], start: int, most: int) -> tuple[list[Shape], NDArray[np.intp]]:
    """Groups of rows that share their items' ids and lengths, and the rows that are left after `most` groups.

    bodies  shape (n, size), all of one length. Every row is in one group, or left. Each group looks at
            all rows that are not in one yet: without a bound, rows that are all different would cost n * n
    """
    found: list[Shape] = []
    left = np.arange(len(bodies))
    while left.size and len(found) < most:
        items, tail = walk(bodies[left[0]].tobytes(), start)
        # a row is alike when every id and length stands where the first row has it, and the same
        # bytes follow the last item (its length or its nothing decides whether an item begins there)
        fixed = [at - 2 for _, _, at in items] + [at - 1 for _, _, at in items]
        fixed += list(range(tail, bodies.shape[1]))
        alike = (bodies[left][:, fixed] == bodies[left[0], fixed]).all(axis=1)
        found.append(Shape(left[alike], items, tail))
        left = left[~alike]
    return found, left


def carry(bodies: Spans, start: int, ids: NDArray[np.bool_], most: int) -> NDArray[np.bool_]:
    """Which bodies have an item with one of these ids, or more than `most` items, which are not looked at.

    ids  shape (256,). Shape (n,), like `bodies`
    """
    found = np.zeros(len(bodies), bool)
    rows, at, end = np.arange(len(bodies)), bodies.start + start, bodies.start + bodies.size
    for _ in range(most):
        rows = rows[at[rows] + 2 <= end[rows]]
        after = at[rows] + 2 + bodies.data[at[rows] + 1]
        whole = after <= end[rows]
        rows, after = rows[whole], after[whole]
        found[rows] |= ids[bodies.data[at[rows]]]
        at[rows] = after
    found[rows] = True
    return found
