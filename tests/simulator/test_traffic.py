"""Rules of traffic on a small grid of streets: they make driving harder, never impossible."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.city import traffic
from simulator.city.connected import drop_unreachable, main_part
from simulator.city.density import Density
from simulator.city.plan import Town
from simulator.city.streets import RANKS, Network, Road, Street

SIDE, STEP_M = 5, 200.0


def grid(rank: str = "residential") -> Network:
    """Five by five crossings, each line a street, and a dead end at every end of a line."""
    network = Network()
    node = {(x, y): network.add(complex(x, y) * STEP_M) for x in range(-1, SIDE + 1) for y in range(-1, SIDE + 1)}
    for k in range(SIDE):
        lines = ([node[k, y] for y in range(-1, SIDE + 1)], [node[x, k] for x in range(-1, SIDE + 1)])
        network.roads += [Road(line, Street(RANKS[rank], f"{k}路", f"{k} Road")) for line in lines]
    return network


def density() -> Density:
    middle = complex(SIDE, SIDE) * STEP_M / 2
    town = Town("镇", "Town", "town", middle + 1500, 1500.0, 0.0, 0.0)
    return Density([town], np.array([middle]))


@given(seed=st.integers(0, 10**6))
def test_one_ways_cut_nothing_off(seed: int):
    network = grid()
    before, drawn = main_part(network).sum(), sum(len(road.nodes) for road in network.roads)
    traffic.one_ways(network, np.random.default_rng(seed))
    assert main_part(network).sum() == before
    drop_unreachable(network)
    assert sum(len(road.nodes) for road in network.roads) == drawn


def test_some_streets_become_one_way():
    network = Network()
    for x in range(40):
        a, b = network.add(complex(x, 0) * STEP_M), network.add(complex(x, 1) * STEP_M)
        network.roads.append(Road([a, b], Street(RANKS["residential"], f"{x}巷", f"{x} Alley")))
    for y in (0, 1):
        row = [2 * x + y for x in range(40)]
        network.roads.append(Road(row, Street(RANKS["secondary"], f"{y}路", f"{y} Road")))
    traffic.one_ways(network, np.random.default_rng(1))
    assert 2 <= sum(road.street.oneway for road in network.roads) <= 16


def test_what_cannot_be_left_is_taken_away():
    network = grid()
    trap = network.add(99 + 99j)
    network.roads.append(Road([network.roads[0].nodes[2], trap], Street(RANKS["residential"], oneway=True)))
    drop_unreachable(network)
    assert all(trap not in road.nodes for road in network.roads)


def test_roundabouts_are_driven_counter_clockwise_and_keep_all_legs():
    network = grid("tertiary")
    before = main_part(network).sum()
    traffic.roundabouts(network, density(), np.random.default_rng(3))
    rings = [road for road in network.roads if road.street.roundabout]
    assert rings
    for ring in rings:
        points = np.array([network.points[n] for n in ring.nodes])
        assert ring.nodes[0] == ring.nodes[-1]
        assert (points[:-1].conj() * points[1:]).imag.sum() > 0
        assert ring.street.oneway
    assert main_part(network).sum() == before + 11 * len(rings)


@pytest.mark.parametrize("seed", range(5))
def test_restrictions_leave_a_way_on(seed: int):
    network = grid("secondary")
    traffic.signals(network, density(), np.random.default_rng(seed))
    traffic.split_roads(network, 0j)
    traffic.restrict_turns(network, np.random.default_rng(seed))
    assert network.signals
    for turn in network.restrictions:
        ends = {network.roads[turn.to_road].nodes[0], network.roads[turn.to_road].nodes[-1]}
        assert turn.via in ends
        assert turn.kind in ("no_left_turn", "no_u_turn")
        assert (turn.kind == "no_u_turn") == (turn.from_road == turn.to_road)
