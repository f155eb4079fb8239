"""Which bytes of a file are there: half-open ranges, sorted and apart from each other."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import pairwise

Range = tuple[int, int]
"""(first byte, the one after the last)."""


class Ranges:
    """Ranges may come in any order, overlap and repeat; neighbours become one."""

    def __init__(self, ranges: Iterable[Range] = ()) -> None:
        self._ranges: list[Range] = []
        for start, end in ranges:
            self.add(start, end)

    def __iter__(self) -> Iterator[Range]:
        return iter(self._ranges)

    def __len__(self) -> int:
        return len(self._ranges)

    def add(self, start: int, end: int) -> None:
        """These bytes are there. An empty range adds nothing."""
        if start >= end:
            return
        first = bisect_left(self._ranges, start, key=lambda r: r[1])
        after = bisect_right(self._ranges, end, key=lambda r: r[0])
        if first < after:
            start, end = min(start, self._ranges[first][0]), max(end, self._ranges[after - 1][1])
        self._ranges[first:after] = [(start, end)]

    def missing(self, size: int) -> list[Range]:
        """What lacks of a file of `size` bytes."""
        edges = [0, *(edge for r in self._ranges for edge in r), size]
        return [(a, min(b, size)) for a, b in list(pairwise(edges))[::2] if a < min(b, size)]
