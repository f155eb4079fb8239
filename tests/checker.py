"""Compares what terminals sent and were acknowledged with what the database holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import psycopg

from gateway.report import micros

Fix = tuple[str, int]


@dataclass(frozen=True)
class Verdict:
    """Fixes as (terminal, time in microseconds).

    missing   acknowledged and not stored
    invented  stored and never sent
    twice     stored more than once
    """

    sent: int
    acknowledged: int
    stored: int
    missing: set[Fix]
    invented: set[Fix]
    twice: set[Fix]

    @property
    def clean(self) -> bool:
        return not (self.missing or self.invented or self.twice)


def check(ledger: Path, database_url: str) -> Verdict:
    """The ledger of `tests.load` against table `position`."""
    marks: dict[str, set[Fix]] = {"S": set(), "A": set()}
    for line in ledger.read_text().splitlines():
        mark, terminal, time = line.split()
        marks[mark].add((terminal, int(time)))
    with psycopg.connect(database_url) as db:
        rows = db.execute("SELECT key, time FROM position JOIN terminal ON terminal.id = terminal_id").fetchall()
    stored = [(key, micros(time)) for key, time in rows]
    once = set(stored)
    twice = {fix for fix in once if stored.count(fix) > 1} if len(once) < len(stored) else set()
    return Verdict(
        len(marks["S"]), len(marks["A"]), len(stored), marks["A"] - once, once - marks["S"], twice
    )  # fmt: skip
