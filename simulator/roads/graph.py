"""Directed edges between junctions, and which turns from edge to edge are allowed."""

from __future__ import annotations

import cmath
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from simulator.plane import Plane, Points
from simulator.roads.read import Extract, Way

SIGNAL_S, LEFT_S, RIGHT_S, BACK_S = 14.0, 6.0, 2.0, 40.0
PACE = 0.85
"""Share of the limit that traffic really drives, for choosing routes."""


@dataclass(frozen=True, slots=True)
class Edge:
    """One direction of a road between two junctions.

    shape   points of the plane, from start to end, metres
    limit   m/s
    signal  whether there are signals at its end
    twin    number of the edge in the other direction, -1 for a one-way
    """

    start: int
    end: int
    way: int
    highway: str
    name: str
    limit: float
    shape: Points
    length: float
    signal: bool
    twin: int


@dataclass(frozen=True)
class RoadGraph:
    """edges; and costs of going on from edge to edge (seconds), a sparse (n, n) matrix of allowed turns."""

    plane: Plane
    edges: Sequence[Edge]
    costs: csr_array[np.float64, tuple[int, int]]


def build(extract: Extract) -> RoadGraph:
    """The part of the network in which every edge can be reached from every other."""
    lat, lon = np.array(list(extract.places.values())).T
    plane = Plane(float((lat.min() + lat.max()) / 2), float((lon.min() + lon.max()) / 2))
    points = dict(zip(extract.places, plane.points(lat, lon).tolist(), strict=True))
    edges = _edges(extract, points)
    starts, ends, seconds = _turns(extract, edges)
    costs = csr_array((seconds, (starts, ends)), shape=(len(edges), len(edges)))
    _, label = connected_components(costs, directed=True, connection="strong")
    kept = np.flatnonzero(label == np.bincount(label).argmax())
    return RoadGraph(plane, _renumbered(edges, kept), csr_array(costs[kept][:, kept]))


def _renumbered(edges: Sequence[Edge], kept: NDArray[np.intp]) -> list[Edge]:
    number = {int(old): new for new, old in enumerate(kept)}
    return [
        Edge(e.start, e.end, e.way, e.highway, e.name, e.limit, e.shape, e.length, e.signal, number.get(e.twin, -1))
        for e in (edges[i] for i in kept)
    ]


def _edges(extract: Extract, points: dict[int, complex]) -> list[Edge]:
    uses = Counter(node for way in extract.ways for node in way.nodes)
    for way in extract.ways:
        uses.update((way.nodes[0], way.nodes[-1]))
    edges: list[Edge] = []
    for way in extract.ways:
        for nodes in _stretches(way, uses, extract.signals):
            shape = np.array([points[node] for node in nodes])
            if float(np.abs(np.diff(shape)).sum()) < 0.5:
                continue
            edges += _directed(way, nodes, shape, len(edges), extract.signals)
    return edges


def _stretches(way: Way, uses: Counter[int], signals: set[int]) -> Iterator[Sequence[int]]:
    """The way cut at junctions and signals."""
    start = 0
    for i in range(1, len(way.nodes)):
        if uses[way.nodes[i]] > 1 or way.nodes[i] in signals:
            yield way.nodes[start : i + 1]
            start = i


def _directed(way: Way, nodes: Sequence[int], shape: Points, first: int, signals: set[int]) -> Iterator[Edge]:
    """One or two edges, numbered from `first`."""
    length = float(np.abs(np.diff(shape)).sum())
    both = way.forward and way.backward
    directions = [(nodes, shape)] * way.forward + [(nodes[::-1], shape[::-1])] * way.backward
    for i, (chain, line) in enumerate(directions):
        twin = first + 1 - i if both else -1
        yield Edge(
            chain[0], chain[-1], way.id, way.highway, way.name, way.limit, line, length, chain[-1] in signals, twin
        )


def _turns(extract: Extract, edges: Sequence[Edge]) -> tuple[list[int], list[int], list[float]]:
    """Allowed turns: from, to, seconds (the turn and the edge after it). One turns back in dead ends only."""
    leaving: dict[int, list[int]] = defaultdict(list)
    for number, edge in enumerate(edges):
        leaving[edge.start].append(number)
    banned = {(t.from_way, t.via, t.to_way) for t in extract.turns if not t.only}
    only = {(t.from_way, t.via): t.to_way for t in extract.turns if t.only}
    starts, ends, seconds = [], [], []
    for number, edge in enumerate(edges):
        for following in leaving[edge.end]:
            to, back = edges[following], following == edge.twin
            if (back and len(leaving[edge.end]) > 1) or (edge.way, edge.end, to.way) in banned:
                continue
            if only.get((edge.way, edge.end), to.way) != to.way:
                continue
            starts.append(number)
            ends.append(following)
            seconds.append(_turn_s(edge, to, back) + to.length / (to.limit * PACE))
    return starts, ends, seconds


def _turn_s(edge: Edge, to: Edge, back: bool) -> float:
    waiting = SIGNAL_S if edge.signal else 0.0
    if back:
        return waiting + BACK_S
    angle = turn_angle(edge, to)
    return waiting + (LEFT_S if angle > 0.6 else RIGHT_S if angle < -0.6 else 0.0)


def turn_angle(edge: Edge, to: Edge) -> float:
    """How far one turns from an edge into the next: radians, left positive."""
    return cmath.phase(complex((to.shape[1] - to.shape[0]) / (edge.shape[-1] - edge.shape[-2])))
