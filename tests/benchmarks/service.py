"""Service in simulated time: the matcher with soon-to-clear taxis and hints against nearest first, the same riders.

One round is one trial of `python -m simulator compare kunshan`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from simulator import scenario
from simulator.trial.compare import BASELINE, OURS, Case, Comparison

SEEDS = range(1, 11)

Rounds = Sequence[tuple[float, float]]


@cache
def case(town: str, load: str) -> Case:
    (found,) = Comparison(scenario.load("kunshan"), SEEDS, [load], [town], [BASELINE, OURS]).cases()
    return found


def measured(measure: str, town: str, load: str) -> Rounds:
    """Of both ways, trial by trial."""
    found = case(town, load).found
    return list(zip(*(found[way][measure].tolist() for way in (OURS, BASELINE)), strict=True))


def elderly(town: str, load: str) -> Rounds:
    """Mean wait of the elderly against that of others, both with us."""
    ours = case(town, load).found[OURS]
    return list(zip(ours["elderly_s"].tolist(), ours["others_s"].tolist(), strict=True))
