"""Captured JT/T 905 frames -> what they say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.explain import FramedDecoder
from gateway.protocols.jt905.messages import HEAD, MESSAGES, body_layout, split
from gateway.protocols.jt905.translate import position, split_catch_up
from gateway.report import Position, terminal_key
from gateway.wire.layout import Layout
from gateway.wire.message import Header, MessageType
from gateway.wire.reader import Span


class Jt905Decoder(FramedDecoder):
    def layouts(self, content: bytes) -> Sequence[Layout]:
        return [HEAD]

    def split(self, content: bytes) -> tuple[Header, bytes]:
        return split(content)

    def row(self, header: Header) -> MessageType | None:
        return MESSAGES.get(header.message_id)

    def body(self, header: Header, body: bytes, trace: list[Span] | None) -> dict[str, Any]:
        return body_layout(header.message_id)[1].decode(body, trace)

    def reports(self, header: Header, fields: Mapping[str, Any], body: bytes) -> Sequence[Position]:
        terminal = terminal_key("jt905", header.terminal)
        match header.message_id:
            case 0x0200 | 0x0202:
                return [position(terminal, fields, body)]
            case 0x0201:
                return [position(terminal, fields, body[2:])]
            case 0x0203:
                blocks = zip(fields["positions"], split_catch_up(body), strict=True)
                return [position(terminal, f, b, backfill=True) for f, b in blocks]
        return ()
