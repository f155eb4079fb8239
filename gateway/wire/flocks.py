"""Many 0x7E frames at once: cut, unescaped and their checksums made, as `framing` does it with one.

What is odd in any way is only marked: `framing` then says what is wrong with it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gateway.wire.framing import FLAG, MAX_FRAME, MIN_FRAME, STANDARD
from gateway.wire.spans import Spans

(LEAD,) = STANDARD.leads
PLAIN = np.zeros(256, np.uint8)
for _pair, _plain in STANDARD.pairs.items():
    PLAIN[_pair[1]] = _plain[0]
PAIRED = np.zeros(256, np.uint8)
for _pair, _plain in STANDARD.pairs.items():
    PAIRED[_plain[0]] = _pair[1]


@dataclass(frozen=True, slots=True)
class Flock:
    """Frames of one stream.

    wire     as they came, without flags
    content  unescaped, without the checksum
    good     shape (n,): the escapes, the length and the checksum are right
    """

    wire: Spans
    content: Spans
    good: NDArray[np.bool_]


def cut(stream: bytes) -> Flock:
    """A stream that begins and ends with a flag -> its frames; what is between two flags, unless it is nothing."""
    data = np.frombuffer(stream, np.uint8)
    flags = np.flatnonzero(data == FLAG[0])
    start, size = flags[:-1] + 1, np.diff(flags) - 1
    wire = Spans(data, start, size)[size > 0]
    content, good = _unescaped(wire)
    good &= (content.size >= MIN_FRAME) & (wire.size <= 2 * MAX_FRAME)
    good &= _checksums(content) == 0
    return Flock(wire, Spans(content.data, content.start, content.size - 1), good)


def _unescaped(wire: Spans) -> tuple[Spans, NDArray[np.bool_]]:
    """The same frames without escapes, and whether each pair in a frame stands for something."""
    good = np.ones(len(wire), bool)
    leads = np.flatnonzero(wire.data == LEAD)
    if not leads.size:
        return wire, good
    plain = PLAIN[wire.data[leads + 1]]  # a flag ends the stream, so that there is a next byte
    good[np.searchsorted(wire.start, leads[plain == 0], "right") - 1] = False
    leads, plain = leads[plain != 0], plain[plain != 0]
    data, kept = wire.data.copy(), np.ones(len(wire.data), bool)
    data[leads], kept[leads + 1] = plain, False
    before = np.searchsorted(leads, wire.start)
    inside = np.searchsorted(leads, wire.start + wire.size) - before
    return Spans(data[kept], wire.start - before, wire.size - inside), good


def _checksums(content: Spans) -> NDArray[np.uint8]:
    """XOR of all bytes of each: nought where the last one is the checksum."""
    if not len(content):
        return np.empty(0, np.uint8)
    bounds = np.stack([content.start, content.start + content.size], axis=1).ravel()
    sums: NDArray[np.uint8] = np.bitwise_xor.reduceat(content.data, bounds)[::2]
    return sums


def wrap(contents: NDArray[np.uint8]) -> tuple[bytes, NDArray[np.intp]]:
    """Headers and bodies of one size, shape (n, size) -> whole frames one after another, and where each ends."""
    n, size = contents.shape
    framed = np.full((n, size + 3), FLAG[0], np.uint8)
    framed[:, 1:-2] = contents
    framed[:, -2] = np.bitwise_xor.reduce(contents, axis=1)
    second = PAIRED[framed]
    second[:, 0] = second[:, -1] = 0  # flags are no content
    ends = np.cumsum(size + 3 + np.count_nonzero(second, axis=1))
    flat, second = framed.ravel(), second.ravel()
    where = np.flatnonzero(second)
    if where.size:
        flat[where] = LEAD
        flat = np.insert(flat, where + 1, second[where])
    return flat.tobytes(), ends
