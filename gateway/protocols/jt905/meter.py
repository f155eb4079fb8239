"""Shifts and trips with the taximeter's records (JT/T 905.2-2014, tables 54-56 and 88)."""

from __future__ import annotations

from gateway.protocols.jt905.position import BASIC_OF_SHIFT
from gateway.wire.clocks import Elapsed, Lenient, LongStamp, Stamp
from gateway.wire.conditions import MORE
from gateway.wire.field import Field, term, terms
from gateway.wire.groups import OneOf
from gateway.wire.kinds import U8, U16, U32, Digits, Kind, Raw
from gateway.wire.layout import Layout
from gateway.wire.texts import Text

KM, SHORT_KM, LONG_KM = Digits(3, 1), Digits(2, 1), Digits(4, 1)
YUAN = Digits(3, 1, exact=True)
SHORT_YUAN, PRICE = Digits(2, 1, exact=True), Digits(2, 2, exact=True)
COMPANY = Field("company_licence", Text(16), zh="企业经营许可证号")
DRIVER = Field("driver_licence", Text(19), zh="驾驶员从业资格证号")
PLATE = Field("plate", Text(6), zh="车牌号, 不含汉字")
PLACE = Field("position", BASIC_OF_SHIFT, zh="位置基本信息")
EXTENSION = Field("extension", Raw(), zh="扩展属性", when=MORE)

SIGN_IN = Layout("sign in", PLACE, COMPANY, DRIVER, PLATE, Field("on", Lenient(LongStamp()), zh="开机时间"), EXTENSION)
SIGN_OUT = Layout(
    "sign out",
    PLACE,
    COMPANY,
    DRIVER,
    PLATE,
    Field("meter_constant", Digits(2), "pulses/km", "计价器K值"),
    Field("on", Lenient(LongStamp()), zh="当班开机时间"),
    Field("off", Lenient(LongStamp()), zh="当班关机时间"),
    Field("distance", KM, "km", "当班里程"),
    Field("occupied_distance", KM, "km", "当班营运里程"),
    Field("trips", Digits(2), zh="车次"),
    Field("timing", Elapsed("hhmmss"), "s", "计时时间"),
    Field("amount", YUAN, "yuan", "总计金额"),
    Field("card_amount", YUAN, "yuan", "卡收金额"),
    Field("card_trips", Digits(2), zh="卡次"),
    Field("between_distance", SHORT_KM, "km", "班间里程"),
    Field("total_distance", LONG_KM, "km", "总计里程"),
    Field("total_occupied_distance", LONG_KM, "km", "总营运里程"),
    Field("price", PRICE, "yuan/km", "单价"),
    Field("total_trips", U32, zh="总营运次数"),
    Field("mode", U8, zh="签退方式", codes=terms("normal 正常签退", "forced 强制签退"), when=MORE),
    EXTENSION,
)


def _meter(plate: int) -> Layout:
    return Layout(
        "meter record",
        Field("plate", Text(plate), zh=PLATE.zh),
        COMPANY,
        DRIVER,
        Field("on", Stamp("YYMMDDhhmm"), zh="上车时间"),
        Field("off", Stamp("hhmm"), zh="下车时间"),
        Field("distance", KM, "km", "计程公里数"),
        Field("empty_distance", SHORT_KM, "km", "空驶里程"),
        Field("surcharge", YUAN, "yuan", "附加费"),
        Field("waiting", Elapsed("hhmm"), "s", "等待计时时间"),
        Field("amount", YUAN, "yuan", "交易金额"),
        Field("trip", U32, zh="当前车次"),
        Field(
            "payment", U8, zh="交易类型",
            codes={0: term("cash 现金"), 1: term("m1_card M1卡"), 3: term("cpu_card CPU卡"), 9: term("other 其他")},
        ),
        Field("card", Raw(), zh="一卡通交易数据"),
    )  # fmt: skip


METER = _meter(6)
ANY_METER: Kind = OneOf(METER, _meter(9), Raw())
"""Terminals of some cities give plates nine bytes; a record that is none is kept as bytes."""
RATINGS = terms("none 未评价", "satisfied 满意", "average 一般", "unsatisfied 不满意", "complaint 投诉")
TRIP = Layout(
    "operation data",
    Field("pick_up", BASIC_OF_SHIFT, zh="空车转重车时车辆位置"),
    Field("drop_off", BASIC_OF_SHIFT, zh="重车转空车时车辆位置"),
    Field("operation", U32, zh="营运ID"),
    Field("evaluation", U32, zh="评价ID"),
    Field("rating", U8, zh="评价选项", codes=RATINGS),
    Field("rating_extension", U16, zh="评价选项扩展"),
    Field("order", U32, zh="电召订单ID"),
    Field("meter", ANY_METER, zh="计价器营运数据"),
)
"""An order of 0 is a street hail. The ids are packed times, but opaque here: sources disagree on their year."""
