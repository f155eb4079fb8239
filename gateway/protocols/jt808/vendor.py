"""Additional items that makers of terminals added to JT/T 808, as far as public decoders tell them.

They are read only where id and length fit and no item of the standards has that pair. What each
means was learned from the open decoder of traccar (Apache-2.0) and from captured frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from gateway.errors import ProtocolError
from gateway.jtt import TENTH, TENTHS
from gateway.protocols.jt808.coordinates import LAT, LON
from gateway.wire.clocks import Clock, Lenient
from gateway.wire.conditions import MORE, Bit
from gateway.wire.field import Field, Term, term, terms
from gateway.wire.groups import Many, OneOf
from gateway.wire.items import Items, Table
from gateway.wire.kinds import I16, U8, U16, U32, Bcd, Kind, Number, Raw, SignMagnitude, Unless
from gateway.wire.layout import Layout
from gateway.wire.reader import Reader
from gateway.wire.texts import Printable, Text


@dataclass(frozen=True, slots=True)
class Fractional:
    """i8 and a fraction in 1/255: -17 and 24 are -17.094."""

    code: str = "2s"
    label: str = "i8 + u8/255"

    def value(self, raw: bytes) -> float:
        whole, part = int.from_bytes(raw[:1], "big", signed=True), raw[1] / 255
        return whole - part if whole < 0 else whole + part

    def read(self, reader: Reader) -> float:
        return self.value(reader.take(2))

    def write(self, value: float) -> bytes:
        whole = int(value)
        if not -128 <= whole < 128:
            raise ProtocolError("range", f"{value} does not fit {self.label}")
        return whole.to_bytes(1, "big", signed=True) + bytes((round(abs(value - whole) * 255),))


HUNDREDTH, MILLI = Number("H", Fraction(1, 100)), Number("H", Fraction(1, 1000))
MILLIS, SIGNED_TENTH = Number("I", Fraction(1, 1000)), Number("h", Fraction(1, 10))
WARM, PERCENT_OF_255 = Number("B", Fraction(1), -40), Number("B", Fraction(100, 255))
I8 = Number("b")


def one(name: str, kind: Kind, unit: str = "", zh: str = "", **words: dict[int, Term]) -> Layout:
    """An item of one field."""
    return Layout(name, Field(name, kind, unit, zh, bits=words.get("bits", {}), codes=words.get("codes", {})))


LEVEL, CHARGE = one("battery_level", U8, "%", "电池电量"), one("battery_level", Unless(U8, 0xFF), "%", "电池电量")
POWER, BATTERY = one("power", TENTH, "V", "外部电压"), one("battery", HUNDREDTH, "V", "电池电压")
CARD = one("card", U32, zh="卡号")
DRIVING = terms(
    "hard_acceleration 急加速", "hard_braking 急减速", "hard_cornering 急转弯", "collision 碰撞", "tampered 拆除"
)

RADIO = Layout(
    "cell", Field("mcc", U16, zh="国家码"), Field("mnc", U16, zh="网络码"),
    Field("cid", U32, zh="小区"), Field("lac", U32, zh="位置区"), Field("rssi", U8, zh="信号强度"),
)  # fmt: skip
WIFI = Layout("wifi", Field("mac", Bcd(6), zh="MAC地址"), Field("rssi", I8, "dBm", "信号强度"))
CELLS = Layout(
    "cells", Field("mcc", U16, zh="国家码"), Field("mnc", U16, zh="网络码"),
    Field("cells", Many(Layout("cell", Field("lac", Bcd(3), zh="位置区"), Field("cid", U32, zh="小区"),
        Field("rssi", U8, zh="信号强度"))), zh="基站"),
)  # fmt: skip
LBS = Layout(
    "lbs", Field("mcc", U16, zh="国家码"), Field("mnc", U8, zh="网络码"),
    Field("cells", Many(Layout("cell", Field("lac", U16, zh="位置区"), Field("cid", U16, zh="小区"), Field("rssi",
        U8, zh="信号强度"))), zh="基站"),
)  # fmt: skip
LOCK = Layout(
    "lock", Field("id", Bcd(5), zh="锁号"), Field("card", Bcd(5), zh="卡号"), Field("battery_level", U8, "%", "电量"),
    Field("status", U16, zh="状态", bits={5: term("unlocked 已开锁")}),
)  # fmt: skip
SEAL = Layout(
    "seal", Field("id", Bcd(6), zh="锁号"), Field("battery", MILLI, "V", "电压"), Field("seal", U8, zh="封签"),
    Field("state", U8, zh="状态"), Field("rssi", U8, zh="信号强度"),
)  # fmt: skip
TYRE = Layout(
    "tyre", Field("tyre", U8, zh="轮位"), Field("sensor", Bcd(3), zh="传感器"), Field("pressure_raw", U16, zh="胎压"),
    Field("temperature", Number("B", Fraction(1), -50), "Cel", "胎温"), Field("status", U8, zh="状态"),
)  # fmt: skip
SENSOR = Layout(
    "sensor", Field("sensor", U8, zh="传感器"), Field("mac", Bcd(6), zh="MAC地址"),
    Field("temperature", Fractional(), "Cel", "温度"), Field("humidity", Fractional(), "%", "湿度"),
)  # fmt: skip
ENVIRONMENT = Layout(
    "environment",
    Field("event", U8, zh="事件"),
    Field("mask", U8, zh="内容"),
    Field("light", U16, zh="光感", when=Bit("mask", 0)),
    Field("temperature", SIGNED_TENTH, "Cel", "温度", when=Bit("mask", 1)),
    Field("humidity", SIGNED_TENTH, "%", "湿度", when=Bit("mask", 2)),
    Field("acceleration", Many(I16), zh="加速度", when=Bit("mask", 3)),
)
GNSS = Layout(
    "gnss",
    Field("mask", U16, zh="内容"),
    Field("age", U32, "s", "定位时长", when=Bit("mask", 0)),
    Field("acc_on", U32, "s", "ACC开时长", when=Bit("mask", 1)),
    Field("hdop", TENTH, zh="水平精度因子", when=Bit("mask", 2)),
    Field("time", Lenient(Clock()), zh="卫星时间", when=Bit("mask", 3)),
)

# what stands inside 0xEA, 0xEB, 0xF3 and 0xFE
OUTSIDE: Table = {
    (0x13, 2): one("illuminance", U16, "lx", "光照"),
    (0x14, 2): one("air_pressure", U16, "hPa", "气压"),
    (0x15, 2): one("humidity", TENTH, "%", "湿度"),
    (0x16, 2): one("temperature", Number("H", Fraction(1, 10), -50), "Cel", "温度"),
}
EXTENDED: Table = {
    (0x0001, 3): Layout("fuel", Field("fuel_1", TENTH, "L", "油量1"), Field("reserved", U8, zh="预留")),
    (0x0023, 6): one("fuel_2", Text(6), "L", "油量2"),
    (0x002D, 2): one("battery", MILLI, "V", "电池电压"),
    (0x002D, 4): one("power", MILLIS, "V", "外部电压"),
    (0x0089, 4): one("alarms_off", U32, zh="报警, 0为有"),
    (0x00A8, 1): LEVEL,
    (0x00B2, 10): one("iccid", Bcd(10), zh="ICCID"),
    (0x00B9, None): one("wifi", Text(), zh="无线网络"),
    (0x00C5, 4): one("states_off", U32, zh="状态, 0为有"),
    (0x00C6, 1): one("battery_alarm", U8, zh="电池报警"),
    (0x00CE, 2): one("power", HUNDREDTH, "V", "外部电压"),
    (0x00D8, 9): Layout(
        "cell",
        Field("mcc", U16, zh="国家码"),
        Field("mnc", U8, zh="网络码"),
        Field("lac", U16, zh="位置区"),
        Field("cid", U32, zh="小区"),
    ),
    (0x00E1, 1): LEVEL,
}
ENGINE: Table = {
    (0x0002, 2): one("obd_speed", TENTH, "km/h", "车速"),
    (0x0003, 2): one("rpm", U16, "rpm", "转速"),
    (0x0004, 2): one("power", MILLI, "V", "外部电压"),
    (0x0005, 4): one("obd_odometer", TENTHS, "km", "里程"),
    (0x0007, 2): one("consumption", TENTH, zh="油耗"),
    (0x0008, 2): one("engine_load", TENTH, "%", "发动机负荷"),
    (0x0009, 2): one("coolant", Number("H", Fraction(1), -40), "Cel", "水温"),
    (0x000B, 2): one("intake_pressure", U16, "kPa", "进气压力"),
    (0x000C, 2): one("intake", Number("H", Fraction(1), -40), "Cel", "进气温度"),
    (0x000D, 2): one("intake_flow", U16, zh="进气流量"),
    (0x000E, 2): one("throttle", Number("H", Fraction(100, 255)), "%", "节气门"),
    (0x0050, 17): one("vin", Text(17), zh="车辆识别代号"),
    (0x0100, 2): one("trip", TENTH, "km", "行程里程"),
    (0x0102, 2): one("trip_fuel", TENTH, "L", "行程油耗"),
    (0x0112, 2): one("hard_accelerations", U16, zh="急加速次数"),
    (0x0113, 2): one("hard_brakings", U16, zh="急减速次数"),
    (0x0114, 2): one("hard_cornerings", U16, zh="急转弯次数"),
}
EVENTS: Table = {(0x01, 4): one("alarms", U32, zh="驾驶行为", bits=DRIVING)}

OBD: Table = {
    (0x80, 1): one("obd_speed", U8, "km/h", "车速"),
    (0x81, 2): one("rpm", U16, "rpm", "转速"),
    (0x82, 2): POWER,
    (0x83, 1): one("engine_load", U8, "%", "发动机负荷"),
    (0x84, 1): one("coolant", WARM, "Cel", "水温"),
    (0x85, 2): one("consumption", U16, zh="油耗"),
    (0x86, 1): one("intake", WARM, "Cel", "进气温度"),
    (0x87, 2): one("intake_flow", U16, zh="进气流量"),
    (0x88, 1): one("intake_pressure", U8, "kPa", "进气压力"),
    (0x89, 1): one("throttle", U8, "%", "节气门"),
    (0x8B, 17): one("vin", Text(17), zh="车辆识别代号"),
    (0x8C, 4): one("obd_odometer", TENTHS, "km", "里程"),
    (0x8D, 2): one("trip", U16, "km", "行程里程"),
    (0x8E, 1): one("fuel_level", U8, "%", "油位"),
    (0x91, 22): Layout(
        "engine",
        Field("battery", TENTH, "V", "电池电压"), Field("rpm", U16, "rpm", "转速"), Field("obd_speed", U8, "km/h",
            "车速"),
        Field("throttle", PERCENT_OF_255, "%", "节气门"), Field("engine_load", PERCENT_OF_255, "%", "发动机负荷"),
        Field("coolant", WARM, "Cel", "水温"), Field("unknown_1", Raw(2), zh="未知"),
        Field("consumption", HUNDREDTH, zh="油耗"), Field("unknown_2", Raw(8), zh="未知"), Field("fuel_used",
            HUNDREDTH, "L",
            "累计油耗"),
    ),
    (0x94, None): one("vin", Text(), zh="车辆识别代号"),
    (0xA0, None): one("dtcs", Text(), zh="故障码"),
}  # fmt: skip
VENDOR_ITEMS: Table = {
    **OBD,
    (0x06, 1): LEVEL,
    (0x33, 1): one("mode", U8, zh="工作模式"),
    **{(0x51, size): one("temperatures", Many(Unless(SignMagnitude("H", Fraction(1, 10)), 0xFFFF)), "Cel", "温度")
       for size in (2, 16)},
    (0x56, 2): Layout("battery_level", Field("battery_level", Number("B", Fraction(10)), "%", "电池电量"),
        Field("reserved", U8, zh="预留")),
    (0x57, 8): Layout(
        "driving", Field("alarms", U16, zh="驾驶行为", bits={8 + bit: name for bit, name in DRIVING.items()}),
        Field("switches", U16, zh="开关量"), Field("more", U32, zh="扩展报警"),
    ),
    (0x61, 2): one("power", HUNDREDTH, "V", "外部电压"),
    (0x63, None): one("seals", Many(SEAL), zh="电子锁"),
    (0x68, 2): one("battery_level", HUNDREDTH, "%", "电池电量"),
    (0x69, 2): BATTERY,
    (0x77, None): one("tyres", Many(TYRE), zh="胎压"),
    (0xA7, 4): Layout("analog", Field("adc_1", HUNDREDTH, "V", "模拟量1"), Field("adc_2", HUNDREDTH, "V", "模拟量2")),
    (0xAC, 4): one("odometer_exact", U32, "m", "里程"),
    (0xBC, None): one("driver", Text(), zh="驾驶员"),
    (0xBD, None): one("driver_id", Text(), zh="驾驶员编号"),
    (0xCC, 20): one("iccid", Text(20), zh="ICCID"),
    (0xD0, 4): one("user_status", U32, zh="自定义状态", bits={3: term("vibration 震动")}),
    (0xD3, 2): POWER,
    (0xD4, 1): CHARGE,
    (0xD5, 2): BATTERY,
    (0xD5, None): one("locks", Many(LOCK, U8), zh="电子锁"),
    (0xDA, 3): Layout("cable", Field("cuts", U16, zh="剪断次数"), Field("cable_status", U8, zh="锁绳状态",
                      bits={0: term("cable 锁绳"), 2: term("moving 运动"), 3: term("cover 后盖")})),
    (0xE1, 1): CHARGE,
    (0xE1, 2): POWER,
    (0xE1, None): CELLS,
    (0xE2, 4): one("fuel_sensor", TENTHS, "L", "油量"),
    (0xE3, 4): Layout("battery", Field("reserved", U8, zh="预留"), Field("battery_level", U8, "%", "电池电量"),
        Field("battery", HUNDREDTH, "V", "电池电压")),
    (0xE4, 2): Layout("charge", Field("charger", U8, zh="充电", codes=terms("charging 充电中", "off 未充电")),
                      Field("battery_level", U8, "%", "电池电量")),
    (0xE5, 1): one("moving", U8, zh="运动"),
    (0xE6, None): OneOf(one("sensors", Many(SENSOR), zh="温湿度"), one("obd_text", Printable(), zh="OBD数据")),
    (0xE7, 8): Layout("device_alarms", Field("alarms", U16, zh="报警", bits=terms("vibration 震动", "sos_1 紧急1",
        "sos_2 紧急2", "sos_3 紧急3")), Field("more", Raw(6), zh="其他")),
    (0xE9, 1): CHARGE,
    (0xE9, 4): CARD,
    (0xD4, 4): CARD,
    (0xEA, None): Layout("outside", Field("kind", U8, zh="类型"), Field("readings", Items(OUTSIDE), zh="环境")),
    (0xEB, None): OneOf(one("timezone", Printable(), zh="时区"),
                        one("groups", Items(EXTENDED, U16, U16, swapped=True), zh="扩展信息"), LBS),
    (0xEC, None): one("wifi", Many(WIFI), zh="无线网络"),
    (0xED, None): one("card", Text(), zh="卡号"),
    (0xEE, 6): Layout("supply", Field("rssi", U8, zh="信号强度"), Field("power", MILLI, "V", "外部电压"),
                      Field("battery", MILLI, "V", "电池电压"), Field("gnss_satellites", U8, zh="卫星数")),
    (0xF0, None): one("cells", Many(RADIO), zh="基站"),
    (0xF1, 4): one("power", MILLIS, "V", "外部电压"),
    (0xF2, None): one("firmware", Text(), zh="固件版本"),
    (0xF3, None): one("engine", Items(ENGINE, U16, U8), zh="发动机"),
    (0xF4, None): one("wifi", Many(WIFI), zh="无线网络"),
    (0xF5, 2): one("illuminance", U16, "lx", "光照"),
    (0xF6, 2): one("air_pressure", U16, "hPa", "气压"),
    (0xF6, 8): one("imei", Bcd(8), zh="IMEI"),
    (0xF6, None): ENVIRONMENT,
    (0xF7, 2): one("humidity", TENTH, "%", "湿度"),
    (0xF7, None): Layout(
        "battery", Field("battery", MILLIS, "V", "电池电压"),
        Field("charger", U8, zh="充电", codes=terms("charging 充电中", "full 充满", start=2), when=MORE),
        Field("battery_level", U8, "%", "电池电量", when=MORE),
    ),
    (0xF8, 29): Layout("device", Field("mode", U8, zh="工作模式"), Field("imei", Bcd(8), zh="IMEI"),
                         Field("iccid", Bcd(10), zh="ICCID"), Field("model", Text(10), zh="型号")),
    (0xF9, None): GNSS,
    (0xFB, None): one("container", Printable(), zh="集装箱号"),
    (0xFC, 1): one("geofence", U8, zh="围栏"),
    (0xFE, 1): LEVEL,
    (0xFE, 2): POWER,
    (0xFE, 4): one("odometer_exact", U32, "m", "里程"),
    (0xFE, None): Layout("behaviour", Field("mark", U8, zh="标志"), Field("groups", Items(EVENTS), zh="驾驶行为")),
}  # fmt: skip

FLOW: Table = {
    (0x0102, 4): one("odometer", TENTHS, "km", "里程"),
    (0x0103, 4): one("fuel", Number("I", Fraction(1, 100)), "L", "油量"),
    (0x0105, 4): one("fuel_used", Number("I", Fraction(1, 100)), "L", "累计油耗"),
    (0x0528, 4): one("odometer", TENTHS, "km", "里程"),
    (0x052A, 2): one("fuel", HUNDREDTH, "L", "油量"),
    (0x052B, 1): one("fuel_level", U8, "%", "油位"),
    (0x052C, 4): one("fuel_used", Number("I", Fraction(1, 100)), "L", "累计油耗"),
    (0x052D, 1): one("coolant", WARM, "Cel", "水温"),
    (0x052E, 1): one("air", WARM, "Cel", "进气温度"),
    (0x0530, 2): one("power", MILLI, "V", "外部电压"),
    (0x0535, 2): one("obd_speed", TENTH, "km/h", "车速"),
    (0x0536, 2): one("rpm", U16, "rpm", "转速"),
    (0x0537, 2): one("consumption", HUNDREDTH, zh="油耗"),
    (0x0546, 4): one("odometer", TENTHS, "km", "里程"),
    (0x0547, 1): one("throttle", U8, "%", "节气门"),
    (0xFEEC, 17): one("vin", Text(17), zh="车辆识别代号"),
}
FLOW_ITEMS = Items(FLOW, U16, U8, U8)
OBD_FLOW = Layout(
    "engine flow",
    Field("time", Clock(), zh="时间"),
    Field("stored", U8, zh="补传"),
    Field("vehicle", U8, zh="车辆类型"),
    Field("kind", U8, zh="数据类型", codes={1: term("flow 数据流")}),
    Field("readings", FLOW_ITEMS, zh="数据流"),
    Field("status", U32, zh="状态"),
    LAT,
    LON,
    telling=("kind",),
)
"""0x0900 of type 0xF0 as engine readers fill it: time first, place last."""
