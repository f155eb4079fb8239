"""Compares what terminals sent and were acknowledged with what the database holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from sys import intern
from typing import Any

import numpy as np
import psycopg

from gateway.report import micros

Fix = tuple[str, int]

NEAR = 1e-6
"""Degrees: what a terminal can say."""


@dataclass(frozen=True)
class Verdict:
    """Fixes as (terminal, time in microseconds).

    missing     acknowledged and not stored
    invented    stored and never sent
    twice       stored more than once
    overtaken   received after a later one of the same terminal
    altered     stored at another place than was sent
    wait_s      longest time from a fix's first sending to its acknowledgement
    """

    sent: int
    acknowledged: int
    stored: int
    missing: set[Fix]
    invented: set[Fix]
    twice: set[Fix]
    overtaken: set[Fix]
    altered: set[Fix]
    wait_s: float

    @property
    def clean(self) -> bool:
        return not (self.missing or self.invented or self.twice or self.overtaken or self.altered)


def place(time: Any) -> tuple[Any, Any]:
    """Where the fix of this time (microseconds, or an array of them) is: latitude and longitude in degrees."""
    second = time // 1_000_000
    return 31.2 + second % 997 * 1e-4, 120.9 + second % 499 * 1e-4


@dataclass
class Ledger:
    """A file that `tests.load` writes; `read` takes what has come since.

    sent, acknowledged   fix -> when, first, in microseconds of the monotonic clock
    """

    path: Path
    sent: dict[Fix, int] = field(default_factory=dict)
    acknowledged: dict[Fix, int] = field(default_factory=dict)
    _passed: int = 0

    def read(self) -> Ledger:
        if self.path.exists():
            with self.path.open("rb") as file:
                file.seek(self._passed)
                data = file.read()
            whole = data[: data.rfind(b"\n") + 1]
            self._passed += len(whole)
            for line in whole.decode().splitlines():
                mark, terminal, time, at = line.split()
                log = self.sent if mark == "S" else self.acknowledged
                log.setdefault((intern(terminal), int(time)), int(at))
        return self

    @property
    def wait_s(self) -> float:
        return max((at - self.sent[fix] for fix, at in self.acknowledged.items()), default=0) / 1e6


def check(ledger: Ledger, database_url: str) -> Verdict:
    """The ledger, read to its end, against table `position`."""
    ledger.read()
    with psycopg.connect(database_url) as db:
        rows = db.execute(
            "SELECT key, time, lat, lon FROM position JOIN terminal ON terminal.id = terminal_id"
            " ORDER BY terminal_id, received, time"
        ).fetchall()
    fixes = [(key, micros(time)) for key, time, *_ in rows]
    stored = Counter(fixes)
    return Verdict(
        sent=len(ledger.sent), acknowledged=len(ledger.acknowledged), stored=stored.total(),
        missing=set(ledger.acknowledged) - set(stored), invented=set(stored) - set(ledger.sent),
        twice={fix for fix, n in stored.items() if n > 1}, overtaken=set(overtaken(fixes)),
        altered=set(elsewhere(fixes, [at for _, _, *at in rows])) & set(ledger.sent), wait_s=ledger.wait_s,
    )  # fmt: skip


def elsewhere(fixes: Sequence[Fix], places: Sequence[Sequence[float]]) -> Iterator[Fix]:
    """Fixes that are not at their place; places: latitude and longitude of each, in degrees."""
    wanted = place(np.array([time for _, time in fixes], np.int64))
    off = np.abs(np.subtract(np.reshape(places, (-1, 2)), np.transpose(wanted))).max(axis=1, initial=0)
    return (fixes[i] for i in np.flatnonzero(off > NEAR).tolist())


def overtaken(received: Iterable[Fix]) -> Iterable[Fix]:
    """Fixes before which a later one of their terminal stands, in the order of their receipt."""
    latest: dict[str, int] = {}
    for terminal, time in received:
        if time < latest.get(terminal, time):
            yield terminal, time
        else:
            latest[terminal] = time
