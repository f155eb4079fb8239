"""The body of JT/T 905 0x0200 (905.2-2014, 10.3) and its additional items, as tables."""

from __future__ import annotations

from fractions import Fraction

from gateway.wire.clocks import Clock
from gateway.wire.field import Field
from gateway.wire.items import Items, Table
from gateway.wire.kinds import I16, U8, U16, U32, Number
from gateway.wire.layout import Layout

DEGREE = Number("I", Fraction(1, 600_000))
"""Coordinates count ten-thousandths of a minute."""
TENTH = Number("H", Fraction(1, 10))
TENTHS = Number("I", Fraction(1, 10))

ALARM_BITS = {
    0: "emergency", 1: "danger_warning", 2: "gnss_fault", 3: "gnss_antenna_open", 4: "gnss_antenna_short",
    5: "power_low", 6: "power_lost", 7: "display_fault", 8: "tts_fault", 9: "camera_fault",
    10: "meter_fault",
    11: "evaluator_fault", 12: "ad_screen_fault", 13: "lcd_fault", 14: "security_module_fault",
    15: "roof_lamp_fault", 16: "overspeed", 17: "fatigue", 18: "daily_driving_exceeded",
    19: "parked_too_long",
    20: "area_crossed", 21: "section_time", 22: "forbidden_section", 23: "speed_sensor_fault",
    24: "illegal_ignition", 25: "illegal_displacement", 26: "storage_fault", 27: "recorder_fault",
    28: "meter_clock",
}  # fmt: skip
STATUS_BITS = {
    0: "not_positioned", 1: "south", 2: "west", 3: "out_of_service", 4: "booked", 5: "pick_up_edge",
    6: "drop_off_edge", 8: "acc_on", 9: "occupied", 10: "oil_cut", 11: "circuit_cut", 12: "doors_locked",
    13: "vehicle_locked", 14: "trip_limit",
}  # fmt: skip
PLACE_TYPES = {0: "none", 1: "circle", 2: "rectangle", 3: "polygon", 4: "section"}

BASE = (
    Field("alarm", U32, zh="报警标志", bits=ALARM_BITS),
    Field("status", U32, zh="状态", bits=STATUS_BITS),
    Field("lat", DEGREE, "deg", "纬度"),
    Field("lon", DEGREE, "deg", "经度"),
    Field("speed", TENTH, "km/h", "速度"),
    Field("direction", Number("B", Fraction(2)), "deg", "方向"),
    Field("time", Clock(), zh="时间"),
)
BASIC = Layout("position", *BASE)
"""25 bytes that every position has."""

ITEMS: Table = {
    (0x01, 4): Layout("odometer", Field("odometer", TENTHS, "km", "里程")),
    (0x02, 2): Layout("fuel", Field("fuel", TENTH, "L", "油量")),
    (0x03, 2): Layout("altitude", Field("altitude", I16, "m", "海拔高度")),
    (0x11, 1): Layout("overspeed", Field("place_type", U8, zh="位置类型", codes=PLACE_TYPES)),
    (0x11, 5): Layout(
        "overspeed place",
        Field("place_type", U8, zh="位置类型", codes=PLACE_TYPES),
        Field("place_id", U32, zh="区域或路段ID"),
    ),
    (0x12, 6): Layout(
        "crossing",
        Field("place_type", U8, zh="位置类型", codes=PLACE_TYPES),
        Field("place_id", U32, zh="区域或路线ID"),
        Field("direction", U8, zh="方向", codes={0: "in", 1: "out"}),
    ),
    (0x13, 7): Layout(
        "section time",
        Field("section_id", U32, zh="路段ID"),
        Field("duration", U16, "s", "路段行驶时间"),
        Field("result", U8, zh="结果", codes={0: "too_short", 1: "too_long"}),
    ),
    (0x14, 4): Layout("forbidden section", Field("forbidden_section_id", U32, zh="禁行路段ID")),
}
POSITION = Layout("position with items", *BASE, Field("items", Items(ITEMS), zh="附加信息"))
