"""Hints for vacant taxis: where passengers are expected and taxis are few.

Pure: what is known and what is expected come in, hints go out. Taxis that are or will soon be vacant are
shared out among the cells; what a cell has too many of is advised to go where something lacks, over
the least way in all. A hint is advice: nobody is bound by it, and offers come before.

A taxi that is called from nearby comes in a time that falls with the square root of the taxis' density,
so the mean wait of all passengers is least where taxis stand by pick-ups to the power of 2/3, not in
proportion: quiet quarters get some, or their few callers would wait long.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from heapq import heapify, heapreplace

import h3.api.basic_int as h3
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from dispatch.forecast import RESOLUTION, Spot
from dispatch.match.snapshot import Snapshot, State
from dispatch.sphere import distances_m

Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Advice:
    """What a city decides about hints.

    soon_s      taxis that are vacant within that time count where they will be
    farthest_m  nobody is sent farther in a straight line
    power       taxis of a cell stand by its pick-ups to this power;  shortest_m  nearer is not worth a hint
    """

    soon_s: float = 600.0
    farthest_m: float = 8_000.0
    shortest_m: float = 1_000.0
    power: float = 2 / 3


@dataclass(frozen=True, slots=True)
class Hint:
    """To a vacant taxi: go there. Degrees; pick_ups: expected in the cell in a quarter of an hour."""

    taxi: str
    cell: int
    lat: float
    lon: float
    metres: float
    pick_ups: float


def hints(
    known: Snapshot, expected: Mapping[int, Spot], idle: Collection[str], bound: Mapping[str, int], advice: Advice
) -> tuple[Hint, ...]:
    """In the order of taxis.

    expected  by cell, as a forecast has it
    idle      vacant taxis that may be sent somewhere else;  bound  cells that taxis are on their way to by a hint
    """
    cells, idle = _cells(known, bound, advice), set(idle)
    wanted = shared_out(expected, len(cells), advice.power)
    there = dict[int, list[int]]()
    for taxi, cell in cells.items():
        there.setdefault(cell, []).append(taxi)
    places = [c for c in sorted(wanted) for _ in range(wanted[c] - len(there.get(c, ())))]
    spare = [t for cell, taxis in there.items() for t in _spare(known, taxis, len(taxis) - wanted.get(cell, 0), idle)]
    return tuple(_paired(known, np.array(sorted(spare), np.intp), places, expected, advice))


def shared_out(expected: Mapping[int, Spot], taxis: int, power: float) -> dict[int, int]:
    """How many of the taxis belong into each cell (divisors of Webster and Sainte-Laguë)."""
    weights = {cell: spot.pick_ups**power for cell, spot in expected.items() if spot.pick_ups > 0}
    queue = [(-2 * weight, cell, 0) for cell, weight in sorted(weights.items())]
    if not queue:
        return {}
    heapify(queue)
    for _ in range(taxis):
        _, cell, has = queue[0]
        heapreplace(queue, (-weights[cell] / (has + 1.5), cell, has + 1))
    return {cell: has for _, cell, has in queue if has}


def _cells(known: Snapshot, bound: Mapping[str, int], advice: Advice) -> dict[int, int]:
    """Taxis by index that are or soon will be vacant, and the cell that each counts in."""
    taxis = known.taxis
    soon = (taxis["state"] == State.OCCUPIED) & (taxis["clear_s"] <= advice.soon_s)
    counted = np.flatnonzero((taxis["state"] == State.VACANT) | soon)
    places = zip(counted.tolist(), taxis["lat"][counted].tolist(), taxis["lon"][counted].tolist(), strict=True)
    return {n: bound.get(known.taxi_ids[n]) or h3.latlng_to_cell(lat, lon, RESOLUTION) for n, lat, lon in places}


def _spare(known: Snapshot, taxis: list[int], many: int, idle: Collection[str]) -> list[int]:
    """Those of a cell that has too many who may go, the first by index."""
    return [t for t in taxis if known.taxi_ids[t] in idle][: max(0, many)]


def _paired(
    known: Snapshot, taxis: Indices, places: list[int], expected: Mapping[int, Spot], advice: Advice
) -> Iterable[Hint]:
    if not taxis.size or not places:
        return
    lat, lon = (np.array([getattr(expected[cell], name) for cell in places]) for name in ("lat", "lon"))
    rows = known.taxis[taxis]
    metres = distances_m(rows["lat"][:, None], rows["lon"][:, None], lat[None], lon[None])
    beyond = 1e3 * advice.farthest_m  # rather one more within reach than any saving
    for row, column in zip(*linear_sum_assignment(np.where(metres <= advice.farthest_m, metres, beyond)), strict=True):
        if advice.shortest_m <= metres[row, column] <= advice.farthest_m:
            cell, far = places[column], float(metres[row, column])
            spot = expected[cell]
            yield Hint(known.taxi_ids[taxis[row]], cell, spot.lat, spot.lon, far, spot.pick_ups)
