"""The stand-in where there are no roads: the straight line times a factor, at an average speed, and said so."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tracking import ground
from tracking.roads.port import Basis, Place, Way

FACTOR = 1.4
"""Road metres in a metre of straight line: between random places of the generated city the median is 1.32, and three
quarters lie below 1.39."""
SPEED = 7.0
"""m/s: a city's taxi on the way, with its halts. In free flow the generated city allows 18."""


class Straight:
    """Implements `port.Roads` without any network."""

    def matrix(self, sources: Sequence[Place], targets: Sequence[Place], hour: int | None = None) -> list[list[Way]]:
        """[source][target]"""
        lat, lon = np.array([(p.lat, p.lon) for p in sources]).reshape(-1, 2).T[:, :, None]
        to_lat, to_lon = np.array([(p.lat, p.lon) for p in targets]).reshape(-1, 2).T[:, None, :]
        metres = ground.distance(lat, lon, to_lat, to_lon)
        return [[_way(m) for m in row] for row in metres.tolist()]

    def routes(self, start: Place, goal: Place, hour: int | None = None, *, shortest: bool = False) -> list[Way]:
        """One way: the line."""
        return [straight(start, goal)]


def straight(start: Place, goal: Place) -> Way:
    return _way(ground.metres(start.lat, start.lon, goal.lat, goal.lon), (start, goal))


def _way(metres: float, line: Sequence[Place] = ()) -> Way:
    return Way(metres * FACTOR, metres * FACTOR / SPEED, Basis.STRAIGHT, line, FACTOR)
