"""The writer: spool -> database, each read of the spool in one transaction with its offset.

While it is behind, a thread reads the spool and builds the next streams as the database stores the last.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

import psycopg
import structlog

from gateway.report import moment
from gateway.spool import Entry, SpoolError, StorageFull
from tracking.errors import DatabaseAway
from tracking.intake import Intake
from tracking.load import Load
from tracking.store import Refusal, Store

log = structlog.get_logger()
RETRY_S = 1.0
READER = "tracking"
READ_BYTES, MOST_BYTES = 2 << 20, 16 << 20
"""Of columns in one transaction: some 18,000 fixes, twice as many whenever more is waiting, 140,000 at most."""
MOST_UNFLUSHED = 16
"""Transactions in a row that do not wait for their write-ahead log."""
SESSION: dict[str, Any] = {
    "application_name": "taxihub writer",
    "connect_timeout": 5, "tcp_user_timeout": 30_000,
    "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3,
    "options": "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3",
}  # fmt: skip
"""A server that falls silent is given up, and looked for again; so does the server with a writer."""
ALONE = "SELECT pg_advisory_lock(hashtextextended('taxihub writer ' || %s, 0))"
"""A spool has one writer at a time; another one waits."""


class Source(Protocol):
    """Where entries come from, in order: a spool of this machine, or what another one ships. Raises SpoolError."""

    id: str

    def first(self) -> int:
        """Oldest sequence number that is still there; 0 where nothing is."""

    def given(self) -> int:
        """Newest sequence number that there ever was: one behind what is stored tells of a spool put back in time."""

    def read(self, after: int, limit_bytes: int) -> Sequence[Entry]:
        """Entries behind `after`, up to so many bytes of columns; at least one where there is one."""

    def passed(self, seq: int) -> None:
        """Everything up to `seq` is committed, so that it outlives a crash. May raise StorageFull."""

    def close(self) -> None: ...


@dataclass
class Writer:
    """Follows one source; `run` is meant for a thread of its own.

    url       the database
    source    opens it; raises SpoolError while it is not there
    poll_s    pause after a read that found nothing
    lock_s    a lock that somebody holds for longer is told in the log and asked for again
    revive    called before a database that went away is looked for again
    """

    url: str
    source: Callable[[], Source]
    stop: threading.Event
    poll_s: float = 0.2
    lock_s: float = 5
    revive: Callable[[], object] = lambda: None
    counts: Counter[str] = field(default_factory=Counter)
    _told: int = -1
    _disk_full: bool = False

    def run(self) -> None:
        """Write until `stop` is set. A database or a spool that is away, and a full disk, are waited for."""
        away = ""
        while not self.stop.is_set():
            try:
                if away:
                    self.revive()
                with (
                    psycopg.connect(self.url, **SESSION) as connection,
                    closing(self.source()) as reader,
                ):
                    connection.execute(f"SET lock_timeout = '{self.lock_s}s'")
                    connection.execute(ALONE, (reader.id,))
                    log.info("writer connected", spool=reader.id)
                    self._follow(connection, reader)
            except (psycopg.Error, SpoolError, StorageFull, DatabaseAway) as error:
                if str(error) != away:
                    log.warning("writer waits", cause=str(error))
                away = str(error)
                self.counts["waits"] += 1
                self.stop.wait(RETRY_S)

    def _follow(self, connection: psycopg.Connection, reader: Source) -> None:
        store = Store(connection)
        store.flush(reader.id)  # what a writer before this one left may not be
        offset = store.offset(reader.id)
        connection.commit()
        if (given := reader.given()) < offset:
            log.error("the spool went back, it is read anew", stored_up_to=offset, spool_ends_at=given)
            store.advance(reader.id, 0, datetime.now(UTC))
            connection.commit()
            offset = 0
        if (first := reader.first()) > offset + 1:
            log.error("entries are missing from the spool", stored_up_to=offset, spool_begins_at=first)
        self._told = -1
        intake = Intake(store, lambda refusal: self._quarantine(store, reader.id, refusal), self.counts)
        unflushed = 0
        with closing(_loads(reader, store, offset)) as loads:
            for load, behind in loads:
                if unflushed and (load is None or self.stop.is_set() or unflushed >= MOST_UNFLUSHED):
                    store.flush(reader.id)
                    unflushed = 0
                if not unflushed:
                    self._tell(reader, offset)
                if self.stop.is_set():
                    return
                if load is None:
                    self.stop.wait(self.poll_s)
                    continue
                _write(intake, reader.id, load, flush=not behind)
                offset, unflushed = load.seq, unflushed + 1 if behind else 0
                if not unflushed:
                    self._tell(reader, offset)

    def _tell(self, reader: Source, offset: int) -> None:
        """Let the gateway trim what is stored. Where the disk is too full to say so, it is said later."""
        if offset == self._told:
            return
        try:
            reader.passed(offset)
        except StorageFull as error:
            if not self._disk_full:
                log.error("the spool is not trimmed", cause=str(error))
            self._disk_full = True
        else:
            self._told, self._disk_full = offset, False

    def _quarantine(self, store: Store, spool: str, refusal: Refusal) -> None:
        log.error("quarantined", spool=spool, seq=refusal.seq, terminal=refusal.terminal, cause=refusal.cause)
        store.quarantine(spool, refusal)
        self.counts["quarantined"] += 1


def _loads(reader: Source, store: Store, offset: int) -> Generator[tuple[Load | None, bool]]:
    """What follows in the spool, None where nothing does yet, and whether more of it is being made ready already."""
    coming: Future[Load | None] | None = None
    limit = READ_BYTES
    with ThreadPoolExecutor(1, "ahead") as thread:
        while True:
            load = (coming.result() if coming else None) or _read(reader, store, offset, limit)
            coming = None
            if load is not None and load.size >= limit:
                offset, limit = load.seq, min(2 * limit, MOST_BYTES)
                coming = thread.submit(_read, reader, store, offset, limit)
            elif load is not None:
                offset, limit = load.seq, READ_BYTES
            yield load, coming is not None


def _read(reader: Source, store: Store, after: int, limit: int) -> Load | None:
    entries = reader.read(after, limit)
    return Load.of(entries, store.encode) if entries else None


def _write(intake: Intake, spool: str, load: Load, *, flush: bool) -> None:
    """Entries and their offset in one transaction.

    Without `flush` a crash of the server may undo it for a moment: rows and offset alike, so that they are read
    again, which the spool holds until a later transaction was flushed.

    Of fixes on more days than one transaction should touch, parts go ahead in transactions of their
    own: interrupted between them, everything is read again and nothing stands twice.
    """
    store = intake.store
    for part in load.parts[:-1]:
        with store.transaction():
            intake.store_fixes(part)
    with store.transaction():
        if not flush:
            store.hurry()
        for entry in load.others:
            intake.take(entry)
        for part in load.parts[-1:]:
            intake.store_fixes(part)
        store.advance(spool, load.seq, moment(load.entries[-1].received))
