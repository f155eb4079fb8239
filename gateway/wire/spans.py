"""Byte strings inside one buffer, looked at together instead of one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Spans:
    """data: shape (m,) u8; start, size: shape (n,), one row per byte string, all inside `data`."""

    data: NDArray[np.uint8]
    start: NDArray[np.intp]
    size: NDArray[np.intp]

    @classmethod
    def of(cls, parts: Sequence[bytes]) -> Self:
        """Byte strings that are apart, put together."""
        size = np.fromiter(map(len, parts), np.intp, len(parts))
        return cls(np.frombuffer(b"".join(parts), np.uint8), np.cumsum(size) - size, size)

    def __len__(self) -> int:
        return len(self.start)

    def __getitem__(self, chosen: NDArray[Any]) -> Spans:
        """Some of them, by index or by mask."""
        return Spans(self.data, self.start[chosen], self.size[chosen])

    def one(self, index: int) -> bytes:
        start = int(self.start[index])
        return self.data[start : start + int(self.size[index])].tobytes()

    def beside(self, others: Spans) -> Spans:
        """These, and then others of the same buffer."""
        return Spans(
            self.data, np.concatenate([self.start, others.start]), np.concatenate([self.size, others.size])
        )  # fmt: skip

    def first(self, count: int) -> NDArray[np.uint8]:
        """The first `count` bytes of each, which must have so many: shape (n, count)."""
        if not len(self):
            return np.empty((0, count), np.uint8)
        windows = as_strided(self.data, (len(self.data) - count + 1, count), (1, 1), writeable=False)
        rows: NDArray[np.uint8] = windows[self.start]
        return rows

    def after(self, count: int) -> Spans:
        """Without their first `count` bytes, which they must have."""
        return Spans(self.data, self.start + count, self.size - count)

    def word(self) -> NDArray[np.intp]:
        """The first two bytes of each as a big-endian number; they must have them."""
        return self.data[self.start].astype(np.intp) << 8 | self.data[self.start + 1]

    def by_size(self) -> Iterator[tuple[int, NDArray[np.intp]]]:
        """Each size with the indices of its byte strings, in their order."""
        order = np.argsort(self.size, kind="stable")
        for where in np.split(order, np.flatnonzero(np.diff(self.size[order])) + 1) if len(self) else ():
            yield int(self.size[where[0]]), where
