"""Dialects: what models of terminals do otherwise than the standards, where the bytes do not tell.

A dialect is chosen by name, or by the model that a terminal gives when it registers. Whatever a
dialect does not change, the standard says, and where editions differ the bytes decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway import explain
from gateway.errors import ProtocolError
from gateway.protocols.jt808 import control, dialogue, login, media, records
from gateway.protocols.jt808.models import AOVX_ITEMS, COLD_ITEMS, JIMI_ITEMS, STEPS_ITEMS, WITHOUT_FUEL
from gateway.protocols.jt808.position import BASE, BASE_2019, ITEMS, bodies
from gateway.wire.items import Items, Table
from gateway.wire.message import Body


@dataclass(frozen=True, slots=True)
class Dialect:
    """One way of speaking.

    models   beginnings of the model names that speak it
    layouts  message id -> how its body is read and written instead
    newer    the same for the edition of 2019, where that differs
    items    the additional items of positions, where they differ
    """

    name: str
    zh: str
    models: tuple[str, ...] = ()
    layouts: Mapping[int, Body] = field(default_factory=dict)
    newer: Mapping[int, Body] = field(default_factory=dict)
    items: Items | None = None

    def body(self, message_id: int, version: int) -> Body | None:
        """How a body is read instead; None where the standard says it."""
        older = self.layouts.get(message_id)
        return self.newer.get(message_id, older) if version >= 2019 else older


def _vendor(name: str, zh: str, models: tuple[str, ...], changes: Table) -> Dialect:
    """The dialect of terminals that fill some items otherwise."""
    items = Items({**ITEMS, **changes})
    return Dialect(name, zh, models, bodies(BASE, items), bodies(BASE_2019, items), items)


STANDARD = Dialect(explain.STANDARD, "标准")
DIALECTS = {
    row.name: row
    for row in (
        STANDARD,
        Dialect(
            "2011", "JT/T 808-2011 原文",
            layouts={
                0x0100: login.REGISTRATION_2011, 0x8103: control.SET_PARAMETERS_2011, 0x0702: records.DRIVER_2011,
                0x0801: media.MEDIA_2011, 0x8800: media.MEDIA_ANSWER_2011,
            },
        ),
        Dialect("uncounted_controls", "车辆控制不带类型数量", layouts={0x8500: dialogue.UNCOUNTED_CONTROL}),
        _vendor("aovx", "AOVX 定位器", ("AL300", "GL100", "AOVX"), AOVX_ITEMS),
        _vendor("jimi", "几米车载视频终端", ("JC371", "JC181", "JC182", "JC450", "JC451"), JIMI_ITEMS),
        _vendor("wearable", "C5 工牌", ("C5",), STEPS_ITEMS),
        _vendor("cold_chain", "冷链终端", (), COLD_ITEMS),
        _vendor("dt800", "DT800", ("DT800",), WITHOUT_FUEL),
    )
}  # fmt: skip


def dialect(name: str) -> Dialect:
    """By name. Raises ProtocolError that lists the names."""
    if name not in DIALECTS:
        raise ProtocolError("dialect", f"{name!r} is unknown, there are {', '.join(DIALECTS)}")
    return DIALECTS[name]


def of_model(model: str) -> Dialect:
    """The dialect of a model of terminal; the standard for one that has none."""
    return next((d for d in DIALECTS.values() if model.startswith(d.models or ("\0",))), STANDARD)
