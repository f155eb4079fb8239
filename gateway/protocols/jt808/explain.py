"""Captured JT/T 808 frames, and what travels beside them, -> what they say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from gateway.errors import ProtocolError
from gateway.explain import STANDARD, Capture, Decoded, FramedDecoder, refused
from gateway.protocols.jt808 import attachments, dialects, reports, video
from gateway.protocols.jt808 import header as head
from gateway.protocols.jt808.compressed import inflate
from gateway.protocols.jt808.messages import MESSAGES, body_layout
from gateway.report import Report
from gateway.wire.framing import FLAG, Escapes, wrap
from gateway.wire.framing import STANDARD as STANDARD_ESCAPES
from gateway.wire.layout import Layout
from gateway.wire.message import Header, MessageType, resolve
from gateway.wire.parts import Parts
from gateway.wire.reader import Span


class Jt808Decoder(FramedDecoder):
    """Keeps the parts of sub-packaged messages, and the dialect of the model that registered."""

    def __init__(self, dialect: str = STANDARD) -> None:
        """Raises ProtocolError when there is no such dialect."""
        self._dialect = dialects.dialect(dialect)
        self._parts = Parts()
        self._head = head.OLD

    def escapes(self, data: bytes) -> Escapes:
        """Those of 0x7E, or of E7, which the first byte tells; its makers have a header of their own, too."""
        odd = data.startswith(head.E7.flag)
        self._head = head.LONG if odd else head.OLD
        return head.E7 if odd else STANDARD_ESCAPES

    def layouts(self, content: bytes) -> Sequence[Layout]:
        return head.layouts(content, self._head)

    def split(self, content: bytes) -> tuple[Header, bytes]:
        return head.split(content, self._head)

    def row(self, header: Header) -> MessageType | None:
        return MESSAGES.get(header.message_id)

    def note(self, header: Header) -> str:
        edition = "2019 header" if header.version >= 2019 else "2011/2013 header"
        return edition + (f", part {header.package[1]} of {header.package[0]}" if header.package else "")

    def assemble(self, header: Header, body: bytes) -> bytes | None:
        return self._parts.add(header, body, now=0) if header.package else body

    def body(self, header: Header, body: bytes, trace: list[Span] | None) -> dict[str, Any]:
        layout = body_layout(header.message_id, header.version, body, self._dialect)[1]
        return layout.decode(body, trace)

    def reports(self, header: Header, fields: Mapping[str, Any], body: bytes) -> Sequence[Report]:
        if header.message_id in (0x0100, 0x0107) and self._dialect is dialects.STANDARD:
            self._dialect = dialects.of_model(fields["model"])
        return reports.reports(header, fields, body, self._dialect.items)

    def decode(self, capture: Capture, *, explain: bool = False) -> list[Decoded]:
        data = capture.data.strip()
        if data.startswith(b"(") and data.endswith(b")"):
            return [_sentence(data)]
        if data.startswith(attachments.MAGIC):
            return list(self._stream(data, explain))
        return [inner for one in super().decode(capture, explain=explain) for inner in self._unfolded(one, explain)]

    def _unfolded(self, one: Decoded, explain: bool) -> Iterator[Decoded]:
        """A frame, and after a compressed one the message inside."""
        yield one
        whole = one.message_id == 0x0901 and one.error is None and "data" in one.fields  # no part of one
        inside = inflate(one.fields["data"]) if whole else None
        if inside:
            frame = inside if inside.startswith(FLAG) else wrap(inside)
            for inner in super().decode(Capture(frame), explain=explain):
                yield replace(inner, note=f"{inner.note}, unfolded from 0x0901")

    def _stream(self, data: bytes, explain: bool) -> Iterator[Decoded]:
        """Raw packets of an attachment or media connection, with frames between them."""
        if len(data) > 4 and data[4] in attachments.RTP:
            yield _packet(data, "media_packet", "音视频流数据包", resolve(video.PACKET, data), explain)
            return
        buffer = attachments.AttachmentBuffer()
        for one in buffer.feed(data):
            if one.startswith(FLAG):
                yield from super().decode(Capture(one), explain=explain)
            else:
                yield _packet(one, "attachment_packet", "附件数据包", attachments.PACKET, explain)
        if buffer.pending:
            cut = buffer.error or ProtocolError("truncated", "the packet goes on")
            yield refused(Capture(data[-buffer.pending :]), cut)


def _packet(data: bytes, name: str, zh: str, layout: Layout, explain: bool) -> Decoded:
    trace: list[Span] | None = [] if explain else None
    try:
        return Decoded(data, name, zh, fields=layout.decode(data, trace), spans=trace or ())
    except ProtocolError as error:
        return refused(Capture(data), error)


def _sentence(data: bytes) -> Decoded:
    """A text in parentheses, which some units send between their frames: (number,serial,length,...)."""
    parts = data[1:-1].decode("gb18030", errors="replace").split(",")
    return Decoded(data, "sentence", "文本语句", terminal=parts[0], fields={"parts": parts})
