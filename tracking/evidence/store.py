"""What evidence says to the database. Everything runs inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from operator import xor
from typing import Any

import numpy as np
import psycopg

from tracking import archive
from tracking.archive import Archived
from tracking.evidence import merkle
from tracking.evidence.checkpoint import Checkpoint
from tracking.evidence.leaves import KEY, Key, Rows, rows
from tracking.series import day_bounds

Connection = psycopg.Connection[Any]
HOUR = timedelta(hours=1)
FIX = "position"
"""The kind of parts that hold fixes."""
NOW = """
SELECT terminal_id, date_trunc('hour', time, 'UTC') AS hour, count(*), bit_xor(identity)
FROM position WHERE time >= %s AND time < %s GROUP BY 1, 2
"""
SEALED = """
SELECT name, hour, sum(size)::bigint, bit_xor(digest) FROM evidence_part
WHERE kind = 'position' AND hour >= %s AND hour < %s GROUP BY 1, 2
"""
PARTS = "SELECT seal, kind, name, hour, keys, leaves, root FROM evidence_part"


@dataclass(frozen=True, slots=True)
class Part:
    """A tree of a seal.

    hour    of its fixes, or of its seal
    keys    of the rows: `leaves.KEY` records, or texts with line ends between
    leaves  their hashes, 32 bytes each
    root    as stored
    """

    seal: int
    kind: str
    name: str
    hour: datetime
    keys: bytes
    leaves: bytes
    root: bytes

    @property
    def hashes(self) -> list[bytes]:
        return [self.leaves[at : at + merkle.SIZE] for at in range(0, len(self.leaves), merkle.SIZE)]

    @property
    def entry(self) -> bytes:
        """What of it stands in the seal's tree."""
        return part_entry(self.kind, self.name, self.hour, len(self.leaves) // merkle.SIZE, self.root)

    @property
    def order(self) -> tuple[str, datetime, str]:
        return self.kind, self.hour, self.name

    def fixes(self) -> list[Key]:
        keys = np.frombuffer(self.keys, KEY)
        return list(zip(keys["time"].tolist(), keys["identity"].tolist(), strict=True))

    def records(self) -> list[str]:
        return self.keys.decode().split("\n")


def fix_part(seal: int, terminal: str, hour: datetime, keys: Sequence[Key], hashes: Sequence[bytes]) -> Part:
    return Part(seal, FIX, terminal, hour, np.array(keys, KEY).tobytes(), b"".join(hashes), merkle.root(hashes))


def record_part(seal: int, kind: str, hour: datetime, keys: Sequence[str], hashes: Sequence[bytes]) -> Part:
    return Part(seal, kind, "", hour, "\n".join(keys).encode(), b"".join(hashes), merkle.root(hashes))


def part_entry(kind: str, name: str, hour: datetime, size: int, root: bytes) -> bytes:
    return f"{kind}\n{name}\n{int(hour.timestamp())}\n{size}\n{root.hex()}".encode()


# the chain


def chain(db: Connection, after: int = 0) -> list[Checkpoint]:
    """Checkpoints in the order of their numbers."""
    rows_ = db.execute("SELECT header, signature FROM evidence_seal WHERE number > %s ORDER BY number", (after,))
    return [Checkpoint(*row) for row in rows_.fetchall()]


def last(db: Connection) -> Checkpoint | None:
    row = db.execute("SELECT header, signature FROM evidence_seal ORDER BY number DESC LIMIT 1").fetchone()
    return Checkpoint(*row) if row else None


def add(db: Connection, one: Checkpoint) -> None:
    header = one.header
    db.execute(
        "INSERT INTO evidence_seal (number, at, header, signature) VALUES (%s, %s, %s, %s)",
        (header.number, header.time, one.content, one.signature),
    )


def put(db: Connection, part: Part) -> None:
    digest = reduce(xor, (identity for _, identity in part.fixes()), 0) if part.kind == FIX else 0
    db.execute(
        "INSERT INTO evidence_part (seal, kind, name, hour, size, digest, keys, leaves, root)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            part.seal, part.kind, part.name, part.hour, len(part.leaves) // merkle.SIZE, digest, part.keys,
            part.leaves, part.root,
        ),
    )  # fmt: skip


def parts(db: Connection, *, seal: int | None = None, kind: str | None = None) -> Iterator[Part]:
    """Of a seal, or of a kind other than fixes in the order of the seals."""
    condition, value = ("seal = %s", seal) if kind is None else ("kind = %s", kind)
    for row in db.execute(f"{PARTS} WHERE {condition} ORDER BY seal", (value,)):
        yield Part(*row)


def tree(db: Connection, seal: int) -> list[tuple[tuple[str, datetime, str], bytes]]:
    """A seal's parts in the order of its tree, each with its entry there."""
    rows_ = db.execute("SELECT kind, hour, name, size, root FROM evidence_part WHERE seal = %s", (seal,)).fetchall()
    return sorted(
        ((kind, hour, name), part_entry(kind, name, hour, size, root)) for kind, hour, name, size, root in rows_
    )


def newest_part(db: Connection, kind: str, key: str) -> Part | None:
    """The last one that holds a record."""
    found = db.execute(
        f"{PARTS} WHERE kind = %s AND %s = ANY(string_to_array(convert_from(keys, 'UTF8'), E'\n'))"
        " ORDER BY seal DESC LIMIT 1",
        (kind, key),
    ).fetchone()
    return Part(*found) if found else None


def parts_of(db: Connection, terminals: Collection[str], start: datetime, end: datetime) -> list[Part]:
    """Of the fixes of these terminals with start <= time < end, full hours, in the order of the seals."""
    values = (start, end, list(terminals))
    found = db.execute(f"{PARTS} WHERE kind = 'position' AND hour >= %s AND hour < %s AND name = ANY(%s)", values)
    return sorted((Part(*row) for row in found.fetchall()), key=lambda part: part.seal)


def spools(db: Connection) -> dict[str, int]:
    return dict(db.execute("SELECT spool, seq FROM spool_offset ORDER BY spool").fetchall())


# what is due


@dataclass(frozen=True, slots=True)
class Due:
    """What came since the last seal.

    days     with the marks by which they were noted
    records  keys by kind
    groups   terminal ids and hours of which fixes were corrected
    ids      of the lines that say so
    """

    days: Mapping[date, Sequence[tuple[int, int]]]
    records: Mapping[str, Sequence[str]] = field(default_factory=dict)
    groups: Collection[tuple[int, datetime]] = ()
    ids: Sequence[int] = ()


def due(db: Connection, most_days: int | None = None, most: int | None = None) -> Due:
    """The newest days and the oldest records, at most so many."""
    days: dict[date, list[tuple[int, int]]] = {}
    for day, writer, times in db.execute("SELECT day, writer, times FROM seal_due ORDER BY day DESC").fetchall():
        if day in days or most_days is None or len(days) < most_days:
            days.setdefault(day, []).append((writer, times))
    lines = db.execute("SELECT id, kind, key FROM evidence_due ORDER BY id LIMIT %s", (most,)).fetchall()
    records: dict[str, dict[str, None]] = {}
    groups = set()
    for _, kind, key in lines:
        if kind == FIX:
            terminal, _, hour = key.partition("/")
            groups.add((int(terminal), datetime.fromtimestamp(int(hour), UTC)))
        else:
            records.setdefault(kind, {})[key] = None
    keys = {kind: list(chosen) for kind, chosen in records.items()}
    return Due(days, keys, groups, [id_ for id_, _, _ in lines])


def done_records(db: Connection, one: Due) -> None:
    db.execute("DELETE FROM evidence_due WHERE id = ANY(%s)", (list(one.ids),))


def done_days(db: Connection, one: Due) -> None:
    """A day of which more came meanwhile stays due."""
    for day, marks in one.days.items():
        for writer, times in marks:
            db.execute("DELETE FROM seal_due WHERE (day, writer, times) = (%s, %s, %s)", (day, writer, times))


# fixes


def changed(db: Connection, day: date) -> set[tuple[int, datetime]]:
    """Terminals and hours of a day (UTC) of which the table holds other fixes than were sealed."""
    bounds = day_bounds(day)
    sealed = {(name, hour): (size, digest) for name, hour, size, digest in db.execute(SEALED, bounds).fetchall()}
    now = db.execute(NOW, bounds).fetchall()
    names = terminals(db, {terminal for terminal, *_ in now})
    return {(one, hour) for one, hour, *said in now if sealed.get((names[one], hour)) != tuple(said)}


def terminals(db: Connection, ids: Collection[int]) -> dict[int, str]:
    """Keys of terminals by id; one without a row goes by its number."""
    known = dict(db.execute("SELECT id, key FROM terminal WHERE id = ANY(%s)", (list(ids),)).fetchall())
    return {one: known.get(one, f"?/{one}") for one in ids}


def terminals_on(db: Connection, pieces: Sequence[Archived], day: date) -> dict[str, int | None]:
    """All terminals with fixes, or with sealed ones, on a day (UTC): ids by key. Raises ArchiveDamaged."""
    bounds = day_bounds(day)
    ids = db.execute("SELECT DISTINCT terminal_id FROM position WHERE time >= %s AND time < %s", bounds).fetchall()
    found: dict[str, int | None] = {key: id_ for id_, key in terminals(db, {id_ for (id_,) in ids}).items()}
    names = {name for name, *_ in db.execute(SEALED, bounds).fetchall()}
    for piece in pieces:
        names |= archive.terminals_of(piece)
    return {**dict.fromkeys(sorted(names)), **found}


def fixes(
    db: Connection, pieces: Sequence[Archived], start: datetime, end: datetime, wanted: Mapping[str, int | None]
) -> dict[str, list[Rows]]:
    """Fixes with start <= time < end by terminal, from the archive's files, then from the table.

    wanted  ids of terminals by key. Raises ArchiveDamaged
    """
    tables = [archive.rows_of_terminals(piece, wanted, start, end) for piece in pieces]
    tables.append(archive.rows_in(db, start, end, {id_: key for key, id_ in wanted.items() if id_ is not None}))
    found: dict[str, list[Rows]] = {key: [] for key in wanted}
    for table in tables:
        for one in rows(table):
            found[one.terminal].append(one)
    return found


def replaced(db: Connection, start: datetime, end: datetime) -> set[bytes]:
    """Leaves of the fixes with start <= time < end that corrections took out of the table."""
    ids = db.execute(
        "SELECT DISTINCT terminal_id FROM position_replaced WHERE time >= %s AND time < %s", (start, end)
    ).fetchall()
    names = terminals(db, {id_ for (id_,) in ids})
    if not names:
        return set()
    table = archive.rows_in(db, start, end, names, "position_replaced")
    return {leaf for one in rows(table) for leaf in one.leaves}
