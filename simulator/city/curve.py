"""Plane curves as arrays of complex metres: smoothing, offsets, clipping, thinning."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from simulator.plane import Points


def cross(a: complex, b: complex) -> float:
    return a.real * b.imag - a.imag * b.real


def area(points: Sequence[complex] | Points) -> float:
    """Signed: positive when the points go round counter-clockwise."""
    z = np.asarray(points)
    return float((z.conj() * np.roll(z, -1)).imag.sum() / 2)


def smooth(points: Points, step: float, *, closed: bool = False) -> Points:
    """A Catmull-Rom curve through the points, one point about every `step` metres."""
    if closed:
        around = np.concatenate((points[-1:], points, points[:2]))
    else:
        around = np.concatenate((2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]))
    parts = []
    for before, start, end, after in zip(around, around[1:], around[2:], around[3:], strict=False):
        count = max(1, round(abs(end - start) / step))
        t = np.arange(count) / count
        parts.append(
            0.5 * (2 * start + (end - before) * t + (2 * before - 5 * start + 4 * end - after) * t**2
                   + (3 * start - before - 3 * end + after) * t**3)
        )  # fmt: skip
    return np.concatenate(parts if closed else [*parts, points[-1:]])


def normals(points: Points, *, closed: bool = False) -> Points:
    """Unit vectors to the left of the direction of travel, one per point."""
    if closed:
        along = np.roll(points, -1) - np.roll(points, 1)
    else:
        along = np.gradient(points)
    return np.asarray(1j * along / np.abs(along))


def offset(points: Points, left: float, *, closed: bool = False, taper: bool = False) -> Points:
    """The curve moved to the left by `left` metres; with `taper` its two ends stay where they are."""
    shift = np.full(len(points), float(left))
    if taper:
        shift[0] = shift[-1] = 0.0
    return np.asarray(points + shift * normals(points, closed=closed))


def extended(points: Points, by: float) -> Points:
    """The curve with both ends prolonged straight on."""
    first, last = points[0] - points[1], points[-1] - points[-2]
    head, tail = points[0] + by * first / abs(first), points[-1] + by * last / abs(last)
    return np.concatenate(([head], points, [tail]))


def clip(points: Points, west: float, south: float, east: float, north: float) -> list[Points]:
    """The pieces of the curve inside a box, cut at its edges (to within half a metre)."""
    fine = densified(points, 25.0)
    keep = (fine.real >= west) & (fine.real <= east) & (fine.imag >= south) & (fine.imag <= north)
    edges = np.flatnonzero(np.diff(keep.astype(np.int8))) + 1
    pieces = [p for p, k in zip(np.split(fine, edges), np.split(keep, edges), strict=True) if k[0] and len(p) > 1]
    return [_thinned(p, 1.0) for p in pieces]


def densified(points: Points, step: float) -> Points:
    """The same curve with points at most `step` metres apart."""
    parts = [
        start + (end - start) * np.arange(n) / n
        for start, end in pairwise(points)
        for n in (max(1, math.ceil(abs(end - start) / step)),)
    ]
    return np.concatenate([*parts, points[-1:]])


def _thinned(points: Points, tolerance: float) -> Points:
    """Douglas-Peucker: the same curve within `tolerance` metres with fewer points."""
    keep = np.zeros(len(points), bool)
    keep[0] = keep[-1] = True
    stack = [(0, len(points) - 1)]
    while stack:
        first, last = stack.pop()
        if last - first < 2:
            continue
        chord, rest = points[last] - points[first], points[first + 1 : last] - points[first]
        far = np.abs((np.conj(chord) * rest).imag) / abs(chord) if chord else np.abs(rest)
        worst = int(far.argmax())
        if far[worst] > tolerance:
            keep[first + 1 + worst] = True
            stack += [(first, first + 1 + worst), (first + 1 + worst, last)]
    return points[keep]
