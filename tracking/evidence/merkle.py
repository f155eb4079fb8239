"""Merkle trees after RFC 6962, section 2.1: SHA-256, leaves and nodes told apart by a prefix, inclusion proofs.

A level is made by pairing the one below; the odd node at its end goes up as it is. That gives the RFC's trees, which
split at the largest power of two.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

EMPTY = sha256().digest()
"""Root of a tree without leaves."""
SIZE = 32
"""Bytes of a hash."""


def leaf(content: bytes) -> bytes:
    """Hash of an entry."""
    return sha256(b"\x00" + content).digest()


def node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def _above(level: Sequence[bytes]) -> list[bytes]:
    return [node(level[i], level[i + 1]) if i + 1 < len(level) else level[i] for i in range(0, len(level), 2)]


def root(leaves: Sequence[bytes]) -> bytes:
    """Of a tree over hashes of entries, in order."""
    level = list(leaves)
    while len(level) > 1:
        level = _above(level)
    return level[0] if level else EMPTY


def proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The hashes that lead from one leaf to the root, from below. Raises IndexError."""
    if not 0 <= index < len(leaves):
        raise IndexError(f"leaf {index} of {len(leaves)}")
    path, level = [], list(leaves)
    while len(level) > 1:
        if (sibling := index ^ 1) < len(level):
            path.append(level[sibling])
        level, index = _above(level), index // 2
    return path


def leads_to(path: Sequence[bytes], hashed: bytes, index: int, size: int) -> bytes | None:
    """The root to which a proof leads from a leaf; None where a tree of that size has no such proof."""
    if not 0 <= index < size:
        return None
    rest = list(path)
    while size > 1:
        if index ^ 1 < size:
            if not rest:
                return None
            other = rest.pop(0)
            hashed = node(other, hashed) if index & 1 else node(hashed, other)
        index, size = index // 2, (size + 1) // 2
    return None if rest else hashed
