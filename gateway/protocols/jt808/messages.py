"""The message table of JT/T 808 and the whole-frame codec over it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.errors import ProtocolError
from gateway.framed import GENERAL_ANSWER
from gateway.protocols.jt808.header import build, parse
from gateway.protocols.jt808.position import BASE, ITEMS, POSITION
from gateway.wire.field import Field
from gateway.wire.groups import Many, Sized
from gateway.wire.items import Items
from gateway.wire.kinds import U8, U16, U32, Raw
from gateway.wire.layout import Layout
from gateway.wire.message import EMPTY, OPAQUE, Message, MessageType
from gateway.wire.reader import Span
from gateway.wire.texts import Text

REGISTER_RESULTS = {
    0: "ok",
    1: "vehicle_already_registered",
    2: "no_such_vehicle",
    3: "terminal_already_registered",
    4: "no_such_terminal",
}
PLATE_COLOURS = {0: "none", 1: "blue", 2: "yellow", 3: "black", 4: "white", 5: "green", 9: "other"}


def _registration(maker: int, model: int, terminal_id: int) -> Layout:
    return Layout(
        "registration",
        Field("province", U16, zh="省域ID"),
        Field("city", U16, zh="市县域ID"),
        Field("maker", Text(maker), zh="制造商ID"),
        Field("model", Text(model), zh="终端型号"),
        Field("terminal_id", Text(terminal_id), zh="终端ID"),
        Field("plate_color", U8, zh="车牌颜色", codes=PLATE_COLOURS),
        Field("plate", Text(), zh="车辆标识"),
    )


REGISTER_ANSWER_OK = Layout(
    "registration answer",
    Field("ack_serial", U16, zh="应答流水号"),
    Field("result", U8, zh="结果", codes=REGISTER_RESULTS),
    Field("code", Text(), zh="鉴权码"),
)
BATCH = Layout(
    "batch of positions",
    Field("count", U16, zh="数据项个数"),
    Field("type", U8, zh="位置数据类型", codes={0: "normal", 1: "blind_area"}),
    Field("positions", Many(Sized(U16, POSITION)), zh="位置汇报数据项"),
)
PARAMETER = Layout("parameter", Field("id", U32, zh="参数ID"), Field("value", Sized(U8, Raw()), zh="参数值"))


def _row(
    message_id: int,
    name: str,
    zh: str,
    layouts: Layout | Mapping[int, Layout],
    clause: str = "",
    *,
    uplink: bool = True,
) -> tuple[int, MessageType]:
    by_version = {2011: layouts} if isinstance(layouts, Layout) else layouts
    return message_id, MessageType(message_id, name, zh, by_version, clause, uplink)


def _down(
    message_id: int, name: str, zh: str, layouts: Layout | Mapping[int, Layout], clause: str = ""
) -> tuple[int, MessageType]:
    return _row(message_id, name, zh, layouts, clause, uplink=False)


MESSAGES: dict[int, MessageType] = dict(
    (
        _row(0x0001, "terminal_answer", "终端通用应答", GENERAL_ANSWER, "8.1"),
        _down(0x8001, "platform_answer", "平台通用应答", GENERAL_ANSWER, "8.2"),
        _row(0x0002, "heartbeat", "终端心跳", EMPTY, "8.3"),
        _row(0x0003, "logout", "终端注销", EMPTY, "8.8"),
        _row(
            0x0100,
            "register",
            "终端注册",
            {2011: _registration(5, 8, 7), 2013: _registration(5, 20, 7), 2019: _registration(11, 30, 30)},
            "8.7",
        ),
        _down(0x8100, "register_answer", "终端注册应答", REGISTER_ANSWER_OK, "8.7"),
        _row(
            0x0102,
            "authenticate",
            "终端鉴权",
            {
                2011: Layout("authentication", Field("auth", Text(), zh="鉴权码")),
                2019: Layout(
                    "authentication",
                    Field("auth", Sized(U8, Text()), zh="鉴权码"),
                    Field("imei", Text(15), zh="终端IMEI"),
                    Field("software", Text(20), zh="软件版本号"),
                ),
            },
            "8.9",
        ),
        _row(0x0200, "position", "位置信息汇报", POSITION, "8.12"),
        _down(0x8201, "query_position", "位置信息查询", EMPTY, "8.13"),
        _row(
            0x0201,
            "position_answer",
            "位置信息查询应答",
            Layout(
                "position answer",
                Field("ack_serial", U16, zh="应答流水号"),
                *BASE,
                Field("items", Items(ITEMS), zh="附加信息"),
            ),
            "8.14",
        ),
        _row(0x0704, "position_batch", "定位数据批量上传", BATCH, "8.49"),
        _down(
            0x8300,
            "text",
            "文本信息下发",
            {
                2011: Layout("text", Field("flag", U8, zh="标志"), Field("text", Text(), zh="文本信息")),
                2019: Layout(
                    "text",
                    Field("flag", U8, zh="标志"),
                    Field("type", U8, zh="文本类型", codes={1: "notice", 2: "service"}),
                    Field("text", Text(), zh="文本信息"),
                ),
            },
            "8.20",
        ),
        _down(
            0x8103,
            "set_parameters",
            "设置终端参数",
            Layout(
                "parameters",
                Field(
                    "parameters",
                    Many(PARAMETER, U8),
                    zh="参数项",
                ),
            ),
            "8.10",
        ),
    )
)


def registration_version(version: int, body: bytes) -> int:
    """2011 and 2013 share a header; the body of 0x0100 tells them apart (25 or 37 fixed bytes)."""
    if version >= 2019:
        return version
    return 2013 if len(body) >= 37 and not (len(body) <= 40 and body[24] in PLATE_COLOURS) else 2011


def body_layout(message_id: int, version: int, body: bytes) -> tuple[str, Layout]:
    """Name and layout by which a body is read; an id that is not in the table is opaque."""
    row = MESSAGES.get(message_id)
    if row is None:
        return "unknown", OPAQUE
    if message_id == 0x0100:
        version = registration_version(version, body)
    layout = row.layout(version)
    if message_id == 0x0102 and version >= 2019 and body and len(body) < 1 + body[0] + 35:
        layout = Layout("short authentication", layout.fields[0])
    if message_id == 0x8100 and len(body) == 3:
        layout = Layout("registration refused", *layout.fields[:2])
    return row.name, layout


def encode_body(message_id: int, fields: Mapping[str, Any], version: int) -> bytes:
    """A body from physical values named as in the table. Raises ProtocolError."""
    row = MESSAGES.get(message_id)
    if row is None:
        raise ProtocolError("unknown_message", f"0x{message_id:04x} is not in the table")
    layout = row.layout(version)
    if message_id == 0x8100 and fields.get("result") != 0:
        layout = Layout("registration refused", *layout.fields[:2])
    return layout.write(fields)


def encode(message_id: int, fields: Mapping[str, Any], *, terminal: str, serial: int, version: int = 2013) -> bytes:
    """A whole escaped frame. Raises ProtocolError."""
    return build(message_id, terminal, serial, encode_body(message_id, fields, version), version)


def decode(frame: bytes, *, explain: bool = False) -> Message:
    """A whole frame -> message. With `explain`, `trace` says what every byte of the body means."""
    header, body = parse(frame)
    name, layout = body_layout(header.message_id, header.version, body)
    trace: list[Span] = []
    if header.package and header.package[1] != 1:
        layout = OPAQUE
    return Message(header, name, layout.decode(body, trace if explain else None), body, trace)
