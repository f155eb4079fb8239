"""The matcher and its index, each against a reference in the same run.

Speed   candidates, costs and the proven optimum of a whole scene, against scipy's
        `min_weight_full_bipartite_matching` alone on the ready graph of 20 candidates and one penalty
        column for each booking
Optimal the matcher's total against the exact optimum of the complete graph, both in scenes that were drawn
        evenly and in crowded ones, and with more bookings than taxis
Index   50,000 cars moved by fixes and 1,000 places asked, against numpy looking at every car for each place
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from dispatch.match.costs import Costs
from dispatch.match.plan import pairs
from dispatch.sphere import distances_m
from dispatch.supply import Supply
from gateway.report import FIX, FixBatch, micros
from tests.dispatch.scenes import LAT, LON, NOW, crowded, even, snapshot, straight

CANDIDATES = 20
ROUNDS = 9
CARS, PLACES, WANTED = 50_000, 1_000, 8

Rounds = Sequence[tuple[float, float]]
Draw = Callable[[int, np.random.Generator], NDArray[np.float64]]


def scene(draw: Draw, bookings: int, taxis: int, seed: int) -> Costs:
    rng = np.random.default_rng(seed)
    return straight(snapshot(draw(bookings, rng), draw(taxis, rng)))


def fresh(costs: Costs) -> Costs:
    """The same scene with no tree grown yet."""
    return straight(costs.snapshot)


def ms(work: Callable[[], object]) -> float:
    begin = time.process_time()
    work()
    return 1000 * (time.process_time() - begin)


def listed(costs: Costs) -> csr_array[np.float64, tuple[int, int]]:
    """The reference's graph, ready made."""
    rows = np.arange(costs.rows)
    columns, _ = costs.near(rows, CANDIDATES)
    cost = costs.cost(rows[:, None], columns).ravel()
    row = np.concatenate([np.repeat(rows, CANDIDATES), rows])
    column = np.concatenate([columns.ravel(), costs.columns + rows])
    value = np.concatenate([cost, np.full(costs.rows, costs.rows * cost.max())]) + 1
    return csr_array((value, (row, column)), (costs.rows, costs.columns + costs.rows))


def speed(draw: Draw, bookings: int = 1_000, taxis: int = 10_000, rounds: int = ROUNDS) -> Rounds:
    found = []
    for n in range(rounds):
        costs = scene(draw, bookings, taxis, n)
        graph = listed(costs)
        found.append(
            (ms(lambda: pairs(fresh(costs))), ms(lambda: min_weight_full_bipartite_matching(graph)))  # noqa: B023
        )
    return found


def speed_even() -> Rounds:
    return speed(even)


def speed_crowded() -> Rounds:
    return speed(crowded)


def growth() -> Rounds:
    """10,000 bookings and 50,000 taxis against 1,000 and 10,000."""
    found = []
    for n in range(3):
        large, small = scene(even, 10_000, 50_000, n), scene(even, 1_000, 10_000, n)
        found.append((ms(lambda: pairs(large)), ms(lambda: pairs(small))))  # noqa: B023
    return found


def gap() -> Rounds:
    """Total costs in s; ValueError where fewer were served than could be."""
    shapes = ((300, 3_000), (800, 4_000), (900, 900), (3_000, 400))
    found = []
    for draw in (even, crowded):
        for n, (bookings, taxis) in enumerate(shapes):
            costs = scene(draw, bookings, taxis, n)
            whole = costs.cost(np.arange(bookings)[:, None], np.arange(taxis)[None])
            rows, columns = linear_sum_assignment(whole)
            chosen = pairs(costs)
            if len(chosen) != len(rows):
                raise ValueError(f"{len(chosen)} of {len(rows)} served")
            ours = whole[list(chosen), list(chosen.values())].sum()
            found.append((float(ours) / 1e6, float(whole[rows, columns].sum()) / 1e6))
    return found


def index() -> Rounds:
    """Seconds to take in a fix of every car and answer every place; the reference only answers."""
    rng, supply, found = np.random.default_rng(1), Supply(), []
    places = even(CARS, rng)
    asked = even(PLACES, rng).tolist()
    terminals = [f"jt905/{n}" for n in range(CARS)]
    for step in range(6):
        places = np.clip(places + rng.normal(0, 1e-3, places.shape), (LAT[0], LON[0]), (LAT[1], LON[1]))
        now = NOW + timedelta(seconds=15 * step)
        rows = np.zeros(CARS, FIX)
        rows["terminal"], rows["time"], rows["lat"], rows["lon"] = np.arange(CARS), micros(now), *places.T
        batch = FixBatch(terminals, rows, [b""] * CARS)
        spent = ms(lambda: (supply.apply(batch, now), [supply.nearest(*p, WANTED, now) for p in asked]))  # noqa: B023
        scan = ms(lambda: [_scan(*place, places) for place in asked])  # noqa: B023
        found.append((spent / 1000, scan / 1000))
    return found[1:]


def _scan(lat: float, lon: float, places: NDArray[np.float64]) -> NDArray[np.intp]:
    metres = distances_m(lat, lon, *places.T)
    near = np.argpartition(metres, WANTED)[:WANTED]
    order: NDArray[np.intp] = near[np.argsort(metres[near])]
    return order
