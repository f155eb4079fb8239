"""Days of positions that left the database: Parquet files with checksums, a row group for every few terminals.

A file stands alone: it names its terminals by their keys, times are microseconds UTC, units are those of `position`,
NaN and -1 mean "not reported" there, too. `tracking.queries` reads it as if its rows were still in the table.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import structlog
from psycopg import IsolationLevel

from gateway.disk import synchronise
from tracking.columns import COLUMNS, EPOCH_2000_US, FIXED, HEAD, MICROSECONDS, ROW, TAIL
from tracking.errors import ArchiveDamaged, TrackingError
from tracking.series import day_bounds, of

log = structlog.get_logger()
Connection = psycopg.Connection[Any]
TERMINALS_EACH = 50
"""In one row group: to read a vehicle's day, a fiftieth part of the file or less is decompressed."""
ATTEMPTS = 3
"""A day in which fixes keep coming while it is written is left for the next time."""
ZONED = pa.timestamp("us", tz="UTC")
OF_DAY = "time >= %(start)s AND time < %(end)s"
SUM = f"SELECT count(*), coalesce(bit_xor(identity), 0) FROM position WHERE {OF_DAY}"
"""What tells a day's rows from those with one more or one less."""


@dataclass(frozen=True, slots=True)
class Archived:
    """A file of the archive."""

    file: Path
    day: date
    fixes: int
    size: int
    sha256: bytes


def keep(db: Connection, directory: Path, before: date) -> Sequence[Archived]:
    """Move all days (UTC) before a date to files, but those that are still to be rolled up."""
    days = db.execute(
        "SELECT DISTINCT (time AT TIME ZONE 'UTC')::date AS day FROM position WHERE time < %s"
        " EXCEPT SELECT day FROM touched_day ORDER BY day",
        (day_bounds(before)[0],),
    ).fetchall()
    db.commit()
    return [made for (day,) in days if (made := _move(db, directory, day)) is not None]


def _move(db: Connection, directory: Path, day: date) -> Archived | None:
    """One day, from the table to its file. None where fixes of it keep coming."""
    (parts,) = db.execute("SELECT count(*) FROM archive WHERE day = %s", (day,)).fetchone() or (0,)
    db.commit()
    file = directory / f"{day:%Y}" / f"position-{day:%Y%m%d}-{parts + 1}.parquet"
    for _ in range(ATTEMPTS):
        copied = _write(db, file, day)
        made = Archived(file, day, copied[0], file.stat().st_size, _digest(file))
        if _drop(db, made, copied):
            log.info("day archived", day=str(day), file=str(file), fixes=made.fixes, bytes=made.size)
            return made
    file.unlink()
    log.warning("day not archived: fixes of it keep coming", day=str(day))
    return None


def _drop(db: Connection, made: Archived, copied: tuple[int, int]) -> bool:
    """Drop what the file holds, unless the table holds something else by now.

    Nobody writes while the table is locked, so the day's rows are counted before. Who wrote since then has left word in
    `touched_day`; only then are they counted again.
    """
    with db.transaction():
        if db.execute(SUM, _bounds(made.day)).fetchone() != copied:
            return False
    with db.transaction():
        db.execute("LOCK TABLE position IN ACCESS EXCLUSIVE MODE")
        touched = db.execute("SELECT FROM touched_day WHERE day = %s LIMIT 1", (made.day,)).fetchone() is not None
        if touched and db.execute(SUM, _bounds(made.day)).fetchone() != copied:
            return False
        of(db, "position").drop(db, "position", made.day)
        db.execute(
            "INSERT INTO archive (file, day, fixes, bytes, sha256) VALUES (%s, %s, %s, %s, %s)",
            (str(made.file), made.day, made.fixes, made.size, made.sha256),
        )
    return True


def _bounds(day: date) -> dict[str, datetime]:
    start, end = day_bounds(day)
    return {"start": start, "end": end}


# writing


def _write(db: Connection, file: Path, day: date) -> tuple[int, int]:
    """A day as it is now -> a durable file; its count and sum. Raises TrackingError where the file holds less."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_suffix(".new")
    with snapshot(db):
        row = db.execute(SUM, _bounds(day)).fetchone()
        with pq.ParquetWriter(fresh, SCHEMA, compression="zstd") as writer:
            for table in _groups(db, day):
                writer.write_table(table)
    assert row is not None
    if (written := pq.read_metadata(fresh).num_rows) != row[0]:
        raise TrackingError(f"{fresh} holds {written} fixes of {row[0]}")
    synchronise(fresh)
    fresh.replace(file)
    synchronise(file.parent)
    return int(row[0]), int(row[1])


@contextmanager
def snapshot(db: Connection) -> Iterator[None]:
    """All statements inside see the same rows."""
    db.isolation_level = IsolationLevel.REPEATABLE_READ
    try:
        with db.transaction():
            yield
    finally:
        db.isolation_level = None


def _groups(db: Connection, day: date) -> Iterator[pa.Table]:
    terminals = db.execute(
        f"SELECT id, key FROM terminal WHERE id IN (SELECT terminal_id FROM position WHERE {OF_DAY}) ORDER BY id",
        _bounds(day),
    ).fetchall()
    for start in range(0, len(terminals), TERMINALS_EACH):
        yield rows_in(db, *day_bounds(day), dict(terminals[start : start + TERMINALS_EACH]))


def rows_in(
    db: Connection, start: datetime, end: datetime, keys: Mapping[int, str], source: str = "position"
) -> pa.Table:
    """Rows of `position`, or of a table like it, with start <= time < end, in the form of the archive's files.

    keys  of the terminals wanted, by id; rows are in the order of (id, time, identity)
    """
    values = {"start": start, "end": end, "ids": list(keys)}
    rest = f"FROM {source} WHERE {OF_DAY} AND terminal_id = ANY(%(ids)s) ORDER BY terminal_id, time, identity"
    fixed = ", ".join(name for name, _ in FIXED)
    with db.cursor() as cursor:
        with cursor.copy(f"COPY (SELECT {fixed}, NULL::jsonb {rest}) TO STDOUT (FORMAT BINARY)", values) as copy:
            stream = b"".join(copy)
        rows = np.frombuffer(stream[len(HEAD) : -len(TAIL)], ROW)
        texts = [text for (text,) in cursor.execute(f"SELECT attributes::text {rest}", values)]
    columns = [pa.array([keys[i] for i in rows["terminal_id"].tolist()], pa.string())]
    for name, code in FIXED:
        column = rows[name].astype(np.dtype(code).newbyteorder("="))
        columns.append(pa.array(column + EPOCH_2000_US, ZONED) if name in MICROSECONDS else pa.array(column))
    return pa.Table.from_arrays([*columns, pa.array(texts, pa.string())], schema=SCHEMA)


SCHEMA = pa.schema(
    [("terminal", pa.string())]
    + [
        (name, ZONED if name in MICROSECONDS else pa.from_numpy_dtype(np.dtype(code).newbyteorder("=")))
        for name, code in FIXED
    ]
    + [(COLUMNS[-1], pa.string())]
)


# reading


def _digest(file: Path) -> bytes:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").digest()


@lru_cache(maxsize=10_000)
def _digest_at(file: Path, size: int, changed_ns: int) -> bytes:
    """Its checksum, computed once for as long as the file system tells the same of it."""
    return _digest(file)


def damaged(db: Connection) -> dict[str, str]:
    """Files that are not as they were written, and what is wrong with them."""
    found = {}
    for name, digest in db.execute("SELECT file, sha256 FROM archive ORDER BY file").fetchall():
        file = Path(name)
        if not file.exists():
            found[name] = "missing"
        elif _digest(file) != digest:
            found[name] = "its checksum is another one"
    return found


def rows_of_terminals(piece: Archived, keys: Collection[str], start: datetime, end: datetime) -> pa.Table:
    """Rows of a file as they stand there, with start <= time < end. Raises ArchiveDamaged."""
    within = [("terminal", "in", list(keys)), ("time", ">=", start), ("time", "<", end)]
    try:
        _check(piece)
        return pq.read_table(piece.file, filters=within, schema=SCHEMA)
    except (OSError, pa.ArrowException) as error:
        raise ArchiveDamaged(piece.file, piece.day, f"cannot be read: {error}") from error


def pieces(db: Connection, day: date) -> list[Archived]:
    """Files of a day (UTC), in the order in which they were made."""
    rows = db.execute("SELECT file, day, fixes, bytes, sha256 FROM archive WHERE day = %s ORDER BY made, file", (day,))
    return [Archived(Path(row[0]), *row[1:]) for row in rows.fetchall()]


def terminals_of(piece: Archived) -> set[str]:
    """Keys of the terminals in a file. Raises ArchiveDamaged."""
    try:
        _check(piece)
        return set(pq.read_table(piece.file, columns=["terminal"]).column(0).unique().to_pylist())
    except (OSError, pa.ArrowException) as error:
        raise ArchiveDamaged(piece.file, piece.day, f"cannot be read: {error}") from error


def rows_of(piece: Archived, terminal_id: int, start: datetime, end: datetime) -> list[dict[str, Any]]:
    """Rows of a terminal with start <= time < end, by name, in order of their time.

    Raises ArchiveDamaged where the file is missing, is not as it was written, or cannot be read.
    """
    try:
        _check(piece)
        within = [("terminal_id", "=", terminal_id), ("time", ">=", start), ("time", "<", end)]
        rows: list[dict[str, Any]] = _as_said(pq.read_table(piece.file, filters=within)).to_pylist()
        return rows
    except (OSError, pa.ArrowException) as error:
        raise ArchiveDamaged(piece.file, piece.day, f"cannot be read: {error}") from error


def _check(piece: Archived) -> None:
    told = piece.file.stat()
    if told.st_size != piece.size:
        raise ArchiveDamaged(piece.file, piece.day, f"has {told.st_size} bytes instead of {piece.size}")
    if _digest_at(piece.file, told.st_size, told.st_mtime_ns) != piece.sha256:
        raise ArchiveDamaged(piece.file, piece.day, "was changed: its checksum is another one")


def _as_said(table: pa.Table) -> pa.Table:
    """Single floats by their shortest digits, as the database tells them: 24.79213, not 24.792129516601562."""
    for i, field in enumerate(table.schema):
        if pa.types.is_float32(field.type):
            table = table.set_column(i, field.name, table.column(i).cast(pa.string()).cast(pa.float64()))
    return table
