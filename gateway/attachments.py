"""The store of attachments: files of safety alarms as they come by offset, and the files that they become.

What has come of a file stands in a sparse file under `incoming`, and which of its bytes those are in
SQLite. Bytes are synchronised before a range is written down, so a range that is known is there after
a power cut too; what was not written down yet is asked for again. One thread owns a store.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from gateway.content import Files
from gateway.database import durable
from gateway.disk import synchronise
from gateway.errors import UploadRefused
from gateway.ranges import Range, Ranges
from gateway.report import AttachmentFile
from gateway.requests import Request
from gateway.upload import FileInfo, Piece
from gateway.wire.texts import decoded

SCHEMA = """
CREATE TABLE IF NOT EXISTS alarm (
    terminal TEXT    NOT NULL,
    number   TEXT    NOT NULL,
    label    TEXT    NOT NULL,
    latest   INTEGER NOT NULL,          -- microseconds since the epoch
    PRIMARY KEY (terminal, number)
) STRICT;
CREATE INDEX IF NOT EXISTS alarm_by_age ON alarm (latest);
CREATE TABLE IF NOT EXISTS file (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    terminal TEXT    NOT NULL,
    number   TEXT    NOT NULL,
    name     BLOB    NOT NULL,          -- as the terminal calls it
    type     TEXT    NOT NULL,
    size     INTEGER NOT NULL,
    ranges   TEXT    NOT NULL DEFAULT '[]',  -- JSON of those that are there, durably
    file     TEXT,                      -- NULL until it is whole
    frame    BLOB,                      -- the terminal's word that it was sent
    told     INTEGER NOT NULL DEFAULT 0,    -- the history knows of it
    UNIQUE (terminal, number, name),
    FOREIGN KEY (terminal, number) REFERENCES alarm ON DELETE CASCADE
) STRICT;
CREATE INDEX IF NOT EXISTS untold ON file (id) WHERE file IS NOT NULL AND NOT told;
"""
PAST = (
    "latest < ? AND NOT EXISTS (SELECT 1 FROM file AS f WHERE NOT f.told AND f.file IS NOT NULL"
    " AND (f.terminal, f.number) = (alarm.terminal, alarm.number))"
)
MOST_FILES = 255
"""Of one alarm: what the count of 0x1210 can say."""
MOST_RANGES = 4096
"""Of one file; beyond that its pieces come in no order that makes sense."""


@dataclass(slots=True)
class _File:
    """A row as it stands in memory: its ranges may be ahead of the table's, then `fresh` is set."""

    id: int
    size: int
    name: str | None
    ranges: Ranges = field(default_factory=Ranges)
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class Finished:
    """A file that has come whole. told: whether the history knows of it; frame: the terminal's last word on it."""

    id: int
    frame: bytes
    report: AttachmentFile
    told: bool


Key = tuple[str, str, bytes]
"""Terminal, alarm number, name."""


class AttachmentStore:
    """files: where they come to stand; file_octets, alarm_octets: bounds of one file, and of all of an alarm."""

    def __init__(self, files: Files, *, file_octets: int, alarm_octets: int) -> None:
        self._files, self._file_octets, self._alarm_octets = files, file_octets, alarm_octets
        self._incoming = files.directory / "incoming"
        self._db = durable(files.directory / "attachments.sqlite", SCHEMA)
        self._known: dict[Key, _File] = {}
        self._sweep()

    def admit(self, request: Request, now_us: int) -> None:
        """A terminal may send files to this request."""
        self._db.execute(
            "INSERT INTO alarm VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET latest = excluded.latest",
            (request.terminal, request.number, request.label, now_us),
        )

    def begin(self, terminal: str, file: FileInfo) -> None:
        """A file will come, or go on. Another size under the same name is another file. Raises UploadRefused."""
        key = (terminal, file.number, file.name)
        former = self._find(key)
        if former is not None and former.size == file.size:
            return
        if not self._db.execute("SELECT 1 FROM alarm WHERE (terminal, number) = (?, ?)", key[:2]).fetchone():
            raise UploadRefused("unsolicited", f"{terminal} announced no alarm {file.number!r}")
        if former is not None:
            self._drop(key, former)
        self._fits(key, file.size)
        self._db.execute(
            "INSERT INTO file (terminal, number, name, type, size) VALUES (?, ?, ?, ?, ?)", (*key, file.type, file.size)
        )

    def write(self, terminal: str, piece: Piece) -> None:
        """Keep a piece; durable after the next `checkpoint`. What is there already may come again.

        Raises UploadRefused; OSError when the disk does not take it.
        """
        file = self._get((terminal, piece.number, piece.name))
        data = piece.data[: max(file.size - piece.offset, 0)]
        if piece.data and not data:
            raise UploadRefused("beyond_size", f"bytes from {piece.offset} on of a file of {file.size}")
        if file.name is not None or not data:
            return
        with self._path(file).open("rb+") as sparse:
            sparse.seek(piece.offset)
            sparse.write(data)
        file.ranges.add(piece.offset, piece.offset + len(data))
        file.fresh = True
        if len(file.ranges) > MOST_RANGES:
            raise UploadRefused("too_many_holes", f"{len(file.ranges)} ranges of one file")

    def end(self, terminal: str, file: FileInfo, frame: bytes) -> Finished | list[Range]:
        """The file where it is whole, now durable in its place; else what lacks. Raises UploadRefused."""
        key = (terminal, file.number, file.name)
        if self._find(key) is None:
            self.begin(terminal, file)
        known = self._get(key)
        if known.name is None and (missing := known.ranges.missing(known.size)):
            return missing
        if known.name is None:
            self._complete(known, frame)
        (finished,) = self._finished("file.id = ?", known.id)
        return finished

    def untold(self) -> list[Finished]:
        """Whole files of which the history does not know yet."""
        return self._finished("file.file IS NOT NULL AND NOT file.told")

    def told(self, ids: list[int]) -> None:
        """The history knows of these."""
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany("UPDATE file SET told = 1 WHERE id = ?", [(i,) for i in ids])

    def checkpoint(self, now_us: int) -> None:
        """Make durable what has come since the last one."""
        fresh = {key: file for key, file in self._known.items() if file.fresh}
        self._known.clear()
        if not fresh:
            return
        for file in fresh.values():
            synchronise(self._path(file))
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            for (terminal, number, _), file in fresh.items():
                self._db.execute("UPDATE file SET ranges = ? WHERE id = ?", (json.dumps(list(file.ranges)), file.id))
                self._db.execute(
                    "UPDATE alarm SET latest = ? WHERE (terminal, number) = (?, ?)", (now_us, terminal, number)
                )

    def trim(self, now_us: int, keep_us: int) -> int:
        """Forget alarms of which nothing has come for so long; how many unfinished files they had.

        One of whose files the history does not know yet stays until it does.
        """
        self.checkpoint(now_us)
        before_us = now_us - keep_us
        (unfinished,) = self._db.execute(
            f"SELECT count(*) FROM file JOIN alarm USING (terminal, number) WHERE {PAST} AND file IS NULL", (before_us,)
        ).fetchone()
        self._db.execute(f"DELETE FROM alarm WHERE {PAST}", (before_us,))
        if unfinished:
            self._sweep()
        return int(unfinished)

    def close(self) -> None:
        self._db.close()

    def _find(self, key: Key) -> _File | None:
        if key not in self._known:
            row = self._db.execute(
                "SELECT id, size, file, ranges FROM file WHERE (terminal, number, name) = (?, ?, ?)", key
            ).fetchone()
            if row is None:
                return None
            number, size, name, ranges = row
            self._known[key] = _File(number, size, name, Ranges(json.loads(ranges)))
        return self._known[key]

    def _get(self, key: Key) -> _File:
        file = self._find(key)
        if file is None:
            raise UploadRefused("unknown_file", f"{key[0]} did not begin {key[2]!r}")
        if file.name is None and not self._path(file).exists():
            self._db.execute("UPDATE file SET ranges = '[]' WHERE id = ?", (file.id,))
            file.ranges = Ranges()
            self._incoming.mkdir(exist_ok=True)
            self._path(file).touch()
        return file

    def _complete(self, file: _File, frame: bytes) -> None:
        """Move a whole file to its place; if its row cannot be written after that, all of it is asked for again."""
        name, file.fresh = self._files.adopt(self._path(file)), False
        self._db.execute("UPDATE file SET file = ?, frame = ?, ranges = '[]' WHERE id = ?", (name, frame, file.id))
        file.name = name

    def _path(self, file: _File) -> Path:
        return self._incoming / f"{file.id}.part"

    def _fits(self, key: Key, size: int) -> None:
        if size > self._file_octets:
            raise UploadRefused("file_too_large", f"{size} bytes, at most {self._file_octets} are taken")
        octets, count = self._db.execute(
            "SELECT coalesce(sum(size), 0), count(*) FROM file WHERE (terminal, number) = (?, ?)", key[:2]
        ).fetchone()
        if octets + size > self._alarm_octets or count >= MOST_FILES:
            raise UploadRefused("alarm_too_large", f"{count + 1} files of {octets + size} bytes to one alarm")

    def _drop(self, key: Key, file: _File) -> None:
        del self._known[key]
        self._db.execute("DELETE FROM file WHERE id = ?", (file.id,))
        self._path(file).unlink(missing_ok=True)

    def _sweep(self) -> None:
        """Remove what has come of files that are not waited for any more."""
        waited = {f"{i}.part" for (i,) in self._db.execute("SELECT id FROM file WHERE file IS NULL")}
        for path in self._incoming.glob("*.part"):
            if path.name not in waited:
                path.unlink()

    def _finished(self, condition: str, *values: object) -> list[Finished]:
        rows = self._db.execute(
            "SELECT id, frame, told, terminal, label, number, name, type, file, size"
            f" FROM file JOIN alarm USING (terminal, number) WHERE {condition} ORDER BY id",
            values,
        )
        return [Finished(i, frame, _report(*row), bool(told)) for i, frame, told, *row in rows]


def _report(terminal: str, label: str, number: str, name: bytes, kind: str, file: str, size: int) -> AttachmentFile:
    shown = "".join(c if c.isprintable() else "\ufffd" for c in decoded(name))
    return AttachmentFile(
        terminal=terminal, label=label, number=number, name=shown, type=kind, file=file,
        sha256=file.partition(".")[0], octets=size,
    )  # fmt: skip
