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
COMPRESS = (
    "ALTER TABLE {} SET (timescaledb.compress, timescaledb.compress_segmentby = 'terminal_id',"
    " timescaledb.compress_orderby = 'time, identity')"
)
"""The whole key, so that a fix which comes again is found among the compressed ones."""
CHUNKS = (
    "SELECT format('%%I.%%I', chunk_schema, chunk_name), is_compressed FROM timescaledb_information.chunks"
    " WHERE hypertable_name = %(table)s AND range_end <= %(end)s ORDER BY range_end"
)


class Series(Protocol):
    by_time: str
    """Clause behind CREATE TABLE (...)."""

    def create(self, table: str) -> str:
        """Statements that follow CREATE TABLE."""

    def ensure(self, connection: Connection, table: str, days: Iterable[date]) -> None:
        """Make room for rows of these days (UTC). Rows of other days are taken all the same."""

    def drop(self, connection: Connection, table: str, day: date) -> None:
        """Remove all rows of a day (UTC)."""

    def compresses(self, connection: Connection) -> bool:
        """Whether this database can compress the pieces of a table."""

    def compress(self, connection: Connection, table: str, before: date) -> int:
        """Compress what is older than a day (UTC), and again what changed since; returns how many pieces are new.

        Each in a transaction of its own, during which rows for that day wait.
        """


class Hypertable:
    """Chunks of a day, made by TimescaleDB as rows come.

    Compression is of its community edition: `timescaledb.license` tells. The statements are those that 2.18 knows, and
    newer versions still do beside their own words for it (columnstore).
    """

    by_time = ""

    def create(self, table: str) -> str:
        return (
            f"SELECT create_hypertable('{table}', by_range('time', INTERVAL '1 day'), create_default_indexes => false)"
        )

    def ensure(self, connection: Connection, table: str, days: Iterable[date]) -> None:
        """Nothing to do."""

    def drop(self, connection: Connection, table: str, day: date) -> None:
        start, end = day_bounds(day)
        connection.execute("SELECT drop_chunks(%s, older_than => %s, newer_than => %s)", (table, end, start))

    def compresses(self, connection: Connection) -> bool:
        return _license(connection) == "timescale"

    def compress(self, connection: Connection, table: str, before: date) -> int:
        if not self._settled(connection, table):
            connection.execute(COMPRESS.format(table))
        end = day_bounds(before)[0]
        chunks = connection.execute(CHUNKS, {"table": table, "end": end}).fetchall()
        connection.commit()
        for chunk, _ in chunks:
            connection.execute("SELECT compress_chunk(%s::regclass, if_not_compressed => true)", (chunk,))
            connection.commit()
        return sum(not compressed for _, compressed in chunks)

    @staticmethod
    def _settled(connection: Connection, table: str) -> bool:
        """Whether it was said already how the table is compressed."""
        row = connection.execute(
            "SELECT compression_enabled FROM timescaledb_information.hypertables WHERE hypertable_name = %s", (table,)
        ).fetchone()
        return row == (True,)


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

    def drop(self, connection: Connection, table: str, day: date) -> None:
        name, other = sql.Identifier(f"{table}_{day:%Y%m%d}"), sql.Identifier(f"{table}_other")
        connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(name))
        connection.execute(sql.SQL("DELETE FROM {} WHERE time >= %s AND time < %s").format(other), day_bounds(day))

    def compresses(self, connection: Connection) -> bool:
        return False

    def compress(self, connection: Connection, table: str, before: date) -> int:
        return 0

    @staticmethod
    def _add(connection: Connection, table: str, name: str, day: date) -> None:
        """A day's partition, with the rows of that day which had come into the default one before."""
        start, end = day_bounds(day)
        names = {"table": sql.Identifier(table), "other": sql.Identifier(f"{table}_other"), "new": sql.Identifier(name)}
        bounds = {"start": sql.Literal(start.isoformat()), "end": sql.Literal(end.isoformat())}
        for statement in (
            "CREATE TABLE {new} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)",
            "WITH moved AS (DELETE FROM {other} WHERE time >= {start} AND time < {end} RETURNING *)"
            " INSERT INTO {new} SELECT * FROM moved",
            "ALTER TABLE {table} ATTACH PARTITION {new} FOR VALUES FROM ({start}) TO ({end})",
        ):
            connection.execute(sql.SQL(statement).format(**names, **bounds))


def day_bounds(day: date) -> tuple[datetime, datetime]:
    """When a day begins and ends, UTC."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return start, start + timedelta(days=1)


def detect(connection: Connection) -> Series:
    """The kind for a new database. Raises DatabaseUnfit for a TimescaleDB that would lose rows."""
    row = connection.execute(
        "SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb'"
    ).fetchone()
    if row is None:
        return Partitioned()
    (loaded,) = connection.execute("SHOW shared_preload_libraries").fetchone() or ("",)
    if "timescaledb" not in loaded and not _license(connection):
        log.warning("TimescaleDB is installed but not in shared_preload_libraries: using native partitions")
        return Partitioned()
    version = tuple(int(n) for n in row[0].split("-")[0].split("."))
    if version < OLDEST_TIMESCALE:
        wanted = ".".join(map(str, OLDEST_TIMESCALE))
        raise DatabaseUnfit(f"TimescaleDB {row[0]} is too old, {wanted} or newer is needed")
    connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
    return Hypertable()


def _license(connection: Connection) -> str | None:
    """Of the TimescaleDB that is at work in this database; None where none is."""
    (license,) = connection.execute("SELECT current_setting('timescaledb.license', true)").fetchone() or (None,)
    return license


def of(connection: Connection, table: str) -> Series:
    """The kind that an existing table has."""
    row = connection.execute("SELECT relkind = 'p' FROM pg_class WHERE oid = to_regclass(%s)", (table,)).fetchone()
    return Partitioned() if row == (True,) else Hypertable()
