"""Which nodes can be reached from everywhere and reach everywhere, and what to do about the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from simulator.city.streets import Network, Road


def main_part(network: Network) -> NDArray[np.bool_]:
    """The largest strongly connected part: node -> whether it belongs to it."""
    arcs = np.array([pair for road in network.roads for pair in _arcs(road)])
    size = len(network.points)
    graph = coo_matrix((np.ones(len(arcs), np.int8), (arcs[:, 0], arcs[:, 1])), shape=(size, size))
    _, label = connected_components(graph, directed=True, connection="strong")
    biggest = int(np.bincount(label).argmax())
    return np.asarray(label == biggest)


def _arcs(road: Road) -> Iterator[tuple[int, int]]:
    for a, b in road.edges():
        yield a, b
        if not road.street.oneway:
            yield b, a


def open_traps(network: Network, ours: set[int]) -> None:
    """Make one-way roads of ours (by their place in the list) two-way where nodes would be cut off."""
    while ours:
        main = main_part(network)
        trapped = {i for i in ours if not main[network.roads[i].nodes].all()}
        if not trapped:
            return
        for i in trapped:
            network.roads[i].street = replace(network.roads[i].street, oneway=False)
        ours = ours - trapped


def drop_unreachable(network: Network) -> None:
    """Take away what no car could reach or leave."""
    main = main_part(network)
    network.roads = [part for road in network.roads for part in _kept(road, main)]


def _kept(road: Road, main: NDArray[np.bool_]) -> Iterator[Road]:
    for keep, run in groupby(road.nodes, key=lambda node: bool(main[node])):
        nodes = list(run)
        if keep and len(nodes) > 1:
            yield Road(nodes, road.street, road.bridge)
