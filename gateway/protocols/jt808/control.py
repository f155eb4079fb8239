"""Parameters, control, attributes and firmware of the terminal (JT/T 808-2013, 8.9-8.17)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gateway.jtt import ACK_SERIAL
from gateway.protocols.jt808.parameters import GNSS_BITS, PARAMETERS
from gateway.wire.field import Field, term, terms
from gateway.wire.groups import By, Many, OneOf, Sized
from gateway.wire.items import Items
from gateway.wire.kinds import U8, U16, U32, Bcd, Raw
from gateway.wire.layout import Layout
from gateway.wire.reader import Reader
from gateway.wire.texts import ENCODING, Text

PARAMETER_LIST = Field("parameters", Items(PARAMETERS, U32, U8, U8), zh="参数项列表")
SET_PARAMETERS = Layout("parameters", PARAMETER_LIST)
SET_PARAMETERS_2011 = Layout("parameters", Field("total", U8, zh="参数总数"), PARAMETER_LIST)
"""The 2011 text has two counts: of all parameters, and of those in this message."""
ANY_PARAMETERS = OneOf(SET_PARAMETERS, SET_PARAMETERS_2011)
QUERY_PARAMETERS = Layout("queried parameters", Field("ids", Many(U32, U8), zh="参数ID列表"))
PARAMETERS_ANSWER = Layout("parameters answer", ACK_SERIAL, PARAMETER_LIST)


@dataclass(frozen=True, slots=True)
class Separated:
    """Values between semicolons. Texts where they are printable GBK, else bytes: ports are binary."""

    names: tuple[str, ...]
    code: str = ""

    @property
    def label(self) -> str:
        return ";".join(self.names)

    def value(self, raw: bytes) -> list[str | bytes]:
        return [_text(part) for part in raw.split(b";")]

    def read(self, reader: Reader) -> list[str | bytes]:
        return self.value(reader.rest())

    def write(self, value: list[Any]) -> bytes:
        return b";".join(part if isinstance(part, bytes) else str(part).encode(ENCODING) for part in value)


def _text(part: bytes) -> str | bytes:
    try:
        text = part.decode(ENCODING)
    except UnicodeDecodeError:
        return part
    return text if (text.isprintable() or not text) and text.encode(ENCODING) == part else part


COMMANDS = terms(
    "upgrade 无线升级", "connect 连接指定服务器", "power_off 关机", "reset 复位", "factory_reset 恢复出厂设置",
    "close_data 关闭数据通信", "close_radio 关闭所有无线通信", start=1,
)  # fmt: skip
CONTROL = Layout(
    "control",
    Field("command", U8, zh="命令字", codes=COMMANDS),
    Field(
        "parameters",
        By(
            "command",
            {
                1: Separated((
                    "url", "apn", "user", "password", "host", "tcp_port", "udp_port", "maker", "hardware", "firmware",
                    "timeout_min",
                )),
                2: Separated((
                    "control", "auth", "apn", "user", "password", "host", "tcp_port", "udp_port", "timeout_min",
                )),
            },
            other=Text(),
        ),
        zh="命令参数",
    ),
)  # fmt: skip

TERMINAL_TYPES = {
    **terms("passenger 客运车辆", "dangerous_goods 危险品车辆", "freight 普通货运车辆", "taxi 出租车辆"),
    **terms("disk_recorder 硬盘录像", "split 分体机", "trailer 挂车", start=6),
}
RADIO_BITS = {
    **terms("gprs GPRS", "cdma CDMA", "td_scdma TD-SCDMA", "wcdma WCDMA", "cdma2000 CDMA2000", "lte LTE"),
    7: term("other 其他"),
}


def _attributes(maker: int, model: int, terminal_id: int) -> Layout:
    return Layout(
        "attributes",
        Field("type", U16, zh="终端类型", bits=TERMINAL_TYPES),
        Field("maker", Text(maker), zh="制造商ID"),
        Field("model", Text(model), zh="终端型号"),
        Field("terminal_id", Text(terminal_id), zh="终端ID"),
        Field("iccid", Bcd(10), zh="终端SIM卡ICCID"),
        Field("hardware", Sized(U8, Text()), zh="硬件版本号"),
        Field("firmware", Sized(U8, Text()), zh="固件版本号"),
        Field("gnss", U8, zh="GNSS模块属性", bits=GNSS_BITS),
        Field("communication", U8, zh="通信模块属性", bits=RADIO_BITS),
    )


ATTRIBUTES_2013 = OneOf(_attributes(5, 20, 7), _attributes(5, 30, 30), _attributes(11, 30, 30))
ATTRIBUTES_2019 = OneOf(_attributes(5, 30, 30), _attributes(11, 30, 30), _attributes(5, 20, 7))
"""Terminals of 2019 send the maker in 5 bytes, as the text says, or in 11: the lengths of the versions decide."""

UPGRADE_TYPE = Field("type", U8, zh="升级类型", codes={
    0: term("terminal 终端"), 12: term("card_reader IC卡读卡器"), 52: term("gnss 卫星定位模块"),
})  # fmt: skip
UPGRADE = Layout(
    "upgrade",
    UPGRADE_TYPE,
    Field("maker", Text(5), zh="制造商ID"),
    Field("version", Sized(U8, Text()), zh="版本号"),
    Field("data", Sized(U32, Raw()), zh="升级数据包"),
)
UPGRADE_RESULT = Layout(
    "upgrade result",
    UPGRADE_TYPE,
    Field("result", U8, zh="升级结果", codes=terms("ok 成功", "failed 失败", "cancelled 取消")),
)
