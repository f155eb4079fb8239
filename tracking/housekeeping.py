"""The daily work on the history: room is made for tomorrow, days are rolled up, old ones compressed or moved to files.

It runs in a thread of its own beside the writer, with a connection of its own that waits for no lock for long. What it
last did, and when it is due, stands in table `housekeeping`: a process that was away at that hour catches up.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import structlog
from psycopg import AsyncConnection, errors
from psycopg.types.json import Jsonb

from tracking import archive
from tracking.errors import TrackingError
from tracking.roads.learned import learn
from tracking.rollup import roll_up
from tracking.series import of

log = structlog.get_logger()
Connection = psycopg.Connection[Any]
LOCK = 0x6B65_6570  # "keep"; one process at a time
AGAIN = timedelta(minutes=10)
"""After a run that failed, and after one that found another process at work."""
LEARN_FROM = timedelta(days=56)
"""Speeds of roads are those of the last eight weeks."""
RETRY_S, LOOK_S, CANCEL_S = 5.0, 30.0, 0.2
SESSION: Mapping[str, Any] = {
    "application_name": "taxihub housekeeping", "connect_timeout": 5, "options": "-c lock_timeout=2s",
}  # fmt: skip
"""Who waits for a lock on a table holds up all who come behind; the writer is never held up for longer than this."""


@dataclass(frozen=True, slots=True)
class Rules:
    """directory      of the archive
    zone           IANA name; days are rolled up by it, and `at` is its time of day
    keep_days      of positions that stay in the database; 0: all
    compress_days  after which they are compressed, where the database can; 0: never
    at             when the daily work is due
    """

    directory: Path
    zone: str
    keep_days: int = 0
    compress_days: int = 0
    at: time = time(3, 30)

    def due(self, after: datetime) -> datetime:
        """The first time of the daily work behind a moment, UTC."""
        local = after.astimezone(ZoneInfo(self.zone))
        today = datetime.combine(local, self.at, ZoneInfo(self.zone))
        day = local.date() if today > local else local.date() + timedelta(days=1)
        return datetime.combine(day, self.at, ZoneInfo(self.zone)).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Done:
    """What a run did: days rolled up, days and fixes moved to files, chunks compressed.

    compression  "on", "off" by the rules, or "unavailable" in this database
    """

    rolled_up: int
    moved: int
    fixes: int
    compressed: int
    compression: str


@dataclass(frozen=True, slots=True)
class State:
    """What table `housekeeping` says; None: never, or not known. `result` has the keys of `Done`.

    working  a process is at it now
    """

    working: bool
    next: datetime | None
    started: datetime | None
    ended: datetime | None
    succeeded: datetime | None
    result: Mapping[str, Any] | None
    error: str | None


class Busy(TrackingError):
    """Another process is at the daily work."""


async def state(db: AsyncConnection[Any]) -> State:
    cursor = await db.execute(
        "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = 0 AND objid = %s AND granted"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())),"
        " next, started, ended, succeeded, result, error FROM housekeeping",
        (LOCK,),
    )
    row = await cursor.fetchone()
    assert row is not None
    said: list[Any] = [value.astimezone(UTC) if isinstance(value, datetime) else value for value in row]
    return State(*said)


def _work(db: Connection, rules: Rules, now: datetime) -> Done:
    series, today = of(db, "position"), now.date()
    series.ensure(db, "position", [today, today + timedelta(days=1)])
    db.commit()
    rolled = roll_up(db, rules.zone, now)
    log.info("speeds of roads learned", roads_and_hours=learn(db, now - LEARN_FROM, rules.zone))
    moved: list[archive.Archived] = []
    if rules.keep_days:
        moved.extend(archive.keep(db, rules.directory, today - timedelta(days=rules.keep_days)))
    compressed, compression = 0, "off"
    if rules.compress_days:
        compression = "on" if series.compresses(db) else "unavailable"
        if compression == "on":
            compressed = series.compress(db, "position", today - timedelta(days=rules.compress_days))
    db.commit()
    return Done(rolled, len(moved), sum(one.fixes for one in moved), compressed, compression)


@contextmanager
def _alone(db: Connection) -> Iterator[None]:
    """Raises Busy where another connection is inside."""
    got = db.execute("SELECT pg_try_advisory_lock(%s)", (LOCK,)).fetchone()
    db.commit()
    if got != (True,):
        raise Busy("another process is at the daily work already")
    try:
        yield
    finally:
        if not db.closed:
            db.rollback()
            db.execute("SELECT pg_advisory_unlock(%s)", (LOCK,))
            db.commit()


def _tell(db: Connection, what: str, *values: object) -> None:
    db.execute(f"UPDATE housekeeping SET {what}", values)
    db.commit()


class Housekeeper:
    """Does the daily work: `once`, or whenever it is due until `stop` is set."""

    def __init__(self, url: str, rules: Rules, stop: threading.Event) -> None:
        self._url, self._rules, self._stop = url, rules, stop
        self._db: Connection | None = None

    def once(self, now: datetime) -> Done:
        """Now. Word of it is stored, also of a failure. Raises Busy, TrackingError, psycopg.Error and OSError."""
        try:
            with self._connected() as db, _alone(db):
                _tell(db, "started = clock_timestamp(), ended = NULL")
                done = _work(db, self._rules, now)
                good = "ended = statement_timestamp(), succeeded = statement_timestamp(), error = NULL, result = %s"
                _tell(db, good, Jsonb(asdict(done)))
                return done
        except Busy:
            raise
        except Exception as error:
            if not self._stop.is_set():
                self._regret(error)
            raise

    def _regret(self, error: Exception) -> None:
        """By a fresh connection, since it may be the other one that broke."""
        cause = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, errors.LockNotAvailable):
            cause = f"somebody held a table for too long ({cause})"
        with suppress(psycopg.Error), self._connected() as db:
            _tell(db, "ended = clock_timestamp(), error = %s", cause)

    @contextmanager
    def beside(self) -> Iterator[None]:
        """At work while the block runs. What it is in the middle of is given up then, and done at the next start."""
        thread = threading.Thread(target=self.run, name="housekeeping")
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            while thread.is_alive():
                if (db := self._db) is not None:
                    with suppress(psycopg.Error):
                        db.cancel_safe(timeout=CANCEL_S)
                thread.join(CANCEL_S)

    def run(self) -> None:
        """Whenever it is due, until `stop` is set. A database that is away is waited for."""
        due: datetime | None = None
        told = ""
        while not self._stop.is_set():
            try:
                due = self._do_when_due(due)
                told = ""
            except psycopg.Error as error:
                if str(error) != told and not self._stop.is_set():
                    log.warning("housekeeping waits", cause=str(error))
                told, due = str(error), None
                self._stop.wait(RETRY_S)

    def _do_when_due(self, due: datetime | None) -> datetime:
        """Wait a while for the hour, or work; returns when it is due next."""
        now = datetime.now(UTC)
        if due is None or due <= now:
            due = self._plan(now)  # another process may have been quicker
        if due <= now:
            return self._do(now)
        self._stop.wait(min(LOOK_S, (due - now).total_seconds()))
        return due

    def _do(self, now: datetime) -> datetime:
        """The daily work; what goes wrong is told and tried again. Returns when."""
        due = self._rules.due(now)
        try:
            done = self.once(now)
        except Busy as error:
            log.info("housekeeping waits", cause=str(error))
            return now + AGAIN
        except Exception:
            if self._stop.is_set():
                return now
            due = min(due, now + AGAIN)
            log.exception("housekeeping failed", again=due.isoformat())
        else:
            log.info("housekeeping done", **asdict(done), next=due.isoformat())
        self._say(due)
        return due

    def _plan(self, now: datetime) -> datetime:
        """What was missed, or failed, is due as it was said; the next regular run by the rules of today."""
        with self._connected() as db:
            row = db.execute("SELECT next, error IS NOT NULL FROM housekeeping").fetchone()
        said, failed = row or (None, False)
        due: datetime = said if said and (failed or said <= now) else self._rules.due(now)
        if due != said:
            self._say(due)
            log.info("housekeeping", next=due.isoformat())
        return due

    def _say(self, due: datetime) -> None:
        with self._connected() as db:
            _tell(db, "next = %s", due)

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        with psycopg.connect(self._url, **SESSION) as db:
            self._db = db
            try:
                yield db
            finally:
                self._db = None
