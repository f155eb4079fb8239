"""The writer alone: from a full spool to committed rows, against a raw COPY of the same rows."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from gateway.spool import Entry, Spool, SpoolReader
from tests import stack
from tests.benchmarks.reference import in_turn, raw_copy, spooled, stored
from tests.tracking.fixes import batch

TERMINALS = 1_000
ROWS, EACH = 500_000, 2_000
"""Fixes in all, and in each entry: what the committer puts into one when it has much to do."""
ROUNDS = 5
PATIENCE_S = 300.0


def rounds() -> Sequence[tuple[float, float]]:
    return in_turn(_round, ROUNDS)


def _round(var: Path, url: str, n: int) -> tuple[float, float]:
    """Rows a second: through the writer's process, then the same rows by COPY."""
    first, *rest = entries(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=7 * n))
    spool = Spool(var / "spool", limit_bytes=1 << 30, keep_us=10**15)
    with closing(SpoolReader(var / "spool", "bench")) as reader, psycopg.connect(url, autocommit=True) as db:
        spool.append([first])
        with stack.writer(var, url, poll_s="0.01"):
            stack.eventually(lambda: stored(db, reader), "the writer works", PATIENCE_S)
            spool.append(rest)
            begin = time.monotonic()
            stack.eventually(lambda: stored(db, reader), "all is committed", PATIENCE_S)
            through = ROWS / (time.monotonic() - begin)
        spool.close()
        return through, ROWS / raw_copy(url, spooled(reader))


def entries(start: datetime) -> Iterator[Entry]:
    """Fixes as a live fleet sends them; every third has attributes."""
    for done in range(0, ROWS + EACH, EACH):
        fixes = batch(EACH, terminals=TERMINALS, start=start + timedelta(seconds=done / 50), seed=done, step_s=0.02)
        yield Entry("fix", 1, fixes.to_bytes())
