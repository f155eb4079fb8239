"""How closely a spot is built up, and how its streets are turned."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.spatial import cKDTree

from simulator.city.plan import Town
from simulator.plane import Points

NEAR_PLACE_M = 450.0
URBAN = 0.30
"""From this density on a spot counts as town."""


class Density:
    """towns: built-up discs with soft edges; places: points that have streets around them wherever they are."""

    def __init__(self, towns: Sequence[Town], places: Points) -> None:
        self.towns = towns
        self._at = np.array([t.at for t in towns])
        self._radius = np.array([t.radius_m for t in towns])
        self._places = cKDTree(np.column_stack((places.real, places.imag)))

    def town(self, point: complex) -> tuple[Town, float]:
        """The town that a point belongs to, and how much: 1 at its centre, 0.37 at its edge."""
        weight = np.exp(-((np.abs(self._at - point) / self._radius) ** 2))
        best = int(weight.argmax())
        return self.towns[best], float(weight[best])

    def near_place(self, point: complex) -> bool:
        distance, _ = self._places.query((point.real, point.imag))
        return bool(distance < NEAR_PLACE_M)

    def block_m2(self, point: complex) -> float:
        """The size that blocks have here."""
        town, weight = self.town(point)
        if weight > URBAN:
            return (26_000 + 40_000 * (1 - weight)) * (1 + 1.5 * town.industry)
        return 90_000.0 if self.near_place(point) else 1_100_000.0

    def bearing(self, point: complex) -> float:
        """Of the axes that streets follow here, radians from east; out of town they drift slowly."""
        town, weight = self.town(point)
        drift = math.sin(point.real / 1900 + town.radius_m) * math.cos(point.imag / 1600 + town.radius_m)
        if weight > 0.05:
            return town.bearing + 0.16 * drift
        return 0.35 * math.sin(point.real / 5200 + 1.1) * math.cos(point.imag / 4300)
