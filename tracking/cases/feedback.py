"""What decided cases say of the thresholds by which their findings were made. Pure.

A rule whose findings are often overturned accuses too soon: it is told how far its threshold would have to go up until
hardly any decided finding above it was overturned. A person makes that an edition of the thresholds, or does not.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

FEW = 5
"""Decided findings below which nothing is said."""
MOST_OVERTURNED = 0.1
"""Share of overturned findings that a threshold may leave, its uncertainty included."""
ONE_SIDED_90 = 1.2816
"""Quantile of the normal distribution."""


@dataclass(frozen=True, slots=True)
class Decided:
    """A finding of which a case was decided; `excess`: measured by allowed."""

    rule: str
    excess: float
    confirmed: bool


@dataclass(frozen=True, slots=True)
class Lesson:
    """raise_to: least excess above which findings hold; None where they hold as it is, or where too few were decided
    to say so (`enough` is False then), or where no excess would do (`enough` is True, `holds` False)."""

    rule: str
    confirmed: int
    overturned: int
    enough: bool
    holds: bool
    raise_to: float | None


def lessons(decided: Iterable[Decided]) -> list[Lesson]:
    """One for each rule, in order of their names."""
    ordered = sorted(decided, key=lambda one: (one.rule, -one.excess, one.confirmed))
    return [_lesson(rule, list(group)) for rule, group in groupby(ordered, key=lambda one: one.rule)]


def _lesson(rule: str, falling: list[Decided]) -> Lesson:
    confirmed = sum(one.confirmed for one in falling)
    overturned = len(falling) - confirmed
    enough = len(falling) >= FEW
    if not enough or _bound(overturned, len(falling)) <= MOST_OVERTURNED or not overturned:
        return Lesson(rule, confirmed, overturned, enough, enough, None)
    raise_to, wrong = None, 0
    for count, one in enumerate(falling, start=1):
        wrong += not one.confirmed
        last_of_its_excess = count == len(falling) or falling[count].excess < one.excess
        if last_of_its_excess and count >= FEW and _bound(wrong, count) <= MOST_OVERTURNED:
            raise_to = one.excess
    return Lesson(rule, confirmed, overturned, enough, False, raise_to)


def _bound(wrong: int, count: int) -> float:
    """Wilson's lower bound of the share that is wrong: what the decisions prove, not what chance may add."""
    z, share = ONE_SIDED_90, wrong / count
    middle = share + z * z / (2 * count)
    wide = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return (middle - wide) / (1 + z * z / count)
