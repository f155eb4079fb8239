"""Street passengers: where and when they wait, and where they want to go.

Every place of the gazetteer sends and takes passengers with a weight by its kind and the time of day.
Destinations follow gravity: attractive and near, but nobody takes a taxi around the corner.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from simulator.gazetteer import Place
from simulator.plane import Points

PERIODS = (6, 9, 16, 20, 24)
"""Hours at which night, morning, day, evening and late evening end."""
BUSY = (
    0.40, 0.26, 0.18, 0.15, 0.18, 0.32, 0.55, 0.95, 1.00, 0.82, 0.78, 0.82, 0.88, 0.82, 0.76, 0.76, 0.82, 0.98, 1.05,
    1.00, 0.95, 0.90, 0.75, 0.55,
)  # fmt: skip
"""How many passengers there are in each hour of the day, 1 = the morning's peak."""
# kind: passengers who start there, passengers who go there, each by period
WEIGHTS: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "station": ((2.0, 6.0, 6.0, 6.0, 5.0), (2.0, 7.0, 5.0, 5.0, 1.0)),
    "metro": ((0.3, 2.0, 1.5, 2.5, 2.5), (0.1, 2.5, 1.5, 1.5, 0.7)),
    "coach": ((0.5, 3.0, 3.0, 2.0, 0.5), (0.5, 3.5, 2.5, 1.5, 0.2)),
    "hospital": ((1.0, 1.5, 3.0, 2.0, 0.8), (1.2, 4.0, 2.5, 1.0, 0.6)),
    "government": ((0.0, 0.5, 1.5, 1.5, 0.1), (0.0, 2.0, 1.5, 0.3, 0.0)),
    "college": ((0.2, 0.6, 1.0, 1.5, 1.0), (0.2, 0.8, 0.8, 1.0, 1.5)),
    "school": ((0.0, 0.3, 0.5, 1.6, 0.2), (0.0, 2.0, 0.4, 0.6, 0.0)),
    "mall": ((0.3, 0.3, 2.5, 3.5, 4.0), (0.1, 0.5, 3.0, 3.5, 1.0)),
    "market": ((0.5, 1.5, 1.2, 0.8, 0.1), (0.3, 1.2, 0.9, 0.6, 0.0)),
    "hotel": ((0.8, 1.5, 1.5, 1.5, 1.5), (1.2, 0.6, 1.2, 2.0, 2.5)),
    "park": ((0.0, 0.3, 0.8, 0.8, 0.3), (0.0, 0.4, 0.9, 0.5, 0.2)),
    "scenic": ((0.0, 0.3, 1.5, 1.8, 0.3), (0.0, 1.0, 1.6, 0.5, 0.1)),
    "culture": ((0.0, 0.2, 0.8, 1.0, 1.0), (0.0, 0.3, 0.9, 1.0, 0.1)),
    "sports": ((0.0, 0.2, 0.6, 1.0, 1.0), (0.0, 0.3, 0.6, 1.2, 0.2)),
    "community": ((0.6, 2.4, 1.0, 0.8, 0.6), (2.5, 0.5, 1.0, 2.4, 3.0)),
    "works": ((0.8, 1.0, 0.4, 2.0, 1.2), (0.5, 2.5, 0.5, 1.5, 0.5)),
    "office": ((0.1, 0.3, 0.8, 2.0, 0.6), (0.0, 2.2, 0.8, 0.3, 0.1)),
    "rank": ((3.0, 6.0, 6.0, 6.0, 5.0), (0.5, 1.0, 1.0, 1.0, 0.5)),
    "other": ((0.2, 0.4, 0.8, 0.5, 0.1), (0.1, 0.8, 0.8, 0.3, 0.1)),
}
NEAR_M, FAR_M = 900.0, 3000.0
HEARD_M = 1300.0
LONGEST_WAIT = 7.0
MEAN_WAIT_S = 420.0
"""Between fares, in the busiest hour, where passengers are as many as around an average place."""


class Demand:
    """points: of the places, on any plane, shape (n,)."""

    def __init__(self, places: Sequence[Place], points: Points) -> None:
        self.points = points
        kinds = [WEIGHTS[place.kind] for place in places]
        self._origins = np.array([starts for starts, _ in kinds]).T
        self._goals = np.array([ends for _, ends in kinds]).T
        closeness = np.exp(-(np.abs(points[:, None] - points[None, :]) ** 2) / HEARD_M**2)
        self._usual = (self._origins @ closeness).mean(axis=1)

    def wait_s(self, point: complex, hour: int, rng: np.random.Generator) -> float:
        """Seconds until a vacant taxi around this point is hailed."""
        around = np.exp(-(np.abs(self.points - point) ** 2) / HEARD_M**2)
        period = _period(hour)
        crowd = float(self._origins[period] @ around) / self._usual[period] * BUSY[hour]
        return float(rng.exponential(MEAN_WAIT_S * min(LONGEST_WAIT, 1.0 / max(crowd, 1e-6))))

    def origin(self, hour: int, rng: np.random.Generator) -> complex:
        """Where one of all passengers of that hour gets in."""
        return self._near(self._origins[_period(hour)], rng)

    def destination(self, point: complex, hour: int, rng: np.random.Generator) -> complex:
        """Where a passenger who gets in here wants to go."""
        away = np.abs(self.points - point)
        pull = self._goals[_period(hour)] * (away / FAR_M) ** 0.5 * np.exp(-away / FAR_M) * (away > NEAR_M)
        return self._near(pull, rng)

    def hunting_ground(self, point: complex, hour: int, rng: np.random.Generator) -> complex:
        """Where the driver of a vacant taxi goes to look for passengers."""
        away = np.abs(self.points - point)
        return self._near(self._origins[_period(hour)] * np.exp(-away / 2200.0), rng)

    def _near(self, weights: NDArray[np.float64], rng: np.random.Generator) -> complex:
        """A point some steps from a place that is drawn by weight."""
        upto = np.cumsum(weights)
        place = self.points[int(np.searchsorted(upto, rng.random() * upto[-1], side="right"))]
        return complex(place) + complex(*rng.normal(0, 160, 2))


def _period(hour: int) -> int:
    return next(i for i, end in enumerate(PERIODS) if hour < end)
