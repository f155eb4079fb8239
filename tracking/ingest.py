"""The writer: spool -> database, each read of the spool in one transaction with its offset."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psycopg
import structlog

from gateway.report import Enrolment, FixBatch, moment
from gateway.spool import Entry, SpoolError, SpoolReader
from tracking.store import DAY_US, REFUSED, Store

log = structlog.get_logger()
RETRY_S = 1.0
READER = "tracking"
MOST_DAYS = 64
"""Of fixes in one transaction: each day's chunk takes locks, and a database has few."""


@dataclass
class Writer:
    """Follows one spool; `run` is meant for a thread of its own.

    url       the database
    spool     directory of the gateway's spool
    poll_s    pause after a read that found nothing
    """

    url: str
    spool: Path
    stop: threading.Event
    poll_s: float = 0.2
    counts: Counter[str] = field(default_factory=Counter)

    def run(self) -> None:
        """Write until `stop` is set. A database or a spool that is away is waited for."""
        away = ""
        while not self.stop.is_set():
            try:
                with psycopg.connect(self.url) as connection:
                    reader = SpoolReader(self.spool, READER)
                    log.info("writer connected", spool=reader.id)
                    away = ""
                    self._follow(connection, reader)
            except (psycopg.OperationalError, psycopg.InterfaceError, SpoolError) as error:
                if str(error) != away:
                    log.warning("writer waits", cause=str(error))
                away = str(error)
                self.stop.wait(RETRY_S)

    def _follow(self, connection: psycopg.Connection, reader: SpoolReader) -> None:
        store = Store(connection)
        offset = store.offset(reader.id)
        connection.commit()
        if (first := reader.first()) > offset + 1:
            log.error("entries are missing from the spool", stored_up_to=offset, spool_begins_at=first)
        while not self.stop.is_set():
            entries = reader.read(offset)
            if not entries:
                self.stop.wait(self.poll_s)
                continue
            offset = entries[-1].seq
            self._write(connection, store, reader.id, entries)
            reader.passed(offset)

    def _write(self, connection: psycopg.Connection, store: Store, spool: str, entries: Sequence[Entry]) -> None:
        """Entries and their offset in one transaction.

        Of fixes on more days than one transaction should touch, parts go ahead in transactions of their
        own: interrupted between them, everything is read again and nothing stands twice.
        """
        read = [(entry, _fixes(entry)) for entry in entries]
        *ahead, fixes = _by_days([(entry.seq, batch) for entry, batch in read if batch is not None])
        try:
            for part in ahead:
                with connection.transaction():
                    self._store(store, spool, part)
            with connection.transaction():
                for entry, batch in read:
                    if batch is None:
                        self._take(store, spool, entry)
                self._store(store, spool, fixes)
                store.advance(spool, entries[-1].seq, moment(entries[-1].received))
        except BaseException:
            store.forget()
            raise

    def _take(self, store: Store, spool: str, entry: Entry) -> None:
        """Store an entry that is no batch of fixes; nonsense is quarantined."""
        try:
            with store.savepoint():
                if entry.kind == "fix":
                    FixBatch.from_bytes(entry.columns)  # says what is wrong with it
                elif entry.kind == "terminal":
                    store.enrol(Enrolment(**json.loads(entry.columns)), moment(entry.received))
                elif entry.kind == "command":
                    store.command(json.loads(entry.columns))
                elif entry.kind == "message":
                    for one in json.loads(entry.columns):
                        frame, received = bytes.fromhex(one["frame"]), moment(entry.received)
                        store.keep(one["terminal"], one["message"], frame, one["reports"], received)
                else:
                    raise ValueError(f"unknown kind {entry.kind!r}")
            self.counts[entry.kind] += 1
        except (ValueError, TypeError, KeyError, *REFUSED) as error:
            store.forget()
            self._quarantine(store, spool, entry.seq, None, str(error), entry.columns)

    def _store(self, store: Store, spool: str, batches: Sequence[tuple[int, FixBatch]]) -> None:
        """All batches by one COPY. Where the database refuses a row, halves, until that row stands alone."""
        batch = FixBatch.concat(b for _, b in batches)
        if not len(batch):
            return
        try:
            stored = store.add(batch)
        except REFUSED as error:
            if len(batches) > 1:
                middle = len(batches) // 2
                parts = [batches[:middle], batches[middle:]]
            elif len(batch) > 1:
                parts = [[(batches[0][0], half)] for half in batch.split(-(-len(batch) // 2))]
            else:
                key, cause = batch.terminals[batch.rows["terminal"][0]], str(error).splitlines()[0]
                self._quarantine(store, spool, batches[0][0], key, cause, batch.to_bytes())
                return
            for part in parts:
                self._store(store, spool, part)
        else:
            self.counts["stored"] += stored
            self.counts["repeated"] += len(batch) - stored

    def _quarantine(self, store: Store, spool: str, seq: int, key: str | None, cause: str, content: bytes) -> None:
        log.error("quarantined", spool=spool, seq=seq, terminal=key, cause=cause)
        store.quarantine(spool, seq, key, cause, content)
        self.counts["quarantined"] += 1


def _fixes(entry: Entry) -> FixBatch | None:
    """A batch of fixes; None for an entry of another kind, and for one that cannot be read."""
    if entry.kind != "fix":
        return None
    try:
        return FixBatch.from_bytes(entry.columns)
    except ValueError:
        return None


def _by_days(batches: Sequence[tuple[int, FixBatch]]) -> list[Sequence[tuple[int, FixBatch]]]:
    """The same in groups of few days each: nearly always one group."""
    days = [np.unique(batch.rows["time"] // DAY_US) for _, batch in batches]
    distinct = np.unique(np.concatenate(days)) if days else np.empty(0, np.int64)
    if len(distinct) <= MOST_DAYS:
        return [batches]
    whole, seq = FixBatch.concat(batch for _, batch in batches), batches[-1][0]
    on = whole.rows["time"] // DAY_US
    groups = (distinct[start : start + MOST_DAYS] for start in range(0, len(distinct), MOST_DAYS))
    return [[(seq, whole.only(np.flatnonzero(np.isin(on, group))))] for group in groups]
