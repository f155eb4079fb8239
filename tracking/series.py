"""How a table is kept in pieces by time: TimescaleDB's hypertables, or native partitions by day.

Which one is asked of the database, never configured. Everything else runs the same on both.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any, Protocol

import psycopg
import structlog
from psycopg import sql

from tracking.errors import DatabaseUnfit

log = structlog.get_logger()
Connection = psycopg.Connection[Any]
OLDEST_TIMESCALE = (2, 18, 1)
"""Before it, ON CONFLICT DO NOTHING into a compressed chunk dropped rows."""
OLDEST, AHEAD, MOST_NEW = timedelta(days=400), timedelta(days=1), 16
"""Which days get a partition of their own, and how many in one transaction."""


class Series(Protocol):
    by_time: str
    """Clause behind CREATE TABLE (...)."""

    def create(self, table: str) -> str:
        """Statements that follow CREATE TABLE."""

    def ensure(self, connection: Connection, table: str, days: Iterable[date]) -> None:
        """Make room for rows of these days (UTC). Rows of other days are taken all the same."""


class Hypertable:
    """Chunks of a day, made by TimescaleDB as rows come."""

    by_time = ""

    def create(self, table: str) -> str:
        return (
            f"SELECT create_hypertable('{table}', by_range('time', INTERVAL '1 day'), create_default_indexes => false)"
        )

    def ensure(self, connection: Connection, table: str, days: Iterable[date]) -> None:
        """Nothing to do."""


class Partitioned:
    """Native partitions of a day, made by the writer; odd days fall into a default partition."""

    by_time = "PARTITION BY RANGE (time)"

    def create(self, table: str) -> str:
        return f"CREATE TABLE {table}_other PARTITION OF {table} DEFAULT"

    def ensure(self, connection: Connection, table: str, days: Iterable[date]) -> None:
        """The newest few of the days that are not older than a year; the rest stays in the default partition.

        Each partition takes a lock until the transaction ends, and locks are few: one terminal whose
        clock has run wild must not use them up.
        """
        today = datetime.now(UTC).date()
        recent = (day for day in sorted(days, reverse=True) if today - OLDEST <= day <= today + AHEAD)
        for day in islice(recent, MOST_NEW):
            name = f"{table}_{day:%Y%m%d}"
            if connection.execute("SELECT to_regclass(%s)", (name,)).fetchone() == (None,):
                self._add(connection, table, name, day)

    @staticmethod
    def _add(connection: Connection, table: str, name: str, day: date) -> None:
        """A day's partition, with the rows of that day which had come into the default one before."""
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        names = {"table": sql.Identifier(table), "other": sql.Identifier(f"{table}_other"), "new": sql.Identifier(name)}
        bounds = {"start": sql.Literal(start.isoformat()), "end": sql.Literal((start + timedelta(days=1)).isoformat())}
        for statement in (
            "CREATE TABLE {new} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)",
            "WITH moved AS (DELETE FROM {other} WHERE time >= {start} AND time < {end} RETURNING *)"
            " INSERT INTO {new} SELECT * FROM moved",
            "ALTER TABLE {table} ATTACH PARTITION {new} FOR VALUES FROM ({start}) TO ({end})",
        ):
            connection.execute(sql.SQL(statement).format(**names, **bounds))


def detect(connection: Connection) -> Series:
    """The kind for a new database. Raises DatabaseUnfit for a TimescaleDB that would lose rows."""
    row = connection.execute(
        "SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb'"
    ).fetchone()
    if row is None:
        return Partitioned()
    (loaded,) = connection.execute("SHOW shared_preload_libraries").fetchone() or ("",)
    if "timescaledb" not in loaded:
        log.warning("TimescaleDB is installed but not in shared_preload_libraries: using native partitions")
        return Partitioned()
    version = tuple(int(n) for n in row[0].split("-")[0].split("."))
    if version < OLDEST_TIMESCALE:
        wanted = ".".join(map(str, OLDEST_TIMESCALE))
        raise DatabaseUnfit(f"TimescaleDB {row[0]} is too old, {wanted} or newer is needed")
    connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
    return Hypertable()


def of(connection: Connection, table: str) -> Series:
    """The kind that an existing table has."""
    row = connection.execute("SELECT relkind = 'p' FROM pg_class WHERE oid = to_regclass(%s)", (table,)).fetchone()
    return Partitioned() if row == (True,) else Hypertable()
