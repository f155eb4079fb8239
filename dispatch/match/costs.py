"""All terms together for the bookings and taxis that may meet: the matcher's problem, and its mirror image."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from dispatch.match.exclusion import Limits, Reason, Reasons, of_pairs
from dispatch.match.snapshot import Rows, Snapshot
from dispatch.match.terms import PickUp, Term
from dispatch.sphere import arcs_m, vectors

UNIT = 1_000_000
"""Costs are whole microseconds: sums are exact, and the same on every machine."""
ROUNDING = 2.0
"""Units by which a bound is lowered for what rounding may have done."""

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]


class Costs:
    """Costs between some bookings (rows) and some taxis (columns) of a snapshot, given by their indices there.

    Without limits every pair may be.
    """

    def __init__(
        self, snapshot: Snapshot, bookings: Indices, taxis: Indices, way: PickUp, terms: Sequence[Term] = (),
        limits: Limits | None = None,
    ) -> None:  # fmt: skip
        self.snapshot, self.bookings, self.taxis = snapshot, bookings, taxis
        self.way, self.terms, self.limits = way, tuple(terms), limits
        self.rows, self.columns, self.dear = len(bookings), len(taxis), way.dear

    def cost(self, rows: Indices, columns: Indices) -> Floats:
        bookings, taxis = self.bookings[rows], self.taxis[columns]
        seconds = self.way.seconds(self.snapshot, bookings, taxis)
        for term in self.terms:
            seconds = seconds + term.seconds(self.snapshot, bookings, taxis)
        cost: Floats = np.rint(UNIT * seconds)
        return cost if self.limits is None else np.where(self.reasons(bookings, taxis) == Reason.NONE, cost, np.inf)

    def reasons(self, bookings: Indices, taxis: Indices) -> Reasons:
        """Why pairs must not be, by indices of the snapshot. The way counts from where and when the taxi is free."""
        way_s = self.way.seconds(self.snapshot, bookings, taxis) + np.nan_to_num(self.snapshot.taxis["clear_s"][taxis])
        return of_pairs(self.snapshot, self.limits or Limits(), bookings, taxis, way_s)

    def rows_of(self, booking: int, taxi: int) -> dict[str, float]:
        """The cost of one pair of the snapshot in seconds, term by term."""
        b, t = np.array([booking]), np.array([taxi])
        return {term.name: float(term.seconds(self.snapshot, b, t)[0]) for term in (self.way, *self.terms)}

    def near(self, rows: Indices, count: int) -> tuple[Indices, Floats]:
        metres, columns = _nearest(self._taxi_tree, _points(self.snapshot.bookings, self.bookings[rows]), count)
        return columns, self._floor(self._base("booking")[rows], metres)

    def near_bookings(self, columns: Indices, count: int) -> tuple[Indices, Floats]:
        """`near` the other way round: bookings of each taxi."""
        metres, rows = _nearest(self._booking_tree, _points(self.snapshot.taxis, self.taxis[columns]), count)
        return rows, self._floor(self._base("taxi")[columns], metres)

    def _floor(self, base: Floats, metres: Floats) -> Floats:
        """What pairs cost at least whose straight line is not shorter; infinite beyond the limit of the way."""
        way_s = metres / self.way.fastest
        reach_s = np.inf if self.limits is None else self.limits.reach_s
        return np.where(way_s > reach_s * (1 + 1e-9), np.inf, UNIT * (base + way_s) - ROUNDING)

    def _base(self, over: str) -> Floats:
        """What a booking, or a taxi, costs whoever the other is."""
        mine = self.bookings if over == "booking" else self.taxis
        terms = [term.seconds(self.snapshot, mine, mine) for term in self.terms if term.over == over]
        return np.sum(terms, axis=0) if terms else np.zeros(len(mine))

    @cached_property
    def _taxi_tree(self) -> cKDTree[None]:
        return _tree(_points(self.snapshot.taxis, self.taxis))

    @cached_property
    def _booking_tree(self) -> cKDTree[None]:
        return _tree(_points(self.snapshot.bookings, self.bookings))


class Mirrored:
    """The same costs with taxis as rows, for when they are fewer than bookings."""

    def __init__(self, costs: Costs) -> None:
        self._costs = costs
        self.rows, self.columns, self.dear = costs.columns, costs.rows, costs.dear

    def cost(self, rows: Indices, columns: Indices) -> Floats:
        return self._costs.cost(columns, rows)

    def near(self, rows: Indices, count: int) -> tuple[Indices, Floats]:
        return self._costs.near_bookings(rows, count)


def _points(rows: Rows, chosen: Indices) -> Floats:
    return vectors(rows["lat"][chosen], rows["lon"][chosen])


def _tree(points: Floats) -> cKDTree[None]:
    return cKDTree(points, leafsize=24, compact_nodes=False, balanced_tree=False)


def _nearest(tree: cKDTree, points: Floats, count: int) -> tuple[Floats, Indices]:
    """Metres of the farthest of the `count` nearest of each point, and their indices."""
    chords, indices = (np.asarray(found) for found in tree.query(points, k=range(1, count + 1)))
    return arcs_m(chords[:, -1]), indices


def cheapest(costs: Costs, row: int, count: int) -> list[tuple[int, float]]:
    """(taxi by index of the snapshot, cost) of the least costly taxis of a row, exactly; equal ones by index."""
    if count < 1 or not costs.columns:
        return []
    listed = min(max(count + 2, 8), costs.columns)
    while True:
        columns, floor = costs.near(np.array([row]), listed)
        cost = costs.cost(np.array([row]), columns[0])
        order = np.lexsort((columns[0], cost))[:count]
        good = order[np.isfinite(cost[order])]
        complete = listed == costs.columns or floor[0] == np.inf
        if complete or (len(good) == count and cost[good[-1]] < floor[0]):
            return list(zip(costs.taxis[columns[0][good]].tolist(), cost[good].tolist(), strict=True))
        listed = min(4 * listed, costs.columns)
