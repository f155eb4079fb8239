"""Rows that JT/T 808 and JT/T 905 have in common: 905 took them over from the 2011 edition of 808."""

from __future__ import annotations

from fractions import Fraction

from gateway.wire.field import Field, Term, term, terms
from gateway.wire.items import Table
from gateway.wire.kinds import U8, U16, U32, Number
from gateway.wire.layout import Layout

TENTH = Number("H", Fraction(1, 10))
TENTHS = Number("I", Fraction(1, 10))

ACK_SERIAL = Field("ack_serial", U16, zh="应答流水号")
SPEED = Field("speed", TENTH, "km/h", "速度")

PLACE_TYPES = terms("none 无特定位置", "circle 圆形区域", "rectangle 矩形区域", "polygon 多边形区域", "section 路段")
PLACE_TYPE = Field("place_type", U8, zh="位置类型", codes=PLACE_TYPES)
PLACE_ID = Field("place_id", U32, zh="区域或线路ID")

ODOMETER = Field("odometer", TENTHS, "km", "里程")
ITEMS: Table = {
    (0x01, 4): Layout("odometer", ODOMETER),
    (0x02, 2): Layout("fuel", Field("fuel", TENTH, "L", "油量")),
    (0x11, 1): Layout("overspeed", PLACE_TYPE),
    (0x11, 5): Layout("overspeed", PLACE_TYPE, PLACE_ID),
    (0x12, 6): Layout(
        "crossing",
        PLACE_TYPE,
        PLACE_ID,
        Field("direction", U8, zh="方向", codes=terms("in 进", "out 出")),
    ),
    (0x13, 7): Layout(
        "section_time",
        Field("section_id", U32, zh="路段ID"),
        Field("duration", U16, "s", "路段行驶时间"),
        Field("result", U8, zh="结果", codes=terms("too_short 不足", "too_long 过长")),
    ),
}
"""Additional items of a position; 0x03 and 0x14 differ between the two standards."""

TEXT_FLAGS = {
    0: term("urgent 紧急"),
    2: term("display 终端显示"),
    3: term("tts TTS播读"),
    4: term("ad_screen 广告屏显示"),
}
QUESTION_FLAG = Field(
    "flag", U8, zh="标志", bits={0: term("urgent 紧急"), 3: term("tts TTS播读"), 4: term("ad_screen 广告屏显示")}
)
CALL_FLAG = Field("flag", U8, zh="标志", codes=terms("talk 普通通话", "monitor 监听"))
CONTACT_FLAG = Field(
    "flag", U8, zh="标志", codes=terms("in 呼入", "out 呼出", "both 呼入/呼出", start=1)
)  # fmt: skip
EVENT_ID = Field("event_id", U8, zh="事件ID")
ANSWER_ID = Field("answer_id", U8, zh="答案ID")


def shot(resolutions: dict[int, Term]) -> Layout:
    """0x8801, shoot now; the two standards number the resolutions differently."""
    return Layout(
        "shot",
        Field("channel", U8, zh="通道ID"),
        Field("command", U16, zh="拍摄命令", codes={0: term("stop 停止拍摄"), 0xFFFF: term("video 录像")}),
        Field("interval", U16, "s", "拍照间隔或录像时间"),
        Field("save", U8, zh="保存标志", codes=terms("upload 实时上传", "store 保存")),
        Field("resolution", U8, zh="分辨率", codes=resolutions),
        Field("quality", U8, zh="图像质量"),
        Field("brightness", U8, zh="亮度"),
        Field("contrast", U8, zh="对比度"),
        Field("saturation", U8, zh="饱和度"),
        Field("chroma", U8, zh="色度"),
    )


CAMERA_PARAMETERS = (
    (0x0070, "image_quality", "图像/视频质量"),
    (0x0071, "brightness", "亮度"),
    (0x0072, "contrast", "对比度"),
    (0x0073, "saturation", "饱和度"),
    (0x0074, "chroma", "色度"),
)
