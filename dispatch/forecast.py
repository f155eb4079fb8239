"""How many taxis will be called and hailed, by H3 cell and quarter of an hour, from what was in former days.

Pure: pick-ups of history come in, a table goes out. A cell's number is the mean over the days, smoothed
over the quarters beside it and over the cells around it, since a county's cells see few pick-ups each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import h3.api.basic_int as h3
import numpy as np

from dispatch.clock import CITY

RESOLUTION = 7
"""Cells of 5 square kilometres: one to two minutes from side to side."""
QUARTER = timedelta(minutes=15)
QUARTERS = 96
AROUND = 0.06
"""Part of a cell's pick-ups that is expected in each of its six neighbours instead."""
BESIDE = 0.25
"""Part of a quarter's pick-ups that is expected in each of the two quarters beside it instead."""


@dataclass(frozen=True, slots=True)
class PickUp:
    """Where and when a passenger of former days was found, degrees."""

    lat: float
    lon: float
    at: datetime


@dataclass(frozen=True, slots=True)
class Spot:
    """What is expected in a cell: pick-ups in a quarter of an hour, and the middle of where they were."""

    pick_ups: float
    lat: float
    lon: float


@dataclass(frozen=True)
class Forecast:
    """pick_ups: of one day by cell, QUARTERS of each;  middles: (lat, lon) of a cell's pick-ups."""

    pick_ups: Mapping[int, np.ndarray[Any, np.dtype[np.float64]]]
    middles: Mapping[int, tuple[float, float]]

    @classmethod
    def of(cls, history: Iterable[PickUp], days: int) -> Forecast:
        """From all pick-ups of so many days of one kind (working days, say). Raises ValueError without a day."""
        if days < 1:
            raise ValueError(f"a forecast needs at least one day of history, not {days}")
        counts, sums = dict[int, Any](), dict[int, Any]()
        for one in history:
            cell = h3.latlng_to_cell(one.lat, one.lon, RESOLUTION)
            counts.setdefault(cell, np.zeros(QUARTERS))[quarter(one.at)] += 1
            sums[cell] = sums.get(cell, 0) + np.array([one.lat, one.lon, 1.0])
        middles = {cell: (float(lat / n), float(lon / n)) for cell, (lat, lon, n) in sums.items()}
        return cls(_smooth({cell: count / days for cell, count in counts.items()}), middles)

    def at(self, now: datetime) -> dict[int, Spot]:
        """What is expected in the quarter of an hour that `now` is in the middle of, by cell."""
        first, share = divmod((_minutes(now) - 7.5) / 15, 1)
        here, then = int(first) % QUARTERS, (int(first) + 1) % QUARTERS
        return {
            cell: Spot(
                float((1 - share) * rows[here] + share * rows[then]), *self.middles.get(cell) or h3.cell_to_latlng(cell)
            )
            for cell, rows in sorted(self.pick_ups.items())
        }


def quarter(at: datetime) -> int:
    """Which of the day's quarters of an hour, 0 to 95, by the city's clock."""
    return int(_minutes(at) // 15)


def _minutes(at: datetime) -> float:
    clock = at.astimezone(CITY)
    return clock.hour * 60 + clock.minute + clock.second / 60


def _smooth(rows: Mapping[int, Any]) -> dict[int, Any]:
    smooth = dict[int, Any]()
    for cell, row in rows.items():
        row = (1 - 2 * BESIDE) * row + BESIDE * (np.roll(row, 1) + np.roll(row, -1))
        around = h3.grid_ring(cell, 1)
        for other in (cell, *around):
            part = 1 - AROUND * len(around) if other == cell else AROUND
            smooth[other] = smooth.get(other, 0.0) + part * row
    return smooth
