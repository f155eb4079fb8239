"""Texts, questions, calls, tracking and control (JT/T 905.2-2014, 10.3)."""

from __future__ import annotations

from gateway.jtt import ANSWER_ID, CALL_FLAG, CONTACT_FLAG, EVENT_ID, QUESTION_FLAG, TEXT_FLAGS
from gateway.wire.conditions import MORE
from gateway.wire.field import Field, term, terms
from gateway.wire.groups import Many
from gateway.wire.kinds import U8, U16, U32
from gateway.wire.layout import Layout
from gateway.wire.texts import Terminated

PHONE = Field("phone", Terminated(limit=20), zh="电话号码")
TEXT = Layout(
    "text", Field("flag", U8, zh="标志", bits=TEXT_FLAGS), Field("text", Terminated(limit=499), zh="文本信息")
)
SET_EVENTS = Layout(
    "events",
    Field(
        "events",
        Many(Layout("event", EVENT_ID, Field("text", Terminated(), zh="事件内容")), U8),
        zh="事件项, 空为全部删除",
    ),
)
"""The standard says at most 20 bytes a text; terminals take and centres send more."""
EVENT = Layout("event", EVENT_ID)
QUESTION_ID = Field("question_id", U32, zh="问题ID")
QUESTION = Layout(
    "question",
    QUESTION_FLAG,
    QUESTION_ID,
    Field("question", Terminated(limit=100), zh="问题"),
    Field("answers", Many(Layout("answer", ANSWER_ID, Field("text", Terminated(), zh="答案内容"))), zh="候选答案"),
)
ANSWER = Layout("answer", QUESTION_ID, ANSWER_ID)
CALL_BACK = Layout("call back", CALL_FLAG, PHONE)
PHONE_BOOK = Layout(
    "phone book",
    Field(
        "contacts", Many(Layout("contact", CONTACT_FLAG, PHONE, Field("name", Terminated(limit=10), zh="联系人")), U8),
        zh="联系人项, 空为全部删除",
    ),
)  # fmt: skip
TRACK = Layout(
    "tracking",
    Field(
        "attribute", U8, zh="属性",
        codes={
            0x00: term("time_for_time 按时间间隔持续时间"), 0x01: term("time_for_distance 按时间间隔持续距离"),
            0x10: term("distance_for_time 按距离间隔持续时间"), 0x11: term("distance_for_distance 按距离间隔持续距离"),
            0xFF: term("stop 停止"),
        },
    ),
    Field("interval", U16, "s or m", "时间间隔或距离间隔", when=MORE),
    Field("duration", U32, "s or m", "持续时间或持续距离", when=MORE),
)  # fmt: skip
CONTROL_VEHICLE = Layout(
    "vehicle control",
    Field("item", U8, zh="控制项", codes=terms("oil 油路", "circuit 电路", "doors 车门", "vehicle 车辆")),
    Field("command", U8, zh="控制命令", codes=terms("restore 恢复/解锁", "cut 断开/锁定")),
)
