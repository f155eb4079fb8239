"""Brings a database to this version's schema: `sql/NNNN_name.sql` in order, each in one transaction.

Two marks stand in the files for what differs between TimescaleDB and plain PostgreSQL:
`{{by time}}` behind CREATE TABLE, and `{{time series TABLE}}` as a statement of its own.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
import structlog

from tracking.errors import DatabaseAway, DatabaseUnfit
from tracking.series import Series, detect

log = structlog.get_logger()
DIRECTORY = Path(__file__).parent / "sql"
LOCK = 0x7461_7869  # "taxi"; one process migrates at a time
OLDEST_POSTGRESQL = 150_000
RETRY_S, CONNECT_S = 1.0, 5


@dataclass(frozen=True, slots=True)
class Migration:
    number: int
    name: str
    text: str

    @property
    def digest(self) -> str:
        return sha256(self.text.encode()).hexdigest()

    def statements(self, series: Series) -> str:
        text = self.text.replace("{{by time}}", series.by_time)
        return re.sub(r"\{\{time series (\w+)\}\}", lambda m: series.create(m[1]) + ";", text)


def migrations(directory: Path = DIRECTORY) -> Iterator[Migration]:
    """The files in order. Raises DatabaseUnfit when a number is missing or stands twice."""
    for expected, path in enumerate(sorted(directory.glob("*.sql")), 1):
        number, _, name = path.stem.partition("_")
        if int(number) != expected:
            raise DatabaseUnfit(f"{path.name}: number {expected:04} is expected here")
        yield Migration(expected, name, path.read_text("utf-8"))


def check(connection: psycopg.Connection[Any]) -> None:
    """Raises DatabaseUnfit when Chinese text would not work, or the server is too old."""
    version = connection.info.server_version
    if version < OLDEST_POSTGRESQL:
        raise DatabaseUnfit(f"PostgreSQL {version // 10_000} is too old, 15 or newer is needed")
    encoding, letters = connection.execute(
        "SELECT current_setting('server_encoding'), '昆' ~ '[[:alpha:]]'"
    ).fetchone() or ("", False)
    if encoding != "UTF8" or not letters:
        raise DatabaseUnfit(
            f"database {connection.info.dbname} has encoding {encoding} and takes 昆 for "
            f"{'a letter' if letters else 'no letter'}: create it with ENCODING 'UTF8' LC_CTYPE 'C.UTF-8'"
        )


def migrate_when_there(find: Callable[[], str], stop: threading.Event) -> str:
    """URL of a database in this version's schema. One that is away is waited for; "" where `stop` is set first.

    find  tells the URL, or raises DatabaseAway. Raises DatabaseUnfit, which waiting does not mend.
    """
    told = ""
    while not stop.is_set():
        try:
            url = find()
            migrate(url)
            return url
        except (DatabaseAway, psycopg.OperationalError) as error:
            if str(error) != told:
                log.warning("waiting for the database", cause=str(error))
            told = str(error)
            stop.wait(RETRY_S)
    return ""


def migrate(url: str, directory: Path | None = None, table: str = "migration") -> int:
    """Apply what is missing; returns how many were applied. Raises DatabaseUnfit, DatabaseAway, psycopg.Error.

    directory, table: files of another package, and where it is written down which of them were applied.
    """
    applied = 0
    try:
        session = psycopg.connect(url, autocommit=True, connect_timeout=CONNECT_S)
    except psycopg.OperationalError as error:
        raise DatabaseAway(f"the database is away: {error}") from error
    with session as connection:
        check(connection)
        connection.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        connection.execute(
            f"CREATE TABLE IF NOT EXISTS {table} (number integer PRIMARY KEY, name text NOT NULL,"
            " digest text NOT NULL, applied timestamptz NOT NULL DEFAULT now())"
        )
        done: dict[int, str] = dict(connection.execute(f"SELECT number, digest FROM {table}").fetchall())
        for migration in migrations() if directory is None else migrations(directory):
            if migration.number not in done:
                _apply(connection, migration, table)
                applied += 1
            elif done[migration.number] != migration.digest:
                raise DatabaseUnfit(
                    f"migration {migration.number:04}_{migration.name} was changed after it was applied"
                )
    return applied


def _apply(connection: psycopg.Connection[Any], migration: Migration, table: str) -> None:
    with connection.transaction():
        statements = migration.statements(detect(connection))
        connection.execute(statements)
        connection.execute(
            f"INSERT INTO {table} (number, name, digest) VALUES (%s, %s, %s)",
            (migration.number, migration.name, migration.digest),
        )
    log.info("migration applied", number=migration.number, name=migration.name)
