"""A planar graph of node ids: its connected parts, its faces, its dead ends."""

from __future__ import annotations

import cmath
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from simulator.city.curve import area

Chain = list[int]


def edge(a: int, b: int) -> tuple[int, int]:
    """An edge without its direction."""
    return (a, b) if a < b else (b, a)


def neighbours(edges: Iterable[tuple[int, int]]) -> dict[int, set[int]]:
    graph: dict[int, set[int]] = defaultdict(set)
    for a, b in edges:
        graph[a].add(b)
        graph[b].add(a)
    return graph


def largest_component(edges: Sequence[tuple[int, int]]) -> set[int]:
    """Nodes of the largest connected part."""
    graph = neighbours(edges)
    left, best = dict.fromkeys(graph), set[int]()
    while left:
        seed = next(iter(left))
        found, stack = {seed}, [seed]
        while stack:
            for other in graph[stack.pop()] - found:
                found.add(other)
                stack.append(other)
        for node in found:
            del left[node]
        best = max(best, found, key=len)
    return best


def faces(points: Sequence[complex], edges: Iterable[tuple[int, int]]) -> list[Chain]:
    """The bounded faces of a connected planar graph, counter-clockwise; dead ends are left out of it."""
    graph = _without_dead_ends(neighbours(edges))
    around = {a: sorted(graph[a], key=lambda b: cmath.phase(points[b] - points[a])) for a in sorted(graph)}
    place = {a: {b: i for i, b in enumerate(order)} for a, order in around.items()}
    used: set[tuple[int, int]] = set()
    found = []
    for a, order in around.items():
        for b in order:
            if (a, b) in used:
                continue
            face, u, v = [], a, b
            while (u, v) not in used:
                used.add((u, v))
                face.append(u)
                u, v = v, around[v][place[v][u] - 1]
            if area([points[n] for n in face]) > 0:
                found.append(face)
    return found


def _without_dead_ends(graph: dict[int, set[int]]) -> dict[int, set[int]]:
    stack = [a for a, others in graph.items() if len(others) == 1]
    while stack:
        a = stack.pop()
        for b in graph.pop(a, set()):
            graph[b].discard(a)
            if len(graph[b]) == 1:
                stack.append(b)
    return {a: others for a, others in graph.items() if others}


def without_stubs(points: Sequence[complex], chains: list[list[Chain]], shorter_m: float) -> list[list[Chain]]:
    """Chains without dead ends shorter than `shorter_m`."""
    degree = Counter(n for pieces in chains for piece in pieces for pair in pairwise(piece) for n in pair)
    return [[kept for piece in pieces for kept in _trimmed(points, piece, degree, shorter_m)] for pieces in chains]


def _trimmed(points: Sequence[complex], piece: Chain, degree: Counter[int], shorter_m: float) -> Iterator[Chain]:
    for _ in range(2):
        if degree[piece[0]] == 1:
            reach = 0.0
            for i in range(1, len(piece)):
                reach += abs(points[piece[i]] - points[piece[i - 1]])
                if reach > shorter_m or degree[piece[i]] > 2:
                    break
            if reach <= shorter_m:
                piece = piece[i:]
        piece = piece[::-1]
    if len(piece) > 1:
        yield piece
