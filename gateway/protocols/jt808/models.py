"""Items that some models of terminals fill otherwise than the others; their dialects name them."""

from __future__ import annotations

from fractions import Fraction

from gateway.jtt import TENTH
from gateway.protocols.jt808.vendor import ENVIRONMENT, HUNDREDTH, LEVEL, POWER, one
from gateway.wire.field import Field, term, terms
from gateway.wire.groups import By, Sized
from gateway.wire.items import UNKNOWN, Items, Table
from gateway.wire.kinds import U8, U16, U32, Bcd, Number
from gateway.wire.layout import Layout

AOVX_ITEMS: Table = {(0xF3, None): UNKNOWN, (0xF6, 2): ENVIRONMENT, (0xF6, 8): ENVIRONMENT}

JIMI_STATES: Table = {
    (0x0001, 2): one("battery", HUNDREDTH, "V", "电池电压"),
    (0x0002, 4): one("data_usage", U32, "kB", "流量"),
    (0x0003, 1): LEVEL,
    (0x0004, 1): one("charger", U8, zh="充电", codes=terms("charging 充电中", "off 未充电")),
    (0x0005, 10): one("iccid", Bcd(10), zh="ICCID"),
    (0x0007, 2): one("hdop", TENTH, zh="水平精度因子"),
    (0x2001, 2): POWER,
}
JIMI_SUPPLY = Layout(
    "supply",
    Field("charging", U8, zh="充电"),
    Field("battery_sixths", U8, zh="电量格数"),
    Field("battery", HUNDREDTH, "V", "电池电压"),
    Field("rssi", U8, zh="信号强度"),
    Field("power", HUNDREDTH, "V", "外部电压"),
)
JIMI_KINDS = {
    0x0400: term("hard_acceleration 急加速"), 0x0401: term("hard_braking 急减速"),
        0x0402: term("hard_cornering 急转弯"),
    0x0403: term("overspeed 超速"), 0x0405: term("collision 碰撞"), 0x0406: term("vibration 震动"),
    0x0407: term("towed 拖车"), 0x0408: term("area_entered 进围栏"), 0x0409: term("area_left 出围栏"),
    0x0415: term("lane_change 变道"), 0x0C01: term("emergency 紧急"), 0x0C02: term("power_low 外电低"),
    0x0C03: term("acc_on 点火"), 0x0C04: term("acc_off 熄火"), 0x0C0E: term("power_lost 断电"),
    0x0C0F: term("battery_low 电池低"), 0x0C12: term("tampered 拆除"), 0x2003: term("supply 供电"),
    0x2005: term("states 状态"),
}  # fmt: skip
JIMI_ITEMS: Table = {
    (0xE8, None): Layout(
        "jimi",
        Field("kind", U16, zh="类型", codes=JIMI_KINDS),
        Field(
            "data",
            By("kind", {0x2003: Sized(U8, JIMI_SUPPLY), 0x2005: Sized(U8, Items(JIMI_STATES, U16, U8))}),
            zh="内容",
        ),
    )
}
STEPS_ITEMS: Table = {(0xF8, 2): one("steps", U16, zh="步数")}
COLD_ITEMS: Table = {(0xF8, 2): one("temperature_2", Number("H", Fraction(1, 10), -50), "Cel", "温度2")}
WITHOUT_FUEL: Table = {(0xE2, 4): UNKNOWN}
