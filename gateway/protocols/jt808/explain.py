"""Captured JT/T 808 frames -> what they say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.explain import FramedDecoder
from gateway.protocols.jt808 import header as head
from gateway.protocols.jt808.messages import MESSAGES, body_layout
from gateway.protocols.jt808.translate import position, split_batch
from gateway.report import Position, terminal_key
from gateway.wire.layout import Layout
from gateway.wire.message import OPAQUE, Header, MessageType
from gateway.wire.reader import Span


class Jt808Decoder(FramedDecoder):
    def layouts(self, content: bytes) -> Sequence[Layout]:
        return head.layouts(content)

    def split(self, content: bytes) -> tuple[Header, bytes]:
        return head.split(content)

    def row(self, header: Header) -> MessageType | None:
        return MESSAGES.get(header.message_id)

    def note(self, header: Header) -> str:
        edition = "2019 header" if header.version >= 2019 else "2011/2013 header"
        return edition + (f", part {header.package[1]} of {header.package[0]}" if header.package else "")

    def body(self, header: Header, body: bytes, trace: list[Span] | None) -> dict[str, Any]:
        layout = OPAQUE if header.package else body_layout(header.message_id, header.version, body)[1]
        return layout.decode(body, trace)

    def reports(self, header: Header, fields: Mapping[str, Any], body: bytes) -> Sequence[Position]:
        terminal = terminal_key("jt808", header.terminal)
        if header.package:
            return ()
        match header.message_id:
            case 0x0200:
                return [position(terminal, fields, header.version, body)]
            case 0x0201:
                return [position(terminal, fields, header.version, body[2:])]
            case 0x0704:
                bodies, blind = split_batch(body)
                found = zip(fields["positions"], bodies, strict=True)
                return [position(terminal, f, header.version, b, backfill=blind) for f, b in found]
        return ()
