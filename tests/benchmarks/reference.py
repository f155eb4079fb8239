"""What storing is held against: the same rows, their stream ready made, by one COPY into the same table."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import psycopg

from gateway.report import FixBatch
from gateway.spool import SpoolReader
from tracking import embedded
from tracking.columns import COLUMNS, copy_rows
from tracking.migrate import migrate

COPY = f"COPY position ({', '.join(COLUMNS)}) FROM STDIN (FORMAT BINARY)"


Round = Callable[[Path, str, int], tuple[float, float]]
"""Takes a directory of its own, the database's URL and its number; gives (value, reference value)."""


def in_turn(one: Round, count: int) -> Sequence[tuple[float, float]]:
    """Rounds with one new database."""
    with tempfile.TemporaryDirectory() as directory:
        url = embedded.start(Path(directory) / "postgres")
        migrate(url)
        return [one(Path(directory) / f"round{n}", url, n) for n in range(count)]


def stored(db: psycopg.Connection, reader: SpoolReader) -> bool:
    """Whether all that this spool holds is committed."""
    return db.execute("SELECT seq FROM spool_offset WHERE spool = %s", (reader.id,)).fetchone() == (reader.last(),)


def spooled(reader: SpoolReader) -> FixBatch:
    """All fixes of a spool."""
    entries, after = [], 0
    while found := reader.read(after):
        entries += [e for e in found if e.kind == "fix"]
        after = found[-1].seq
    return FixBatch.concat(FixBatch.from_bytes(e.columns) for e in entries)


def raw_copy(url: str, batch: FixBatch) -> float:
    """Seconds of one COPY of these rows, which the table holds, after it was emptied."""
    with psycopg.connect(url) as db:
        db.execute("TRUNCATE position")
        keys = dict(db.execute("SELECT key, id FROM terminal").fetchall())
        db.commit()
        stream = copy_rows(batch, np.array([keys[t] for t in batch.terminals], np.int32)[batch.rows["terminal"]])
        begin = time.monotonic()
        with db.cursor() as cursor, cursor.copy(COPY) as copy:
            copy.write(stream)
        db.commit()
        return time.monotonic() - begin
