"""0x7E framing of JT/T 808 and JT/T 905: delimiters, escapes, XOR checksum (JT/T 808-2019, 4.4)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gateway.errors import ProtocolError

FLAG = b"\x7e"
MIN_FRAME = 13
"""Shortest unescaped frame: a header of 12 bytes and the checksum."""
MAX_FRAME = 1_100
"""Longest unescaped frame that is taken: 1,023 bytes of body, the longest header, checksum, reserve."""


def escape(content: bytes) -> bytes:
    """7D -> 7D 01, then 7E -> 7D 02."""
    return content.replace(b"\x7d", b"\x7d\x01").replace(b"\x7e", b"\x7d\x02")


def unescape(content: bytes) -> bytes:
    """Inverse of `escape`. Raises ProtocolError "escape" on any other byte after 7D."""
    if b"\x7d" not in content:
        return content
    head, *tails = content.split(b"\x7d")
    parts = [head]
    for tail in tails:
        if not tail or tail[0] not in (1, 2):
            raise ProtocolError("escape", f"7D followed by {tail[:1].hex() or 'nothing'}")
        parts.append(b"\x7d" if tail[0] == 1 else b"\x7e")
        parts.append(tail[1:])
    return b"".join(parts)


def xor(content: bytes) -> int:
    """XOR of all bytes: a long integer folded in halves."""
    folded, size = int.from_bytes(content, "little"), 1
    while size < len(content):
        size *= 2
    while size > 1:
        size //= 2
        folded = (folded >> (8 * size)) ^ (folded & ((1 << (8 * size)) - 1))
    return folded


def wrap(content: bytes) -> bytes:
    """Header and body -> whole frame with checksum, escapes and delimiters."""
    return FLAG + escape(content + bytes((xor(content),))) + FLAG


def unwrap(frame: bytes) -> bytes:
    """Whole frame, delimiters optional -> header and body. Raises ProtocolError."""
    content = unescape(frame.strip(FLAG))
    if problem := damage(content):
        raise problem
    return content[:-1]


def damage(content: bytes) -> ProtocolError | None:
    """What is wrong with an unescaped frame before its header is looked at, checksum included."""
    if len(content) < MIN_FRAME:
        return ProtocolError("truncated", f"a frame of {len(content)} bytes, at least {MIN_FRAME} are needed")
    if xor(content):
        return ProtocolError("checksum", f"computed {xor(content[:-1]):02x}, got {content[-1]:02x}")
    return None


def places(escaped: bytes) -> list[int]:
    """Offset in `escaped` of every byte of its unescaped content, and at last its own length."""
    found, at = [], 0
    while at < len(escaped):
        found.append(at)
        at += 2 if escaped[at] == 0x7D else 1
    return [*found, len(escaped)]


@dataclass(frozen=True, slots=True)
class Piece:
    """A frame out of a capture, escaped, without delimiters; which of them stood there.

    plain  somebody has undone the escapes already
    """

    escaped: bytes
    opened: bool
    closed: bool
    plain: bool = False

    @property
    def raw(self) -> bytes:
        return FLAG * self.opened + self.escaped + FLAG * self.closed

    @property
    def content(self) -> bytes:
        """The frame unescaped. Raises ProtocolError."""
        return self.escaped if self.plain else unescape(self.escaped)

    @property
    def places(self) -> list[int]:
        return list(range(len(self.escaped) + 1)) if self.plain else places(self.escaped)


def cut(captured: bytes) -> list[Piece]:
    """Frames of a capture, which may lack its first and its last delimiter.

    Bytes before the first and after the last delimiter that are too few for a frame are dropped
    when there is anything else.
    """
    parts = captured.split(FLAG)
    last = len(parts) - 1
    pieces = [(i, Piece(part, i > 0, i < last)) for i, part in enumerate(parts) if part]
    edges = {i for i, piece in pieces if i in (0, last) and len(piece.escaped) < MIN_FRAME}
    return [piece for i, piece in pieces if i not in edges] or [piece for _, piece in pieces]


def unescaped(captured: bytes) -> Piece | None:
    """A capture as one sound frame whose escapes were undone: bytes inside it could not be on a wire."""
    content = captured.removeprefix(FLAG).removesuffix(FLAG)
    if not re.search(rb"\x7e|\x7d[^\1\2]", content) or damage(content) is not None:
        return None
    return Piece(content, captured.startswith(FLAG), captured.endswith(FLAG), plain=True)


class FrameBuffer:
    """Cuts a byte stream into frames. Many frames in one read, one frame in many reads.

    The flag is a separator: frames may share one or have two. A run of bytes without a flag that
    grows beyond the bound is dropped up to the next flag and counted in `overlong`.
    """

    __slots__ = ("_partial", "_skipping", "_started", "overlong")

    def __init__(self) -> None:
        self._partial = b""
        self._started = False
        self._skipping = False
        self.overlong = 0

    @property
    def pending(self) -> int:
        """Bytes of an unfinished frame."""
        return len(self._partial)

    def feed(self, data: bytes) -> list[bytes]:
        """Frames that `data` completes, escaped, without flags; bytes before the first flag are dropped."""
        *complete, tail = (self._partial + data).split(FLAG)
        if complete:
            if self._skipping or not self._started:
                complete = complete[1:]
            self._started, self._skipping = True, False
        if not self._started:
            tail = b""
        elif len(tail) > 2 * MAX_FRAME or self._skipping:
            self.overlong += not self._skipping
            self._skipping, tail = True, b""
        self._partial = tail
        frames = []
        for frame in complete:
            if len(frame) > 2 * MAX_FRAME:
                self.overlong += 1
            elif frame:
                frames.append(frame)
        return frames
