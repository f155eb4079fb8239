"""Messages that travel inside 0x0901 (JT/T 808-2013, 8.63)."""

from __future__ import annotations

import zlib

MOST = 64 * 1024
"""Bytes that a compressed message may unfold to."""
GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS


def inflate(data: bytes, most: int = MOST) -> bytes | None:
    """The message inside; None when the data are not compressed, cut short, or unfold to more than `most`."""
    unfolder = zlib.decompressobj(GZIP_OR_ZLIB)
    try:
        inside = unfolder.decompress(data, most)
    except zlib.error:
        return None
    return inside if unfolder.eof else None
