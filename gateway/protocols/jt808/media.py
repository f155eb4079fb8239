"""Pictures, sound and video of the terminal's own cameras (JT/T 808-2013, 8.51-8.60)."""

from __future__ import annotations

from dataclasses import replace

from gateway.jtt import ACK_SERIAL, shot
from gateway.protocols.jt808.position import BASIC_OF_MEDIA, BASIC_OF_MEDIA_2019
from gateway.wire.clocks import Stamp
from gateway.wire.conditions import MORE
from gateway.wire.field import Field, terms
from gateway.wire.groups import Many, OneOf
from gateway.wire.kinds import U8, U16, U32, Raw
from gateway.wire.layout import Layout

MEDIA_ID = Field("media_id", U32, zh="多媒体数据ID")
MEDIA_TYPE = Field("type", U8, zh="多媒体类型", codes=terms("image 图像", "audio 音频", "video 视频"))
FORMAT = Field("format", U8, zh="多媒体格式编码", codes=terms("jpeg JPEG", "tif TIF", "mp3 MP3", "wav WAV", "wmv WMV"))
EVENT = Field(
    "event", U8, zh="事件项编码",
    codes=terms(
        "platform 平台下发指令", "timed 定时动作", "robbery 抢劫报警触发", "collision 碰撞侧翻报警触发",
            "door_open 门开拍照",
        "door_close 门关拍照", "door_closed_and_moving 车门由开变关且时速超过20公里", "distance 定距拍照",
    ),
)  # fmt: skip
CHANNEL = Field("channel", U8, zh="通道ID")
PLACE = Field("position", BASIC_OF_MEDIA, zh="位置基本信息")
PLACE_2019 = replace(PLACE, kind=BASIC_OF_MEDIA_2019)
DATA = Field("data", Raw(), zh="多媒体数据包")
DELETE = Field("delete", U8, zh="删除标志", codes=terms("keep 保留", "delete 删除"))
_MEDIA = (MEDIA_ID, MEDIA_TYPE, FORMAT, EVENT, CHANNEL)

MEDIA_EVENT = Layout("media event", *_MEDIA)
MEDIA, MEDIA_2019 = (Layout("media", *_MEDIA, place, DATA) for place in (PLACE, PLACE_2019))
MEDIA_2011 = Layout(
    "media", *_MEDIA, Field("packets", U32, zh="多媒体数据总包数"), Field("packet", U32, zh="包ID"), DATA
)
ANY_MEDIA = OneOf(MEDIA, MEDIA_2011)
"""The 2011 text counts packets where 2013 has the place; a time in it tells them apart."""

PARTS = Field("parts", Many(U16, U8), zh="重传包ID列表")
MEDIA_ANSWER = Layout("media answer", MEDIA_ID, replace(PARTS, when=MORE))
MEDIA_ANSWER_2011 = Layout("media answer", ACK_SERIAL, MEDIA_ID, PARTS)
ANY_MEDIA_ANSWER = OneOf(MEDIA_ANSWER, MEDIA_ANSWER_2011)

SHOOT = shot(
    terms(
        "320x240 320x240", "640x480 640x480", "800x600 800x600", "1024x768 1024x768", "176x144 QCIF", "352x288 CIF",
        "704x288 HALF-D1", "704x576 D1", start=1,
    )
)  # fmt: skip
SHOT = Layout(
    "shot answer",
    ACK_SERIAL,
    Field("result", U8, zh="结果", codes=terms("ok 成功", "failed 失败", "channel_unsupported 通道不支持")),
    Field("media_ids", Many(U32, U16), zh="多媒体ID列表", when=MORE),
)

ANY_TIME = Stamp("YYMMDDhhmmss", blank=True)
_SEARCH = (
    MEDIA_TYPE, CHANNEL, EVENT, Field("start", ANY_TIME, zh="起始时间"), Field("end", ANY_TIME, zh="结束时间"),
)  # fmt: skip
SEARCH = Layout("search", *_SEARCH)


def _found(place: Field) -> Layout:
    medium = Layout("medium", MEDIA_ID, MEDIA_TYPE, CHANNEL, EVENT, place)
    return Layout("found", ACK_SERIAL, Field("media", Many(medium, U16), zh="检索项"))


FOUND, FOUND_2019 = _found(PLACE), _found(PLACE_2019)
UPLOAD_STORED = Layout("upload stored", *_SEARCH, DELETE)
RECORD = Layout(
    "recording",
    Field("command", U8, zh="录音命令", codes=terms("stop 停止", "start 开始")),
    Field("duration", U16, "s", "录音时间"),
    Field("save", U8, zh="保存标志", codes=terms("upload 实时上传", "store 保存")),
    Field("rate", U8, zh="音频采样率", codes=terms("8k 8K", "11k 11K", "23k 23K", "32k 32K")),
)
UPLOAD_ONE = Layout("upload one", MEDIA_ID, DELETE)
