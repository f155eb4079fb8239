"""Bridges: the edges of roads over rivers and railways. A bridge reaches to the next nodes on dry ground."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from simulator.city.curve import densified
from simulator.city.streets import Network, Road
from simulator.plane import Points

CLEARANCE_M = 8.0
PROBES = np.linspace(0, 1, 9)


def span(network: Network, obstacles: Sequence[tuple[Points, float]]) -> None:
    """Split roads so that what comes near an obstacle (its middle line, its width in metres) is a bridge."""
    ends = np.array([[network.points[a], network.points[b]] for road in network.roads for a, b in road.edges()])
    raised = _over(ends, obstacles).tolist()
    parts: list[Road] = []
    edge = 0
    for road in network.roads:
        count = len(road.nodes) - 1
        parts += _parts(road, raised[edge : edge + count])
        edge += count
    network.roads = parts


def _over(ends: Points, obstacles: Sequence[tuple[Points, float]]) -> NDArray[np.bool_]:
    """Which edges, shape (n, 2), come near an obstacle: (n,)."""
    probes = ends[:, :1] + (ends[:, 1:] - ends[:, :1]) * PROBES
    over = np.zeros(len(ends), bool)
    for line, width in obstacles:
        reach = width / 2 + CLEARANCE_M
        distance, _ = cKDTree(_plain(densified(line, 8.0))).query(_plain(probes.ravel()), distance_upper_bound=reach)
        over |= np.isfinite(distance).reshape(probes.shape).any(axis=1)
    return over


def _plain(points: Points) -> NDArray[np.float64]:
    return np.column_stack((points.real, points.imag))


def _parts(road: Road, raised: Sequence[bool]) -> Iterator[Road]:
    if road.bridge or not any(raised):
        yield road
        return
    start = 0
    for bridge, run in groupby(raised):
        end = start + len(list(run))
        yield Road(road.nodes[start : end + 1], road.street, bridge)
        start = end
