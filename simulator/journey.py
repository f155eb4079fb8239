"""A drive along a route as a timetable: where the car is, how fast and heading where, at any moment.

The timetable is a list of phases of constant acceleration, worked out once. Speeds keep under the limit
of each road, fall in bends and turns, and reach zero at red lights and at the goal.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from simulator.plane import Points, at, course, stations
from simulator.roads.graph import Edge

ACCELERATION, BRAKING = 1.4, 1.9  # m/s2
BENDS = ((1.2, 4.5), (0.6, 7.0), (0.25, 12.0))
"""(turn in radians from which on, m/s at most there)"""


@dataclass(frozen=True, slots=True)
class Motion:
    """Metres of the plane, m/s, degrees from north, metres driven since the start; limit: of the road there."""

    point: complex
    speed: float
    course: float
    driven: float
    limit: float = math.inf


@dataclass(frozen=True, slots=True)
class Phase:
    """From `start` (s) on: at `driven` (m) with `speed` (m/s), changing by `acceleration` (m/s2)."""

    start: float
    driven: float
    speed: float
    acceleration: float


@dataclass(frozen=True)
class Journey:
    """points, along and limits: the line driven; phases: the timetable, the last of which stands still."""

    points: Points
    along: Sequence[float]
    limits: Sequence[float]
    phases: Sequence[Phase]
    starts: Sequence[float]

    @property
    def duration(self) -> float:
        """Seconds until it stands at the goal."""
        return self.starts[-1]

    @property
    def length(self) -> float:
        return self.along[-1]

    def at(self, seconds: float) -> Motion:
        """Motion that many seconds after the start; before it and after the end the car stands."""
        phase = self.phases[max(0, bisect_right(self.starts, seconds) - 1)]
        t = max(0.0, seconds - phase.start)
        driven = min(self.length, phase.driven + phase.speed * t + phase.acceleration * t * t / 2)
        speed = max(0.0, phase.speed + phase.acceleration * t)
        k = min(len(self.points) - 2, max(0, bisect_right(self.along, driven) - 1))
        step = self.points[k + 1] - self.points[k]
        point = self.points[k] + step * ((driven - self.along[k]) / (self.along[k + 1] - self.along[k]))
        return Motion(complex(point), speed, course(complex(step)), driven, self.limits[k])

    def when(self, driven: float) -> float:
        """Seconds after which so many metres were driven, to within a second."""
        low, high = 0.0, self.duration
        while high - low > 1.0:
            middle = (low + high) / 2
            low, high = (middle, high) if self.at(middle).driven < driven else (low, middle)
        return high

    def slower_than(self, speed: float) -> float:
        """Seconds during which the car is slower than that, or stands."""
        return sum(
            _slow(phase, end - phase.start, speed) for phase, end in zip(self.phases, self.starts[1:], strict=False)
        )


def _slow(phase: Phase, seconds: float, speed: float) -> float:
    """Seconds of a phase of such a length that are slower than `speed`."""
    first, last = phase.speed, phase.speed + phase.acceleration * seconds
    if first == last:
        return seconds * (first < speed)
    low, high = min(first, last), max(first, last)
    return seconds * min(1.0, max(0.0, (speed - low) / (high - low)))


Delay = Callable[[], float]
"""Seconds that a light is red when one arrives; 0 for green."""


def plan(edges: Sequence[Edge], first: float, last: float, pace: float, delay: Delay, entry: float = 0.0) -> Journey:
    """The drive over `edges` from `first` metres along the first of them to `last` metres along the last.

    pace   share of the limit that is driven; above 1 breaks it
    entry  m/s at the start, for a car that is driving already
    """
    points, limits, stops = _line(edges, first, last, pace, delay)
    along = stations(points).tolist()
    caps = _caps(points, along, limits, stops, entry)
    phases = _timetable(along, limits, caps, stops)
    return Journey(points, along, [limit / pace for limit in limits], phases, [phase.start for phase in phases])


def _line(
    edges: Sequence[Edge], first: float, last: float, pace: float, delay: Delay
) -> tuple[Points, list[float], dict[int, float]]:
    """Points; the speed on each stretch between them; point -> seconds at a red light there."""
    points = [at(edges[0].shape, first)]
    limits: list[float] = []
    stops: dict[int, float] = {}
    for number, edge in enumerate(edges):
        begin, end = first if number == 0 else 0.0, last if number == len(edges) - 1 else edge.length
        along = stations(edge.shape)
        inner = edge.shape[(along > begin + 0.5) & (along < end - 0.5)]
        for point in [*inner.tolist(), at(edge.shape, end)]:
            if abs(point - points[-1]) > 0.05:
                points.append(point)
                limits.append(edge.limit * pace)
        if edge.signal and number < len(edges) - 1 and (wait := delay()) > 0:
            stops[len(points) - 1] = wait
    if len(points) == 1:
        direction = edges[0].shape[1] - edges[0].shape[0]
        points.append(points[0] + 0.1 * direction / abs(direction))
        limits.append(edges[0].limit * pace)
    return np.array(points), limits, stops


def _caps(
    points: Points, along: Sequence[float], limits: Sequence[float], stops: dict[int, float], entry: float
) -> list[float]:
    """The highest speed at each point from which the car can still slow down for what comes."""
    steps = np.diff(points)
    turns = np.abs(np.angle(steps[1:] / steps[:-1])).tolist()
    caps = [
        min(entry, limits[0]),
        *(min(a, b, _bend(turn)) for a, b, turn in zip(limits, limits[1:], turns, strict=False)),
        0.0,
    ]
    for stop in stops:
        caps[stop] = 0.0
    for i in range(1, len(caps)):
        caps[i] = min(caps[i], math.sqrt(caps[i - 1] ** 2 + 2 * ACCELERATION * (along[i] - along[i - 1])))
    for i in range(len(caps) - 2, -1, -1):
        caps[i] = min(caps[i], math.sqrt(caps[i + 1] ** 2 + 2 * BRAKING * (along[i + 1] - along[i])))
    return caps


def _bend(turn: float) -> float:
    return next((speed for angle, speed in BENDS if turn > angle), math.inf)


def _timetable(
    along: Sequence[float], limits: Sequence[float], caps: Sequence[float], stops: dict[int, float]
) -> list[Phase]:
    phases: list[Phase] = []
    clock = 0.0
    for i, limit in enumerate(limits):
        if i in stops:
            phases.append(Phase(clock, along[i], 0.0, 0.0))
            clock += stops[i]
        clock = _stretch(phases, clock, along[i], along[i + 1], caps[i], caps[i + 1], limit)
    phases.append(Phase(clock, along[-1], 0.0, 0.0))
    return phases


def _stretch(
    phases: list[Phase], clock: float, start: float, end: float, entry: float, leave: float, limit: float
) -> float:
    """Speed up, keep the speed, slow down; returns the time at the end of the stretch."""
    a, b, distance = ACCELERATION, BRAKING, end - start
    peak = min(limit, math.sqrt((2 * a * b * distance + b * entry**2 + a * leave**2) / (a + b)))
    peak = max(peak, entry, leave)
    up, down = (peak**2 - entry**2) / (2 * a), (peak**2 - leave**2) / (2 * b)
    for driven, speed, acceleration, seconds in (
        (start, entry, a, (peak - entry) / a),
        (start + up, peak, 0.0, max(0.0, distance - up - down) / peak),
        (end - down, peak, -b, (peak - leave) / b),
    ):
        if seconds > 1e-9:
            phases.append(Phase(clock, driven, speed, acceleration))
            clock += seconds
    return clock
