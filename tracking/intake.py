"""Entries of the spool -> tables. What no table takes is told apart alone, with its cause."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.correction import Correction
from gateway.report import Enrolment, FixBatch, moment
from gateway.spool import Entry
from tracking.load import Part
from tracking.store import REFUSED, Refusal, Store

NONSENSE = (ValueError, TypeError, KeyError, AttributeError, *REFUSED)
"""The content is at fault, not the database: tell it apart and go on."""


@dataclass
class Intake:
    """Stores inside the caller's transaction.

    refuse  what becomes of a refusal
    """

    store: Store
    refuse: Callable[[Refusal], None]
    counts: Counter[str] = field(default_factory=Counter)

    def take(self, entry: Entry) -> None:
        """Store an entry that is no batch of fixes. A message that is refused costs its entry nothing."""
        try:
            with self.store.transaction():
                self._store_entry(entry)
        except NONSENSE as error:
            several = _messages(entry)
            if len(several) > 1:
                for one in several:
                    self.take(one)
                return
            cause = _first_line(error)
            self.refuse(Refusal(entry.seq, entry.kind, moment(entry.received), None, cause, entry.columns))
        else:
            self.counts[entry.kind] += 1

    def _store_entry(self, entry: Entry) -> None:
        received = moment(entry.received)
        if entry.kind == "fix":
            FixBatch.from_bytes(entry.columns)  # says what is wrong with it
        elif entry.kind == "terminal":
            self.store.enrol(Enrolment(**json.loads(entry.columns)), received)
        elif entry.kind == "correction":
            self.store.correct(Correction.from_bytes(entry.columns))
        elif entry.kind == "command":
            self.store.command(json.loads(entry.columns))
        elif entry.kind == "message":
            for one in json.loads(entry.columns):
                frame = bytes.fromhex(one["frame"])
                self.store.keep(one["terminal"], one["message"], frame, one["reports"], received)
        else:
            raise ValueError(f"unknown kind {entry.kind!r}")

    def store_fixes(self, part: Part) -> None:
        """All fixes by one COPY. Where the database refuses a row, halves, until that row stands alone."""
        try:
            stored = self.store.add(part.batch, part.encoded)
        except REFUSED as error:
            if len(part.batch) > 1:
                for half in part.halves():
                    self.store_fixes(half)
            else:
                self._refuse_fix(part, _first_line(error))
        else:
            self.counts["stored"] += stored
            self.counts["repeated"] += len(part.batch) - stored

    def _refuse_fix(self, part: Part, cause: str) -> None:
        row = part.batch.rows[0]
        terminal, received = part.batch.terminals[row["terminal"]], moment(row["received"])
        self.refuse(Refusal(int(part.seqs[0]), "fix", received, terminal, cause, part.batch.to_bytes()))


def _messages(entry: Entry) -> Sequence[Entry]:
    """An entry of messages as entries of one each; nothing where it cannot be taken apart."""
    if entry.kind != "message":
        return []
    try:
        listed: Any = json.loads(entry.columns)
    except ValueError:
        return []
    listed = listed if isinstance(listed, list) else []
    return [Entry(entry.kind, entry.received, json.dumps([one]).encode(), b"", entry.seq) for one in listed]


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__
