"""Texts, questions, calls and the doors: what the platform says to the driver (JT/T 808-2013, 8.21-8.34)."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.jtt import ACK_SERIAL, ANSWER_ID, CALL_FLAG, CONTACT_FLAG, EVENT_ID, QUESTION_FLAG, TEXT_FLAGS
from gateway.protocols.jt808.position import ALARM_BITS, ALARM_BITS_2019
from gateway.wire.conditions import MORE
from gateway.wire.field import Field, Term, term, terms
from gateway.wire.groups import By, Many, OneOf, Sized
from gateway.wire.kinds import U8, U16, U32
from gateway.wire.layout import Layout
from gateway.wire.texts import Text

SHORT, LONG = Sized(U8, Text()), Sized(U16, Text())
TRACK = Layout(
    "tracking",
    Field("interval", U16, "s", "时间间隔"),
    Field("duration", U32, "s", "位置跟踪有效期", when=MORE),
)
"""An interval of 0 ends it, and nothing follows."""


def _confirmation(names: Mapping[int, Term]) -> Layout:
    bits = {bit: names[bit] for bit in (0, 3, 20, 21, 22, 27, 28)}
    return Layout(
        "confirmation",
        Field("alarm_serial", U16, zh="报警消息流水号"),
        Field("alarms", U32, zh="人工确认报警类型", bits=bits),
    )


CONFIRM_ALARM, CONFIRM_ALARM_2019 = _confirmation(ALARM_BITS), _confirmation(ALARM_BITS_2019)

CAN_FAULT = {5: term("can_fault CAN故障码信息")}
TEXT_FIELD = Field("text", Text(limit=1024), zh="文本信息")
TEXT = Layout("text", Field("flag", U8, zh="标志", bits=TEXT_FLAGS | CAN_FAULT), TEXT_FIELD)
TEXT_2019 = Layout(
    "text",
    Field(
        "flag", U8, zh="标志", ranges={(0, 2): term("class 1服务2紧急3通知")},
        bits={bit: name for bit, name in TEXT_FLAGS.items() if bit in (2, 3)} | CAN_FAULT,
    ),
    Field("type", U8, zh="文本类型", codes=terms("notice 通知", "service 服务", start=1)),
    TEXT_FIELD,
)  # fmt: skip

EVENT = Layout("event", EVENT_ID, Field("text", SHORT, zh="事件内容"))
SET_EVENTS = Layout(
    "events",
    Field("action", U8, zh="设置类型", codes=terms("clear 删除所有", "update 更新", "append 追加", "modify 修改",
        "delete 删除特定")),
    Field(
        "events", By("action", {4: OneOf(Many(EVENT, U8), Many(Layout("event", EVENT_ID), U8))}, other=Many(EVENT, U8)),
        zh="事件项", when=MORE,
    ),
)  # fmt: skip
"""Events that are only deleted carry no text."""
EVENT_REPORT = Layout("event report", EVENT_ID)
QUESTION = Layout(
    "question",
    QUESTION_FLAG,
    Field("question", SHORT, zh="问题"),
    Field("answers", Many(Layout("answer", ANSWER_ID, Field("text", LONG, zh="答案内容"))), zh="候选答案"),
)
ANSWER = Layout("answer", ACK_SERIAL, ANSWER_ID)
INFO_TYPE = Field("type", U8, zh="信息类型")
SET_MENU = Layout(
    "menu",
    Field("action", U8, zh="设置类型", codes=terms("clear 删除全部", "update 更新", "append 追加", "modify 修改")),
    Field("entries", Many(Layout("entry", INFO_TYPE, Field("name", LONG, zh="信息名称")), U8), zh="信息项", when=MORE),
)
SUBSCRIBE = Layout(
    "subscription", INFO_TYPE, Field("flag", U8, zh="点播/取消标志", codes=terms("cancel 取消", "subscribe 点播"))
)
INFO = Layout("information", INFO_TYPE, Field("text", LONG, zh="信息内容"))
CALL_BACK = Layout("call back", CALL_FLAG, Field("phone", Text(limit=20), zh="电话号码"))
CONTACT = Layout(
    "contact", CONTACT_FLAG, Field("phone", SHORT, zh="电话号码"), Field("name", SHORT, zh="联系人")
)  # fmt: skip
PHONE_BOOK = Layout(
    "phone book",
    Field("action", U8, zh="设置类型", codes=terms("clear 删除全部", "update 更新", "append 追加", "modify 修改")),
    Field("contacts", Many(CONTACT, U8), zh="联系人项", when=MORE),
)

VEHICLE_CONTROL = Layout("vehicle control", Field("flag", U8, zh="控制标志", bits={0: term("lock 车门加锁")}))
CONTROL_ITEM = Layout(
    "control",
    Field("type", U16, zh="控制类型", codes={1: term("doors 车门")}),
    Field("parameter", U8, zh="控制参数", codes=terms("lock 锁闭", "open 开启")),
)
UNCOUNTED_CONTROL = Layout("vehicle control", *CONTROL_ITEM.fields)
VEHICLE_CONTROL_2019 = OneOf(
    Layout("vehicle controls", Field("controls", Many(CONTROL_ITEM, U16), zh="控制类型列表")),
    UNCOUNTED_CONTROL,
    VEHICLE_CONTROL,
)
"""1 locks the doors before 2019 and opens them since; encoders exist that leave the count out."""
