"""Identity of a fix: a 64-bit hash of its basic body, the same one at a time and in columns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_MULTIPLIERS = (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB, 0xD6E8FEB86659FD93)


def identities(bodies: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Hash of each row of `bodies`, shape (n, size) u8 -> (n,) int64.

    Multiply and xor-shift over 64-bit words (the mixing step of splitmix64), which spreads single
    changed bits over the whole word. It guards against accidents, not against forgery: a terminal
    could only ever collide with itself.
    """
    n, size = bodies.shape
    padded = np.zeros((n, -(-size // 8) * 8), np.uint8)
    padded[:, :size] = bodies
    words = padded.view("<u8")
    mixed = np.full(n, size, np.uint64)
    for i in range(words.shape[1]):
        mixed = (mixed ^ words[:, i]) * np.uint64(_MULTIPLIERS[i % len(_MULTIPLIERS)])
        mixed ^= mixed >> np.uint64(29)
    return mixed.view(np.int64)


def identity(body: bytes) -> int:
    """Hash of one body, equal to `identities` of it."""
    return int(identities(np.frombuffer(body, np.uint8)[None, :])[0])
