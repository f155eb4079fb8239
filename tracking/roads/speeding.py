"""Faster than the road allows: reported speeds of a matched trip against the limits of the roads under its fixes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from tracking.roads.match import Section
from tracking.roads.trace import Floats

TOLERANCE = 1.1
"""Up to a tenth over the limit, traffic police only warn."""
SCATTER = 1.0
"""m/s by which a receiver's speed errs."""
LEAST_FIXES = 2
CLOSE_M = 15.0
"""A fix further from its road may lie on another one."""


@dataclass(frozen=True, slots=True)
class Speeding:
    """A stretch of one road. `first` and `last`: numbers of its fixes; m/s."""

    way: int
    limit: float
    highest: float
    first: int
    last: int
    fixes: int


def speeding(section: Section, speeds: Floats) -> Iterator[Speeding]:
    """Stretches with at least two fixes in a row too fast for the same limit.

    speeds  m/s of all fixes that `section.numbers` count, NaN where not reported
    """
    for limit, group in groupby(_judged(section, speeds), key=lambda fix: fix[0]):
        fixes = list(group)
        if limit is not None and len(fixes) >= LEAST_FIXES:
            yield _stretch(section, limit, speeds, [at for _, at in fixes])


def _judged(section: Section, speeds: Floats) -> Iterator[tuple[float | None, int]]:
    """Each fix with the limit that it breaks, None where it breaks none."""
    for at, (number, edge) in enumerate(zip(section.numbers.tolist(), section.trace.edge.tolist(), strict=True)):
        limit = section.trace.edges[edge].limit
        broken = limit is not None and speeds[number] > limit * TOLERANCE + SCATTER and section.trace.off[at] <= CLOSE_M
        yield (limit if broken else None), at


def _stretch(section: Section, limit: float, speeds: Floats, at: Sequence[int]) -> Speeding:
    numbers = section.numbers[list(at)].tolist()
    highest = max(float(speeds[number]) for number in numbers)
    way = section.trace.edges[int(section.trace.edge[at[0]])].way
    return Speeding(way, limit, highest, numbers[0], numbers[-1], len(numbers))
