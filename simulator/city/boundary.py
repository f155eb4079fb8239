"""The outline of a face, and where a new street may run across it."""

from __future__ import annotations

import cmath
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from simulator.city.polygon import Polygon
from simulator.city.streets import Rank

SNAP_M = 38.0
SHORTEST_M = 70.0
CLEAR_M = 60.0  # no junction this near to where a road passes a barrier
BEND_STEP_M = 120.0
PROBE_M = 60.0
STEEPEST = math.cos(math.radians(38))  # no junction at a sharper angle

End = tuple[int, complex]
"""(corner k, point): on corner k itself when the point is that corner, else on side k."""


@dataclass(frozen=True, slots=True)
class Cut:
    """What the next street through a face is to be.

    bearing  of the axes that streets follow here, radians from east
    bow      how far it may bend, as a share of its length
    """

    rank: Rank
    bearing: float
    bow: float


@dataclass(frozen=True, slots=True)
class Boundary:
    """A face.

    blocked  corner k lies on a barrier: no street ends there
    barred   side k is a barrier: a street that meets it stops before
    inviting corner k is the end of a street on the other side
    water    outlines that no street may enter
    """

    polygon: Polygon
    blocked: Sequence[bool]
    barred: Sequence[bool]
    inviting: Sequence[bool]
    water: Sequence[Polygon]

    def chord(self, cut: Cut, rng: np.random.Generator) -> tuple[End, End] | None:
        """The two ends of a street through the face, or None where no good one is found."""
        for pivot, direction in self._attempts(cut, rng):
            one, two = self._end(pivot, direction), self._end(pivot, -direction)
            if one and two and self._good(one, two):
                return one, two
        return None

    def _attempts(self, cut: Cut, rng: np.random.Generator) -> Iterator[tuple[complex, complex]]:
        """Where to cut and in which direction, best first: across the longer side, near the middle."""
        axis = cmath.rect(1, cut.bearing + rng.normal(0, 0.05))
        wide, high = self.polygon.extent(axis)
        directions = (1j * axis, axis) if wide >= high else (axis, 1j * axis)
        shift = rng.uniform(0.02, 0.12) * min(wide, high)
        for direction in directions:
            for sign in (1, -1, 0, 2.5, -2.5):
                yield self.polygon.centre + sign * shift * direction * 1j, direction

    def _end(self, pivot: complex, direction: complex) -> End | None:
        """Where the cut meets the outline: on a corner near the hit where there is one."""
        hit = self.polygon.ray(pivot, direction)
        if hit is None:
            return None
        side, point = hit
        corners = self.polygon.corners
        around = [k % len(corners) for k in (side - 1, side, side + 1, side + 2)]
        near = [k for k in around if abs(corners[k] - point) < SNAP_M and not self.blocked[k]]
        if not near:
            return side, point
        best = min(near, key=lambda k: (not self.inviting[k], abs(corners[k] - point)))
        return best, complex(corners[best])

    def _good(self, one: End, two: End) -> bool:
        span = two[1] - one[1]
        if one[0] == two[0] or abs(span) < SHORTEST_M:
            return False
        if not self._meets_well(one, span) or not self._meets_well(two, -span):
            return False
        return self.polygon.holds((one[1], two[1])) and not self.wet(one[1], two[1])

    def _meets_well(self, end: End, away: complex) -> bool:
        """Whether the street leaves the outline at a fair angle, and clear of where roads pass barriers."""
        k, point = end
        corners = self.polygon.corners
        following = (k + 1) % len(corners)
        for leg in (k - 1, following) if point == corners[k] else (k, following):
            toward = complex(corners[leg]) - point
            if (toward.conjugate() * away).real > STEEPEST * abs(toward) * abs(away):
                return False
        return self.barred[k] or all(abs(corners[c] - point) > CLEAR_M for c in (k, following) if self.blocked[c])

    def wet(self, start: complex, end: complex) -> bool:
        """Whether the segment touches water."""
        if not self.water:
            return False
        count = max(3, round(abs(end - start) / PROBE_M))
        probe = np.array([start + (end - start) * k / count for k in range(count + 1)])
        return any(bool(lake.contains(probe).any()) for lake in self.water)

    def bend(self, start: complex, end: complex, bow: float, rng: np.random.Generator) -> list[complex]:
        """Points between, on a gentle arc; none where the street must be straight."""
        count = round(abs(end - start) / BEND_STEP_M) - 1
        if count < 1 or bow == 0:
            return []
        t = np.arange(1, count + 1) / (count + 1)
        arc = start + (end - start) * t + 4 * t * (1 - t) * 1j * (end - start) * rng.normal(0, bow)
        whole = [start, *arc.tolist(), end]
        clear = self.polygon.holds(whole) and not any(self.wet(a, b) for a, b in pairwise(whole))
        return whole[1:-1] if clear else []
