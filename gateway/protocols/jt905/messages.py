"""The message table of JT/T 905.2-2014 and the whole-frame codec over it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.errors import ProtocolError
from gateway.framed import GENERAL_ANSWER
from gateway.protocols.jt905.position import BASE, BASIC, ITEMS, POSITION
from gateway.wire.field import Field
from gateway.wire.framing import unwrap, wrap
from gateway.wire.groups import Many
from gateway.wire.items import Items
from gateway.wire.kinds import U8, U16, Bcd
from gateway.wire.layout import Layout
from gateway.wire.message import EMPTY, OPAQUE, Header, Message, MessageType
from gateway.wire.reader import Span
from gateway.wire.texts import Text

VERSION = 2014
HEAD = Layout(
    "header",
    Field("message_id", U16, zh="消息ID"),
    Field("length", U16, zh="消息体长度"),
    Field("terminal", Bcd(6), zh="ISU标识"),
    Field("serial", U16, zh="消息流水号"),
)
"""The length is a plain number: no flags."""

POSITION_ANSWER = Layout(
    "position answer",
    Field("ack_serial", U16, zh="应答流水号"),
    *BASE,
    Field("items", Items(ITEMS), zh="附加信息"),
)
TEXT = Layout(
    "text",
    Field("flag", U8, zh="标志", bits={0: "urgent", 2: "display", 3: "tts", 4: "ad_screen"}),
    Field("text", Text(), zh="文本信息"),
)

MESSAGES: dict[int, MessageType] = {
    row.id: row
    for row in (
        MessageType(0x0001, "isu_answer", "ISU通用应答", {VERSION: GENERAL_ANSWER}),
        MessageType(0x8001, "centre_answer", "中心通用应答", {VERSION: GENERAL_ANSWER}),
        MessageType(0x0002, "heartbeat", "ISU心跳", {VERSION: EMPTY}),
        MessageType(0x0200, "position", "位置信息汇报", {VERSION: POSITION}),
        MessageType(0x8201, "query_position", "位置信息查询", {VERSION: EMPTY}),
        MessageType(0x0201, "position_answer", "位置信息查询应答", {VERSION: POSITION_ANSWER}),
        MessageType(0x0202, "tracking", "位置跟踪信息汇报", {VERSION: POSITION}),
        MessageType(
            0x0203,
            "catch_up",
            "位置汇报数据补传",
            {VERSION: Layout("catch-up", Field("positions", Many(BASIC), zh="位置基本信息"))},
        ),
        MessageType(0x8300, "text", "文本信息下发", {VERSION: TEXT}),
    )
}


def parse(frame: bytes) -> tuple[Header, bytes]:
    """Whole frame -> header and body. Raises ProtocolError."""
    return split(unwrap(frame))


def split(content: bytes) -> tuple[Header, bytes]:
    """Unescaped frame without checksum -> header and body. Raises ProtocolError."""
    message_id, length, number, serial = HEAD.struct.unpack_from(content)
    body = content[HEAD.struct.size :]
    if len(body) != length:
        raise ProtocolError("length", f"the header announces {length} bytes of body, {len(body)} follow")
    return Header(message_id, number.hex(), serial, VERSION, None, length), body


def body_layout(message_id: int) -> tuple[str, Layout]:
    """Name and layout by which a body is read; an id that is not in the table is opaque."""
    row = MESSAGES.get(message_id)
    return (row.name, row.layout(VERSION)) if row else ("unknown", OPAQUE)


def encode_body(message_id: int, fields: Mapping[str, Any]) -> bytes:
    """A body from physical values named as in the table. Raises ProtocolError."""
    row = MESSAGES.get(message_id)
    if row is None:
        raise ProtocolError("unknown_message", f"0x{message_id:04x} is not in the table")
    return row.layout(VERSION).write(fields)


def encode(message_id: int, fields: Mapping[str, Any], *, terminal: str, serial: int) -> bytes:
    """A whole escaped frame. Raises ProtocolError."""
    return frame(message_id, encode_body(message_id, fields), terminal=terminal, serial=serial)


def frame(message_id: int, body: bytes, *, terminal: str, serial: int) -> bytes:
    """A whole escaped frame around a body."""
    number = bytes.fromhex(terminal.rjust(12, "0")[-12:])
    return wrap(HEAD.struct.pack(message_id, len(body), number, serial) + body)


def decode(frame: bytes, *, explain: bool = False) -> Message:
    """A whole frame -> message. With `explain`, `trace` says what every byte of the body means."""
    header, body = parse(frame)
    name, layout = body_layout(header.message_id)
    trace: list[Span] = []
    return Message(header, name, layout.decode(body, trace if explain else None), body, trace)
