"""Words of flags from a protocol's bit numbers to the gateway's own."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray


def remap(word: int, table: Mapping[int, int]) -> int:
    """Each set bit of `word` -> the mask that `table` gives for it; bits without a row vanish."""
    mask = 0
    while word:
        low = word & -word
        mask |= table.get(low.bit_length() - 1, 0)
        word ^= low
    return mask


class BitMap:
    """A table of bits with its look-ups made once."""

    def __init__(self, table: Mapping[int, int]) -> None:
        self._table = dict(table)
        self._lookups = [
            np.array([remap(value << 8 * byte, table) for value in range(256)], np.uint64) for byte in range(4)
        ]

    def word(self, word: int) -> int:
        return remap(word, self._table)

    def column(self, words: NDArray[np.uint32]) -> NDArray[np.uint64]:
        """shape (n,) -> (n,)"""
        octets = np.ascontiguousarray(words, "<u4").view(np.uint8).reshape(-1, 4)
        mapped: NDArray[np.uint64] = self._lookups[0][octets[:, 0]]
        for byte in range(1, 4):
            mapped = mapped | self._lookups[byte][octets[:, byte]]
        return mapped
