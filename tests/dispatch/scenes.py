"""Snapshots to match: bookings and taxis drawn over a town, evenly or around a few hot spots."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dispatch.match.costs import Costs
from dispatch.match.snapshot import BOOKING, TAXI, Snapshot
from dispatch.match.terms import Straight

NOW = datetime(2026, 11, 25, 8, tzinfo=UTC)
LAT, LON = (31.25, 31.52), (120.82, 121.14)


def even(count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """(count, 2) of lat and lon in degrees."""
    return np.column_stack((rng.uniform(*LAT, count), rng.uniform(*LON, count)))


def crowded(count: int, rng: np.random.Generator, elsewhere: float = 0.15) -> NDArray[np.float64]:
    """Most places near one of twelve hot spots, which are the same ones always and differently hot each time."""
    spots = even(12, np.random.default_rng(7))
    places = spots[rng.choice(12, count, p=rng.dirichlet(np.full(12, 0.7)))] + rng.normal(0, 0.008, (count, 2))
    away = rng.random(count) < elsewhere
    places[away] = even(int(away.sum()), rng)
    return places


def snapshot(bookings: NDArray[np.float64], taxis: NDArray[np.float64], **columns: Any) -> Snapshot:
    """All taxis vacant; columns: `bookings_wait_s=`, `taxis_income=` and so on set those of TAXI and BOOKING."""
    b, t = np.zeros(len(bookings), BOOKING), np.zeros(len(taxis), TAXI)
    (b["lat"], b["lon"]), (t["lat"], t["lon"]) = bookings.T, taxis.T
    b["passengers"], t["seats"], t["rank"] = 1, 4, -1
    t["shift_left_s"] = t["hours_left_s"] = np.inf
    t["income"] = np.nan
    for name, values in columns.items():
        side, _, column = name.partition("_")
        {"bookings": b, "taxis": t}[side][column] = values
    booking_ids, taxi_ids = (tuple(f"{letter}{n:06}" for n in range(len(x))) for letter, x in (("b", b), ("t", t)))
    return Snapshot(NOW, booking_ids, b, taxi_ids, t)


def straight(known: Snapshot) -> Costs:
    """Every booking and every taxi, nothing but the straight line."""
    return Costs(known, np.arange(len(known.bookings)), np.arange(len(known.taxis)), Straight())
