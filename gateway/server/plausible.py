"""Is a well-formed fix believable? What is not is stored as flagged and never shown as good."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from gateway.errors import GatewayError
from gateway.report import Flag, Status

YEAR_2000_US = 946_684_800_000_000
TOP_SPEED = 220 / 3.6
"""m/s; beyond it a road vehicle's speed is an error."""


@dataclass(frozen=True, slots=True)
class Region:
    """A box in degrees, WGS-84."""

    west: float
    south: float
    east: float
    north: float

    @classmethod
    def parse(cls, text: str) -> Self:
        """ "china", "world" or "west,south,east,north". Raises GatewayError."""
        named = {"china": (73.0, 3.0, 136.0, 54.0), "world": (-180.0, -90.0, 180.0, 90.0)}
        try:
            west, south, east, north = named.get(text.strip().lower()) or map(float, text.split(","))
        except ValueError as error:
            raise GatewayError(f"region {text!r}: use china, world or west,south,east,north") from error
        if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
            raise GatewayError(f"region {text!r}: west < east and south < north in degrees")
        return cls(west, south, east, north)


def judge(rows: NDArray[np.void], region: Region, ahead_us: int) -> NDArray[np.uint16]:
    """Flags of FIX rows whose `received` is set: shape (n,) -> (n,)."""
    lat, lon = rows["lat"], rows["lon"]
    outside = (lon < region.west) | (lon > region.east) | (lat < region.south) | (lat > region.north)
    null = (lat == 0) & (lon == 0)
    clock = (rows["time"] < YEAR_2000_US) | (rows["time"] > rows["received"] + ahead_us)
    motion = (rows["speed"] > TOP_SPEED) | (rows["speed"] < 0) | (rows["course"] > 360) | (rows["course"] < 0)
    found = {
        Flag.NO_FIX: (rows["status"] & np.uint32(Status.POSITIONED)) == 0,
        Flag.CLOCK: clock,
        Flag.PLACE: outside | null | ~np.isfinite(lat) | ~np.isfinite(lon),
        Flag.ENCRYPTED: (rows["status"] & np.uint32(Status.ENCRYPTED)) != 0,
        Flag.MOTION: motion,
    }
    flags = np.zeros(len(rows), np.uint16)
    for flag, where in found.items():
        flags |= np.where(where, np.uint16(flag), np.uint16(0))
    return flags
