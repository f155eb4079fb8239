"""The message table of JT/T 808-2011, -2013 and -2019, of JT/T 1078-2016 and T/JSATL 12-2017 over it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.errors import ProtocolError
from gateway.framed import GENERAL_ANSWER
from gateway.protocols.jt808 import areas, attachments, control, dialogue, login, media, records, video
from gateway.protocols.jt808.dialects import STANDARD, Dialect
from gateway.protocols.jt808.header import build, parse
from gateway.protocols.jt808.position import BODIES, BODIES_2019, SHORT_BATCH
from gateway.wire.layout import Layout
from gateway.wire.message import EMPTY, OPAQUE, Body, Message, MessageType, resolve
from gateway.wire.reader import Span


def _row(
    message_id: int,
    name: str,
    zh: str,
    layouts: Body | Mapping[int, Body],
    clause: str,
    standard: str = "JT/T 808-2013",
) -> MessageType:
    by_version = layouts if isinstance(layouts, Mapping) else {2011: layouts}
    return MessageType(message_id, name, zh, by_version, f"{standard} {clause}".strip())


def _of_positions(message_id: int) -> Mapping[int, Body]:
    return {2011: BODIES[message_id], 2019: BODIES_2019[message_id]}


def _only_2019(message_id: int, name: str, zh: str, layout: Body) -> MessageType:
    return _row(message_id, name, zh, layout, "", "JT/T 808-2019")


def _safety(message_id: int, name: str, zh: str, layout: Body | Mapping[int, Body]) -> MessageType:
    return _row(message_id, name, zh, layout, "", "T/JSATL 12-2017")


def _video(message_id: int, name: str, zh: str, layout: Body, clause: str) -> MessageType:
    return _row(message_id, name, zh, layout, clause, "JT/T 1078-2016")


ROWS = (
    _row(0x0001, "terminal_answer", "终端通用应答", GENERAL_ANSWER, "8.1"),
    _row(0x8001, "platform_answer", "平台通用应答", GENERAL_ANSWER, "8.2"),
    _row(0x0002, "heartbeat", "终端心跳", EMPTY, "8.3"),
    _row(0x8003, "ask_parts", "补传分包请求", {2011: login.MISSING_2013, 2019: login.MISSING_2019}, "8.4"),
    _row(
        0x0100, "register", "终端注册", {2011: login.REGISTRATION_2013, 2019: login.REGISTRATION_2019}, "8.5"
    ),
    _row(0x8100, "register_answer", "终端注册应答", login.REGISTER_ANSWER, "8.6"),
    _row(0x0003, "logout", "终端注销", EMPTY, "8.7"),
    _row(
        0x0102, "authenticate", "终端鉴权", {2011: login.AUTHENTICATION, 2019: login.AUTHENTICATION_2019}, "8.8"
    ),
    _row(0x8103, "set_parameters", "设置终端参数", control.ANY_PARAMETERS, "8.9"),
    _row(0x8104, "query_parameters", "查询终端参数", EMPTY, "8.10"),
    _row(0x8106, "query_some_parameters", "查询指定终端参数", control.QUERY_PARAMETERS, "8.11"),
    _row(0x0104, "parameters_answer", "查询终端参数应答", control.PARAMETERS_ANSWER, "8.12"),
    _row(0x8105, "control", "终端控制", control.CONTROL, "8.13"),
    _row(0x8107, "query_attributes", "查询终端属性", EMPTY, "8.14"),
    _row(
        0x0107, "attributes", "查询终端属性应答", {2011: control.ATTRIBUTES_2013, 2019: control.ATTRIBUTES_2019}, "8.15"
    ),
    _row(0x8108, "upgrade", "下发终端升级包", control.UPGRADE, "8.16"),
    _row(0x0108, "upgrade_result", "终端升级结果通知", control.UPGRADE_RESULT, "8.17"),
    _row(0x0200, "position", "位置信息汇报", _of_positions(0x0200), "8.18"),
    _row(0x8201, "query_position", "位置信息查询", EMPTY, "8.19"),
    _row(0x0201, "position_answer", "位置信息查询应答", _of_positions(0x0201), "8.20"),
    _row(0x8202, "track", "临时位置跟踪控制", dialogue.TRACK, "8.21"),
    _row(
        0x8203, "confirm_alarm", "人工确认报警消息",
        {2011: dialogue.CONFIRM_ALARM, 2019: dialogue.CONFIRM_ALARM_2019}, "8.22",
    ),
    _row(0x8300, "text", "文本信息下发", {2011: dialogue.TEXT, 2019: dialogue.TEXT_2019}, "8.23"),
    _row(0x8301, "set_events", "事件设置", dialogue.SET_EVENTS, "8.24"),
    _row(0x0301, "event", "事件报告", dialogue.EVENT_REPORT, "8.25"),
    _row(0x8302, "question", "提问下发", dialogue.QUESTION, "8.26"),
    _row(0x0302, "answer", "提问应答", dialogue.ANSWER, "8.27"),
    _row(0x8303, "set_menu", "信息点播菜单设置", dialogue.SET_MENU, "8.28"),
    _row(0x0303, "subscribe", "信息点播/取消", dialogue.SUBSCRIBE, "8.29"),
    _row(0x8304, "information", "信息服务", dialogue.INFO, "8.30"),
    _row(0x8400, "call_back", "电话回拨", dialogue.CALL_BACK, "8.31"),
    _row(0x8401, "set_phone_book", "设置电话本", dialogue.PHONE_BOOK, "8.32"),
    _row(
        0x8500, "control_vehicle", "车辆控制",
        {2011: dialogue.VEHICLE_CONTROL, 2019: dialogue.VEHICLE_CONTROL_2019}, "8.33",
    ),
    _row(0x0500, "vehicle_answer", "车辆控制应答", _of_positions(0x0500), "8.34"),
    _row(
        0x8600, "set_circles", "设置圆形区域",
        {2011: areas.several(areas.CIRCLE), 2019: areas.several(areas.CIRCLE_2019)}, "8.35",
    ),
    _row(0x8601, "delete_circles", "删除圆形区域", areas.DELETE, "8.36"),
    _row(
        0x8602, "set_rectangles", "设置矩形区域",
        {2011: areas.several(areas.RECTANGLE), 2019: areas.several(areas.RECTANGLE_2019)}, "8.37",
    ),
    _row(0x8603, "delete_rectangles", "删除矩形区域", areas.DELETE, "8.38"),
    _row(0x8604, "set_polygon", "设置多边形区域", {2011: areas.POLYGON, 2019: areas.POLYGON_2019}, "8.39"),
    _row(0x8605, "delete_polygons", "删除多边形区域", areas.DELETE, "8.40"),
    _row(0x8606, "set_route", "设置路线", {2011: areas.ROUTE, 2019: areas.ROUTE_2019}, "8.41"),
    _row(0x8607, "delete_routes", "删除路线", areas.DELETE, "8.42"),
    _row(0x8700, "query_recorder", "行驶记录数据采集命令", records.RECORDER_REQUEST, "8.43"),
    _row(0x0700, "recorder_data", "行驶记录数据上传", records.RECORDER_DATA, "8.44"),
    _row(0x8701, "set_recorder", "行驶记录参数下传命令", records.RECORDER_REQUEST, "8.45"),
    _row(0x0701, "waybill", "电子运单上报", records.WAYBILL, "8.46"),
    _row(0x8702, "query_driver", "上报驾驶员身份信息请求", EMPTY, "8.47"),
    _row(
        0x0702, "driver", "驾驶员身份信息采集上报", {2011: records.ANY_DRIVER, 2019: records.ANY_DRIVER_2019}, "8.48"
    ),
    _row(0x0704, "position_batch", "定位数据批量上传", _of_positions(0x0704), "8.49"),
    _row(0x0705, "can", "CAN总线数据上传", records.CAN, "8.50"),
    _row(0x0800, "media_event", "多媒体事件信息上传", media.MEDIA_EVENT, "8.51"),
    _row(0x0801, "media", "多媒体数据上传", {2011: media.ANY_MEDIA, 2019: media.MEDIA_2019}, "8.52"),
    _row(
        0x8800, "media_answer", "多媒体数据上传应答",
        {2011: media.ANY_MEDIA_ANSWER, 2019: media.MEDIA_ANSWER}, "8.53",
    ),
    _row(0x8801, "shoot", "摄像头立即拍摄命令", media.SHOOT, "8.54"),
    _row(0x0805, "shot_answer", "摄像头立即拍摄命令应答", media.SHOT, "8.55"),
    _row(0x8802, "search_media", "存储多媒体数据检索", media.SEARCH, "8.56"),
    _row(0x0802, "found_media", "存储多媒体数据检索应答", {2011: media.FOUND, 2019: media.FOUND_2019}, "8.57"),
    _row(0x8803, "upload_media", "存储多媒体数据上传命令", media.UPLOAD_STORED, "8.58"),
    _row(0x8804, "record", "录音开始命令", media.RECORD, "8.59"),
    _row(0x8805, "upload_one_medium", "单条存储多媒体数据检索上传命令", media.UPLOAD_ONE, "8.60"),
    _row(0x8900, "pass_down", "数据下行透传", records.DOWN, "8.61"),
    _row(0x0900, "pass_up", "数据上行透传", records.UP, "8.62"),
    _row(0x0901, "compressed", "数据压缩上报", records.COMPRESSED, "8.63"),
    _row(0x8A00, "platform_key", "平台RSA公钥", records.RSA_KEY, "8.64"),
    _row(0x0A00, "terminal_key", "终端RSA公钥", records.RSA_KEY, "8.65"),
    _only_2019(0x0004, "query_time", "查询服务器时间请求", EMPTY),
    _only_2019(0x8004, "server_time", "查询服务器时间应答", login.SERVER_TIME),
    _only_2019(0x0005, "terminal_asks_parts", "终端补传分包请求", login.MISSING_2019),
    _only_2019(0x8204, "check_link", "链路检测", EMPTY),
    _only_2019(0x8608, "query_areas", "查询区域或线路数据", areas.QUERY),
    _only_2019(0x0608, "stored_areas", "查询区域或线路数据应答", areas.STORED),
    _safety(0x9208, "request_attachments", "报警附件上传指令", attachments.REQUEST),
    _safety(0x1210, "announce_attachments", "报警附件信息消息", attachments.ANNOUNCEMENT),
    _safety(0x1211, "begin_file", "文件信息上传", {2011: attachments.FILE, 2019: attachments.FILE_WIDE}),
    _safety(0x1212, "end_file", "文件上传完成消息", {2011: attachments.FILE, 2019: attachments.FILE_WIDE}),
    _safety(
        0x9212, "file_answer", "文件上传完成消息应答",
        {2011: attachments.COMPLETION, 2019: attachments.COMPLETION_WIDE},
    ),
    _video(0x9003, "query_av", "查询终端音视频属性", EMPTY, "5.3.2"),
    _video(0x1003, "av_attributes", "终端上传音视频属性", video.ATTRIBUTES, "5.3.3"),
    _video(0x1005, "passengers", "终端上传乘客流量", video.PASSENGERS, "5.4.2"),
    _video(0x9101, "start_live", "实时音视频传输请求", video.LIVE, "5.5.1"),
    _video(0x9102, "control_live", "音视频实时传输控制", video.LIVE_CONTROL, "5.5.2"),
    _video(0x9105, "live_state", "实时音视频传输状态通知", video.LOSS, "5.5.4"),
    _video(0x9205, "query_recordings", "查询资源列表", video.SEARCH_RECORDINGS, "5.6.1"),
    _video(0x1205, "recordings", "终端上传音视频资源列表", video.RESOURCES, "5.6.2"),
    _video(0x9201, "start_playback", "平台下发远程录像回放请求", video.PLAYBACK, "5.6.3"),
    _video(0x9202, "control_playback", "平台下发远程录像回放控制", video.PLAYBACK_CONTROL, "5.6.4"),
    _video(0x9206, "upload_recording", "文件上传指令", video.UPLOAD, "5.6.5"),
    _video(0x1206, "recording_uploaded", "文件上传完成通知", video.UPLOADED, "5.6.6"),
    _video(0x9207, "control_upload", "文件上传控制", video.UPLOAD_CONTROL, "5.6.7"),
    _video(0x9301, "rotate_camera", "云台旋转", video.ROTATE, "5.7.1"),
    _video(0x9302, "adjust_focus", "云台调整焦距控制", video.ADJUST, "5.7.2"),
    _video(0x9303, "adjust_aperture", "云台调整光圈控制", video.ADJUST, "5.7.3"),
    _video(0x9304, "switch_wiper", "云台雨刷控制", video.SWITCH, "5.7.4"),
    _video(0x9305, "switch_infrared", "红外补光控制", video.SWITCH, "5.7.5"),
    _video(0x9306, "zoom", "云台变倍控制", video.ADJUST, "5.7.6"),
    _row(0x0210, "short_batch", "定位数据批量上传 (厂商)", SHORT_BATCH, "", "vendor"),
)  # fmt: skip
MESSAGES: dict[int, MessageType] = {row.id: row for row in ROWS}


def body_of(message_id: int, version: int, dialect: Dialect = STANDARD) -> Body:
    """How the bodies of a message are read in a dialect; an id that no table knows is opaque."""
    if (otherwise := dialect.body(message_id, version)) is not None:
        return otherwise
    row = MESSAGES.get(message_id)
    return row.body(version) if row else OPAQUE


def body_layout(message_id: int, version: int, body: bytes, dialect: Dialect = STANDARD) -> tuple[str, Layout]:
    """Name and layout by which this very body is read."""
    row = MESSAGES.get(message_id)
    return row.name if row else "unknown", resolve(body_of(message_id, version, dialect), body)


def encode_body(message_id: int, fields: Mapping[str, Any], version: int, dialect: Dialect = STANDARD) -> bytes:
    """A body from physical values named as in the table. Raises ProtocolError."""
    if message_id not in MESSAGES:
        raise ProtocolError("unknown_message", f"0x{message_id:04x} is not in the table")
    return body_of(message_id, version, dialect).write(fields)


def encode(message_id: int, fields: Mapping[str, Any], *, terminal: str, serial: int, version: int = 2013) -> bytes:
    """A whole escaped frame. Raises ProtocolError."""
    return build(message_id, terminal, serial, encode_body(message_id, fields, version), version)


def decode(frame: bytes, *, explain: bool = False) -> Message:
    """A whole frame -> message; a part of a message is opaque. Raises ProtocolError.

    With `explain`, `trace` says what every byte of the body means.
    """
    header, body = parse(frame)
    name, layout = body_layout(header.message_id, header.version, body)
    trace: list[Span] = []
    if header.package and header.package[0] != 1:
        layout = OPAQUE
    return Message(header, name, layout.decode(body, trace if explain else None), layout, body, trace)
