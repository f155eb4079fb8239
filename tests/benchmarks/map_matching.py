"""The share of simulated trips' length that is matched to the right roads: 10 m of noise, 5 % of fixes thrown away."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from simulator.city.generate import CITY_FILE, generate
from simulator.roads.route import Roads
from tests.simulated_trips import matched_ways, right_share, trips
from tracking.roads.build import build
from tracking.roads.engine import Engine
from tracking.roads.match import match

TRIPS, ROUNDS = 60, 5


def every_10_s() -> Sequence[tuple[float, None]]:
    return _rounds(10)


def every_30_s() -> Sequence[tuple[float, None]]:
    return _rounds(30)


def _rounds(every_s: float) -> Sequence[tuple[float, None]]:
    """Other trips in each round."""
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        generate(place)
        build(place / CITY_FILE, place / "roads")
        engine, roads = Engine(place / "roads"), Roads.load(place / CITY_FILE)
        return [(_share(engine, roads, every_s, seed), None) for seed in range(ROUNDS)]


def _share(engine: Engine, roads: Roads, every_s: float, seed: int) -> float:
    driven = trips(roads, TRIPS, every_s, seed)
    return right_share((trip, matched_ways(match(trip.fixes, engine))) for trip in driven)
