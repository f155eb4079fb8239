"""Fixes of many vehicles in columns, and the one order in which they are looked at."""

from __future__ import annotations

import enum
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Index = NDArray[np.intp]


class State(enum.IntFlag):
    """What the terminal says of the car at a fix; 0 is a vacant car looking for passengers."""

    OCCUPIED = 1
    BOOKED = 2
    OUT_OF_SERVICE = 4
    EDGE = 8  # the first fix after the meter went on or off: never a flicker


@dataclass(frozen=True, slots=True)
class Fixes:
    """Columns of shape (n,).

    vehicle   number of the vehicle, >= 0
    time      of the fix, microseconds since 1970-01-01 UTC
    lat, lon  degrees, WGS-84; NaN or exactly 0/0 where the terminal had no position
    state     bits of State
    speed     m/s by the terminal; NaN = not reported
    """

    vehicle: NDArray[np.int64]
    time: NDArray[np.int64]
    lat: Floats
    lon: Floats
    state: NDArray[np.int8]
    speed: Floats

    def __len__(self) -> int:
        return len(self.time)

    def at(self, index: Index) -> Self:
        """The fixes at these indices."""
        return type(self)(*(getattr(self, column.name).take(index) for column in fields(self)))


def ordered(fixes: Fixes) -> tuple[Fixes, Index]:
    """By vehicle and time, each instant of a vehicle once; and where each of them stood before.

    Of several fixes of one instant, the one stays that is greatest by (state, lat, lon, speed): which of them
    came first, and how often, changes nothing.
    """
    order = _by_vehicle_and_time(fixes)
    vehicle, time = fixes.vehicle[order], fixes.time[order]
    again = (vehicle[1:] == vehicle[:-1]) & (time[1:] == time[:-1])
    if again.any():
        several = np.append(again, False) | np.append(False, again)
        order[several] = _by_everything(fixes, order[several])
        order = order[np.append(~again, True)]
    return fixes.at(order), order


def _by_vehicle_and_time(fixes: Fixes) -> Index:
    """A sort by one key where both fit into 64 bits, which is faster. Equals stay in any order."""
    if not len(fixes):
        return np.empty(0, np.intp)
    first, span = int(fixes.time.min()), int(np.ptp(fixes.time)) + 1
    if int(fixes.vehicle.max() + 1) * span < 1 << 62:
        return np.argsort(fixes.vehicle * span + (fixes.time - first))
    return np.lexsort((fixes.time, fixes.vehicle))


def _by_everything(fixes: Fixes, chosen: Index) -> Index:
    """The chosen fixes, the greatest of each instant last."""
    part = fixes.at(chosen)
    return chosen[np.lexsort((part.speed, part.lon, part.lat, part.state, part.time, part.vehicle))]
