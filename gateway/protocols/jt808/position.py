"""The body of 0x0200 (JT/T 808-2013, 8.18) and the additional items of the standards, as tables."""

from __future__ import annotations

from gateway.jtt import ACK_SERIAL, SPEED, TENTH
from gateway.jtt import ITEMS as COMMON_ITEMS
from gateway.protocols.jt808.coordinates import LAT, LON
from gateway.protocols.jt808.safety import SAFETY_ITEMS
from gateway.protocols.jt808.vendor import VENDOR_ITEMS
from gateway.protocols.jt808.video import VIDEO_ALARMS
from gateway.wire.clocks import Clock, Stamp
from gateway.wire.field import Field, Term, term, terms
from gateway.wire.groups import Many, Sized
from gateway.wire.items import Items, Table
from gateway.wire.kinds import U8, U16, U32, Kind, SignMagnitude, Unless
from gateway.wire.layout import Layout

ALARM_BITS = {
    0: term("emergency 紧急报警"), 1: term("overspeed 超速报警"), 2: term("fatigue 疲劳驾驶"),
    3: term("danger_warning 危险预警"), 4: term("gnss_fault GNSS模块故障"),
        5: term("gnss_antenna_open GNSS天线未接或被剪断"),
    6: term("gnss_antenna_short GNSS天线短路"), 7: term("power_low 终端主电源欠压"),
        8: term("power_lost 终端主电源掉电"),
    9: term("display_fault 终端显示器故障"), 10: term("tts_fault TTS模块故障"), 11: term("camera_fault 摄像头故障"),
    12: term("card_reader_fault 道路运输证IC卡模块故障"), 13: term("overspeed_warning 超速预警"),
    14: term("fatigue_warning 疲劳驾驶预警"), 18: term("daily_driving_exceeded 当天累计驾驶超时"),
    19: term("parked_too_long 超时停车"), 20: term("area_crossed 进出区域"), 21: term("route_crossed 进出路线"),
    22: term("section_time 路段行驶时间不足或过长"), 23: term("off_route 路线偏离"),
    24: term("speed_sensor_fault 车辆VSS故障"), 25: term("fuel_abnormal 车辆油量异常"), 26: term("stolen 车辆被盗"),
    27: term("illegal_ignition 车辆非法点火"), 28: term("illegal_displacement 车辆非法位移"),
    29: term("collision 碰撞预警"), 30: term("rollover 侧翻预警"), 31: term("illegal_door 非法开门"),
}  # fmt: skip
"""2011 lacks bits 12-14 and 30-31; its header cannot tell."""
ALARM_BITS_2019 = {
    **{bit: name for bit, name in ALARM_BITS.items() if bit != 31},
    3: term("dangerous_driving 危险驾驶行为"), 15: term("forbidden_hours 违规行驶"), 16: term("tyre_pressure 胎压预警"),
    17: term("blind_spot 右转盲区异常"), 29: term("collision 碰撞侧翻报警"),
}  # fmt: skip
STATUS_BITS = {
    0: term("acc_on ACC开"), 1: term("positioned 定位"), 2: term("south 南纬"), 3: term("west 西经"),
    4: term("out_of_service 停运"), 5: term("encrypted 经纬度已加密"), 10: term("oil_cut 油路断开"),
    11: term("circuit_cut 电路断开"), 12: term("doors_locked 车门加锁"), 13: term("door_1_open 前门开"),
    14: term("door_2_open 中门开"), 15: term("door_3_open 后门开"), 16: term("door_4_open 驾驶席门开"),
    17: term("door_5_open 自定义门开"), 18: term("gps_used 使用GPS"), 19: term("beidou_used 使用北斗"),
    20: term("glonass_used 使用GLONASS"), 21: term("galileo_used 使用Galileo"),
}  # fmt: skip
STATUS_BITS_2019 = STATUS_BITS | {
    6: term("collision_warning 前撞预警"), 7: term("lane_departure 车道偏移预警"), 22: term("moving 车辆行驶"),
}  # fmt: skip
LOAD = {(8, 2): term("load 载重 0空 1半 3满")}


def _base(alarms: dict[int, Term], statuses: dict[int, Term], time: Kind) -> tuple[Field, ...]:
    return (
        Field("alarm", U32, zh="报警标志", bits=alarms),
        Field("status", U32, zh="状态", bits=statuses, ranges=LOAD),
        LAT,
        LON,
        Field("altitude", U16, "m", "高程"),
        SPEED,
        Field("direction", U16, "deg", "方向"),
        Field("time", time, zh="时间"),
    )


BASE, BASE_2019 = _base(ALARM_BITS, STATUS_BITS, Clock()), _base(ALARM_BITS_2019, STATUS_BITS_2019, Clock())
BASIC = Layout("position", *BASE)
"""28 bytes that every position has."""
MAYBE = Stamp("YYMMDDhhmmss", blank=True)
BASIC_OF_MEDIA = Layout("position", *_base(ALARM_BITS, STATUS_BITS, MAYBE))
BASIC_OF_MEDIA_2019 = Layout("position", *_base(ALARM_BITS_2019, STATUS_BITS_2019, MAYBE))
"""The same beside a picture: a camera takes pictures before the first fix, too."""

SIGNALS = terms(
    "low_beam 近光灯",
    "high_beam 远光灯",
    "right_turn 右转向灯",
    "left_turn 左转向灯",
    "brake 制动",
    "reverse 倒档",
    "fog_light 雾灯",
    "outline_light 示廓灯",
    "horn 喇叭",
    "air_conditioner 空调",
    "neutral 空挡",
    "retarder 缓速器",
    "abs ABS",
    "heater 加热器",
    "clutch 离合器",
)
ABNORMAL_DRIVING = Field(
    "abnormal_driving", U16, zh="异常驾驶行为",
    bits=terms("fatigue 疲劳", "phone 打电话", "smoking 抽烟"),
)  # fmt: skip

STANDARD_ITEMS: Table = {
    **COMMON_ITEMS,
    (0x03, 2): Layout("recorder_speed", Field("recorder_speed", TENTH, "km/h", "行驶记录速度")),
    (0x04, 2): Layout("confirm_event", Field("confirm_event", U16, zh="需人工确认报警事件ID")),
    (0x05, 30): Layout("tyre_pressure", Field("tyre_pressure", Many(Unless(U8, 0xFF)), "Pa", "胎压")),
    (0x06, 2): Layout("cabin", Field("cabin", SignMagnitude("H"), "Cel", "车厢温度")),
    (0x14, 4): Layout("video_alarms", Field("video_alarms", U32, zh="视频相关报警", bits=VIDEO_ALARMS)),
    (0x15, 4): Layout("signal_loss_channels", Field("signal_loss_channels", U32, zh="视频信号丢失通道")),
    (0x16, 4): Layout("occluded_channels", Field("occluded_channels", U32, zh="视频信号遮挡通道")),
    (0x17, 2): Layout("storage_faults", Field("storage_faults", U16, zh="存储器故障")),
    (0x18, 2): Layout("abnormal_driving", ABNORMAL_DRIVING),
    (0x18, 3): Layout("abnormal_driving", ABNORMAL_DRIVING, Field("fatigue_degree", U8, zh="疲劳程度")),
    (0x25, 4): Layout("vehicle_signals", Field("vehicle_signals", U32, zh="扩展车辆信号状态", bits=SIGNALS)),
    (0x2A, 2): Layout(
        "io", Field("io", U16, zh="IO状态", bits=terms("deep_sleep 深度休眠", "sleep 休眠"))
    ),
    (0x2B, 4): Layout("analog", Field("ad1", U16, zh="模拟量AD1"), Field("ad0", U16, zh="模拟量AD0")),
    (0x30, 1): Layout("signal", Field("signal", U8, zh="无线通信网络信号强度")),
    (0x31, 1): Layout("satellites", Field("satellites", U8, zh="GNSS定位卫星数")),
}  # fmt: skip
ITEMS: Table = {**VENDOR_ITEMS, **SAFETY_ITEMS, **STANDARD_ITEMS}

BATCH_TYPES = terms("normal 正常位置批量汇报", "blind_area 盲区补报")
MESSAGES = (0x0200, 0x0201, 0x0500, 0x0704)
"""Messages that carry positions of this form."""


def bodies(base: tuple[Field, ...], items: Items) -> dict[int, Layout]:
    """The bodies of `MESSAGES` from the rows of a position and its items."""
    tail = Field("items", items, zh="附加信息")
    position, answer = Layout("position with items", *base, tail), Layout("position answer", ACK_SERIAL, *base, tail)
    batch = Layout(
        "batch of positions",
        Field("count", U16, zh="数据项个数"),
        Field("type", U8, zh="位置数据类型", codes=BATCH_TYPES),
        Field("positions", Many(Sized(U16, position)), zh="位置汇报数据项"),
    )
    return dict(zip(MESSAGES, (position, answer, answer, batch), strict=True))


BODIES, BODIES_2019 = bodies(BASE, Items(ITEMS)), bodies(BASE_2019, Items(ITEMS))
SHORT_BATCH = Layout("batch of positions", Field("positions", Many(Sized(U8, BODIES[0x0200])), zh="位置汇报数据项"))
"""0x0210, which some makers send."""
