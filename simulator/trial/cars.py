"""Taxis in columns: where they are, what they do, and how far they drove with and without a passenger.

Each is on a leg, a straight line at a steady pace; one that stands is on a leg that is over. What was driven
is counted when a leg ends or is broken off.
"""

from __future__ import annotations

import enum

import numpy as np
from numpy.typing import NDArray

from simulator.plane import Points

Floats = NDArray[np.float64]


class Doing(enum.IntEnum):
    VACANT = 0
    ASKED = 1  # an order is on its screen
    CALLED = 2  # on the way to a passenger, or at the door
    OCCUPIED = 3
    SILENT = 4  # nothing is heard of it


class Cars:
    """places: where they stand at first, metres; detour: way for each metre of a straight line."""

    def __init__(self, places: Points, detour: float) -> None:
        count = len(places)
        self.doing: NDArray[np.uint8] = np.zeros(count, np.uint8)
        self.start, self.goal = places.copy(), places.copy()
        self.left_s: Floats = np.zeros(count)
        self.there_s: Floats = np.zeros(count)  # by the clock that nobody knows ahead
        self.clear_s: Floats = np.full(count, np.nan)  # when dispatch expects the end of a journey; NaN: not known
        self.hinted_s: Floats = np.full(count, -np.inf)  # when it was last given a hint
        self.locked_s: Floats = np.full(count, -np.inf)  # until when it gets no offers
        self.income: Floats = np.zeros(count)
        self.fares: Floats = np.zeros(count)
        self.asked: Floats = np.zeros(count)  # orders that were shown, and those of them that it did not take
        self.declined: Floats = np.zeros(count)
        self.turn = [0] * count  # grows whenever what it does changes: what was planned before is void
        self.empty_m: Floats = np.zeros(count)
        self.paid_m: Floats = np.zeros(count)
        self._detour = detour

    def __len__(self) -> int:
        return len(self.doing)

    def places(self, now: float) -> Points:
        """Of all."""
        span = np.maximum(self.there_s - self.left_s, 1e-9)
        part = np.clip((now - self.left_s) / span, 0.0, 1.0)
        places: Points = self.start + (self.goal - self.start) * part
        return places

    def place(self, car: int, now: float) -> complex:
        span = max(self.there_s[car] - self.left_s[car], 1e-9)
        part = min(max((now - self.left_s[car]) / span, 0.0), 1.0)
        return complex(self.start[car] + (self.goal[car] - self.start[car]) * part)

    def send(self, car: int, doing: Doing, goal: complex, now: float, way_s: float) -> None:
        """On a new leg from where it is."""
        self.stop(car, doing, now)
        self.goal[car], self.there_s[car] = goal, now + way_s

    def stop(self, car: int, doing: Doing, now: float) -> None:
        """Stand where it is, and do this from now on."""
        here = self.place(car, now)
        driven = self.paid_m if self.doing[car] == Doing.OCCUPIED else self.empty_m
        driven[car] += abs(here - self.start[car]) * self._detour
        self.start[car] = self.goal[car] = here
        self.left_s[car] = self.there_s[car] = now
        self.doing[car], self.clear_s[car] = doing, np.nan
        self.turn[car] += 1

    def refusal(self) -> Floats:
        """Share of orders that each does not take, as far as is known: all are thought alike at first."""
        share: Floats = (self.declined + 3.0) / (self.asked + 10.0)
        return share

    def totals(self) -> dict[str, Floats]:
        """What has added up so far, by taxi."""
        return {name: getattr(self, name).copy() for name in ("income", "fares", "empty_m", "paid_m")}
