"""Areas and routes that the terminal watches by itself (JT/T 808-2013, 8.35-8.42; 2019 adds names and nights)."""

from __future__ import annotations

from gateway.jtt import PLACE_TYPES
from gateway.protocols.jt808.coordinates import DEGREE, LAT, LON
from gateway.wire.clocks import MaybeDaily
from gateway.wire.conditions import Bit
from gateway.wire.field import Field, terms
from gateway.wire.groups import By, Many, Sized
from gateway.wire.kinds import U8, U16, U32
from gateway.wire.layout import Layout
from gateway.wire.texts import Text

ATTRIBUTES = {
    **terms(
        "timed 根据时间", "limited 限速", "alarm_driver_on_enter 进区域报警给驾驶员",
        "alarm_platform_on_enter 进区域报警给平台", "alarm_driver_on_leave 出区域报警给驾驶员",
        "alarm_platform_on_leave 出区域报警给平台", "south 南纬", "west 西经", "doors_forbidden 禁止开门",
    ),
    **terms("close_communication 进区域关闭通信模块", "collect_gnss 进区域采集GNSS详细定位数据", start=14),
}  # fmt: skip
ROUTE_ATTRIBUTES = {bit: name for bit, name in ATTRIBUTES.items() if bit in (0, 2, 3, 4, 5)}
AREA_ID = Field("area_id", U32, zh="区域ID")
AREA_ATTRIBUTES = Field("attributes", U16, zh="区域属性", bits=ATTRIBUTES)
WINDOW = (
    Field("start", MaybeDaily(), zh="起始时间", when=Bit("attributes", 0)),
    Field("end", MaybeDaily(), zh="结束时间", when=Bit("attributes", 0)),
)
LIMIT = (
    Field("max_speed", U16, "km/h", "最高速度", when=Bit("attributes", 1)),
    Field("overspeed_time", U8, "s", "超速持续时间", when=Bit("attributes", 1)),
)
NIGHT = Field("night_max_speed", U16, "km/h", "夜间最高速度", when=Bit("attributes", 1))
NAME = Field("name", Sized(U16, Text()), zh="名称")
ACTION = Field("action", U8, zh="设置属性", codes=terms("update 更新", "append 追加", "modify 修改"))

_CIRCLE = (
    AREA_ID, AREA_ATTRIBUTES, LAT, LON, Field("radius", U32, "m", "半径"), *WINDOW, *LIMIT,
)  # fmt: skip
_RECTANGLE = (
    AREA_ID,
    AREA_ATTRIBUTES,
    Field("north", DEGREE, "deg", "左上点纬度"),
    Field("west", DEGREE, "deg", "左上点经度"),
    Field("south", DEGREE, "deg", "右下点纬度"),
    Field("east", DEGREE, "deg", "右下点经度"),
    *WINDOW,
    *LIMIT,
)
_POLYGON = (
    AREA_ID, AREA_ATTRIBUTES, *WINDOW, *LIMIT,
    Field("vertices", Many(Layout("vertex", LAT, LON), U16), zh="顶点项"),
)  # fmt: skip
CIRCLE, CIRCLE_2019 = Layout("circle", *_CIRCLE), Layout("circle", *_CIRCLE, NIGHT, NAME)
RECTANGLE, RECTANGLE_2019 = Layout("rectangle", *_RECTANGLE), Layout("rectangle", *_RECTANGLE, NIGHT, NAME)
POLYGON, POLYGON_2019 = Layout("polygon", *_POLYGON), Layout("polygon", *_POLYGON, NIGHT, NAME)


def _route(*night: Field) -> tuple[Field, ...]:
    point = Layout(
        "point",
        Field("point_id", U32, zh="拐点ID"),
        Field("section_id", U32, zh="路段ID"),
        LAT,
        LON,
        Field("width", U8, "m", "路段宽度"),
        Field("attributes", U8, zh="路段属性", bits=terms("timed 行驶时间", "limited 限速", "south 南纬", "west 西经")),
        Field("too_long", U16, "s", "路段行驶过长阈值", when=Bit("attributes", 0)),
        Field("too_short", U16, "s", "路段行驶不足阈值", when=Bit("attributes", 0)),
        *LIMIT,
        *night,
    )
    return (
        Field("route_id", U32, zh="路线ID"),
        Field("attributes", U16, zh="路线属性", bits=ROUTE_ATTRIBUTES),
        *WINDOW,
        Field("points", Many(point, U16), zh="拐点项"),
    )


ROUTE, ROUTE_2019 = Layout("route", *_route()), Layout("route", *_route(NIGHT), NAME)
DELETE = Layout("deletion", Field("ids", Many(U32, U8), zh="ID列表, 空为全部"))


def several(item: Layout) -> Layout:
    """0x8600 and 0x8602 carry several areas and say what becomes of the old ones."""
    return Layout(f"{item.name}s", ACTION, Field("areas", Many(item, U8), zh="区域项"))


STORED_TYPE = Field("type", U8, zh="查询类型", codes={n: name for n, name in PLACE_TYPES.items() if n})
QUERY = Layout("stored areas query", STORED_TYPE, Field("ids", Many(U32, U32), zh="ID列表, 空为全部"))
STORED = Layout(
    "stored areas",
    STORED_TYPE,
    Field(
        "areas",
        By(
            "type",
            {
                number: Many(item, U32)
                for number, item in enumerate((CIRCLE_2019, RECTANGLE_2019, POLYGON_2019, ROUTE_2019), 1)
            },
        ),
        zh="区域或线路",
    ),
)
