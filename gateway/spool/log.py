"""The writing side of the spool. One thread owns a `Spool`; nothing here is safe to share."""

from __future__ import annotations

import sqlite3
import struct
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.disk import space
from gateway.errors import StorageFull

FILE = "spool.sqlite"
LOG_BYTES = 64 << 20
"""Of the write-ahead log, beyond which it is emptied even if the next append waits for that, and counts as used."""
EMPTY_MS = 200
"""Longest wait for readers that still need it."""
SCHEMA = """
CREATE TABLE IF NOT EXISTS entry (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    kind     TEXT    NOT NULL,
    received INTEGER NOT NULL,  -- microseconds since the epoch, by the gateway's clock
    columns  BLOB    NOT NULL,
    raw      BLOB    NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS identity (id TEXT NOT NULL) STRICT;
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One batch. `seq` is 0 until the spool has given it a number."""

    kind: str
    received: int
    columns: bytes
    raw: bytes = b""
    seq: int = 0


def pack_frames(frames: Sequence[bytes]) -> bytes:
    """Raw frames as one blob: u32 count, u32 lengths, bytes (little-endian)."""
    return pack_joined([len(frame) for frame in frames], frames)


def pack_joined(lengths: Sequence[int], frames: Sequence[bytes]) -> bytes:
    """The same of frames that stand together in fewer byte strings."""
    return b"".join((struct.pack(f"<{len(lengths) + 1}I", len(lengths), *lengths), *frames))


def unpack_frames(blob: bytes) -> list[bytes]:
    """Inverse of `pack_frames`."""
    if not blob:
        return []
    (count,) = struct.unpack_from("<I", blob)
    frames, start = [], 4 + 4 * count
    for length in struct.unpack_from(f"<{count}I", blob, 4):
        frames.append(blob[start : start + length])
        start += length
    return frames


class Spool:
    """Append, checkpoint and trim.

    directory    where the file lives; readers leave their offsets beside it
    limit_bytes  bound of live data; beyond it `append` raises StorageFull
    keep_us      consumed entries stay this long, so that a decoder's mistake can be re-decoded
    """

    def __init__(self, directory: Path, *, limit_bytes: int, keep_us: int) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._limit = limit_bytes
        self._keep_us = keep_us
        self._db = self._connect()
        self._side = self._connect()  # of the thread that checkpoints; kept, so that it needs no descriptor later
        self._side.execute(f"PRAGMA busy_timeout = {EMPTY_MS}")
        self._db.executescript(SCHEMA)
        if not self._db.execute("SELECT 1 FROM identity").fetchone():
            self._db.execute("INSERT INTO identity VALUES (?)", (uuid.uuid4().hex,))
        (self._page,) = self._db.execute("PRAGMA page_size").fetchone()

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._directory / FILE, isolation_level=None, check_same_thread=False)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA wal_autocheckpoint = 0")  # the checkpoint stays off the answer's path
        db.execute("PRAGMA busy_timeout = 5000")
        return db

    def append(self, entries: Iterable[Entry]) -> int:
        """Write all entries in one durable transaction; returns the last sequence number held, 0 where there is none.

        Raises StorageFull when the bound or the disk is reached, in which case nothing was written.
        Any other sqlite3 error means that durability is unknown: the process must end.
        """
        if self.size() > self._limit:
            raise StorageFull(f"spool holds {self.size()} bytes, its limit is {self._limit}")
        with space("the spool"):
            try:
                self._db.execute("BEGIN IMMEDIATE")
                self._db.executemany(
                    "INSERT INTO entry (kind, received, columns, raw) VALUES (?, ?, ?, ?)",
                    ((e.kind, e.received, e.columns, e.raw) for e in entries),
                ).close()
                self._db.execute("COMMIT")
            except sqlite3.OperationalError:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        (last,) = self._db.execute("SELECT max(seq) FROM entry").fetchone()
        return int(last or 0)

    def size(self) -> int:
        """Bytes of live pages, and of the write-ahead log what is beyond its ordinary size."""
        (pages,) = self._db.execute("PRAGMA page_count").fetchone()
        (free,) = self._db.execute("PRAGMA freelist_count").fetchone()
        return int((pages - free) * self._page) + max(0, self.log_size() - LOG_BYTES)

    def log_size(self) -> int:
        """Bytes of the write-ahead log's file."""
        try:
            return (self._directory / f"{FILE}-wal").stat().st_size
        except FileNotFoundError:
            return 0

    def trim(self, now_us: int) -> int:
        """Delete what every reader has passed and what is older than the safety age.

        When more than half of the bound is used, consumed entries go without regard to their age.
        Returns the number of entries deleted. Without any reader nothing is deleted.
        """
        passed = min((offset_in(p) for p in self._directory.glob("reader-*.offset")), default=0)
        horizon = now_us if self.size() > self._limit // 2 else now_us - self._keep_us
        with space("the spool"):
            return self._db.execute(
                "DELETE FROM entry WHERE seq IN (SELECT seq FROM entry WHERE seq <= ? AND received <= ?"
                " ORDER BY seq LIMIT 1000)",
                (passed, horizon),
            ).rowcount

    def checkpoint(self) -> None:
        """Move committed pages from the write-ahead log into the file. Call from a thread of its own."""
        with space("the spool"):
            self._side.execute("PRAGMA wal_checkpoint(PASSIVE)")
            if self.log_size() > LOG_BYTES:
                self._side.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        self._side.close()
        self._db.close()


def offset_in(path: Path) -> int:
    """How far a reader has come; nothing is thought passed where its word was lost in a power cut."""
    text = path.read_text()
    return int(text) if text.isdigit() else 0
