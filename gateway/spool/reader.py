"""The reading side of the spool, in another process than its writer."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from gateway.errors import SpoolError
from gateway.spool.log import FILE, Entry, unpack_frames


class SpoolReader:
    """Reads entries in order of their sequence numbers.

    directory  the spool's directory
    name       this reader's name; its offset file keeps unread entries from being trimmed
    Raises SpoolError from the constructor while the gateway has not made the spool yet.
    """

    def __init__(self, directory: Path, name: str) -> None:
        if not (directory / FILE).exists():
            raise SpoolError(f"no spool in {directory}: has the gateway been started?")
        self._offset = directory / f"reader-{name}.offset"
        self._db = sqlite3.connect(
            f"file:{directory / FILE}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
        )
        self._db.execute("PRAGMA busy_timeout = 5000")
        row = self._db.execute("SELECT id FROM identity").fetchone()
        if row is None:
            raise SpoolError(f"the spool in {directory} is still being made")
        self.id: str = row[0]
        """Identity of this spool. Offsets are only meaningful together with it."""
        if not self._offset.exists():
            self.passed(0)

    def read(self, after: int, limit_bytes: int = 8 << 20) -> list[Entry]:
        """Entries with seq > `after`, oldest first, without their raw frames (see `raw`).

        Stops after `limit_bytes` of columns, but returns at least one entry where there is one.
        """
        entries, size = [], 0
        for seq, kind, received, columns in self._db.execute(
            "SELECT seq, kind, received, columns FROM entry WHERE seq > ? ORDER BY seq", (after,)
        ):
            entries.append(Entry(kind, received, columns, b"", seq))
            size += len(columns)
            if size >= limit_bytes:
                break
        return entries

    def raw(self, seq: int) -> list[bytes]:
        """The raw frames of one entry. Raises SpoolError once it has been trimmed."""
        row = self._db.execute("SELECT raw FROM entry WHERE seq = ?", (seq,)).fetchone()
        if row is None:
            raise SpoolError(f"spool entry {seq} is no longer kept")
        return unpack_frames(row[0])

    def first(self) -> int:
        """Oldest sequence number still held; 0 when empty. A reader that is behind it has a gap."""
        (seq,) = self._db.execute("SELECT min(seq) FROM entry").fetchone()
        return int(seq or 0)

    def last(self) -> int:
        """Newest sequence number held; 0 when empty."""
        (seq,) = self._db.execute("SELECT max(seq) FROM entry").fetchone()
        return int(seq or 0)

    def passed(self, seq: int) -> None:
        """Leave word that everything up to `seq` is committed downstream and may be trimmed."""
        fresh = self._offset.with_suffix(".new")
        fresh.write_text(str(seq))
        fresh.replace(self._offset)

    def close(self) -> None:
        self._db.close()
