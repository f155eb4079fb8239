"""The lines that the city grows between: arterials, banks, shores, and what streets may not cross."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from simulator.city.curve import area, clip, extended, offset
from simulator.city.names import Name
from simulator.city.plan import Arterial, CityPlan, Water
from simulator.city.streets import MEDIAN_M, RANKS, Street
from simulator.plane import Points

REACH_M = 260.0  # an end this near to another line is meant to touch it
BANK_M = 24.0  # from the water's edge to the road beside it
SHORE_M = 60.0  # from a lake's edge to the road around it
FARTHEST_M = 4000.0  # no way to a lake is longer
RAIL_M = 14.0
RING_MEDIAN_M = 44.0  # room for the elevated carriageways above


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the plan. `street` is None where it only divides.

    wall   side streets stop before it
    water  faces beside it stay empty
    """

    points: Points
    street: Street | None = None
    wall: bool = False
    water: bool = False


def frame(plan: CityPlan) -> list[Line]:
    """The rim of the map, a little inside so that what runs to the edge crosses it."""
    return [Line(plan.box.outline(inset=40.0), wall=True)]


def arterials(plan: CityPlan) -> list[Line]:
    """Main roads of the plan and the road under the ring; two lines where there are two carriageways."""
    lines = [line for road in plan.arterials for line in _carriageways(plan, road)]
    below = Street(RANKS["primary"], plan.ring.ground, plan.ring.ground_en, oneway=True, maxspeed_kmh=60)
    return lines + [Line(points, below) for points in around(plan, RING_MEDIAN_M)]


def around(plan: CityPlan, apart_m: float) -> tuple[Points, Points]:
    """The two carriageways of the ring in their direction of travel, first the outer one."""
    points = plan.ring.points if area(plan.ring.points) > 0 else plan.ring.points[::-1]
    outer, inner = (offset(points, left, closed=True) for left in (-apart_m / 2, apart_m / 2))
    return _closed(outer), _closed(inner)[::-1]


def _closed(points: Points) -> Points:
    return np.concatenate((points, points[:1]))


def clipped(plan: CityPlan, points: Points) -> list[Points]:
    box = plan.box
    return clip(points, box.west, box.south, box.east, box.north)


def _carriageways(plan: CityPlan, road: Arterial) -> Iterator[Line]:
    street = Street(RANKS[road.rank], road.name, road.name_en, oneway=road.dual, parts=road.parts)
    for points in clipped(plan, extended(road.points, REACH_M)):
        if road.dual:
            yield Line(offset(points, -MEDIAN_M / 2), street)
            yield Line(offset(points, MEDIAN_M / 2)[::-1], street)
        else:
            yield Line(points, street)


def shores(plan: CityPlan, main: list[Line]) -> list[Line]:
    """A road around every lake, and roads from it to the nearest main road on two sides."""
    network = np.concatenate([line.points for line in main])
    lines = []
    for lake in plan.lakes:
        outward = -SHORE_M if area(lake.points) > 0 else SHORE_M
        street = Street(RANKS["unclassified"], f"环{lake.name}路", f"{lake.name_en} Ring Road")
        ring = _closed(offset(lake.points, outward, closed=True))
        lines += [Line(points, street) for points in clipped(plan, ring)]
        lines += [Line(points, street) for points in _ways_to(ring, network, lake.points.mean())]
    return lines


def _ways_to(ring: Points, network: Points, centre: complex) -> Iterator[Points]:
    """Straight lines from the ring to the nearest point of the network, one on each of its two sides."""
    gaps = np.abs(ring[:, None] - network[None, :])
    near = gaps.min(axis=1)
    first = int(near.argmin())
    facing = ((ring - centre) * np.conj(ring[first] - centre)).real
    for k in (first, int(np.where(facing < 0, near, np.inf).argmin())):
        goal = network[int(gaps[k].argmin())]
        if 1.0 < abs(goal - ring[k]) < FARTHEST_M:
            yield extended(np.array([ring[k], goal]), 30.0)


def banks(plan: CityPlan) -> list[Line]:
    """A road along both sides of every river."""
    lines = []
    for river in plan.rivers:
        away = river.width_m / 2 + BANK_M
        for left in (away, -away):
            zh, en = _bank_name(river, left)
            street = Street(RANKS["unclassified"], zh, en)
            lines += [Line(points, street) for points in clipped(plan, offset(river.points, left))]
    return lines


def _bank_name(river: Water, left: float) -> Name:
    along = river.points[-1] - river.points[0]
    side = 1j * along * left
    if abs(along.real) > abs(along.imag):
        zh, en = ("北", "North") if side.imag > 0 else ("南", "South")
    else:
        zh, en = ("东", "East") if side.real > 0 else ("西", "West")
    return f"{river.name}{zh}路", f"{river.name_en} {en} Road"


def waters(plan: CityPlan) -> list[Line]:
    """Rivers along their middle, lakes along their shore."""
    curves = [river.points for river in plan.rivers] + [_closed(lake.points) for lake in plan.lakes]
    return [Line(points, wall=True, water=True) for curve in curves for points in clipped(plan, curve)]


def walls(plan: CityPlan) -> list[Line]:
    """Railways on the ground, which roads cross on bridges, and motorways, which they pass below."""
    curves = [rail.points for rail in plan.railways if not rail.viaduct] + [m.points for m in plan.motorways]
    return [Line(points, wall=True) for curve in curves for points in clipped(plan, curve)]


def obstacles(plan: CityPlan) -> list[tuple[Points, float]]:
    """What roads need bridges over: middle line and width in metres."""
    rails = [(rail.points, RAIL_M) for rail in plan.railways if not rail.viaduct]
    return [(river.points, river.width_m) for river in plan.rivers] + rails
