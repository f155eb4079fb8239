"""Recorder, waybill, driver card, CAN and whatever is passed through (JT/T 808-2013, 8.43-8.50, 8.61-8.65)."""

from __future__ import annotations

from dataclasses import replace

from gateway.jtt import ACK_SERIAL
from gateway.protocols.jt808.attachments import PERIPHERAL_INFO, PERIPHERAL_QUERY, PERIPHERAL_STATUS
from gateway.protocols.jt808.parameters import CAN_ID
from gateway.protocols.jt808.vendor import OBD_FLOW
from gateway.wire.clocks import Clock, Lenient, Stamp
from gateway.wire.conditions import MORE
from gateway.wire.field import Field, term, terms
from gateway.wire.groups import By, Many, OneOf, Sized
from gateway.wire.kinds import U8, U16, U32, Bcd, Raw
from gateway.wire.layout import Layout
from gateway.wire.texts import Text

COMMAND, BLOCK = Field("command", U8, zh="命令字"), Field("block", Raw(), zh="数据块 (GB/T 19056)")
RECORDER_REQUEST = Layout("recorder block", COMMAND, BLOCK)
RECORDER_DATA = Layout("recorder data", ACK_SERIAL, COMMAND, BLOCK)
WAYBILL = Layout("waybill", Field("data", Sized(U32, Raw()), zh="电子运单数据包"))

NAME, ISSUER = Field("name", Sized(U8, Text()), zh="驾驶员姓名"), Field("issuer", Sized(U8, Text()), zh="发证机构名称")
ID_NUMBER = Field("id_number", Text(20), zh="驾驶员身份证编码")
CARD_RESULTS = terms(
    "ok 成功",
    "not_authenticated 卡片密钥认证未通过",
    "locked 卡片已被锁定",
    "removed 卡片被拔出",
    "checksum 数据校验错误",
)

_CARD = (
    Field("status", U8, zh="状态", codes=terms("in 插卡, 上班", "out 拔卡, 下班", start=1)),
    Field("time", Clock(), zh="插卡/拔卡时间"),
    Field("result", U8, zh="IC卡读取结果", codes=CARD_RESULTS, when=MORE),
    replace(NAME, when=MORE),
    Field("licence", Text(20), zh="从业资格证编码", when=MORE),
    replace(ISSUER, when=MORE),
    Field("expires", Lenient(Stamp("YYYYMMDD", blank=True)), zh="证件有效期", when=MORE),
)
DRIVER = Layout("driver", *_CARD, telling=("status",))
DRIVER_2019 = Layout("driver", *_CARD, replace(ID_NUMBER, when=MORE), telling=("status",))
DRIVER_2011 = Layout("driver", NAME, ID_NUMBER, Field("licence", Text(40), zh="从业资格证编码"), ISSUER)
"""The 2011 form has neither status nor time: its first byte is the length of a name."""
ANY_DRIVER, ANY_DRIVER_2019 = OneOf(DRIVER, DRIVER_2011), OneOf(DRIVER_2019, DRIVER, DRIVER_2011)

CAN_FRAME = Layout("frame", CAN_ID, Field("data", Raw(8), zh="CAN数据"))
CAN = Layout(
    "CAN data",
    Field("count", U16, zh="数据项个数"),
    Field("time", Bcd(5), zh="接收时间 hhmmssmsms"),
    Field("frames", Many(CAN_FRAME), zh="CAN总线数据项"),
)

PASSED = {
    0x00: term("gnss GNSS模块详细定位数据"), 0x0B: term("card 道路运输证IC卡信息"), 0x41: term("serial_1 串口1"),
    0x42: term("serial_2 串口2"), 0xF0: term("vendor 用户自定义"), 0xF7: term("peripheral_status 外设状态"),
    0xF8: term("peripheral_info 外设系统信息"),
}  # fmt: skip
PASSED_TYPE = Field("type", U8, zh="透传消息类型", codes=PASSED)
UP = Layout(
    "passed up",
    PASSED_TYPE,
    Field(
        "data",
        By(
            "type",
            {
                0xF0: OneOf(OBD_FLOW, Raw()),
                0xF7: OneOf(PERIPHERAL_STATUS, Raw()),
                0xF8: OneOf(PERIPHERAL_INFO, Raw()),
            },
        ),
        zh="透传消息内容",
    ),
)
DOWN = Layout(
    "passed down",
    PASSED_TYPE,
    Field(
        "data",
        By("type", {number: OneOf(PERIPHERAL_QUERY, Raw()) for number in (0xF7, 0xF8)}),
        zh="透传消息内容",
    ),
)
COMPRESSED = Layout("compressed", Field("data", Sized(U32, Raw()), zh="压缩消息体 (GZIP)"))
RSA_KEY = Layout("RSA key", Field("e", U32, zh="公钥e"), Field("n", Raw(128), zh="公钥n"))
