"""The body of 0x0200 (JT/T 808-2019, 8.12) and its additional items, as tables."""

from __future__ import annotations

from fractions import Fraction

from gateway.report import Alarm
from gateway.wire.clocks import Clock
from gateway.wire.field import Field
from gateway.wire.groups import Many
from gateway.wire.items import Items, Table
from gateway.wire.kinds import U8, U16, U32, Number
from gateway.wire.layout import Layout

DEGREE = Number("I", Fraction(1, 1_000_000))
TENTHS = Number("I", Fraction(1, 10))
TENTH = Number("H", Fraction(1, 10))

ALARM_BITS = {bit: str(Alarm(1 << bit).name).lower() for bit in range(32)}
STATUS_BITS = {
    0: "acc_on", 1: "positioned", 2: "south", 3: "west", 4: "out_of_service", 5: "encrypted",
    6: "collision_warning", 7: "lane_departure", 8: "load_low_bit", 9: "load_high_bit", 10: "oil_cut",
    11: "circuit_cut", 12: "doors_locked", 13: "door_1_open", 14: "door_2_open", 15: "door_3_open",
    16: "door_4_open", 17: "door_5_open", 18: "gps_used", 19: "beidou_used", 20: "glonass_used",
    21: "galileo_used", 22: "moving",
}  # fmt: skip

BASE = (
    Field("alarm", U32, zh="报警标志", bits=ALARM_BITS),
    Field("status", U32, zh="状态", bits=STATUS_BITS),
    Field("lat", DEGREE, "deg", "纬度"),
    Field("lon", DEGREE, "deg", "经度"),
    Field("altitude", U16, "m", "高程"),
    Field("speed", TENTH, "km/h", "速度"),
    Field("direction", U16, "deg", "方向"),
    Field("time", Clock(), zh="时间"),
)
BASIC = Layout("position", *BASE)
"""28 bytes that every position has."""

PLACE_TYPES = {0: "none", 1: "circle", 2: "rectangle", 3: "polygon", 4: "section"}
# fmt: off
SIGNALS = {
    0: "low_beam", 1: "high_beam", 2: "right_turn", 3: "left_turn", 4: "brake", 5: "reverse",
    6: "fog_light", 7: "outline_light", 8: "horn", 9: "air_conditioner", 10: "neutral", 11: "retarder",
    12: "abs", 13: "heater",
    14: "clutch",
}
VIDEO_ALARMS = {
    0: "signal_loss", 1: "occlusion", 2: "storage_fault", 3: "other_fault", 4: "overload",
    5: "abnormal_driving", 6: "recording_threshold",
}
# fmt: on


ITEMS: Table = {
    (0x01, 4): Layout("odometer", Field("odometer", TENTHS, "km", "里程")),
    (0x02, 2): Layout("fuel", Field("fuel", TENTH, "L", "油量")),
    (0x03, 2): Layout("recorder speed", Field("recorder_speed", TENTH, "km/h", "行驶记录速度")),
    (0x04, 2): Layout("confirm", Field("confirm_event", U16, zh="需人工确认报警事件ID")),
    (0x05, 30): Layout("tyres", Field("tyre_pressure", Many(U8), "Pa", "车胎压力")),
    (0x06, 2): Layout("cabin", Field("cabin_temperature_raw", U16, zh="车厢温度")),
    (0x11, 1): Layout("overspeed", Field("place_type", U8, zh="超速位置类型", codes=PLACE_TYPES)),
    (0x11, 5): Layout(
        "overspeed place",
        Field("place_type", U8, zh="超速位置类型", codes=PLACE_TYPES),
        Field("place_id", U32, zh="区域或路段ID"),
    ),
    (0x12, 6): Layout(
        "crossing",
        Field("place_type", U8, zh="进出位置类型", codes=PLACE_TYPES),
        Field("place_id", U32, zh="区域或线路ID"),
        Field("direction", U8, zh="方向", codes={0: "in", 1: "out"}),
    ),
    (0x13, 7): Layout(
        "section time",
        Field("section_id", U32, zh="路段ID"),
        Field("duration", U16, "s", "路段行驶时间"),
        Field("result", U8, zh="结果", codes={0: "too_short", 1: "too_long"}),
    ),
    (0x14, 4): Layout("video alarms", Field("video_alarms", U32, zh="视频相关报警", bits=VIDEO_ALARMS)),
    (0x15, 4): Layout("signal loss", Field("signal_loss_channels", U32, zh="视频信号丢失通道")),
    (0x16, 4): Layout("occlusion", Field("occluded_channels", U32, zh="视频信号遮挡通道")),
    (0x17, 2): Layout("storage", Field("storage_faults", U16, zh="存储器故障")),
    (0x18, 2): Layout("behaviour", Field("abnormal_driving", U16, zh="异常驾驶行为")),
    (0x18, 3): Layout(
        "behaviour and fatigue",
        Field("abnormal_driving", U16, zh="异常驾驶行为"),
        Field("fatigue_degree", U8, zh="疲劳程度"),
    ),
    (0x25, 4): Layout("signals", Field("vehicle_signals", U32, zh="扩展车辆信号", bits=SIGNALS)),
    (0x2A, 2): Layout("io", Field("io", U16, zh="IO状态", bits={0: "deep_sleep", 1: "sleep"})),
    (0x2B, 4): Layout("analog", Field("ad1", U16, zh="AD1"), Field("ad0", U16, zh="AD0")),
    (0x30, 1): Layout("radio", Field("signal", U8, zh="无线信号强度")),
    (0x31, 1): Layout("satellites", Field("satellites", U8, zh="定位卫星数")),
}

POSITION = Layout("position with items", *BASE, Field("items", Items(ITEMS), zh="附加信息"))
