"""Finding edges near a place, and the quickest way between two edges."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from simulator.plane import Points, at, course, stations
from simulator.roads.graph import Edge, RoadGraph, build
from simulator.roads.read import RoadsError, read

PROBE_M = 15.0


@dataclass(frozen=True, slots=True)
class Spot:
    """A point on the network: `along` metres from the start of an edge."""

    edge: int
    along: float


class Roads:
    """The network of a city. Pure once made: nothing in it changes."""

    def __init__(self, graph: RoadGraph) -> None:
        self.graph = graph
        self.plane = graph.plane
        self.edges: Sequence[Edge] = graph.edges
        self._probe_points, self._probe_spots = _probes(graph.edges)
        self._backward = graph.costs.T.tocsr()
        self._tree = cKDTree(np.column_stack((self._probe_points.real, self._probe_points.imag)))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Roads of an `.osm.pbf`. Raises RoadsError."""
        return cls(build(read(path)))

    def nearest(self, point: complex) -> Spot:
        """The spot on the network nearest to a point of the plane, to within half a probe (7.5 m)."""
        _, index = self._tree.query((point.real, point.imag))
        return self._probe_spots[int(index)]

    def distance(self, point: complex) -> float:
        """Metres from a point of the plane to the network, to within half a probe."""
        gap, _ = self._tree.query((point.real, point.imag))
        return float(gap)

    def point(self, spot: Spot) -> complex:
        """Where a spot lies on the plane."""
        return at(self.edges[spot.edge].shape, spot.along)

    def course(self, spot: Spot) -> float:
        """Heading of a car at a spot, degrees from north."""
        edge = self.edges[spot.edge]
        k = min(len(edge.shape) - 2, max(0, int(np.searchsorted(stations(edge.shape), spot.along, "right")) - 1))
        return course(complex(edge.shape[k + 1] - edge.shape[k]))

    def on_path(self, path: Sequence[int], along: float) -> Spot:
        """The spot so many metres along a path, counted from the start of its first edge; at most its end."""
        for number in path[:-1]:
            if along <= self.edges[number].length:
                return Spot(number, along)
            along -= self.edges[number].length
        return Spot(path[-1], min(along, self.edges[path[-1]].length))

    def route(self, start: Spot, goal: Spot) -> list[int]:
        """Edges of the quickest way, the start's first and the goal's last.

        Raises RoadsError when there is none, which does not happen within one `Roads`.
        """
        if start.edge == goal.edge and start.along <= goal.along:
            return [start.edge]
        (times,), (before,) = dijkstra(self.graph.costs, indices=[start.edge], return_predecessors=True)
        if start.edge == goal.edge:
            return self._round_trip(start.edge, times, before)
        if not np.isfinite(times[goal.edge]):
            raise RoadsError(f"no way from edge {start.edge} to edge {goal.edge}")
        return _path(before, start.edge, goal.edge)

    def _round_trip(self, edge: int, times: NDArray[np.float64], before: NDArray[np.int32]) -> list[int]:
        """Once around and back onto the same edge."""
        arriving = self._backward.indices[self._backward.indptr[edge] : self._backward.indptr[edge + 1]]
        last = int(arriving[times[arriving].argmin()])
        return [*_path(before, edge, last), edge]


def _path(before: NDArray[np.int32], start: int, goal: int) -> list[int]:
    path = [goal]
    while path[-1] != start:
        path.append(int(before[path[-1]]))
    return path[::-1]


def _probes(edges: Sequence[Edge]) -> tuple[Points, list[Spot]]:
    """Spots along every edge, at most 15 m apart."""
    points: list[complex] = []
    spots: list[Spot] = []
    for number, edge in enumerate(edges):
        along = stations(edge.shape)
        count = math.ceil(edge.length / PROBE_M)
        middles = (np.arange(count) + 0.5) * edge.length / count
        points += (
            np.interp(middles, along, edge.shape.real) + 1j * np.interp(middles, along, edge.shape.imag)
        ).tolist()
        spots += [Spot(number, float(a)) for a in middles]
    return np.array(points), spots
