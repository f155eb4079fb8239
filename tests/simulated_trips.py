"""Trips over a road network with known truth: driven by the simulator, seen by a receiver that errs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from gateway.report import FIX, FixBatch, Status
from simulator.journey import plan
from simulator.plane import Plane, Points
from simulator.roads.route import Roads, Spot
from tracking.roads.match import Match, driven
from tracking.trips.fixes import Fixes

SHORTEST_M, LONGEST_M = 1_500, 15_000
START_S = 1_772_323_200
RED_SHARE = 0.4


@dataclass(frozen=True)
class Trip:
    """fixes; wrong: numbers of those thrown far away; ways: metres driven on each way of the map; length in metres"""

    fixes: Fixes
    wrong: frozenset[int]
    ways: Mapping[int, float]
    length: float


def trips(
    roads: Roads, count: int, every_s: float, seed: int, noise_m: float = 10.0, wrong: float = 0.05
) -> list[Trip]:
    """noise_m: standard deviation to the east and to the north; wrong: share of fixes thrown 100 to 400 m away"""
    return list(islice(_trips(roads, every_s, np.random.default_rng(seed), noise_m, wrong), count))


def _trips(roads: Roads, every_s: float, rng: np.random.Generator, noise_m: float, wrong: float) -> Iterator[Trip]:
    while True:
        start, goal = (
            Spot(int(edge), float(rng.uniform(0, roads.edges[edge].length)))
            for edge in rng.integers(len(roads.edges), size=2)
        )
        path = [roads.edges[number] for number in roads.route(start, goal)]
        light = lambda: float(rng.uniform(5, 60)) if rng.random() < RED_SHARE else 0.0  # noqa: E731
        journey = plan(path, start.along, goal.along, float(rng.uniform(0.75, 0.95)), light)
        if not SHORTEST_M < journey.length < LONGEST_M:
            continue
        ways: Counter[int] = Counter()
        for number, edge in enumerate(path):
            begin = start.along if number == 0 else 0.0
            ways[edge.way] += (goal.along if number == len(path) - 1 else edge.length) - begin
        times = np.arange(0, journey.duration + every_s, every_s)
        true = np.array([journey.at(t).point for t in times])
        thrown = rng.random(len(times)) < wrong
        true += thrown * rng.uniform(100, 400, len(times)) * np.exp(2j * np.pi * rng.random(len(times)))
        fixes = seen(roads.plane, true, START_S + times, rng, noise_m)
        yield Trip(fixes, frozenset(np.flatnonzero(thrown).tolist()), ways, journey.length)


def seen(plane: Plane, true: Points, seconds: NDArray[np.float64], rng: np.random.Generator, noise_m: float) -> Fixes:
    """Fixes at these times where a receiver sees a car that is at these points of the plane."""
    n = len(true)
    points = true + noise_m * (rng.normal(size=n) + 1j * rng.normal(size=n))
    places = np.array([plane.degrees(point) for point in points])
    return Fixes(
        np.zeros(n, np.int64), np.round(seconds * 1e6).astype(np.int64), places[:, 0], places[:, 1],
        np.zeros(n, np.int8), np.full(n, np.nan),
    )  # fmt: skip


def matched_ways(found: Match) -> Mapping[int, float]:
    """Metres on each way of the map that a match found."""
    metres: Counter[int] = Counter()
    for section in found.sections:
        for edge, length in driven(section):
            metres[edge.way] += length
    return metres


def right_share(pairs: Iterable[tuple[Trip, Mapping[int, float]]]) -> float:
    """The share of the length that lies on the right ways: neither what is missing nor what is too much counts.

    pairs  trips, each with the metres on each way that it was matched to
    """
    right = whole = 0.0
    for trip, matched in pairs:
        right += sum(min(metres, matched.get(way, 0.0)) for way, metres in trip.ways.items())
        whole += max(trip.length, sum(matched.values()))
    return right / whole


def round_about(roads: Roads, seed: int) -> Fixes | None:
    """Fixes of a short trip that was driven over a place far off; None where it is not far enough round."""
    rng = np.random.default_rng(seed)
    start, goal, over = (Spot(int(edge), 1.0) for edge in rng.integers(len(roads.edges), size=3))
    direct = sum(roads.edges[number].length for number in roads.route(start, goal))
    if not 3_000 < direct < 8_000:
        return None
    path = [*roads.route(start, over), *roads.route(over, goal)[1:]]
    journey = plan([roads.edges[number] for number in path], start.along, goal.along, 0.9, lambda: 0.0)
    if not 2.2 * direct < journey.length < 30_000:
        return None
    times = np.arange(0, journey.duration, 10.0)
    return seen(roads.plane, np.array([journey.at(t).point for t in times]), START_S + times, rng, 5.0)


def batch(drives: Sequence[Fixes]) -> FixBatch:
    """Each drive by a taxi of its own, jt905/0 and so on, with an empty fix before and behind it."""
    parts = []
    for number, fixes in enumerate(drives):
        n = len(fixes)
        rows = np.zeros(n + 2, FIX)
        inner = rows[1:-1]
        inner["time"], inner["lat"], inner["lon"] = fixes.time, fixes.lat, fixes.lon
        rows[0], rows[-1] = rows[1], rows[-2]
        rows["time"][0] -= 10_000_000
        rows["time"][-1] += 10_000_000
        rows["status"][1:-1] = int(Status.OCCUPIED)
        rows["terminal"], rows["speed"], rows["received"] = number, 8.0, rows["time"]
        rows["identity"] = np.arange(n + 2) + 1000 * number
        parts.append(rows)
    whole = np.concatenate(parts)
    return FixBatch([f"jt905/{n}" for n in range(len(drives))], whole, [b""] * len(whole))
