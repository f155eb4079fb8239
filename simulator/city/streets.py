"""What generated roads are made of: classes, streets with their names, and roads as chains of nodes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from simulator.plane import Points

MEDIAN_M = 20.0
"""Between the two carriageways of a dual road, centre to centre."""


@dataclass(frozen=True, slots=True)
class Rank:
    """A class of road: its `highway` value, default limit and number of lanes (of one direction if dual)."""

    highway: str
    order: int
    maxspeed_kmh: int
    lanes: int


RANKS = {
    rank.highway: rank
    for rank in (
        Rank("motorway", 9, 120, 3),
        Rank("trunk", 8, 80, 3),
        Rank("primary", 7, 70, 4),
        Rank("secondary", 6, 60, 4),
        Rank("tertiary", 5, 50, 2),
        Rank("unclassified", 4, 40, 2),
        Rank("residential", 3, 30, 2),
        Rank("motorway_link", 2, 50, 1),
        Rank("trunk_link", 2, 50, 1),
        Rank("secondary_link", 2, 40, 1),
        Rank("service", 1, 20, 1),
    )
}


@dataclass(frozen=True, slots=True)
class Street:
    """What all roads of one street share.

    parts  "EW" or "NS" when its name changes along the way (西/中/东, 北/中/南)
    """

    rank: Rank
    name: str = ""
    name_en: str = ""
    oneway: bool = False
    maxspeed_kmh: int = 0
    parts: str = ""
    ref: str = ""
    layer: int = 0
    roundabout: bool = False

    @property
    def limit_kmh(self) -> int:
        return self.maxspeed_kmh or self.rank.maxspeed_kmh


@dataclass(slots=True)
class Road:
    """A chain of nodes along one street. `bridge` where it crosses water or runs elevated."""

    nodes: list[int]
    street: Street
    bridge: bool = False

    def edges(self) -> Iterator[tuple[int, int]]:
        return pairwise(self.nodes)


@dataclass(frozen=True, slots=True)
class Restriction:
    """A turn that is forbidden (or the only one allowed): roads by their place in the list, node by id."""

    kind: str
    from_road: int
    via: int
    to_road: int


@dataclass
class Network:
    """Roads over nodes. Nodes are never removed, so their ids stay."""

    points: list[complex] = field(default_factory=list)
    roads: list[Road] = field(default_factory=list)
    signals: set[int] = field(default_factory=set)
    restrictions: list[Restriction] = field(default_factory=list)

    def add(self, point: complex) -> int:
        self.points.append(point)
        return len(self.points) - 1

    def draw(self, points: Iterable[complex] | Points, street: Street, *, bridge: bool = False) -> Road:
        """A road over new nodes."""
        road = Road([self.add(complex(p)) for p in points], street, bridge)
        self.roads.append(road)
        return road

    def degrees(self) -> dict[int, int]:
        """Node -> how many road edges end there."""
        degree: dict[int, int] = {}
        for road in self.roads:
            for pair in road.edges():
                for node in pair:
                    degree[node] = degree.get(node, 0) + 1
        return degree

    def node_on(self, road: Road, near: complex, *, snap: float = 15.0) -> int:
        """A node of the road at its point nearest to `near`; made there unless one is within `snap` metres."""
        best, where, index = float("inf"), 0j, 0
        for i, (a, b) in enumerate(road.edges()):
            start, step = self.points[a], self.points[b] - self.points[a]
            t = ((near - start) * step.conjugate()).real / (abs(step) ** 2 or 1.0)
            candidate = start + min(1.0, max(0.0, t)) * step
            if abs(candidate - near) < best:
                best, where, index = abs(candidate - near), candidate, i
        for node in road.nodes[index : index + 2]:
            if abs(self.points[node] - where) <= snap:
                return node
        node = self.add(where)
        road.nodes.insert(index + 1, node)
        return node
