"""Registration, log-in and what keeps a link alive (JT/T 808-2013, 8.1-8.8)."""

from __future__ import annotations

from datetime import UTC

from gateway.jtt import ACK_SERIAL
from gateway.wire.clocks import Stamp
from gateway.wire.conditions import MORE
from gateway.wire.field import Field, term, terms
from gateway.wire.groups import Many, OneOf, Sized
from gateway.wire.kinds import U8, U16, Number
from gateway.wire.layout import Layout
from gateway.wire.texts import Text

REGISTER_RESULTS = terms(
    "ok 成功", "vehicle_already_registered 车辆已被注册", "no_such_vehicle 数据库中无该车辆",
    "terminal_already_registered 终端已被注册", "no_such_terminal 数据库中无该终端",
)  # fmt: skip
PLATE_COLOURS = {
    **terms("none 未上牌", "blue 蓝色", "yellow 黄色", "black 黑色", "white 白色", "green 绿色"),
    9: term("other 其他"),
    11: term("yellow_green 黄绿色"),
    12: term("gradient_green 渐变绿色"),
}
"""JT/T 415-2006, 5.4.12, and JT/T 697.7-2014 from 5 on. 0: no plate, the text is the VIN."""


def _registration(maker: int, model: int, terminal_id: int) -> Layout:
    return Layout(
        "registration",
        Field("province", U16, zh="省域ID"),
        Field("city", U16, zh="市县域ID"),
        Field("maker", Text(maker), zh="制造商ID"),
        Field("model", Text(model), zh="终端型号"),
        Field("terminal_id", Text(terminal_id), zh="终端ID"),
        Field("plate_color", U8, zh="车牌颜色", codes=PLATE_COLOURS),
        Field("plate", Text(), zh="车辆标识"),
        telling=("plate_color",),
    )


REGISTRATION_2011 = _registration(5, 8, 7)
REGISTRATION_2013 = OneOf(_registration(5, 20, 7), REGISTRATION_2011)
REGISTRATION_2019 = OneOf(_registration(11, 30, 30), _registration(5, 20, 7))
"""2011 and 2013 share a header: the place where a plate's colour stands tells them apart."""
REGISTER_ANSWER = Layout(
    "registration answer",
    ACK_SERIAL,
    Field("result", U8, zh="结果", codes=REGISTER_RESULTS),
    Field("code", Text(), zh="鉴权码", when=MORE),
)

AUTH = Field("auth", Text(), zh="鉴权码")
SIZED_AUTH = Field("auth", Sized(U8, Text()), zh="鉴权码")
AUTHENTICATION = Layout("authentication", AUTH)
AUTHENTICATION_2019 = OneOf(
    Layout(
        "authentication",
        SIZED_AUTH,
        Field("imei", Text(15), zh="终端IMEI"),
        Field("software", Text(20), zh="软件版本号"),
    ),
    Layout("short authentication", SIZED_AUTH),
)
"""Terminals with a 2019 header exist that send the code alone."""

SERVER_TIME = Layout("server time", Field("time", Stamp("YYMMDDhhmmss", UTC), zh="服务器时间"))


def _missing(count: Number) -> Layout:
    return Layout(
        "missing parts",
        Field("first_serial", U16, zh="原始消息流水号"),
        Field("parts", Many(U16, count), zh="重传包ID列表"),
    )


MISSING_2013, MISSING_2019 = OneOf(_missing(U8), _missing(U16)), OneOf(_missing(U16), _missing(U8))
