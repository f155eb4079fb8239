"""Streams of 0x7E frames, made from the tables and changed so that most of them stay sound.

A stream is taken apart into the contents of its frames; one of them is changed where its fields
stand, its length is made to fit, and the stream is put together again with right checksums. Now and
then a length, a checksum, an escape or a delimiter is left wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random

from gateway.errors import ProtocolError
from gateway.wire.framing import FLAG, MIN_FRAME, escape, unescape, xor
from tests.fuzz import edits

LONGEST = 4096
"""Bytes of a stream."""


@dataclass(frozen=True, slots=True)
class Frames:
    """One protocol's streams.

    messages  from the tables: each the contents of its frames, which are unescaped and without checksum
    items     additional items with id and length
    body_at   where the body of a content begins
    fitted    a content whose header announces the length of its body
    fields    where the fields of a content begin
    """

    messages: Sequence[Sequence[bytes]]
    items: Sequence[bytes]
    body_at: Callable[[bytes], int]
    fitted: Callable[[bytes], bytes]
    fields: Callable[[bytes], list[int]]

    def stream(self, rng: Random) -> bytes:
        """A fresh stream of a few sound frames."""
        return b"".join(self.whole(rng.choice(self.messages)) for _ in range(rng.randrange(1, 4)))

    @staticmethod
    def whole(message: Sequence[bytes]) -> bytes:
        return b"".join(map(framed, message))

    def one(self, rng: Random) -> bytes:
        """A content."""
        return rng.choice(rng.choice(self.messages))

    def mutate(self, data: bytes, rng: Random) -> bytes:
        """Another stream: a fresh one, or this one with a few changes."""
        if rng.random() < 0.15 or not data:
            data = self.stream(rng)
        if rng.random() < 0.05:
            return edits.scatter(data, rng)[:LONGEST]
        contents = taken_apart(data) or [self.one(rng)]
        for _ in range(rng.choice((1, 1, 1, 2, 4))):
            rng.choice(STREAM_CHANGES)(self, contents, rng)
        return b"".join(framed(content, rng) for content in contents)[:LONGEST]

    def changed(self, content: bytes, rng: Random) -> bytes:
        """A content with another body, or another header; mostly of the right length."""
        at = self.body_at(content)
        kind = rng.random()
        if kind < 0.3:
            content = edits.field(content, self.fields(content), rng)
        elif kind < 0.4:
            content = edits.spread(content, self.fields(content), rng)
        elif kind < 0.55 and self.items:
            content += b"".join(rng.choice(self.items) for _ in range(rng.choice((1, 1, 2, 8))))
        elif kind < 0.7:
            other = self.one(rng)
            content = content[:at] + edits.splice(content[at:], other[self.body_at(other) :], rng)
        elif kind < 0.75:
            content = edits.scatter(content[:at], rng) + content[at:]
        else:
            content = content[:at] + edits.scatter(content[at:], rng)
        return content if rng.random() < 0.03 else self.fitted(content)


Change = Callable[[Frames, list[bytes], Random], None]


def _change(frames: Frames, contents: list[bytes], rng: Random) -> None:
    i = rng.randrange(len(contents))
    contents[i] = frames.changed(contents[i], rng)


def _add(frames: Frames, contents: list[bytes], rng: Random) -> None:
    contents.insert(rng.randrange(len(contents) + 1), frames.one(rng))


def _repeat(_frames: Frames, contents: list[bytes], rng: Random) -> None:
    contents.insert(rng.randrange(len(contents) + 1), rng.choice(contents))


def _drop(_frames: Frames, contents: list[bytes], rng: Random) -> None:
    if len(contents) > 1:
        del contents[rng.randrange(len(contents))]


def _swap(_frames: Frames, contents: list[bytes], rng: Random) -> None:
    rng.shuffle(contents)


STREAM_CHANGES: Sequence[Change] = (_change, _change, _change, _change, _change, _change, _add, _repeat, _drop, _swap)


def taken_apart(data: bytes) -> list[bytes]:
    """Contents of the frames of a stream, without their checksums."""
    found = []
    for piece in data.split(FLAG):
        with suppress(ProtocolError):
            if len(content := unescape(piece)) >= MIN_FRAME:
                found.append(content[:-1])
    return found


def framed(content: bytes, rng: Random | None = None) -> bytes:
    """A content as a frame; with `rng`, its checksum or its delimiters are wrong now and then."""
    chance = rng.random() if rng else 1
    checksum = xor(content) ^ (chance < 0.02)
    start, end = (FLAG, FLAG) if chance > 0.04 else (FLAG, b"")
    return start + escape(content + bytes((checksum,))) + end
