"""Lines thrown together -> a planar graph: nodes where they cross or touch, and chains of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from simulator.city.faces import Chain, edge
from simulator.plane import Points

CELL_M = 500.0


@dataclass
class Arrangement:
    """points: of the nodes; chains[i]: the pieces of line i, as node ids, without shared edges."""

    points: list[complex]
    chains: list[list[Chain]]


def arrange(lines: Sequence[Points], merge_m: float) -> Arrangement:
    """Cross all lines with each other. Nodes nearer than `merge_m` become one; an edge that two lines
    would share belongs to the earlier one, and the later line has a gap there."""
    starts = np.concatenate([line[:-1] for line in lines])
    ends = np.concatenate([line[1:] for line in lines])
    first, second, t, u = _crossings(starts, ends)
    corner = np.concatenate(lines)
    crossing = starts[first] + t * (ends[first] - starts[first])
    points, root = _merged(np.concatenate((corner, crossing)), merge_m)
    inserted: dict[int, list[tuple[float, int]]] = defaultdict(list)
    for k in range(len(first)):
        node = int(root[len(corner) + k])
        inserted[int(first[k])].append((float(t[k]), node))
        inserted[int(second[k])].append((float(u[k]), node))
    return Arrangement(points, _chains(lines, root, inserted))


def _chains(
    lines: Sequence[Points], root: NDArray[np.intp], inserted: dict[int, list[tuple[float, int]]]
) -> list[list[Chain]]:
    taken: set[tuple[int, int]] = set()
    chains = []
    node = segment = 0
    for line in lines:
        walk = [int(root[node])]
        for _ in range(len(line) - 1):
            walk += [at for _, at in sorted(inserted.get(segment, ()))]
            node += 1
            walk.append(int(root[node]))
            segment += 1
        node += 1
        chains.append(list(_pieces(walk, taken)))
    return chains


def _pieces(walk: Chain, taken: set[tuple[int, int]]) -> Iterator[Chain]:
    """A walk without repeats, broken where another line already has the edge."""
    piece = walk[:1]
    for a, b in pairwise(walk):
        if a == b:
            continue
        if edge(a, b) in taken:
            if len(piece) > 1:
                yield piece
            piece = [b]
            continue
        taken.add(edge(a, b))
        piece.append(b)
    if len(piece) > 1:
        yield piece


def _crossings(
    starts: Points, ends: Points
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64], NDArray[np.float64]]:
    """Pairs of segments that cross, and where along each of the two."""
    first, second = _neighbours(starts, ends)
    a, c = starts[first], starts[second]
    along, other = ends[first] - a, ends[second] - c
    denominator = (along.conj() * other).imag
    with np.errstate(divide="ignore", invalid="ignore"):
        t = ((c - a).conj() * other).imag / denominator
        u = ((c - a).conj() * along).imag / denominator
    slack = 1e-9
    hit = (denominator != 0) & (t >= -slack) & (t <= 1 + slack) & (u >= -slack) & (u <= 1 + slack)
    return first[hit], second[hit], t[hit], u[hit]


def _neighbours(starts: Points, ends: Points) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pairs of segments whose boxes share a cell, each pair once, in order."""
    cells: dict[tuple[int, int], list[int]] = defaultdict(list)
    low_x, high_x = np.sort((starts.real // CELL_M, ends.real // CELL_M), axis=0).astype(int)
    low_y, high_y = np.sort((starts.imag // CELL_M, ends.imag // CELL_M), axis=0).astype(int)
    boxes = np.column_stack((low_x, high_x, low_y, high_y)).tolist()
    for i, (x0, x1, y0, y1) in enumerate(boxes):
        for x in range(x0, x1 + 1):
            for y in range(y0, y1 + 1):
                cells[x, y].append(i)
    pairs = []
    for members in cells.values():
        index = np.array(members)
        one, other = np.triu_indices(len(index), 1)
        pairs.append(index[one] * len(starts) + index[other])
    unique = np.unique(np.concatenate(pairs))
    return unique // len(starts), unique % len(starts)


def _merged(points: Points, merge_m: float) -> tuple[list[complex], NDArray[np.intp]]:
    """Points with close ones made one -> distinct points, and for each point its new number."""
    root = np.arange(len(points))
    pairs = cKDTree(np.column_stack((points.real, points.imag))).query_pairs(merge_m, output_type="ndarray")
    for a, b in pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))].tolist():
        low, high = sorted((_root(root, a), _root(root, b)))
        root[high] = low
    roots = np.array([_root(root, i) for i in range(len(points))])
    distinct, numbers = np.unique(roots, return_inverse=True)
    return points[distinct].tolist(), numbers


def _root(root: NDArray[np.intp], i: int) -> int:
    while root[i] != i:
        root[i] = root[root[i]]
        i = int(root[i])
    return i
