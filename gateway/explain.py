"""Captured bytes -> what they say, for people and for tests: every frame, good or refused.

Nothing here asks the roll or judges a place; a `Decoder` keeps what one terminal's stream needs
(parts of a sub-packaged message, a header version) from one capture to the next.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from gateway.errors import ProtocolError
from gateway.report import Report
from gateway.wire.framing import STANDARD as STANDARD_ESCAPES
from gateway.wire.framing import Escapes, damage
from gateway.wire.layout import Layout
from gateway.wire.message import OPAQUE, UNKNOWN, Header, MessageType
from gateway.wire.pieces import Piece, cut, unescaped
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
    whole    the body that the last part of a message completes, and the meaning of its bytes
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
    whole: bytes = b""
    whole_spans: Sequence[Span] = ()


class Decoder(Protocol):
    def decode(self, capture: Capture, *, explain: bool = False) -> list[Decoded]:
        """The frames of one capture, in order. Never raises for bad bytes."""


STANDARD = "standard"
"""The dialect of every protocol that is none."""
DecoderFactory = Callable[[str], Decoder]
"""The name of a dialect -> a fresh decoder. Raises ProtocolError when there is no such dialect."""


def refused(capture: Capture, error: ProtocolError) -> Decoded:
    """A capture of which nothing could be read."""
    return Decoded(capture.data, error=error, spans=_opaque(capture.data, error))


def without_dialects(make: Callable[[], Decoder]) -> DecoderFactory:
    """Makes decoders of a protocol that has no dialects."""

    def build(dialect: str = STANDARD) -> Decoder:
        if dialect != STANDARD:
            raise ProtocolError("dialect", f"{dialect!r} is unknown, this protocol has none")
        return make()

    return build


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

    def escapes(self, data: bytes) -> Escapes:
        """The delimiter and escapes of a capture."""
        return STANDARD_ESCAPES

    def assemble(self, header: Header, body: bytes) -> bytes | None:
        """The whole body that this one completes; None while parts are missing. Raises ProtocolError."""
        return body

    def decode(self, capture: Capture, *, explain: bool = False) -> list[Decoded]:
        escapes = self.escapes(capture.data)
        found = [self._frame(piece, explain) for piece in cut(capture.data, escapes)]
        if any(one.error for one in found) and (piece := unescaped(capture.data, escapes)) is not None:
            whole = self._frame(piece, explain)
            if whole.error is None:
                return [replace(whole, note=", ".join(filter(None, (whole.note, "escapes undone before"))))]
        return found

    def _frame(self, piece: Piece, explain: bool) -> Decoded:
        raw = piece.raw
        try:
            content = piece.content
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
            found = self._body(found, header, body, inner)
        except ProtocolError as error:
            found = replace(found, error=found.error or error)
        if trace is not None:
            trace += [replace(s, start=s.start + start, end=s.end + start) for s in inner or ()]
        return found

    def _body(self, found: Decoded, header: Header, body: bytes, trace: list[Span] | None) -> Decoded:
        """A body, or what it becomes together with the parts that came before."""
        whole = self.assemble(header, body) if found.error is None else body
        if whole is None:
            return replace(found, fields=OPAQUE.decode(body, trace))
        if whole is not body:
            OPAQUE.decode(body, trace)
            trace = None if trace is None else []
        fields = self.body(header, whole, trace)
        if whole is not body:
            found = replace(found, note=f"{found.note}, all parts together", whole=whole, whole_spans=trace or ())
        reports = () if found.error else self.reports(header, fields, whole)
        return replace(found, fields=fields, reports=reports)


def _placed(piece: Piece, content: bytes, trace: Iterable[Span], error: ProtocolError | None) -> list[Span]:
    """Spans of the unescaped content -> spans of the raw frame, with delimiters and what nobody read."""
    end = max(len(content) - 1, 0)
    spans = list(trace)
    spans += [Span(a, b, "unread", content[a:b], meaning=str(error or "")) for a, b in gaps(spans, 0, end)]
    wrong = str(error) if error is not None and error.cause == "checksum" else "XOR"
    spans.append(Span(end, len(content), "checksum", content[end:], zh="校验码", meaning=wrong))
    at, shift = piece.places, int(piece.opened)
    placed = [_moved(s, at, shift, piece.escapes) for s in sorted(spans, key=lambda s: (s.start, s.end))]
    flag = Span(0, 1, "flag", piece.escapes.flag, zh="标识位")
    last = len(piece.escaped) + shift
    tail = [replace(flag, start=last, end=last + 1)] if piece.closed else []
    return [*([flag] if piece.opened else []), *placed, *tail]


def _moved(span: Span, at: Sequence[int], shift: int, by: Escapes) -> Span:
    start, end = at[span.start] + shift, at[span.end] + shift
    escapes = end - start - (span.end - span.start)
    told = f"{escapes} escaped: {by.words}" if escapes else ""
    return replace(span, start=start, end=end, meaning="; ".join(filter(None, (span.meaning, told))))


def _opaque(raw: bytes, error: ProtocolError) -> list[Span]:
    return [Span(0, len(raw), "unread", raw, meaning=str(error))]
