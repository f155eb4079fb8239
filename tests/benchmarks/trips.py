"""Occupied trips of 100,000 fixes in mixed order: ours, with places judged and lengths, against the published way."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from tests import published_trips
from tracking.trips.cut import occupied, spans
from tracking.trips.fixes import Fixes

CABS, FIXES, ROUNDS = 50, 100_000, 21
EVERY_S, SIGMA = 30, 5e-5


def fixes() -> pd.DataFrame:
    """Cabs on walks of their own, occupied for a quarter of an hour at a time, with a flicker in a hundred fixes."""
    rng = np.random.default_rng(7)
    each = FIXES // CABS
    on = (np.arange(each) // 30 + rng.integers(0, 9, (CABS, 1))) % 2 ^ (rng.random((CABS, each)) < 0.01)
    table = pd.DataFrame(
        {
            "cab": np.repeat(np.arange(CABS), each),
            "time": np.tile(1_764_000_000 + EVERY_S * np.arange(each), CABS),
            "lat": 31.38 + rng.normal(0, SIGMA * 10, (CABS, each)).cumsum(axis=1).ravel(),
            "lon": 120.95 + rng.normal(0, SIGMA * 10, (CABS, each)).cumsum(axis=1).ravel(),
            "on": on.ravel().astype(int),
        }
    )
    return table.sample(frac=1, random_state=7)


def rounds() -> Sequence[tuple[float, float]]:
    table = fixes()
    columns = Fixes(
        table["cab"].to_numpy(np.int64), table["time"].to_numpy(np.int64) * 1_000_000, table["lat"].to_numpy(),
        table["lon"].to_numpy(), table["on"].to_numpy(np.int8), np.full(len(table), np.nan),
    )  # fmt: skip
    count = len(published_trips.trips(published_trips.without_flicker(table)))
    ours = lambda: len(occupied(spans(columns)))  # noqa: E731
    theirs = lambda: len(published_trips.trips(published_trips.without_flicker(table)))  # noqa: E731
    return [(_rate(ours, count), _rate(theirs, count)) for _ in range(ROUNDS)]


def _rate(find: Callable[[], int], count: int) -> float:
    begin = time.perf_counter()
    found = find()
    took = time.perf_counter() - begin
    if found != count:
        raise AssertionError(f"{found} trips instead of {count}")
    return FIXES / took
