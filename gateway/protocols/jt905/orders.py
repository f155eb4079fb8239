"""Orders by telephone: broadcast, grab, result, completion, cancellation (JT/T 905.2-2014, tables 48-53).

Terminals copy texts into fixed buffers: 63 bytes of GBK and a phone of 11 digits. Texts are cut to
60 bytes between characters, and a phone of another length is refused.
"""

from __future__ import annotations

from gateway.protocols.jt905.meter import SHORT_YUAN
from gateway.protocols.jt905.position import DEGREE
from gateway.wire.clocks import Stamp
from gateway.wire.conditions import MORE, With
from gateway.wire.field import Field, terms
from gateway.wire.kinds import U8, U32
from gateway.wire.layout import Layout
from gateway.wire.texts import Terminated

TEXT_LIMIT = 60
ORDER = Field("order", U32, zh="业务ID")
TYPES = terms("immediate 即时召车", "booking 预约召车", "assigned 车辆指派")
WANTED = Stamp("YYMMDDhhmmss", blank=True)
DESCRIPTION = Terminated(limit=TEXT_LIMIT, cut=True)

TASK = Layout(
    "order task",
    ORDER,
    Field("type", U8, zh="业务类型", codes=TYPES),
    Field("time", WANTED, zh="要车时间"),
    Field("description", DESCRIPTION, zh="业务描述"),
)
"""Broadcast to many: a rough place only, neither phone nor exact address."""
_WON = With("type")
RESULT = Layout(
    "order result",
    ORDER,
    Field("type", U8, zh="业务类型", codes=TYPES, when=MORE),
    Field("time", WANTED, zh="要车时间", when=_WON),
    Field("passenger_lon", DEGREE, "deg", "乘客位置经度", when=_WON),
    Field("passenger_lat", DEGREE, "deg", "乘客位置纬度", when=_WON),
    Field("destination_lon", DEGREE, "deg", "目的地位置经度", when=_WON),
    Field("destination_lat", DEGREE, "deg", "目的地位置纬度", when=_WON),
    Field("fee", SHORT_YUAN, "yuan", "电召服务费", when=_WON),
    Field("phone", Terminated(digits=11), zh="乘客电话号码", when=_WON),
    Field("description", DESCRIPTION, zh="业务描述", when=_WON),
)
"""Who lost gets the order's number alone. Longitudes stand first, unlike everywhere else."""
ONLY_ORDER = Layout("order", ORDER)
CANCELLED = Layout(
    "cancelled order", ORDER, Field("reason", U8, zh="取消原因", codes=terms("accident 事故", "jam 路堵", "other 其他"))
)
