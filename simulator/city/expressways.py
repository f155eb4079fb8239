"""Motorways and the elevated ring: two carriageways each, above the streets, with ramps between.

Traffic keeps to the right, so ramps leave and join on the right: at an exit of a motorway four ramps
(a diamond) end on the arterial on either side of it; on the ring, slip ramps lead down to the road
below and up from it in the same direction.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from simulator.city.curve import offset
from simulator.city.lines import around, clipped
from simulator.city.plan import CityPlan, Motorway
from simulator.city.streets import RANKS, Network, Road, Street
from simulator.plane import Points, along, at, length

MOTORWAY_MEDIAN_M = 26.0
RING_HIGH_MEDIAN_M = 28.0
EXIT_M = 520.0  # from the crossing to where a motorway's ramp leaves it
FOOT_M = 190.0  # from the crossing to where the ramp meets the arterial
RAMP_EVERY_M = 2400.0
SLIP_M = 260.0


def build(network: Network, plan: CityPlan) -> None:
    """Add all of them to the network."""
    for motorway in plan.motorways:
        _motorway(network, plan, motorway)
    _ring(network, plan)


def _motorway(network: Network, plan: CityPlan, motorway: Motorway) -> None:
    street = Street(
        RANKS["motorway"], motorway.name, motorway.name_en, oneway=True, maxspeed_kmh=motorway.maxspeed_kmh,
        ref=motorway.ref, layer=1,
    )  # fmt: skip
    for centre in clipped(plan, motorway.points):
        right = network.draw(offset(centre, -MOTORWAY_MEDIAN_M / 2), street, bridge=True)
        left = network.draw(offset(centre, MOTORWAY_MEDIAN_M / 2)[::-1], street, bridge=True)
        _turn_around(network, left, right)
        _turn_around(network, right, left)
        for name in motorway.exits:
            _exit(network, motorway, name, centre, right, left)


def _turn_around(network: Network, arriving: Road, leaving: Road) -> None:
    """At the rim of the map one carriageway leads into the other."""
    nodes = [arriving.nodes[-1], leaving.nodes[0]]
    network.roads.append(Road(nodes, Street(RANKS["motorway_link"], oneway=True, layer=1), bridge=True))


def _exit(network: Network, motorway: Motorway, name: str, centre: Points, right: Road, left: Road) -> None:
    """A diamond where the arterial of this name passes below."""
    roads = [road for road in network.roads if road.street.name == name]
    where = _crossing(network, roads, centre)
    if where is None:
        return
    middle = along(centre, where)
    if not EXIT_M < middle < length(centre) - EXIT_M:
        return
    street = Street(RANKS["motorway_link"], f"{motorway.name}{name}匝道", f"{motorway.name_en} ramp", oneway=True)
    direction = at(centre, middle + 1) - at(centre, middle - 1)
    for carriageway, forward in ((right, 1.0), (left, -1.0)):
        outward = -1j * forward * direction / abs(direction)
        foot = _foot(network, roads, where + FOOT_M * outward, where, outward)
        if foot is None:
            continue
        leave = network.node_on(carriageway, at(centre, middle - forward * EXIT_M))
        join = network.node_on(carriageway, at(centre, middle + forward * EXIT_M))
        _ramp(network, leave, foot, 55 * outward, street)
        _ramp(network, foot, join, 55 * outward, street)


def _crossing(network: Network, roads: Sequence[Road], centre: Points) -> complex | None:
    """The node of these roads that lies on the motorway's centre line."""
    nodes = [network.points[n] for road in roads for n in road.nodes]
    gaps = [abs(at(centre, along(centre, point)) - point) for point in nodes]
    best = int(np.argmin(gaps)) if gaps else 0
    return nodes[best] if gaps and gaps[best] < 30 else None


def _foot(network: Network, roads: Sequence[Road], near: complex, where: complex, outward: complex) -> int | None:
    """The node where ramps meet the arterial; where that has two carriageways, a link joins them there."""
    feet = []
    for road in sorted(roads, key=lambda r: _distance(network, r, near))[:2]:
        if _distance(network, road, near) < 120:
            node = network.node_on(road, near)
            if ((network.points[node] - where).conjugate() * outward).real > FOOT_M / 3:
                feet.append(node)
    if not feet:
        return None
    if len(feet) == 2 and feet[0] != feet[1] and roads[0].street.oneway:
        network.roads.append(Road(feet, Street(RANKS["secondary_link"])))
        network.signals |= set(feet)
    return feet[0]


def _distance(network: Network, road: Road, point: complex) -> float:
    nodes = np.array([network.points[n] for n in road.nodes])
    return abs(at(nodes, along(nodes, point)) - point)


def _ramp(network: Network, start: int, end: int, aside: complex, street: Street) -> None:
    """A curve between two nodes that swings out to the side."""
    a, b = network.points[start], network.points[end]
    bend = [network.add(a + (b - a) * t + aside * 4 * t * (1 - t)) for t in (0.25, 0.5, 0.75)]
    network.roads.append(Road([start, *bend, end], street))


def _ring(network: Network, plan: CityPlan) -> None:
    street = Street(RANKS["trunk"], plan.ring.name, plan.ring.name_en, oneway=True, layer=2)
    below = [road for road in network.roads if road.street.name == plan.ring.ground]
    slip = Street(RANKS["trunk_link"], f"{plan.ring.name}匝道", f"{plan.ring.name_en} ramp", oneway=True, layer=1)
    for points in around(plan, RING_HIGH_MEDIAN_M):
        road = network.draw(points[:-1], street, bridge=True)
        road.nodes.append(road.nodes[0])
        for number, place in enumerate(_places(points)):
            high, low = (place, place + SLIP_M) if number % 2 == 0 else (place + SLIP_M, place)
            top = network.node_on(road, at(points, high))
            foot = _node_below(network, below, at(points, low))
            if foot is not None:
                nodes = [top, foot] if number % 2 == 0 else [foot, top]
                network.roads.append(Road(nodes, slip, bridge=True))


def _places(points: Points) -> Iterator[float]:
    """How far along the ring ramps begin, leaving and joining in turn."""
    total = length(points)
    count = round(total / (RAMP_EVERY_M / 2) / 2) * 2
    yield from (total * (k + 0.3) / count for k in range(count) if total * (k + 0.3) / count + SLIP_M < total)


def _node_below(network: Network, roads: Sequence[Road], near: complex) -> int | None:
    """A node on the nearest carriageway below a point of the ring, which is the one that runs the same way."""
    road = min(roads, key=lambda r: _distance(network, r, near))
    return network.node_on(road, near) if _distance(network, road, near) < 20 else None
