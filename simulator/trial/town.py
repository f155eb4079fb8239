"""Where people are: evenly spread over the county, or crowded around the places of Kunshan."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from simulator import gazetteer
from simulator.demand import Demand
from simulator.plane import Plane
from simulator.riders import Town

PLANE = Plane(31.385, 120.98)
"""Around the middle of Kunshan."""
HALF_M = 12_000.0
WAY_M, WAY_SPREAD = 4_500.0, 0.55
"""Median of journeys in a straight line, and the spread of its logarithm."""
HUNT_M = 2_200.0


class Even:
    """A square without any middle: nowhere is better than elsewhere."""

    def origin(self, hour: int, rng: np.random.Generator) -> complex:
        return complex(*rng.uniform(-HALF_M, HALF_M, 2))

    def destination(self, point: complex, hour: int, rng: np.random.Generator) -> complex:
        while True:
            way = rng.lognormal(np.log(WAY_M), WAY_SPREAD) * np.exp(1j * rng.uniform(0, 2 * np.pi))
            if inside(goal := point + complex(way)):
                return goal

    def hunting_ground(self, point: complex, hour: int, rng: np.random.Generator) -> complex:
        while True:
            if inside(goal := point + complex(*rng.normal(0, HUNT_M / 2, 2))):
                return goal


def inside(point: complex) -> bool:
    return abs(point.real) <= HALF_M and abs(point.imag) <= HALF_M


def crowded() -> Town:
    """Kunshan's well-known places, each with its passengers by kind and hour."""
    places = gazetteer.load()
    return Demand(places, np.array([PLANE.point(place.lat, place.lon) for place in places]))


TOWNS: dict[str, Callable[[], Town]] = {"even": Even, "crowded": crowded}
