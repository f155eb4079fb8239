"""A database with its chain of seals, for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import psycopg

from gateway.report import FixBatch
from tests.tracking.fixes import batch
from tracking.evidence.checkpoint import LOG
from tracking.evidence.seal import Sealer
from tracking.evidence.verify import Verdict, verify
from tracking.store import Store

START = datetime(2026, 11, 20, 20, 0, tzinfo=UTC)
LATER = START + timedelta(days=30)
FIXES = 10_000
"""Of twenty terminals, over seven hours and two days."""


class Bureau:
    """A database with its chain."""

    def __init__(self, url: str, directory: Path) -> None:
        self.url, self.directory = url, directory
        self.db = psycopg.connect(url)
        self.store = Store(self.db)
        self.db.commit()
        self.sealer = Sealer(directory / "evidence", directory / "elsewhere" / LOG)
        self.seals = 0

    def add(self, fixes: FixBatch) -> None:
        self.store.add(fixes)
        self.db.commit()

    def seal(self) -> None:
        self.seals += 1
        self.sealer.seal(self.db, LATER + timedelta(hours=self.seals))

    def verdict(self) -> Verdict:
        self.db.commit()
        signer = self.sealer.signer
        return verify(self.db, signer.trusted, self.sealer.log, master=signer.master())

    def breaks(self) -> list[tuple[str, str, str]]:
        return [(one.what, one.where, one.key) for one in self.verdict().breaks]

    def tamper(self, statement: str, *values: object) -> None:
        """As whoever owns the database can: no trigger is in the way."""
        self.db.execute("SET session_replication_role = replica")
        self.db.execute(statement, values)
        self.db.execute("SET session_replication_role = origin")
        self.db.commit()


def fill(bureau: Bureau) -> None:
    whole = batch(FIXES, terminals=20, start=START, step_s=2.5)
    for part in range(2):
        bureau.add(whole.only(np.arange(part * FIXES // 2, (part + 1) * FIXES // 2)))
        for n in range(3):
            bureau.store.keep("jt808/0", "unknown", bytes([part, n]), [{"kind": "text", "n": n}], START)
        bureau.store.record("auditor", "look", f"trip/{part}", {"why": "投诉"})
        bureau.db.commit()
        bureau.seal()
