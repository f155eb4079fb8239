"""The body of JT/T 905 0x0200 (905.2-2014, 10.3) and its additional items, as tables."""

from __future__ import annotations

from fractions import Fraction

from gateway.jtt import ITEMS as COMMON_ITEMS
from gateway.jtt import SPEED
from gateway.wire.clocks import Clock, Lenient
from gateway.wire.field import Field, terms
from gateway.wire.items import Items, Table
from gateway.wire.kinds import I16, U32, Number
from gateway.wire.layout import Layout

DEGREE = Number("I", Fraction(1, 600_000))
"""Coordinates count ten-thousandths of a minute."""

ALARM_BITS = terms(
    "emergency 紧急报警", "danger_warning 预警", "gnss_fault 卫星定位模块故障",
        "gnss_antenna_open 卫星定位天线未接或被剪断",
    "gnss_antenna_short 卫星定位天线短路", "power_low ISU主电源欠压", "power_lost ISU主电源掉电",
        "display_fault ISU显示屏故障",
    "tts_fault TTS模块故障", "camera_fault 摄像头故障", "meter_fault 计价器故障", "evaluator_fault 服务评价器故障",
    "ad_screen_fault LED广告屏故障", "lcd_fault 液晶显示屏故障", "security_module_fault 安全访问模块故障",
    "roof_lamp_fault LED顶灯故障", "overspeed 超速报警", "fatigue 连续驾驶超时",
        "daily_driving_exceeded 当天累计驾驶超时",
    "parked_too_long 超时停车", "area_crossed 进出区域/路线", "section_time 路段行驶时间不足/过长",
        "forbidden_section 禁行路段行驶",
    "speed_sensor_fault 车辆速度传感器故障", "illegal_ignition 车辆非法点火", "illegal_displacement 车辆非法位移",
    "storage_fault ISU存储异常", "recorder_fault 录音设备故障", "meter_clock 计价器实时时钟超差",
)  # fmt: skip
STATUS_BITS = {
    **terms(
        "not_positioned 未卫星定位", "south 南纬", "west 西经", "out_of_service 停运", "booked 预约(任务车)",
            "pick_up_edge 空转重",
        "drop_off_edge 重转空",
    ),
    **terms(
        "acc_on ACC开", "occupied 重车", "oil_cut 油路断开", "circuit_cut 电路断开", "doors_locked 车门加锁",
        "vehicle_locked 车辆锁定", "trip_limit 已达到限制营运次数/时间", start=8,
    ),
}  # fmt: skip
LAT, LON = Field("lat", DEGREE, "deg", "纬度"), Field("lon", DEGREE, "deg", "经度")
BASE = (
    Field("alarm", U32, zh="报警标志", bits=ALARM_BITS),
    Field("status", U32, zh="状态", bits=STATUS_BITS),
    LAT,
    LON,
    SPEED,
    Field("direction", Number("B", Fraction(2)), "deg", "方向"),
    Field("time", Clock(), zh="时间"),
)
BASIC = Layout("position", *BASE)
"""25 bytes that every position has."""
BASIC_OF_SHIFT = Layout("position", *BASE[:-1], Field("time", Lenient(Clock()), zh="时间"))
"""The same in what the meter tells: without a fix its time may be noughts, which must not cost the money behind it."""

ITEMS: Table = {
    **COMMON_ITEMS,
    (0x03, 2): Layout("altitude", Field("altitude", I16, "m", "海拔高度")),
    (0x14, 4): Layout("forbidden_section", Field("forbidden_section_id", U32, zh="禁行路段ID")),
}
TAIL = Field("items", Items(ITEMS), zh="附加信息")
POSITION = Layout("position with items", *BASE, TAIL)
