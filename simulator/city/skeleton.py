"""From the plan to a network of streets: arterials first, then quarters, then blocks.

Twice the same step: lines are crossed with each other (`arrange`) and the faces between them cut up
(`Subdivision`). The first pass has the arterials alone and lays the roads between quarters, over
rivers and rails where they come. The second pass adds river banks and what no side street may cross.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from simulator.city import lines as laid
from simulator.city.arrangement import arrange
from simulator.city.blocks import Plan, Subdivision
from simulator.city.boundary import Cut
from simulator.city.density import URBAN, Density
from simulator.city.faces import Chain, edge, faces, largest_component, without_stubs
from simulator.city.lines import Line
from simulator.city.names import Names
from simulator.city.plan import CityPlan
from simulator.city.polygon import Polygon
from simulator.city.streets import RANKS, Network, Road, Street

MERGE_M = 12.0
STUB_M = 480.0


@dataclass
class Skeleton:
    """The network, and the faces that were left whole, as node ids."""

    network: Network
    blocks: list[Chain]


def build(plan: CityPlan, density: Density, rng: np.random.Generator) -> Skeleton:
    names = Names(rng)
    frame, main = laid.frame(plan), laid.arterials(plan)
    first = _Pass([*main, *laid.shores(plan, main), *frame], plan, rng, _quarters(density))
    streets = [*first.kept(), *first.laid(names), *laid.banks(plan)]
    second = _Pass([*streets, *laid.waters(plan), *laid.walls(plan), *frame], plan, rng, _blocks(density, rng))
    roads = [Road(second.cuts.expanded(chain), street) for chain, street in second.streets()]
    roads += [Road(second.cuts.expanded(chain), street) for chain, street in second.chords(names)]
    network = Network(second.cuts.points, roads)
    return Skeleton(network, second.cuts.blocks)


def _quarters(density: Density) -> Plan:
    def plan(centre: complex, size: float) -> Cut | None:
        _, weight = density.town(centre)
        if size < (900_000 if weight > URBAN else 2_500_000 if weight > 0.05 else 5_500_000):
            return None
        rank = RANKS["secondary" if size > (3_200_000 if weight > 0.05 else 12_000_000) else "tertiary"]
        return Cut(rank, density.bearing(centre), 0.03)

    return plan


def _blocks(density: Density, rng: np.random.Generator) -> Plan:
    def plan(centre: complex, size: float) -> Cut | None:
        if size < density.block_m2(centre) * rng.uniform(1.15, 2.4):
            return None
        urban = density.town(centre)[1] > URBAN
        rank = ("tertiary" if size > 300_000 else "residential") if urban else "unclassified"
        return Cut(RANKS[rank], density.bearing(centre), 0.035 if urban else 0.06)

    return plan


class _Pass:
    """One crossing of lines and cutting of faces."""

    def __init__(self, lines: Sequence[Line], plan: CityPlan, rng: np.random.Generator, cut: Plan) -> None:
        self.lines = lines
        self._lakes = [Polygon(lake.points) for lake in plan.lakes]
        arrangement = arrange([line.points for line in lines], MERGE_M)
        self._points = arrangement.points
        self.chains = [
            list(self._dry(pieces)) if line.street else pieces
            for line, pieces in zip(lines, arrangement.chains, strict=True)
        ]
        self._drop_stubs()
        edges = [pair for pieces in self.chains for piece in pieces for pair in pairwise(piece)]
        self._main = largest_component(edges)
        self.cuts = Subdivision(arrangement.points, self._edges_of("wall"), self._lakes, rng, cut)
        wet = self._edges_of("water")
        self.cuts.run(
            face
            for face in faces(arrangement.points, [e for e in edges if e[0] in self._main])
            if not any(edge(a, b) in wet for a, b in pairwise([*face, face[0]]))
        )

    def _dry(self, pieces: list[Chain]) -> Iterator[Chain]:
        """Pieces without the edges that would run in a lake."""
        for piece in pieces:
            middle = np.array([(self._points[a] + self._points[b]) / 2 for a, b in pairwise(piece)])
            wet = np.zeros(len(middle), bool)
            for lake in self._lakes:
                wet |= lake.contains(middle)
            cuts = np.flatnonzero(wet)
            start = 0
            for k in [*cuts, len(middle)]:
                if k > start:
                    yield piece[start : k + 1]
                start = k + 1

    def _drop_stubs(self) -> None:
        streets = [i for i, line in enumerate(self.lines) if line.street]
        for i, pieces in zip(
            streets, without_stubs(self._points, [self.chains[i] for i in streets], STUB_M), strict=True
        ):
            self.chains[i] = pieces

    def _edges_of(self, trait: str) -> set[tuple[int, int]]:
        return {
            edge(a, b)
            for line, pieces in zip(self.lines, self.chains, strict=True)
            if getattr(line, trait)
            for piece in pieces
            for a, b in pairwise(piece)
        }

    def streets(self) -> Iterator[tuple[Chain, Street]]:
        """The lines that are streets, in pieces, where they hang together with the rest."""
        for line, pieces in zip(self.lines, self.chains, strict=True):
            if line.street:
                yield from ((piece, line.street) for piece in pieces if piece[0] in self._main)

    def chords(self, names: Names) -> Iterator[tuple[Chain, Street]]:
        """The streets that were laid; one that runs on keeps its name."""
        streets: list[Street] = []
        for chord in self.cuts.chords:
            if chord.continues is None:
                streets.append(Street(chord.rank, *names.draw(chord.rank)))
            else:
                streets.append(streets[chord.continues])
            yield chord.nodes, streets[-1]

    def kept(self) -> list[Line]:
        return [self._line(chain, street) for chain, street in self.streets()]

    def laid(self, names: Names) -> list[Line]:
        return [self._line(chain, street) for chain, street in self.chords(names)]

    def _line(self, chain: Chain, street: Street) -> Line:
        return Line(np.array([self.cuts.points[n] for n in self.cuts.expanded(chain)]), street)
