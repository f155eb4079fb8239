"""Rules of traffic: one-way streets, roundabouts, signals, forbidden turns."""

from __future__ import annotations

import cmath
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from simulator.city.connected import open_traps
from simulator.city.density import URBAN, Density
from simulator.city.names import part_name
from simulator.city.streets import Network, Restriction, Road, Street

ONE_WAY = {"residential": 0.18, "tertiary": 0.08}
ROUNDABOUTS = 14
ROUNDABOUT_M = 24.0
LEG_M = 60.0
RESTRICTED = 0.25
SECONDARY, TERTIARY, LINK = 6, 5, 2


def one_ways(network: Network, rng: np.random.Generator) -> None:
    """Make some side streets one-way, all roads of a street in one direction; none becomes a trap."""
    streets: dict[int, list[int]] = defaultdict(list)
    for i, road in enumerate(network.roads):
        if road.street.rank.highway in ONE_WAY and not road.street.oneway:
            streets[id(road.street)].append(i)
    ours: set[int] = set()
    for members in streets.values():
        first = network.roads[members[0]]
        if rng.random() < ONE_WAY[first.street.rank.highway]:
            ahead = _direction(network, first) * (1 if rng.random() < 0.5 else -1)
            _make_one_way(network, members, ahead)
            ours |= set(members)
    open_traps(network, ours)


def _direction(network: Network, road: Road) -> complex:
    return network.points[road.nodes[-1]] - network.points[road.nodes[0]]


def _make_one_way(network: Network, members: list[int], ahead: complex) -> None:
    for i in members:
        road = network.roads[i]
        road.street = replace(road.street, oneway=True)
        if (_direction(network, road).conjugate() * ahead).real < 0:
            road.nodes.reverse()


def roundabouts(network: Network, density: Density, rng: np.random.Generator) -> None:
    """Turn some crossings of two-way roads into roundabouts."""
    legs = _legs(network)
    fit = [node for node, found in legs.items() if _fits(network, node, found, density)]
    chosen = [fit[pick] for pick in rng.permutation(len(fit))[:ROUNDABOUTS]]
    network.roads = [part for road in network.roads for part in _split(road, set(chosen))]
    for node in chosen:
        _round(network, node)


def _legs(network: Network) -> dict[int, list[tuple[Road, int]]]:
    """Node -> the roads that end or pass there, each with the neighbouring node; in order of nodes."""
    legs: dict[int, list[tuple[Road, int]]] = defaultdict(list)
    for road in network.roads:
        for a, b in road.edges():
            legs[a].append((road, b))
            legs[b].append((road, a))
    return dict(sorted(legs.items()))


def _fits(network: Network, node: int, legs: list[tuple[Road, int]], density: Density) -> bool:
    if len(legs) != 4 or any(road.street.oneway or road.bridge for road, _ in legs):
        return False
    orders = sorted((road.street.rank.order for road, _ in legs), reverse=True)
    if orders[1] < TERTIARY or orders[0] > SECONDARY:
        return False
    point = network.points[node]
    near = min(abs(network.points[other] - point) for _, other in legs)
    return near > LEG_M and 0.1 < density.town(point)[1] < 0.75


def _round(network: Network, node: int) -> None:
    """Replace a crossing, where roads end already, by a ring that is driven counter-clockwise."""
    centre = network.points[node]
    arms = []
    for road in network.roads:
        for end, other in ((0, 1), (-1, -2)):
            if road.nodes[end] == node:
                toward = network.points[road.nodes[other]] - centre
                road.nodes[end] = network.add(centre + ROUNDABOUT_M * toward / abs(toward))
                arms.append((cmath.phase(toward), road.nodes[end], road.street))
    arms.sort(key=lambda arm: arm[0])
    ring: list[int] = []
    for (angle, arm, _), (following, _, _) in zip(arms, [*arms[1:], arms[0]], strict=True):
        gap = (following - angle) % (2 * cmath.pi)
        ring += [arm, *(network.add(centre + cmath.rect(ROUNDABOUT_M, angle + gap * t)) for t in (1 / 3, 2 / 3))]
    rank = max((street.rank for _, _, street in arms), key=lambda r: r.order)
    network.roads.append(Road([*ring, ring[0]], Street(rank, oneway=True, maxspeed_kmh=30, roundabout=True)))


def signals(network: Network, density: Density, rng: np.random.Generator) -> None:
    """Signals where main roads cross, and at some crossings of lesser ones in town."""
    for node, legs in _legs(network).items():
        orders = sorted((road.street.rank.order for road, _ in legs), reverse=True)
        if len(legs) < 3 or orders[0] > 7 or any(road.street.roundabout for road, _ in legs):
            continue
        town = density.town(network.points[node])[1] > URBAN
        least = orders[3] if len(legs) > 3 else orders[2]
        likely = 1.0 if least >= SECONDARY else 0.45 if least == TERTIARY and orders[0] >= SECONDARY else 0.1
        if rng.random() < likely * (1.0 if town else 0.3):
            network.signals.add(node)


def split_roads(network: Network, centre: complex) -> None:
    """Roads end at signals; those whose name changes along the way get the name of their part."""
    network.roads = [part for road in network.roads for part in _split(road, network.signals)]
    for road in network.roads:
        street = road.street
        if street.parts:
            middle = network.points[road.nodes[len(road.nodes) // 2]]
            name, name_en = part_name((street.name, street.name_en), street.parts, middle, centre)
            road.street = replace(street, name=name, name_en=name_en)


def _split(road: Road, at: set[int]) -> Iterator[Road]:
    start = 0
    for i in range(1, len(road.nodes) - 1):
        if road.nodes[i] in at:
            yield Road(road.nodes[start : i + 1], road.street, road.bridge)
            start = i
    yield Road(road.nodes[start:], road.street, road.bridge)


def restrict_turns(network: Network, rng: np.random.Generator) -> None:
    """Forbid some left turns and turning back at signals. Call when the list of roads is final."""
    ends: dict[int, list[int]] = defaultdict(list)
    for i, road in enumerate(network.roads):
        for node in {road.nodes[0], road.nodes[-1]} & network.signals:
            ends[node].append(i)
    for node, roads in sorted(ends.items()):
        if len(roads) >= 3 and rng.random() < RESTRICTED:
            network.restrictions += _restriction(network, node, roads, rng)


def _restriction(network: Network, node: int, roads: list[int], rng: np.random.Generator) -> Iterator[Restriction]:
    arriving = [i for i in roads if network.roads[i].nodes[-1] == node or not network.roads[i].street.oneway]
    leaving = [i for i in roads if network.roads[i].nodes[0] == node or not network.roads[i].street.oneway]
    turns = [
        (i, j) for i in arriving for j in leaving
        if i != j and 0.7 < cmath.phase(_away(network, j, node) / -_away(network, i, node)) < 2.5
    ]  # fmt: skip
    both = [i for i in arriving if i in leaving and network.roads[i].street.rank.order >= SECONDARY]
    if turns and len(leaving) >= 3:
        from_road, to_road = turns[int(rng.integers(len(turns)))]
        yield Restriction("no_left_turn", from_road, node, to_road)
    if both and rng.random() < 0.5:
        yield Restriction("no_u_turn", both[0], node, both[0])


def _away(network: Network, number: int, node: int) -> complex:
    """Direction in which a road leaves a node at one of its ends."""
    nodes = network.roads[number].nodes
    other = nodes[1] if nodes[0] == node else nodes[-2]
    return network.points[other] - network.points[node]
