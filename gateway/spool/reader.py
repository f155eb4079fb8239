"""The reading side of the spool, in another process than its writer."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from gateway.disk import space
from gateway.errors import SpoolError
from gateway.spool.log import FILE, Entry, offset_in, unpack_frames


@contextmanager
def _reading(directory: Path) -> Iterator[None]:
    """What passes by itself, such as a lock or a spool without its tables yet, is a SpoolError; not so damage."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise SpoolError(f"the spool in {directory} cannot be read now: {error}") from error


def spools(directory: Path) -> list[Path]:
    """Directories with a spool: this one, and those in it, which belong to gateway processes beside each other."""
    inside = sorted(directory.iterdir()) if directory.is_dir() else []
    return [place for place in (directory, *inside) if (place / FILE).exists()]


class SpoolReader:
    """Reads entries in order of their sequence numbers.

    directory  the spool's directory
    name       this reader's name; its offset file keeps unread entries from being trimmed
    Raises SpoolError from the constructor while the gateway has not made the spool yet, and from all
    questions while the spool cannot be read.
    """

    def __init__(self, directory: Path, name: str | None) -> None:
        if not (directory / FILE).exists():
            raise SpoolError(f"no spool in {directory}: has the gateway been started?")
        self._directory = directory
        self._offset = directory / f"reader-{name}.offset"
        with _reading(directory):
            self.id: str = self._open()
            """Identity of this spool. Offsets are only meaningful together with it."""
        if name is not None and not self._offset.exists():
            self.passed(0)

    @classmethod
    def looking(cls, directory: Path) -> Self:
        """One that only looks: nothing is kept for it, and it passes nothing."""
        return cls(directory, None)

    def _open(self) -> str:
        self._db = sqlite3.connect(
            f"file:{self._directory / FILE}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
        )
        self._db.execute("PRAGMA busy_timeout = 5000")
        row = self._db.execute("SELECT id FROM identity").fetchone()
        if row is None:
            raise SpoolError(f"the spool in {self._directory} is still being made")
        return str(row[0])

    def read(self, after: int, limit_bytes: int = 8 << 20) -> list[Entry]:
        """Entries with seq > `after`, oldest first, without their raw frames (see `raw`).

        Stops after `limit_bytes` of columns, but returns at least one entry where there is one.
        """
        return self._read("x''", after, limit_bytes)

    def read_whole(self, after: int, limit_bytes: int = 8 << 20) -> list[Entry]:
        """The same with their raw frames; the limit is of both."""
        return self._read("raw", after, limit_bytes)

    def _read(self, raw: str, after: int, limit_bytes: int) -> list[Entry]:
        question = f"SELECT kind, received, columns, {raw}, seq FROM entry WHERE seq > ? ORDER BY seq"
        entries, size = [], 0
        with _reading(self._directory):
            for row in self._db.execute(question, (after,)):
                entries.append(Entry(*row))
                size += len(entries[-1].columns) + len(entries[-1].raw)
                if size >= limit_bytes:
                    break
        return entries

    def raw(self, seq: int) -> list[bytes]:
        """The raw frames of one entry. Raises SpoolError once it has been trimmed."""
        with _reading(self._directory):
            row = self._db.execute("SELECT raw FROM entry WHERE seq = ?", (seq,)).fetchone()
        if row is None:
            raise SpoolError(f"spool entry {seq} is no longer kept")
        return unpack_frames(row[0])

    def first(self) -> int:
        """Oldest sequence number still held; 0 when empty. A reader that is behind it has a gap."""
        return self._one("SELECT min(seq) FROM entry")

    def last(self) -> int:
        """Newest sequence number held; 0 when empty."""
        return self._one("SELECT max(seq) FROM entry")

    def given(self) -> int:
        """Newest sequence number that was ever given, held or not; 0 before the first."""
        return self._one("SELECT max(seq) FROM sqlite_sequence WHERE name = 'entry'")

    def _one(self, question: str) -> int:
        with _reading(self._directory):
            (seq,) = self._db.execute(question).fetchone()
        return int(seq or 0)

    @property
    def offset(self) -> int:
        """What was passed last; 0 where that word was lost in a power cut."""
        return offset_in(self._offset)

    def passed(self, seq: int) -> None:
        """Leave word that everything up to `seq` is committed downstream and may be trimmed.

        Raises StorageFull where there is no room for it; the word left before stays.
        """
        fresh = self._offset.with_suffix(".new")
        with space("how far a reader has come"):
            fresh.write_text(str(seq))
            fresh.replace(self._offset)

    def close(self) -> None:
        self._db.close()
