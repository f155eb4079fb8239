"""The message table of JT/T 905.2-2014 and the whole-frame codec over it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.errors import ProtocolError
from gateway.framed import GENERAL_ANSWER
from gateway.jtt import ACK_SERIAL
from gateway.protocols.jt905 import devices, dialogue, media, meter, orders
from gateway.protocols.jt905.position import BASE, BASIC, POSITION, TAIL
from gateway.wire.field import Field
from gateway.wire.framing import unwrap, wrap
from gateway.wire.groups import Many
from gateway.wire.kinds import U16, Bcd
from gateway.wire.layout import Layout
from gateway.wire.message import EMPTY, OPAQUE, Body, Header, Message, MessageType
from gateway.wire.reader import Span

VERSION = 2014
HEAD = Layout(
    "header",
    Field("message_id", U16, zh="消息ID", base16=True),
    Field("length", U16, zh="消息体长度"),
    Field("terminal", Bcd(6), zh="ISU标识"),
    Field("serial", U16, zh="消息流水号"),
)
"""The length is a plain number: no flags."""
POSITION_ANSWER = Layout("position answer", ACK_SERIAL, *BASE, TAIL)
CATCH_UP = Layout("catch-up", Field("positions", Many(BASIC), zh="位置基本信息"))


def _row(message_id: int, name: str, zh: str, layout: Body, table: int | None = None) -> MessageType:
    return MessageType(
        message_id, name, zh, {VERSION: layout}, "JT/T 905.2-2014" + (f" table {table}" if table else "")
    )


ROWS = (
    _row(0x0001, "isu_answer", "ISU通用应答", GENERAL_ANSWER),
    _row(0x8001, "centre_answer", "中心通用应答", GENERAL_ANSWER),
    _row(0x0002, "heartbeat", "ISU心跳", EMPTY),
    _row(0x8103, "set_parameters", "设置参数", devices.SET_PARAMETERS),
    _row(0x8104, "query_parameters", "查询ISU参数", devices.QUERY_PARAMETERS),
    _row(0x0104, "parameters_answer", "查询ISU参数应答", devices.PARAMETERS_ANSWER),
    _row(0x8105, "control", "ISU控制", devices.CONTROL),
    _row(0x0105, "upgrade_result", "ISU升级结果报告", devices.UPGRADE_RESULT),
    _row(0x0200, "position", "位置信息汇报", POSITION),
    _row(0x8201, "query_position", "位置信息查询", EMPTY),
    _row(0x0201, "position_answer", "位置信息查询应答", POSITION_ANSWER),
    _row(0x8202, "track", "位置跟踪控制", dialogue.TRACK),
    _row(0x0202, "tracking", "位置跟踪信息汇报", POSITION),
    _row(0x0203, "catch_up", "位置汇报数据补传", CATCH_UP),
    _row(0x8300, "text", "文本信息下发", dialogue.TEXT),
    _row(0x8301, "set_events", "事件设置", dialogue.SET_EVENTS),
    _row(0x0301, "event", "事件报告", dialogue.EVENT),
    _row(0x8302, "question", "提问下发", dialogue.QUESTION),
    _row(0x0302, "answer", "提问应答", dialogue.ANSWER),
    _row(0x8400, "call_back", "电话回拨", dialogue.CALL_BACK),
    _row(0x8401, "set_phone_book", "设置电话本", dialogue.PHONE_BOOK),
    _row(0x8500, "control_vehicle", "车辆控制", dialogue.CONTROL_VEHICLE),
    _row(0x0500, "vehicle_answer", "车辆控制应答", POSITION_ANSWER),
    _row(0x0800, "picture", "摄像头图像上传", media.PICTURE),
    _row(0x8801, "shoot", "摄像头立即拍摄命令", media.SHOOT),
    _row(0x8802, "search_pictures", "存储图像检索", media.SEARCH_PICTURES),
    _row(0x0802, "found_pictures", "存储图像检索应答", media.FOUND),
    _row(0x8803, "upload_stored", "存储图像/音视频上传命令", media.UPLOAD),
    _row(0x8805, "search_sounds", "存储音频检索", media.SEARCH_SOUNDS),
    _row(0x0805, "found_sounds", "存储音频检索应答", media.FOUND),
    _row(0x0806, "media", "存储音视频上传", media.CONTENT),
    _row(0x8B00, "order_task", "订单任务下发", orders.TASK, 48),
    _row(0x0B01, "grab_order", "驾驶员抢答", orders.ONLY_ORDER, 49),
    _row(0x8B01, "order_result", "下发抢答结果信息", orders.RESULT, 50),
    _row(0x0B07, "order_finished", "电召任务完成确认", orders.ONLY_ORDER, 51),
    _row(0x0B08, "order_cancelled", "驾驶员取消订单", orders.CANCELLED, 52),
    _row(0x8B09, "cancel_order", "中心取消订单", orders.ONLY_ORDER, 53),
    _row(0x0B03, "sign_in", "上班签到信息上传", meter.SIGN_IN, 54),
    _row(0x0B04, "sign_out", "下班签退信息上传", meter.SIGN_OUT, 55),
    _row(0x0B05, "trip", "运营数据上传", meter.TRIP, 56),
    _row(0x8B0A, "confirm_alarm", "中心确认报警", EMPTY),
    _row(0x8B0B, "release_alarm", "中心解除报警", EMPTY),
    _row(0x8B10, "pass_down", "外围设备指令下行透传", devices.PASS_DOWN),
    _row(0x0B10, "pass_up", "外围设备指令上行透传", devices.PASS_UP),
    _row(0x8B11, "inspect", "中心巡检设备", devices.INSPECTION),
    _row(0x0B11, "inspection", "设备巡检应答", devices.INSPECTION_ANSWER),
)
MESSAGES: dict[int, MessageType] = {row.id: row for row in ROWS}
ALIASES = {"standard": {}, "uninew": {0x0B00: 0x0B01, 0x8B08: 0x8B09}}
"""Dialect -> ids that it uses for messages of other ids."""


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


def body_layout(message_id: int, body: bytes = b"") -> tuple[str, Layout]:
    """Name and layout by which this very body is read; an id that is not in the table is opaque."""
    row = MESSAGES.get(message_id)
    return (row.name, row.layout(VERSION, body)) if row else ("unknown", OPAQUE)


def encode_body(message_id: int, fields: Mapping[str, Any]) -> bytes:
    """A body from physical values named as in the table. Raises ProtocolError."""
    row = MESSAGES.get(message_id)
    if row is None:
        raise ProtocolError("unknown_message", f"0x{message_id:04x} is not in the table")
    return row.body(VERSION).write(fields)


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
    name, layout = body_layout(header.message_id, body)
    trace: list[Span] = []
    return Message(header, name, layout.decode(body, trace if explain else None), layout, body, trace)
