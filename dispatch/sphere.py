"""Distances on the Earth taken as a sphere, one at a time and in columns."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

EARTH_M = 6_371_008.8
"""Mean radius of the Earth (IUGG)."""

Floats = NDArray[np.float64]


def distance_m(lat_1: float, lon_1: float, lat_2: float, lon_2: float) -> float:
    """Great circle between two points in degrees, by the haversine formula."""
    phi_1, phi_2 = math.radians(lat_1), math.radians(lat_2)
    half = math.sin((phi_2 - phi_1) / 2) ** 2
    half += math.cos(phi_1) * math.cos(phi_2) * math.sin(math.radians(lon_2 - lon_1) / 2) ** 2
    return 2 * EARTH_M * math.asin(math.sqrt(min(half, 1.0)))


def distances_m(lat_1: Floats | float, lon_1: Floats | float, lat_2: Floats, lon_2: Floats) -> Floats:
    """`distance_m` of columns that broadcast together."""
    phi_1, phi_2 = np.radians(lat_1), np.radians(lat_2)
    half = np.sin((phi_2 - phi_1) / 2) ** 2
    half += np.cos(phi_1) * np.cos(phi_2) * np.sin(np.radians(lon_2 - lon_1) / 2) ** 2
    metres: Floats = 2 * EARTH_M * np.arcsin(np.sqrt(np.minimum(half, 1.0)))
    return metres


def vectors(lat: Floats, lon: Floats) -> Floats:
    """Points in degrees -> unit vectors, shape (n, 3): nearest by chord is nearest by great circle."""
    phi, theta = np.radians(lat), np.radians(lon)
    return np.column_stack((np.cos(phi) * np.cos(theta), np.cos(phi) * np.sin(theta), np.sin(phi)))


def arcs_m(chords: Floats) -> Floats:
    """Straight lines between unit vectors -> metres on the great circle; infinite stays infinite."""
    metres: Floats = 2 * EARTH_M * np.arcsin(np.minimum(chords / 2, 1.0))
    return np.where(np.isinf(chords), np.inf, metres)
