"""0x7E framing of JT/T 808 and JT/T 905: delimiters, escapes, XOR checksum (JT/T 808-2019, 4.4)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from gateway.errors import ProtocolError

FLAG = b"\x7e"
MIN_FRAME = 13
"""Shortest unescaped frame: a header of 12 bytes and the checksum."""
MAX_FRAME = 1_100
"""Longest unescaped frame that is taken: 1,023 bytes of body, the longest header, checksum, reserve."""


class Escapes:
    """A delimiter, and the pairs of bytes that stand for bytes which must not be on the wire."""

    def __init__(self, flag: bytes, pairs: Mapping[bytes, bytes]) -> None:
        self.flag = flag
        self.leads = bytes({pair[0] for pair in pairs})
        self.pairs = dict(pairs)
        self._escaped = {plain: pair for pair, plain in pairs.items()}
        self._undo = re.compile(b"[" + re.escape(self.leads) + b"].?", re.DOTALL)
        self._do = re.compile(b"[" + re.escape(b"".join(self._escaped)) + b"]")

    def escape(self, content: bytes) -> bytes:
        return self._do.sub(lambda found: self._escaped[found[0]], content)

    def unescape(self, content: bytes) -> bytes:
        """Inverse of `escape`. Raises ProtocolError "escape" on a pair that stands for nothing."""
        return self._undo.sub(self._plain, content)

    def _plain(self, found: re.Match[bytes]) -> bytes:
        pair = found[0]
        if pair not in self.pairs:
            raise ProtocolError("escape", f"{pair[:1].hex().upper()} followed by {pair[1:].hex() or 'nothing'}")
        return self.pairs[pair]

    def impossible(self, content: bytes) -> bool:
        """Whether these bytes cannot stand between two delimiters of a wire."""
        return self.flag in content or any(pair not in self.pairs for pair in self._undo.findall(content))

    def places(self, escaped: bytes) -> list[int]:
        """Offset in `escaped` of every byte of its unescaped content, and at last its own length."""
        found, at = [], 0
        while at < len(escaped):
            found.append(at)
            at += 2 if escaped[at] in self.leads else 1
        return [*found, len(escaped)]

    @property
    def words(self) -> str:
        """The pairs in words: "7d 01 = 7d, 7d 02 = 7e"."""
        return ", ".join(f"{pair.hex(' ')} = {plain.hex()}" for pair, plain in self.pairs.items())


STANDARD = Escapes(FLAG, {b"\x7d\x01": b"\x7d", b"\x7d\x02": b"\x7e"})
escape, unescape = STANDARD.escape, STANDARD.unescape


def xor(content: bytes) -> int:
    """XOR of all bytes: a long integer folded in halves."""
    folded, size = int.from_bytes(content, "little"), 1
    while size < len(content):
        size *= 2
    while size > 1:
        size //= 2
        folded = (folded >> (8 * size)) ^ (folded & ((1 << (8 * size)) - 1))
    return folded


def wrap(content: bytes, escapes: Escapes = STANDARD) -> bytes:
    """Header and body -> whole frame with checksum, escapes and delimiters."""
    return escapes.flag + escapes.escape(content + bytes((xor(content),))) + escapes.flag


def unwrap(frame: bytes, escapes: Escapes = STANDARD) -> bytes:
    """Whole frame, delimiters optional -> header and body. Raises ProtocolError."""
    content = escapes.unescape(frame.strip(escapes.flag))
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


class FrameBuffer:
    """Cuts a byte stream into frames. Many frames in one read, one frame in many reads.

    The flag is a separator: frames may share one or have two. A run of bytes without a flag that
    grows beyond the bound is dropped up to the next flag and counted in `overlong`.

    longest  bytes of an unescaped frame
    """

    __slots__ = ("_flag", "_most", "_partial", "_skipping", "_started", "between", "overlong")

    def __init__(self, longest: int = MAX_FRAME, flag: bytes = FLAG) -> None:
        self._flag = flag
        self._most = 2 * longest
        self._partial = b""
        self._started = False
        self._skipping = False
        self.overlong = 0
        self.between = False
        """Whether the stream stands right behind a frame: what comes next begins one."""

    @property
    def pending(self) -> int:
        """Bytes of an unfinished frame."""
        return len(self._partial)

    def feed(self, data: bytes) -> list[bytes]:
        """Frames that `data` completes, escaped, without flags; bytes before the first flag are dropped."""
        *complete, tail = (self._partial + data).split(self._flag)
        if complete:
            if self._skipping or not self._started:
                complete = complete[1:]
            self._started, self._skipping = True, False
        if not self._started:
            tail = b""
        elif len(tail) > self._most or self._skipping:
            self.overlong += not self._skipping
            self._skipping, tail = True, b""
        self._partial = tail
        self.between = self._started and not self._skipping and not tail
        frames = []
        for frame in complete:
            if len(frame) > self._most:
                self.overlong += 1
            elif frame:
                frames.append(frame)
        return frames
