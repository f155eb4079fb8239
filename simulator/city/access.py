"""Ways to well-known places that lie off the streets, so that a car can reach the door."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial import cKDTree

from simulator.city.streets import RANKS, Network, Road, Street
from simulator.plane import Points

NEAR_M = 110.0
PROBE_M = 25.0


def reach(network: Network, places: Sequence[tuple[str, str, complex]]) -> None:
    """Lay a way from the nearest street to each place (name, English name, point) farther than 110 m from one."""
    streets = [road for road in network.roads if road.street.rank.order <= 7 and not road.bridge]
    where, owner = _probes(network, streets)
    tree = cKDTree(np.column_stack((where.real, where.imag)))
    for name, name_en, point in places:
        distance, nearest = tree.query((point.real, point.imag))
        if distance > NEAR_M:
            start = network.node_on(streets[owner[nearest]], complex(where[nearest]))
            street = Street(RANKS["service"], f"{name}进出路", f"{name_en} access")
            network.roads.append(Road([start, network.add(point)], street))


def _probes(network: Network, roads: Sequence[Road]) -> tuple[Points, list[int]]:
    """Points every 25 m along the roads, and the number of the road that each lies on."""
    points: list[complex] = []
    owner: list[int] = []
    for number, road in enumerate(roads):
        for a, b in road.edges():
            start, step = network.points[a], network.points[b] - network.points[a]
            count = max(1, round(abs(step) / PROBE_M))
            points += [start + step * k / count for k in range(count + 1)]
            owner += [number] * (count + 1)
    return np.array(points), owner
