"""Captured bytes -> what they say, for people and for tests: every frame, good or refused.

Nothing here asks the roll or judges a place; a `Decoder` keeps what one terminal's stream needs
(parts of a sub-packaged message, a header version) from one capture to the next.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from gateway.errors import ProtocolError
from gateway.report import Report
from gateway.wire.framing import Piece, cut, damage, places, unescape
from gateway.wire.layout import Layout
from gateway.wire.message import UNKNOWN, Header, MessageType
from gateway.wire.reader import Reader, Span, gaps


@dataclass(frozen=True, slots=True)
class Capture:
    """One message as captured. `source` names the device where the bytes do not."""

    data: bytes
    source: str = ""
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decoded:
    """One frame.

    raw      its bytes, escapes and delimiters included
    message  the name in the message table, "" when not even the header could be read
    fields   physical values named as in the table
    error    why it is refused, None for a good frame
    note     what else there is to say, e.g. its edition or its part of a whole
    spans    what the bytes of `raw` mean, in order and without gaps; empty unless asked for
    reports  what it says in the published language
    """

    raw: bytes
    message: str = ""
    zh: str = ""
    message_id: int | None = None
    terminal: str = ""
    serial: int | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    error: ProtocolError | None = None
    note: str = ""
    spans: Sequence[Span] = ()
    reports: Sequence[Report] = ()


class Decoder(Protocol):
    def decode(self, capture: Capture, *, explain: bool = False) -> list[Decoded]:
        """The frames of one capture, in order. Never raises for bad bytes."""


def refused(capture: Capture, error: ProtocolError) -> Decoded:
    """A capture of which nothing could be read."""
    return Decoded(capture.data, error=error, spans=_opaque(capture.data, error))


class FramedDecoder(ABC):
    """What the decoders of 0x7E frames share: cutting, checksum, header, and where each byte stood."""

    @abstractmethod
    def layouts(self, content: bytes) -> Sequence[Layout]:
        """Layouts of the header of an unescaped frame, one after the other. Raises ProtocolError."""

    @abstractmethod
    def split(self, content: bytes) -> tuple[Header, bytes]:
        """An unescaped frame without checksum -> header and body. Raises ProtocolError."""

    @abstractmethod
    def row(self, header: Header) -> MessageType | None:
        """The message's row in the table."""

    @abstractmethod
    def body(self, header: Header, body: bytes, trace: list[Span] | None) -> dict[str, Any]:
        """The fields of a body. Raises ProtocolError."""

    @abstractmethod
    def reports(self, header: Header, fields: Mapping[str, Any], body: bytes) -> Sequence[Report]:
        """What a message says in the published language."""

    def note(self, header: Header) -> str:
        return ""

    def decode(self, capture: Capture, *, explain: bool = False) -> list[Decoded]:
        return [self._frame(piece, explain) for piece in cut(capture.data)]

    def _frame(self, piece: Piece, explain: bool) -> Decoded:
        raw = b"~" * piece.opened + piece.escaped + b"~" * piece.closed
        try:
            content = unescape(piece.escaped)
        except ProtocolError as error:
            return Decoded(raw, error=error, spans=_opaque(raw, error) if explain else ())
        trace: list[Span] | None = [] if explain else None
        found = Decoded(raw, error=damage(content))
        if found.error is None or (explain and found.error.cause == "checksum"):
            found = self._read(found, content[:-1], trace)
        spans = _placed(piece, content, trace, found.error) if trace is not None else ()
        return replace(found, spans=spans)

    def _read(self, found: Decoded, content: bytes, trace: list[Span] | None) -> Decoded:
        """Header and body of a frame whose checksum was looked at."""
        try:
            header, body = self.split(content)
        except ProtocolError as error:
            return replace(found, error=found.error or error)
        row = self.row(header) or UNKNOWN
        found = replace(
            found, message=row.name, zh=row.zh, message_id=header.message_id, terminal=header.terminal,
            serial=header.serial, note=self.note(header),
        )  # fmt: skip
        start = len(content) - len(body)
        if trace is not None:
            reader = Reader(content, 0, start, trace=trace)
            for layout in self.layouts(content):
                layout.read(reader)
        inner: list[Span] | None = None if trace is None else []
        try:
            fields = self.body(header, body, inner)
            reports = () if found.error else self.reports(header, fields, body)
            found = replace(found, fields=fields, reports=reports)
        except ProtocolError as error:
            found = replace(found, error=found.error or error)
        if trace is not None:
            trace += [replace(s, start=s.start + start, end=s.end + start) for s in inner or ()]
        return found


def _placed(piece: Piece, content: bytes, trace: Iterable[Span], error: ProtocolError | None) -> list[Span]:
    """Spans of the unescaped content -> spans of the raw frame, with delimiters and what nobody read."""
    end = max(len(content) - 1, 0)
    spans = list(trace)
    spans += [Span(a, b, "unread", content[a:b], meaning=str(error or "")) for a, b in gaps(spans, 0, end)]
    wrong = str(error) if error is not None and error.cause == "checksum" else "XOR"
    spans.append(Span(end, len(content), "checksum", content[end:], zh="校验码", meaning=wrong))
    at, shift = places(piece.escaped), int(piece.opened)
    placed = [_moved(s, at, shift) for s in sorted(spans, key=lambda s: (s.start, s.end))]
    flag = Span(0, 1, "flag", b"~", zh="标识位")
    last = len(piece.escaped) + shift
    tail = [replace(flag, start=last, end=last + 1)] if piece.closed else []
    return [*([flag] if piece.opened else []), *placed, *tail]


def _moved(span: Span, at: Sequence[int], shift: int) -> Span:
    start, end = at[span.start] + shift, at[span.end] + shift
    escapes = end - start - (span.end - span.start)
    told = f"{escapes} escaped: 7d 01 = 7d, 7d 02 = 7e" if escapes else ""
    return replace(span, start=start, end=end, meaning="; ".join(filter(None, (span.meaning, told))))


def _opaque(raw: bytes, error: ProtocolError) -> list[Span]:
    return [Span(0, len(raw), "unread", raw, meaning=str(error))]
