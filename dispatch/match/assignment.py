"""Who serves whom: most rows served, then least total cost, exactly as on the complete graph.

Small problems are solved on the whole matrix. Larger ones begin with a few near columns of each row:

* Rows whose cheapest column nobody else wants take it. The others are solved together; a row in their
  way joins them, until nobody outside is in the way.
* Prices of the columns (dual variables) then tell each row's worth: what it pays, plus what its column
  is worth to others. A column that was never listed cannot improve anything as long as the row's worth
  is not above the least that it could cost. Rows of which this cannot be said get longer lists, and so
  do those that were left unserved, until it can be said of all: the result is proven to be the complete
  graph's. Of longer lists the solver is given only the pairs that matter by the prices so far; the
  others are looked at again whenever prices change (column generation).

Costs are whole numbers in float64, so that sums are exact; each row has a column of its own whose cost
(the penalty of being unserved) is above what any rearrangement could save.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

DENSE = 40_000
"""Up to so many pairs the whole matrix is quicker than lists."""
DENSE_AT_LAST, CROWDED, SCARCE = 40_000_000, 32, 4
"""Where columns are at most SCARCE times as many as rows, the whole matrix of up to so many pairs is quicker once one
in CROWDED of them is listed."""
BLOCK = 256
"""Rows whose costs are worked out at once for the whole matrix."""
FIRST = 8
"""Columns listed for each row at first; every widening makes a list GROWTH times as long."""
GROWTH = 4
SLACK = 0.5
"""Pairs that are dearer by up to this part of what is usually paid are given to the solver ahead of need."""
MORE = 16
"""About twice so many pairs of a row are given to the solver at once."""

Indices = NDArray[np.intp]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


class Problem(Protocol):
    """rows, columns: how many; dear: whether pairs are too dear to look at all of them."""

    rows: int
    columns: int
    dear: bool

    def cost(self, rows: Indices, columns: Indices) -> Floats:
        """Whole numbers; infinite for pairs that must not be. The arguments broadcast."""
        ...

    def near(self, rows: Indices, count: int) -> tuple[Indices, Floats]:
        """(len(rows), count) columns of each row, and what every column that is not among them costs at least."""
        ...


@dataclass(frozen=True, slots=True)
class Pool:
    """Pairs that were listed, rows in any order, each row's together.

    active  those that the solver is given;  floor  by row: what its pairs that are not listed cost at least
    """

    row: Indices
    column: Indices
    cost: Floats
    active: Mask
    floor: Floats


@dataclass(frozen=True, slots=True)
class Graph:
    """Active pairs sorted by row, the last of each row its own column: the penalty. start: where each row begins."""

    row: Indices
    column: Indices
    cost: Floats
    start: Indices


@dataclass(slots=True)
class Solution:
    """Each row's column and worth; each column's price, zero or less, those of the rows behind them; who is entangled.

    For every active pair cost >= worth + price, and for the chosen ones they are equal.
    """

    column: Indices
    worth: Floats
    price: Floats
    entangled: Mask


def assign(problem: Problem) -> Indices:
    """The column of each row, -1 for those that stay unserved."""
    if not problem.rows or not problem.columns:
        return np.full(problem.rows, -1)
    if problem.rows * problem.columns <= DENSE and not problem.dear:
        return _dense(problem)
    return _sparse(problem)


def _penalty(rows: int, highest: float) -> float:
    """More than any rearrangement of this many rows can save."""
    return (rows + 2) * (highest + 1)


def _dense(problem: Problem) -> Indices:
    cost = np.empty((problem.rows, problem.columns))
    for start in range(0, problem.rows, BLOCK):
        rows = np.arange(start, min(start + BLOCK, problem.rows))
        cost[rows] = problem.cost(rows[:, None], np.arange(problem.columns)[None])
    allowed = np.isfinite(cost)
    if not allowed.any():
        return np.full(problem.rows, -1)
    cost[~allowed] = _penalty(problem.rows, float(cost.max(where=allowed, initial=0)))
    rows, columns = linear_sum_assignment(cost)
    chosen = np.full(problem.rows, -1)
    good = allowed[rows, columns]
    chosen[rows[good]] = columns[good]
    return chosen


def _sparse(problem: Problem) -> Indices:
    everybody, pairs = np.arange(problem.rows), problem.rows * problem.columns
    scarce = problem.columns <= SCARCE * problem.rows and pairs <= DENSE_AT_LAST and not problem.dear
    count = np.full(problem.rows, min(FIRST, problem.columns))
    pool = _listed(problem, everybody, int(count[0]))
    entangled = np.zeros(problem.rows, bool)
    while True:
        solution = _solve(_graph(pool, problem), entangled, problem.columns)
        entangled = solution.entangled
        short = solution.worth > pool.floor
        if not short.any() and not (_saving(pool, solution) < 0)[~pool.active].any():
            return np.where(solution.column < problem.columns, solution.column, -1)
        pool = _activated(pool, solution)
        if short.any():
            pool = _widened(problem, pool, solution, short, count)
            if scarce and len(pool.row) * CROWDED > pairs:
                return _dense(problem)


def _saving(pool: Pool, solution: Solution) -> Floats:
    """By how much each pair is dearer than what its row and column are worth; below zero somebody would gain by it."""
    return pool.cost - solution.worth[pool.row] - solution.price[pool.column]


def _activated(pool: Pool, solution: Solution) -> Pool:
    """Give the solver also pairs by which somebody would gain, and those that might be next; some for each row.

    Of many, the best ones and others evenly from the rest: where a crowd wants the same columns, each of it is given
    different ones.
    """
    served = solution.column < len(solution.price) - len(solution.column)
    slack = SLACK * np.median(solution.worth[served]) if served.any() else 0.0
    saving = _saving(pool, solution)
    found = np.flatnonzero((saving <= slack) & ~pool.active)
    found = found[np.lexsort((saving[found], pool.row[found]))]
    rows, start, number = _numbered(pool.row[found])
    size = np.diff(start, append=len(found))
    rank = np.arange(len(found)) - start[number]
    step = np.maximum(1, size // MORE)[number]
    some = (rank < MORE) | ((rank + rows[number]) % step == 0)
    active = pool.active.copy()
    active[found[some]] = True
    return replace(pool, active=active)


def _listed(problem: Problem, rows: Indices, count: int) -> Pool:
    columns, floor_of = problem.near(rows, count)
    floor = np.full(problem.rows, np.inf)
    if count < problem.columns:
        floor[rows] = floor_of
    cost = problem.cost(rows[:, None], columns).ravel()
    return Pool(np.repeat(rows, count), columns.ravel(), cost, np.isfinite(cost), floor)


def _widened(problem: Problem, pool: Pool, solution: Solution, short: Mask, count: Indices) -> Pool:
    """Longer lists for the rows that are short, of which the solver is given what matters by its prices."""
    stays = ~short[pool.row]
    parts = [Pool(pool.row[stays], pool.column[stays], pool.cost[stays], pool.active[stays], pool.floor)]
    count[short] = np.minimum(GROWTH * count[short], problem.columns)
    for length in np.unique(count[short]):
        part = _listed(problem, np.flatnonzero(short & (count == length)), int(length))
        parts.append(_activated(replace(part, active=np.zeros(len(part.row), bool)), solution))
    floor = np.where(short, np.min([part.floor for part in parts[1:]], axis=0), pool.floor)
    row, column, cost, active = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("row", "column", "cost", "active")
    )
    return Pool(row, column, cost, active, floor)


def _graph(pool: Pool, problem: Problem) -> Graph:
    own = np.arange(problem.rows)
    highest = max(pool.cost[np.isfinite(pool.cost)].max(initial=0), pool.floor[np.isfinite(pool.floor)].max(initial=0))
    row, column, cost = pool.row[pool.active], pool.column[pool.active], pool.cost[pool.active]
    row, column = np.concatenate([row, own]), np.concatenate([column, problem.columns + own])
    cost = np.concatenate([cost, np.full(problem.rows, _penalty(problem.rows, float(highest)))])
    order = np.argsort(row, kind="stable")
    row = row[order]
    return Graph(row, column[order], cost[order], np.searchsorted(row, own))


def _solve(graph: Graph, entangled: Mask, columns: int) -> Solution:
    """The least costly assignment of the graph, with the prices that prove it."""
    column, worth = _cheapest(graph)
    entangled = entangled | (np.bincount(column)[column] > 1)
    owner = np.empty(columns + len(column), np.intp)
    while True:
        solution = Solution(column.copy(), worth.copy(), np.zeros(len(owner)), entangled)
        if not entangled.any():
            return solution
        owner.fill(-1)
        owner[column[~entangled]] = np.flatnonzero(~entangled)
        ours = np.flatnonzero(entangled[graph.row])
        in_the_way = owner[graph.column[ours]]
        _untangle(graph, ours[in_the_way < 0], solution)
        wishes, whose = ours[in_the_way >= 0], in_the_way[in_the_way >= 0]
        joining = whose[graph.cost[wishes] < solution.worth[graph.row[wishes]]]
        if not joining.size:
            return solution
        entangled = entangled.copy()
        entangled[joining] = True


def _cheapest(graph: Graph) -> tuple[Indices, Floats]:
    """Each row's cheapest column, of equal ones the first by number, and its cost."""
    least = np.minimum.reduceat(graph.cost, graph.start)
    candidates = np.where(graph.cost == least[graph.row], graph.column, np.iinfo(np.intp).max)
    return np.minimum.reduceat(candidates, graph.start), least


def _untangle(graph: Graph, pairs: Indices, solution: Solution) -> None:
    """Put the least costly full assignment of these pairs into the solution."""
    row, column, cost = graph.row[pairs], graph.column[pairs], graph.cost[pairs]
    rows, start, r = _numbered(row)
    used = np.zeros(len(solution.price), bool)
    used[column] = True
    columns = np.flatnonzero(used)
    number = np.cumsum(used) - 1
    c = number[column]
    matrix = csr_array((cost + 1, c, np.append(start, len(c))), (len(rows), len(columns)))  # a stored zero is no pair
    _, chosen = min_weight_full_bipartite_matching(matrix)
    paid = np.empty(len(rows))
    hit = c == chosen[r]
    paid[r[hit]] = cost[hit]
    owner = np.full(len(columns), -1)
    owner[chosen] = np.arange(len(rows))
    price = _prices(r, owner[c], cost - paid[r], len(rows))
    solution.column[rows] = columns[chosen]
    solution.worth[rows] = paid - price
    solution.price[columns[chosen]] = price


def _numbered(row: Indices) -> tuple[Indices, Indices, Indices]:
    """Sorted rows -> the different ones, where each begins, and the number of each among them."""
    new = np.diff(row, prepend=-1) != 0
    return row[new], np.flatnonzero(new), np.cumsum(new) - 1


def _prices(row: Indices, owner: Indices, more: Floats, count: int) -> Floats:
    """The price of each row's column, at most zero: the highest ones for which nobody would rather change.

    row, owner, more: pairs of a row, whose column they are, and how much more it costs than the row's own.
    Shortest ways from column to column (Bellman and Ford); none is endless, since the assignment is optimal.
    """
    rivals = np.flatnonzero((owner >= 0) & (owner != row))
    rivals = rivals[np.argsort(owner[rivals], kind="stable")]
    price = np.zeros(count)
    if not rivals.size:
        return price
    row, owner, more = row[rivals], owner[rivals], more[rivals]
    start = np.flatnonzero(np.diff(owner, prepend=-1))
    of = owner[start]
    for _ in range(count):  # no shortest way has more steps
        lower = np.minimum(price[of], np.minimum.reduceat(price[row] + more, start))
        if (lower == price[of]).all():
            break
        price[of] = lower
    return price
