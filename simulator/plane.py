"""A flat piece of the earth: degrees (WGS-84) to metres and back, points as complex numbers.

East is the real axis, north the imaginary one, so that a length is `abs`, a rotation is a product
and a bearing is an argument. Good to a few centimetres per kilometre over a county.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.complex128]


@dataclass(frozen=True)
class Plane:
    """Metres around (lat0, lon0)."""

    lat0: float
    lon0: float
    north: float = field(init=False)  # metres in a degree of latitude
    east: float = field(init=False)  # metres in a degree of longitude at lat0

    def __post_init__(self) -> None:
        phi = math.radians(self.lat0)
        object.__setattr__(self, "north", 111_132.954 - 559.822 * math.cos(2 * phi) + 1.175 * math.cos(4 * phi))
        object.__setattr__(self, "east", 111_412.84 * math.cos(phi) - 93.5 * math.cos(3 * phi))

    def point(self, lat: float, lon: float) -> complex:
        return complex((lon - self.lon0) * self.east, (lat - self.lat0) * self.north)

    def points(self, lat: NDArray[np.float64], lon: NDArray[np.float64]) -> Points:
        """shapes (n,), (n,) -> (n,)"""
        return (lon - self.lon0) * self.east + 1j * ((lat - self.lat0) * self.north)

    def degrees(self, point: complex) -> tuple[float, float]:
        """A point -> (lat, lon)."""
        return self.lat0 + point.imag / self.north, self.lon0 + point.real / self.east


def course(direction: complex) -> float:
    """A direction -> degrees from north, clockwise, 0 <= course < 360."""
    return math.degrees(math.atan2(direction.real, direction.imag)) % 360.0


def length(points: Points) -> float:
    """Of a polyline, in metres."""
    return float(np.abs(np.diff(points)).sum())


def stations(points: Points) -> NDArray[np.float64]:
    """How far along a polyline each of its points lies, in metres: shape (n,) -> (n,)."""
    return np.concatenate(([0.0], np.cumsum(np.abs(np.diff(points)))))


def at(points: Points, distance: float) -> complex:
    """The point `distance` metres along a polyline."""
    along = stations(points)
    return complex(np.interp(distance, along, points.real), np.interp(distance, along, points.imag))


def along(points: Points, near: complex) -> float:
    """How far along a polyline its point nearest to `near` lies, in metres."""
    start, step = points[:-1], np.diff(points)
    t = np.clip(((near - start) * step.conj()).real / np.abs(step) ** 2, 0, 1)
    best = int(np.abs(start + t * step - near).argmin())
    return float(np.abs(step[:best]).sum() + t[best] * abs(step[best]))
