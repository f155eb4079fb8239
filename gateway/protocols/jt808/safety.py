"""Active safety, T/JSATL 12-2017 (the Jiangsu standard) over JT/T 808: items 0x64-0x67 of a position.

Carriers of the 2019 edition and T/GDRTA 002-2020 (Guangdong) give the terminal 30 bytes instead of 7
and know more kinds of alarm; an item's length tells which it is.
"""

from __future__ import annotations

from fractions import Fraction

from gateway.protocols.jt808.coordinates import LAT, LON
from gateway.wire.clocks import Clock, Lenient
from gateway.wire.conditions import MORE
from gateway.wire.field import Field, Term, term, terms
from gateway.wire.groups import Many, OneOf
from gateway.wire.items import Table
from gateway.wire.kinds import U8, U16, U32, Number, Raw
from gateway.wire.layout import Layout
from gateway.wire.texts import Text

DEVICES = terms(
    "adas 高级驾驶辅助系统", "dsm 驾驶员状态监测系统", "tpms 轮胎气压监测系统", "bsd 盲区监测系统", start=100
)
DEVICE = Field("device", U8, zh="外设ID", codes=DEVICES)
ADAS_TYPES = {
    0x01: term("forward_collision 前向碰撞报警"), 0x02: term("lane_departure 车道偏离报警"),
    0x03: term("headway_too_short 车距过近报警"), 0x04: term("pedestrian_collision 行人碰撞报警"),
    0x05: term("frequent_lane_change 频繁变道报警"), 0x06: term("road_sign_exceeded 道路标识超限报警"),
    0x07: term("obstacle 障碍物报警"), 0x10: term("road_sign_recognised 道路标志识别事件"),
    0x11: term("active_capture 主动抓拍事件"),
}  # fmt: skip
DSM_TYPES = {
    0x01: term("fatigue 疲劳驾驶报警"), 0x02: term("phone 接打电话报警"), 0x03: term("smoking 抽烟报警"),
    0x04: term("distraction 分神驾驶报警"), 0x05: term("driver_abnormal 驾驶员异常报警"),
    0x10: term("automatic_capture 自动抓拍事件"), 0x11: term("driver_change 驾驶员变更事件"),
}  # fmt: skip
DSM_TYPES_WIDE = DSM_TYPES | {
    0x06: term("camera_covered 探头遮挡报警"), 0x08: term("driving_too_long 超时驾驶报警"),
    0x0A: term("no_seat_belt 未系安全带报警"), 0x0B: term("dark_glasses 红外阻断型墨镜失效报警"),
    0x0C: term("hands_off_wheel 双脱把报警"), 0x0D: term("playing_phone 玩手机报警"),
}  # fmt: skip
BSD_TYPES = terms(
    "rear_approach 后方接近报警", "left_rear_approach 左侧后方接近报警", "right_rear_approach 右侧后方接近报警", start=1
)
TYRE_BITS = terms(
    "periodic 定时上报",
    "pressure_high 胎压过高",
    "pressure_low 胎压过低",
    "too_hot 胎温过高",
    "sensor_fault 传感器异常",
    "imbalance 胎压不平衡",
    "slow_leak 慢漏气",
    "battery_low 电池电量低",
)
FLAGS = terms("none 不可用", "start 开始", "end 结束")
VEHICLE_BITS = {
    0: term("acc_on ACC"), 1: term("left_turn 左转向"), 2: term("right_turn 右转向"), 3: term("wiper 雨刮器"),
    4: term("brake 制动"), 5: term("card_inserted 插卡"), 10: term("positioned 定位"),
}  # fmt: skip


def identification(terminal: int, reserved: Field) -> Layout:
    """The number under which an alarm's attachments are asked for and sent."""
    return Layout(
        "identification",
        Field("terminal_id", Text(terminal), zh="终端ID"),
        Field("time", Lenient(Clock()), zh="时间"),
        Field("sequence", U8, zh="序号"),
        Field("attachments", U8, zh="附件数量"),
        reserved,
    )


IDENTIFICATION = identification(7, Field("reserved", U8, zh="预留"))
IDENTIFICATION_WIDE = identification(30, Field("spare", U16, zh="预留"))
"""16 bytes, and the 40 of terminals with long ids."""
IDENTIFIERS = {layout.struct.size: layout for layout in (IDENTIFICATION, IDENTIFICATION_WIDE)}


def named_part(label: bytes) -> bytes:
    """What of an identification number names the alarm; the count of files behind it may change later."""
    return label[: IDENTIFIERS[len(label)].place("attachments").start]


HEAD = (Field("alarm_id", U32, zh="报警ID"), Field("flag", U8, zh="标志状态", codes=FLAGS))
LEVEL = Field("level", U8, zh="报警级别")


def _tail(identified: Layout) -> tuple[Field, ...]:
    """Speed, place and time of the alarm, which differ from those of the position around it."""
    return (
        Field("speed", U8, "km/h", "车速"),
        Field("altitude", U16, "m", "高程"),
        LAT,
        LON,
        Field("time", Lenient(Clock()), zh="日期时间"),
        Field("vehicle", U16, zh="车辆状态", bits=VEHICLE_BITS),
        Field("identification", identified, zh="报警标识号"),
    )


def _adas(identified: Layout) -> Layout:
    signs = terms("speed 限速", "height 限高", "weight 限重", start=1)
    return Layout(
        "adas",
        *HEAD,
        Field("type", U8, zh="报警/事件类型", codes=ADAS_TYPES),
        LEVEL,
        Field("front_speed", U8, "km/h", "前车车速"),
        Field("front_time", Number("B", Fraction(1, 10)), "s", "前车/行人距离"),
        Field("departure", U8, zh="偏离类型", codes=terms("left 左侧", "right 右侧", start=1)),
        Field("sign", U8, zh="道路标志识别类型", codes=signs),
        Field("sign_value", U8, zh="道路标志识别数据"),
        *_tail(identified),
    )


def _dsm(identified: Layout, types: dict[int, Term]) -> Layout:
    return Layout(
        "dsm",
        *HEAD,
        Field("type", U8, zh="报警/事件类型", codes=types),
        LEVEL,
        Field("fatigue", U8, zh="疲劳程度"),
        Field("reserved", Raw(4), zh="预留"),
        *_tail(identified),
    )


WHEEL = Layout(
    "wheel",
    Field("wheel", U8, zh="胎压报警位置"),
    Field("alarms", U16, zh="报警/事件类型", bits=TYRE_BITS),
    Field("pressure", U16, "kPa", "胎压"),
    Field("temperature", U16, "Cel", "胎温"),
    Field("battery", U16, "%", "电池电量"),
)


def _tpms(identified: Layout) -> Layout:
    return Layout("tpms", *HEAD, *_tail(identified), Field("wheels", Many(WHEEL, U8), zh="报警/事件列表"))


def _bsd(identified: Layout) -> Layout:
    return Layout("bsd", *HEAD, Field("type", U8, zh="报警/事件类型", codes=BSD_TYPES), *_tail(identified))


NARROW = {
    0x64: _adas(IDENTIFICATION), 0x65: _dsm(IDENTIFICATION, DSM_TYPES), 0x66: _tpms(IDENTIFICATION),
    0x67: _bsd(IDENTIFICATION),
}  # fmt: skip
WIDE = {
    0x64: _adas(IDENTIFICATION_WIDE), 0x65: _dsm(IDENTIFICATION_WIDE, DSM_TYPES_WIDE),
    0x66: _tpms(IDENTIFICATION_WIDE), 0x67: _bsd(IDENTIFICATION_WIDE),
}  # fmt: skip
SAFETY_ITEMS: Table = {
    **{(number, size): NARROW[number] for number, size in ((0x64, 47), (0x65, 47), (0x67, 41))},
    **{(number, size): WIDE[number] for number, size in ((0x64, 71), (0x65, 71), (0x67, 65))},
    (0x66, None): OneOf(NARROW[0x66], WIDE[0x66]),
    (0x64, None): NARROW[0x64],
    (0x65, None): NARROW[0x65],
    (0x67, None): NARROW[0x67],
}
"""An item of another length is read as the standard's and keeps its surplus; one that cannot be is kept as bytes."""


# what begins the parameters of ADAS and DSM; 0xFF leaves a value unchanged
CAPTURE = (
    Field("speed_threshold", U8, "km/h", "报警判断速度阈值"),
    Field("volume", U8, zh="报警提示音量"),
    Field("capture_strategy", U8, zh="主动拍照策略"),
    Field("capture_interval", U16, "s", "主动定时拍照时间间隔"),
    Field("capture_distance", U16, "m", "主动定距拍照距离间隔"),
    Field("photos", U8, zh="单次主动拍照张数"),
    Field("photo_interval", Number("B", Fraction(1, 10)), "s", "单次主动拍照时间间隔"),
    Field("photo_resolution", U8, zh="拍照分辨率"),
    Field("video_resolution", U8, zh="视频录制分辨率"),
    Field("alarms_enabled", U32, zh="报警使能"),
    Field("events_enabled", U32, zh="事件使能"),
)
SAFETY_PARAMETERS = (
    (0xF364, Layout("adas", *CAPTURE, Field("reserved", U8, zh="预留"), Field("alarms", Raw(), zh="各报警参数"))),
    (
        0xF365,
        Layout(
            "dsm", *CAPTURE, Field("smoking_interval", U16, "s", "吸烟报警判断时间间隔"),
            Field("phone_interval", U16, "s", "接打电话报警判断时间间隔"), Field("reserved", Raw(3), zh="预留"),
            Field("alarms", Raw(), zh="各报警参数"),
        ),
    ),
    (
        0xF366,
        Layout(
            "tpms", Field("tyre", Text(12), zh="轮胎规格型号"), Field("pressure_unit", U16, zh="胎压单位"),
            Field("normal", U16, zh="正常胎压值"), Field("imbalance", U16, "%", "胎压不平衡阈值"),
            Field("slow_leak", U16, "%", "慢漏气阈值"), Field("low", U16, zh="低压阈值"), Field("high", U16,
                zh="高压阈值"),
            Field("hot", U16, "Cel", "高温阈值"), Field("voltage", U16, "%", "电压阈值"),
            Field("report_interval", U16, "s", "定时上报时间间隔"), Field("reserved", Raw(), zh="保留项", when=MORE),
        ),
    ),
    (
        0xF367,
        Layout(
            "bsd", Field("rear_threshold", U8, "s", "后方接近报警时间阈值"),
            Field("side_threshold", U8, "s", "侧后方接近报警时间阈值"),
        ),
    ),
)  # fmt: skip
