"""Distances on the ground between places in degrees (WGS-84), as arrays."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def distance(lat: Floats, lon: Floats, to_lat: Floats, to_lon: Floats) -> Floats:
    """Metres from places to places, shapes that broadcast.

    A flat triangle with the ellipsoid's metres in a degree at the middle latitude: good to 0.01 % up to 100 km, at
    a third of the cost of the haversine formula, which is off by up to 0.6 %.
    """
    c = np.cos((lat + to_lat) * (np.pi / 360))
    square = c * c
    east = to_lon - lon
    east = (east - 360.0 * np.rint(east / 360.0)) * c * (111_693.34 - 374.0 * square)
    north = (to_lat - lat) * (111_693.951 - 1_129.044 * square + 9.4 * square * square)
    return np.asarray(np.sqrt(east * east + north * north), np.float64)


def metres(lat: float, lon: float, to_lat: float, to_lon: float) -> float:
    """From one place to another."""
    c = math.cos(math.radians((lat + to_lat) / 2))
    east = math.remainder(to_lon - lon, 360.0) * c * (111_693.34 - 374.0 * c * c)
    return math.hypot(east, (to_lat - lat) * (111_693.951 - 1_129.044 * c * c + 9.4 * c**4))


def hops(lat: Floats, lon: Floats) -> Floats:
    """Metres from each place to the next: shape (n,) -> (n - 1,)."""
    return distance(lat[:-1], lon[:-1], lat[1:], lon[1:])
