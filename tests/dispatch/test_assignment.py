"""The assignment is that of the complete graph, whichever way it was found."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from dispatch.match import assignment
from dispatch.match.assignment import Problem, assign
from dispatch.match.costs import Costs, Mirrored
from tests.dispatch.scenes import crowded, even, snapshot, straight


class Table:
    """A problem given by its whole matrix. Infinite: must not be."""

    dear = False

    def __init__(self, cost: NDArray[np.float64]) -> None:
        self.matrix = cost
        self.rows, self.columns = cost.shape

    def cost(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.float64]:
        return self.matrix[rows, columns]

    def near(self, rows: NDArray[np.intp], count: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        order = np.argsort(self.matrix[rows], axis=1, kind="stable")[:, :count]
        return order, self.matrix[rows, order[:, -1]]


def whole(problem: Problem) -> NDArray[np.float64]:
    return problem.cost(np.arange(problem.rows)[:, None], np.arange(problem.columns)[None])


def best(cost: NDArray[np.float64]) -> tuple[int, float]:
    """How many can be served, and what that costs at least, by a solver that is not ours."""
    allowed = np.isfinite(cost)
    if not cost.size or not allowed.any():
        return 0, 0.0
    rows, columns = linear_sum_assignment(np.where(allowed, cost, 1e6 * (cost[allowed].max() + 1)))
    good = allowed[rows, columns]
    return int(good.sum()), float(cost[rows[good], columns[good]].sum())


def reached(problem: Problem, columns: NDArray[np.intp]) -> tuple[int, float]:
    rows = np.flatnonzero(columns >= 0)
    assert len(set(columns[rows].tolist())) == len(rows), "a column stands twice"
    return len(rows), float(problem.cost(rows, columns[rows]).sum())


@pytest.fixture
def lists_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small problems go the way of large ones too."""
    monkeypatch.setattr(assignment, "DENSE", 0)
    monkeypatch.setattr(assignment, "DENSE_AT_LAST", 0)
    monkeypatch.setattr(assignment, "FIRST", 2)


costs = st.integers(0, 12).map(float) | st.integers(0, 10**9).map(float) | st.just(np.inf)
tables = st.tuples(st.integers(1, 9), st.integers(1, 12)).flatmap(
    lambda shape: st.lists(costs, min_size=shape[0] * shape[1], max_size=shape[0] * shape[1]).map(
        lambda values: np.array(values).reshape(shape)
    )
)


@given(tables)
@pytest.mark.usefixtures("lists_only")
def test_lists_find_the_optimum_of_any_table(table: NDArray[np.float64]):
    problem = Table(table)
    assert reached(problem, assign(problem)) == best(table)


@given(tables)
def test_the_whole_matrix_finds_it_too(table: NDArray[np.float64]):
    problem = Table(table)
    assert reached(problem, assign(problem)) == best(table)


def test_nobody_and_nothing():
    assert assign(Table(np.empty((0, 3)))).tolist() == []
    assert assign(Table(np.empty((2, 0)))).tolist() == [-1, -1]
    assert assign(Table(np.full((2, 2), np.inf))).tolist() == [-1, -1]


def test_of_equal_columns_the_first_is_taken():
    assert assign(Table(np.full((3, 5), 7.0))).tolist() == [0, 1, 2]


def scene(kind: str, bookings: int, taxis: int, seed: int) -> Costs:
    rng = np.random.default_rng(seed)
    if kind == "even":
        return straight(snapshot(even(bookings, rng), even(taxis, rng)))
    if kind == "crowded":
        return straight(snapshot(crowded(bookings, rng), crowded(taxis, rng, 0.4)))
    places = np.round(even(bookings + taxis, rng), 2)  # many exactly equal costs
    return straight(snapshot(places[:bookings], places[bookings:]))


@pytest.mark.parametrize("kind", ["even", "crowded", "lattice"])
@pytest.mark.parametrize(("bookings", "taxis"), [(300, 2000), (600, 620), (400, 400), (150, 4000)])
def test_towns_are_served_as_on_the_complete_graph(kind: str, bookings: int, taxis: int):
    for seed in range(2):
        problem = scene(kind, bookings, taxis, seed)
        assert reached(problem, assign(problem)) == best(whole(problem))


@pytest.mark.parametrize("kind", ["even", "crowded", "lattice"])
def test_more_bookings_than_taxis_are_served_as_on_the_complete_graph(kind: str):
    problem = scene(kind, 1500, 300, 5)
    mirrored = Mirrored(problem)
    found = reached(mirrored, assign(mirrored))
    assert found == best(whole(problem))
    assert found[0] == 300


def test_everybody_at_one_door():
    rng = np.random.default_rng(2)
    door = np.tile([[31.38, 120.95]], (250, 1))
    problem = straight(snapshot(door, even(1500, rng)))
    assert reached(problem, assign(problem)) == best(whole(problem))


def test_a_large_crowded_town_loses_nobody_to_short_lists(monkeypatch: pytest.MonkeyPatch):
    problem = scene("crowded", 1000, 10_000, 11)
    seen = []
    widened = assignment._widened
    monkeypatch.setattr(assignment, "_widened", lambda *a: seen.append(1) or widened(*a))
    assert reached(problem, assign(problem)) == best(whole(problem))
    assert seen, "a scene in which the first lists suffice shows nothing"
