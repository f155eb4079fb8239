"""The media store: pictures, sounds and videos as they come in pieces, and the files that they become.

Pieces stand in SQLite, so that an upload goes on after a restart. A file is named by the hash of its
content; nothing that a terminal sends ever becomes a path. One thread owns a store.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from gateway.content import Files
from gateway.database import durable
from gateway.disk import space
from gateway.report import MediaEvent, MediaFile, from_plain, to_plain
from gateway.session import Chunk, Progress

SCHEMA = """
CREATE TABLE IF NOT EXISTS medium (
    id       INTEGER PRIMARY KEY,
    terminal TEXT    NOT NULL,
    key      TEXT    NOT NULL,     -- names it among those of its terminal
    of       INTEGER NOT NULL,     -- pieces, or bytes
    counted  INTEGER NOT NULL,
    event    TEXT,                 -- JSON of MediaEvent, once a piece has told it
    latest   INTEGER NOT NULL,     -- microseconds since the epoch
    file     TEXT,                 -- NULL until it is whole
    UNIQUE (terminal, key)
) STRICT;
CREATE TABLE IF NOT EXISTS piece (
    medium INTEGER NOT NULL REFERENCES medium ON DELETE CASCADE,
    place  INTEGER NOT NULL,
    data   BLOB    NOT NULL,
    PRIMARY KEY (medium, place)
) STRICT, WITHOUT ROWID;
"""
REPEATS_US = 600_000_000
"""How long after the last piece a piece of a whole medium is a repetition."""


def _same(row: Sequence[Any], of: int, event: str | None, now_us: int) -> bool:
    """Whether a piece belongs to this row: serials, and so names, come again after days."""
    _, row_of, row_event, file, latest = row
    told_otherwise = event is not None and row_event is not None and event != row_event
    return bool(row_of == of and not told_otherwise and not (file and now_us - latest > REPEATS_US))


class MediaStore:
    """files: where they come to stand; most_octets: of one medium; most_open: unfinished ones of a terminal."""

    def __init__(self, files: Files, *, most_octets: int = 1 << 20, most_open: int = 8) -> None:
        self._files, self._most_octets, self._most_open = files, most_octets, most_open
        self._db = durable(files.directory / "media.sqlite", SCHEMA)
        self.owing = {t for (t,) in self._db.execute("SELECT DISTINCT terminal FROM medium WHERE file IS NULL")}
        """Terminals with unfinished media; a few whose media are finished by now may be among them."""

    def add(self, terminal: str, chunk: Chunk, now_us: int) -> Progress | None:
        """Keep one piece, durably; None when the medium has grown beyond its bound and was dropped.

        A piece that is there already changes nothing. Once nothing lacks, the file stands. Raises StorageFull.
        """
        with space("media"):
            progress = self._add(terminal, chunk, now_us)
        if progress is not None and progress.file is None:
            self.owing.add(terminal)
        return progress

    def _add(self, terminal: str, chunk: Chunk, now_us: int) -> Progress | None:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            medium = self._medium(terminal, chunk, now_us)
            self._db.execute("INSERT OR IGNORE INTO piece VALUES (?, ?, ?)", (medium, chunk.place, chunk.data))
            progress: Progress | None = self._progress(medium)
            if self._octets(medium) > self._most_octets:
                self._db.execute("DELETE FROM medium WHERE id = ?", (medium,))
                progress = None
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        return progress

    def unfinished(self, terminal: str) -> list[Progress]:
        """Media of which this terminal still owes pieces, newest first."""
        rows = self._db.execute(
            "SELECT id FROM medium WHERE terminal = ? AND file IS NULL ORDER BY latest DESC", (terminal,)
        )
        found = [self._progress(medium) for (medium,) in rows.fetchall()]
        if not found:
            self.owing.discard(terminal)
        return found

    def close(self) -> None:
        self._db.close()

    def _medium(self, terminal: str, chunk: Chunk, now_us: int) -> int:
        """The row of a chunk's medium. Another medium under the same name takes its place."""
        event = json.dumps(to_plain(chunk.medium)) if chunk.medium else None
        row = self._db.execute(
            "SELECT id, of, event, file, latest FROM medium WHERE terminal = ? AND key = ?", (terminal, chunk.key)
        ).fetchone()
        if row and not _same(row, chunk.of, event, now_us):
            self._db.execute("DELETE FROM medium WHERE id = ?", (row[0],))
            row = None
        if row is None:
            self._make_room(terminal)
            row = self._db.execute(
                "INSERT INTO medium (terminal, key, of, counted, latest) VALUES (?, ?, ?, ?, ?) RETURNING id",
                (terminal, chunk.key, chunk.of, chunk.counted, now_us),
            ).fetchone()
        self._db.execute(
            "UPDATE medium SET event = coalesce(event, ?), latest = ? WHERE id = ?", (event, now_us, row[0])
        )
        return int(row[0])

    def _make_room(self, terminal: str) -> None:
        self._db.execute(
            "DELETE FROM medium WHERE id IN (SELECT id FROM medium WHERE terminal = ? AND file IS NULL"
            " ORDER BY latest DESC LIMIT -1 OFFSET ?)",
            (terminal, self._most_open - 1),
        )

    def _octets(self, medium: int) -> int:
        (octets,) = self._db.execute("SELECT sum(length(data)) FROM piece WHERE medium = ?", (medium,)).fetchone()
        return int(octets or 0)

    def _progress(self, medium: int) -> Progress:
        key, of, counted, event, file = self._db.execute(
            "SELECT key, of, counted, event, file FROM medium WHERE id = ?", (medium,)
        ).fetchone()
        said = from_plain(json.loads(event)) if event else None
        if not isinstance(said, MediaEvent):
            return Progress(key, None, of, self._lacking(medium, of, bool(counted)))
        if file is None and (missing := self._lacking(medium, of, bool(counted))):
            return Progress(key, said.media, of, missing)
        return Progress(key, said.media, of, (), self._file(medium, said, file))

    def _lacking(self, medium: int, of: int, counted: bool) -> Sequence[int]:
        if counted:
            places = {p for (p,) in self._db.execute("SELECT place FROM piece WHERE medium = ?", (medium,))}
            return [n for n in range(1, of + 1) if n not in places]
        end = 0
        for place, length in self._db.execute(
            "SELECT place, length(data) FROM piece WHERE medium = ? ORDER BY place", (medium,)
        ):
            if place > end:
                break
            end = max(end, place + length)
        return [end] if end < of else []

    def _file(self, medium: int, event: MediaEvent, name: str | None) -> MediaFile:
        """The file of a whole medium; written, synchronised and freed of its pieces the first time."""
        if name is None:
            name = self._files.put(self._content(medium))
            self._db.execute("UPDATE medium SET file = ? WHERE id = ?", (name, medium))
            self._db.execute("DELETE FROM piece WHERE medium = ?", (medium,))
        octets = self._files.path(name).stat().st_size
        return MediaFile(terminal=event.terminal, medium=event, file=name, sha256=name.partition(".")[0], octets=octets)

    def _content(self, medium: int) -> bytes:
        (counted,) = self._db.execute("SELECT counted FROM medium WHERE id = ?", (medium,)).fetchone()
        whole = bytearray()
        for place, data in self._db.execute("SELECT place, data FROM piece WHERE medium = ? ORDER BY place", (medium,)):
            if counted:
                whole += data
            else:
                whole[place : place + len(data)] = data
        return bytes(whole)
