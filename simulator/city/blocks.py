"""Faces between main roads, cut again and again by new streets until they are blocks.

Each cut is a chord from boundary to boundary, so every street begins and ends on another one. A cut
prefers to end where a street ends on the other side of the boundary: so streets run on, and where
they do not, T-junctions and missing links stay.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from simulator.city.boundary import SHORTEST_M, Boundary, Cut, End
from simulator.city.faces import Chain, edge
from simulator.city.polygon import Polygon
from simulator.city.streets import Rank

THINNEST_M = 55.0  # strips between carriageways and along banks stay whole
SET_BACK_M = 38.0  # where a street ends before a barrier
STRAIGHT_ON = math.cos(math.radians(25))

Plan = Callable[[complex, float], Cut | None]
"""(centre of a face, its area in m2) -> how to cut it, or None to leave it."""


@dataclass(slots=True)
class Chord:
    """A new street's nodes. `continues` is the number of the chord that it runs on from, or None."""

    nodes: Chain
    rank: Rank
    continues: int | None


@dataclass
class Subdivision:
    """Cuts faces. `points` grows as streets are laid.

    barriers  edges over which no street goes (railways, motorways, the rim of the map)
    water     outlines that no street may enter
    """

    points: list[complex]
    barriers: set[tuple[int, int]]
    water: Sequence[Polygon]
    rng: np.random.Generator
    plan: Plan
    chords: list[Chord] = field(default_factory=list)
    blocks: list[Chain] = field(default_factory=list)
    _blocked: set[int] = field(default_factory=set)
    _splits: dict[tuple[int, int], int] = field(default_factory=dict)
    _ending: dict[int, list[int]] = field(default_factory=dict)

    def run(self, faces: Iterable[Chain]) -> None:
        self._blocked = {node for pair in self.barriers for node in pair}
        stack = list(faces)
        while stack:
            face = self._ring(stack.pop())
            parts = self._cut(face)
            if parts is None:
                self.blocks.append(face)
            else:
                stack += parts

    def expanded(self, chain: Chain) -> Chain:
        """The chain with the nodes that were since put into its edges."""
        return [node for a, b in pairwise(chain) for node in self._between(a, b)] + chain[-1:]

    def _ring(self, face: Chain) -> Chain:
        return self.expanded([*face, face[0]])[:-1]

    def _between(self, a: int, b: int) -> Chain:
        """Nodes from a (with it) to b (without it)."""
        middle = self._splits.get(edge(a, b))
        return [a] if middle is None else self._between(a, middle) + self._between(middle, b)

    def _cut(self, face: Chain) -> list[Chain] | None:
        polygon = Polygon(np.array([self.points[n] for n in face]))
        if polygon.area <= 0 or polygon.width < THINNEST_M or len(set(face)) < len(face):
            return None
        cut = self.plan(polygon.centre, polygon.area)
        if cut is None:
            return None
        boundary = self._boundary(face, polygon)
        ends = boundary.chord(cut, self.rng)
        return None if ends is None else self._divide(face, boundary, ends, cut)

    def _boundary(self, face: Chain, polygon: Polygon) -> Boundary:
        near = [w for w in self.water if abs(w.centre - polygon.centre) < w.radius + polygon.radius]
        return Boundary(
            polygon,
            [node in self._blocked for node in face],
            [edge(a, b) in self.barriers for a, b in pairwise([*face, face[0]])],
            [node in self._ending for node in face],
            near,
        )

    def _divide(self, face: Chain, boundary: Boundary, ends: tuple[End, End], cut: Cut) -> list[Chain]:
        start, goal = (self._node(face, boundary, end) for end in ends)
        middle = self._lay(boundary, start, goal, cut)
        ring = self._ring(face)
        p, q = ring.index(start), ring.index(goal)
        if p > q:
            p, q, middle = q, p, middle[::-1]
        return [ring[p : q + 1] + middle[::-1], ring[q:] + ring[: p + 1] + middle]

    def _node(self, face: Chain, boundary: Boundary, end: End) -> int:
        k, point = end
        if point == boundary.polygon.corners[k]:
            return face[k]
        node = self._add(point)
        a, b = face[k], face[(k + 1) % len(face)]
        self._splits[edge(a, b)] = node
        if boundary.barred[k]:
            self._block(a, node)
            self._block(node, b)
        return node

    def _add(self, point: complex) -> int:
        self.points.append(point)
        return len(self.points) - 1

    def _block(self, a: int, b: int) -> None:
        self.barriers.add(edge(a, b))
        self._blocked |= {a, b}

    def _lay(self, boundary: Boundary, start: int, goal: int, cut: Cut) -> Chain:
        """Lay a street; returns the nodes between `start` and `goal`. Before a barrier it stops short."""
        bend = boundary.bend(self.points[start], self.points[goal], cut.bow, self.rng)
        nodes = [start, *(self._add(p) for p in bend), goal]
        first, last = 0, len(nodes)
        if start in self._blocked:
            nodes.insert(1, self._set_back(nodes[0], nodes[1]))
            first, last = 1, last + 1
        if goal in self._blocked:
            nodes.insert(-1, self._set_back(nodes[-1], nodes[-2]))
        for blocked, end in ((start, nodes[1]), (goal, nodes[-2])):
            if blocked in self._blocked:
                self._block(blocked, end)
        self._keep(nodes[first:last], cut.rank)
        return nodes[1:-1]

    def _set_back(self, blocked: int, other: int) -> int:
        here, there = self.points[blocked], self.points[other]
        return self._add(here + (there - here) * min(0.45, SET_BACK_M / abs(there - here)))

    def _keep(self, nodes: Chain, rank: Rank) -> None:
        """Remember the street, and whose continuation it is."""
        if sum(abs(self.points[a] - self.points[b]) for a, b in pairwise(nodes)) < SHORTEST_M:
            return
        before = self._runs_on(nodes[0], nodes[1], rank)
        if before is None:
            before = self._runs_on(nodes[-1], nodes[-2], rank)
        for node in (nodes[0], nodes[-1]):
            self._ending.setdefault(node, []).append(len(self.chords))
        self.chords.append(Chord(nodes, rank, before))

    def _runs_on(self, node: int, following: int, rank: Rank) -> int | None:
        ahead = self.points[following] - self.points[node]
        for number in self._ending.get(node, ()):
            nodes = self.chords[number].nodes
            other = nodes[1] if nodes[0] == node else nodes[-2]
            back = self.points[node] - self.points[other]
            if self.chords[number].rank == rank and (back.conjugate() * ahead).real > STRAIGHT_ON * abs(back * ahead):
                return number
        return None
