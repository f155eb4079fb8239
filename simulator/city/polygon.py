"""A simple polygon, counter-clockwise, as the cutting of faces needs it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from simulator.plane import Points


class Polygon:
    """corners: shape (n,), metres. Side k runs from corner k to corner k + 1."""

    def __init__(self, corners: Points) -> None:
        self.corners = corners
        self.following = np.concatenate((corners[1:], corners[:1]))
        self.sides = self.following - corners
        self.area = float((corners.conj() * self.following).imag.sum() / 2)

    def __len__(self) -> int:
        return len(self.corners)

    @cached_property
    def width(self) -> float:
        """Of a long strip with this area and outline, in metres."""
        return 2 * self.area / float(np.abs(self.sides).sum())

    @cached_property
    def centre(self) -> complex:
        """Of mass; may lie outside of a hollow polygon."""
        weight = (self.corners.conj() * self.following).imag
        return complex(((self.corners + self.following) * weight).sum() / (6 * self.area))

    @cached_property
    def radius(self) -> float:
        """Of a circle around the centre that holds all corners."""
        return float(np.abs(self.corners - self.centre).max())

    def extent(self, axis: complex) -> tuple[float, float]:
        """Size along a direction and across it."""
        turned = self.corners * axis.conjugate()
        return float(np.ptp(turned.real)), float(np.ptp(turned.imag))

    def ray(self, start: complex, along: complex) -> tuple[int, complex] | None:
        """The first side ahead and the point on it; None when `start` lies outside."""
        t, u = _meets(self.corners - start, along, self.sides)
        ahead = np.flatnonzero((t > 0) & (u >= 0) & (u < 1))
        if len(ahead) % 2 == 0:
            return None
        side = int(ahead[t[ahead].argmin()])
        return side, complex(start + t[side] * along)

    def holds(self, path: Sequence[complex]) -> bool:
        """Whether a path between two points of the boundary runs inside, touching nothing on its way."""
        points = np.array(path)
        points[0], points[-1] = (0.99 * points[k] + 0.01 * points[n] for k, n in ((0, 1), (-1, -2)))
        along = np.diff(points)
        t, u = _meets(self.corners - points[:-1, None], along[:, None], self.sides)
        if bool(((t >= 0) & (t <= 1) & (u >= 0) & (u <= 1)).any()):
            return False
        return self.ray(complex(points[0] + along[0] / 2), 1j) is not None

    def contains(self, points: Points) -> NDArray[np.bool_]:
        """Which of the points lie inside: shape (n,) -> (n,)."""
        found = np.abs(points - self.centre) <= self.radius
        if found.any():
            found[found] = _inside(self.corners, self.following, points[found])
        return found


def _meets(between: Points, along: Points | complex, sides: Points) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where lines meet sides: as a share of `along` and of the side. `between`: from line's to side's start."""
    denominator = (np.conj(along) * sides).imag
    with np.errstate(divide="ignore", invalid="ignore"):
        return (between.conj() * sides).imag / denominator, (between.conj() * along).imag / denominator


def _inside(a: Points, b: Points, points: Points) -> NDArray[np.bool_]:
    """Even-odd rule with a ray to the east."""
    y = points.imag[:, None]
    spans = (a.imag > y) != (b.imag > y)
    with np.errstate(divide="ignore", invalid="ignore"):
        x = a.real + (y - a.imag) * (b.real - a.real) / (b.imag - a.imag)
    return np.asarray((spans & (points.real[:, None] < x)).sum(axis=1) % 2 == 1)
