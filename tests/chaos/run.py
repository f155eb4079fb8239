"""One row of the table: faults of one kind at random instants under load, quiet, comparison."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.chaos.faults import KINDS, Kind
from tests.chaos.rig import instant, rig
from tests.checker import Verdict

FRAMES = (30, 300)
"""Acknowledged between two faults."""


@dataclass(frozen=True)
class Row:
    """ended: of the gateway, by itself; failure: why the system did not come back, "" where it did."""

    kind: str
    faults: int
    ended: int
    verdict: Verdict | None
    failure: str = ""

    @property
    def clean(self) -> bool:
        return self.verdict is not None and self.verdict.clean


@dataclass(frozen=True)
class Job:
    """faults: how many of the kind, fewer where `end` (by time.monotonic) comes first; database: embedded, timescale"""

    kind: Kind
    faults: int
    seed: int
    mutant: str = ""
    database: str = "embedded"
    end: float = float("inf")

    def run(self, var: Path, url: str) -> Row:
        """Everything it leaves is in `var`. Raises Unavailable where this machine cannot make such faults."""
        rng, struck = Random(f"{self.seed} {self.kind.name}"), 0
        with rig(var, self.kind.needs, url, self.seed, self.mutant, self.database) as system:
            try:
                while struck < self.faults and (not struck or time.monotonic() < self.end):
                    system.works(rng.randrange(*FRAMES))
                    instant(rng)
                    self.kind.strike(system, rng)
                    struck += 1
                system.works(FRAMES[0])
                return Row(self.kind.name, struck, system.gateway.ended, system.quiet())
            except AssertionError as failure:
                return Row(self.kind.name, struck, system.gateway.ended, None, str(failure))


def plan(faults: int, names: Sequence[str]) -> dict[str, int]:
    """Kind -> how many of so many faults: at least one of each, and as many as its share beyond that."""
    shares = sum(KINDS[name].share for name in names)
    spare = max(faults - len(names), 0)
    counts = {name: 1 + spare * KINDS[name].share // shares for name in names}
    for name in sorted(names, key=lambda name: -KINDS[name].share)[: max(faults - sum(counts.values()), 0)]:
        counts[name] += 1
    return counts
