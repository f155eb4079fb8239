"""A cursor over the bytes of one message that can keep a trace of what every byte meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from gateway.errors import ProtocolError


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes [start, end) of a body and what they mean."""

    start: int
    end: int
    path: str
    value: Any
    unit: str = ""
    zh: str = ""
    meaning: str = ""


def gaps(spans: Iterable[Span], start: int, end: int) -> Iterator[tuple[int, int]]:
    """Parts of [start, end) that no span covers, in order."""
    for span in sorted(spans, key=lambda s: s.start):
        if span.start > start:
            yield start, min(span.start, end)
        start = max(start, span.end)
    if start < end:
        yield start, end


class Reader:
    """Reads `data[pos:end]`. With `trace` given, fields append their spans to it."""

    __slots__ = ("data", "end", "path", "pos", "trace")

    def __init__(
        self,
        data: bytes,
        pos: int = 0,
        end: int | None = None,
        *,
        trace: list[Span] | None = None,
        path: str = "",
    ) -> None:
        self.data = data
        self.pos = pos
        self.end = len(data) if end is None else end
        self.trace = trace
        self.path = path

    @property
    def left(self) -> int:
        return self.end - self.pos

    def skip(self, count: int) -> int:
        """Move over `count` bytes and return where they began. Raises ProtocolError "truncated"."""
        start = self.pos
        if count > self.end - start:
            raise ProtocolError(
                "truncated",
                f"{self.path or 'body'} needs {count} bytes at offset {start}, {self.end - start} left",
                reply=2,
            )
        self.pos = start + count
        return start

    def take(self, count: int) -> bytes:
        start = self.skip(count)
        return self.data[start : start + count]

    def rest(self) -> bytes:
        return self.take(self.end - self.pos)

    def note(self, start: int, name: str, value: Any, zh: str = "", meaning: str = "") -> None:
        """When a trace is kept: the bytes from `start` up to here are `name`."""
        if self.trace is not None and start < self.pos:
            path = f"{self.path}.{name}" if self.path else name
            self.trace.append(Span(start, self.pos, path, value, zh=zh, meaning=meaning))

    def within(self, count: int, path: str) -> Reader:
        """A reader of the next `count` bytes alone; this one moves past them."""
        start = self.skip(count)
        return Reader(self.data, start, start + count, trace=self.trace, path=path)
