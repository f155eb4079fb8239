"""How long each driver has been at the wheel without a rest, from fixes. Pure, in columns.

The law counts driving until a rest of twenty minutes (道路交通安全法实施条例, article 62: four hours). A car that
stands still that long has rested, and so has one that was silent that long: more is not known of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

STILL_M_S = 0.5
"""Below it a car stands."""
NEVER = 0

Micros = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Hours:
    """driving: allowed without a rest;  rest: that ends it."""

    driving: timedelta = timedelta(hours=4)
    rest: timedelta = timedelta(minutes=20)


class Wheels:
    """Of cars by number. Times are microseconds since 1970-01-01 UTC."""

    def __init__(self, hours: Hours) -> None:
        self._driving_us, self._rest_us = (span // timedelta(microseconds=1) for span in (hours.driving, hours.rest))
        self._seen: Micros = np.zeros(0, np.int64)
        self._stands: Micros = np.zeros(0, np.int64)  # since when, NEVER: it moves
        self._drives: Micros = np.zeros(0, np.int64)  # since when without a rest, NEVER: it has rested

    def see(self, cars: NDArray[np.intp], time: Micros, moves: NDArray[np.bool_]) -> None:
        """Different cars at a fix of theirs; one that is older than what is known changes nothing."""
        if not cars.size:
            return
        self._grow(int(cars.max()) + 1)
        newer = time > self._seen[cars]
        cars, time, moves = cars[newer], time[newer], moves[newer]
        silent = time - self._seen[cars] >= self._rest_us
        stood = np.where(self._stands[cars] == NEVER, time, self._stands[cars])
        rested = silent | ((self._stands[cars] != NEVER) & (time - stood >= self._rest_us))
        drives = np.where(rested, NEVER, self._drives[cars])
        self._drives[cars] = np.where(moves & (drives == NEVER), time, drives)
        self._stands[cars] = np.where(moves, NEVER, np.where(silent, time, stood))
        self._seen[cars] = time

    def left_s(self, cars: NDArray[np.intp], now: int) -> NDArray[np.float64]:
        """How long each may still drive. One that is being rested counts as before until the rest is over."""
        left = np.full(len(cars), self._driving_us / 1e6)
        known = np.flatnonzero(cars < len(self._seen))
        numbers = cars[known]
        drives, stands = self._drives[numbers], self._stands[numbers]
        over = (drives == NEVER) | ((stands != NEVER) & (now - stands >= self._rest_us))
        over |= now - self._seen[numbers] >= self._rest_us
        left[known] -= np.where(over, 0, now - drives) / 1e6
        return left

    def _grow(self, size: int) -> None:
        if size > len(self._seen):
            more = np.zeros(max(size, 2 * len(self._seen)) - len(self._seen), np.int64)
            self._seen, self._stands, self._drives = (
                np.concatenate([column, more]) for column in (self._seen, self._stands, self._drives)
            )
