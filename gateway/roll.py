"""The roll: the closed list of terminals, their vehicles and authentication codes, in SQLite.

It is the gateway's own, so that terminals can log in while the database is away. Codes are random
(128 bits) and stored only as HMAC-SHA256 under a key that lives beside the file.
"""

from __future__ import annotations

import csv
import hmac
import io
import os
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from gateway.errors import RollError
from gateway.report import Enrolment, terminal_key

COLUMNS = ("terminal", "protocol", "plate", "vehicle_class", "company")
SCHEMA = """
CREATE TABLE IF NOT EXISTS roll (
    terminal      TEXT PRIMARY KEY,   -- key "protocol/number"
    plate         TEXT NOT NULL,
    vehicle_class TEXT NOT NULL,
    company       TEXT NOT NULL,
    active        INTEGER NOT NULL DEFAULT 1,
    revision      INTEGER NOT NULL,   -- of the last change, for those who follow
    code          BLOB,               -- HMAC of the code in use
    fresh         BLOB,               -- HMAC of a code that was issued and not used yet
    model         TEXT NOT NULL DEFAULT ''  -- as the terminal gave it when it registered
) STRICT;
CREATE TABLE IF NOT EXISTS announced (revision INTEGER NOT NULL) STRICT;
"""


@dataclass(frozen=True, slots=True)
class _Codes:
    current: bytes | None
    fresh: bytes | None
    model: str


class Roll:
    """The roll in a directory. Look-ups are in memory; another process's import is seen by `refresh`."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._key = _server_key(directory / "server.key")
        self._db = sqlite3.connect(directory / "roll.sqlite", isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")  # a code lost in a power cut is issued anew
        self._db.execute("PRAGMA busy_timeout = 5000")
        self._db.executescript(SCHEMA)
        if not self._db.execute("SELECT 1 FROM announced").fetchone():
            self._db.execute("INSERT INTO announced VALUES (0)")
        self._seen = -1
        self._codes: dict[str, _Codes] = {}
        self.refresh()

    def refresh(self) -> bool:
        """Read the list again if another connection has changed it; tells whether it had."""
        (version,) = self._db.execute("PRAGMA data_version").fetchone()
        if version == self._seen:
            return False
        self._seen = version
        rows = self._db.execute("SELECT terminal, code, fresh, model FROM roll WHERE active")
        self._codes = {terminal: _Codes(*codes) for terminal, *codes in rows}
        return True

    def __len__(self) -> int:
        return len(self._codes)

    def enrolled(self, terminal: str) -> bool:
        return terminal in self._codes

    def issue_code(self, terminal: str, model: str) -> str:
        code = secrets.token_hex(16)
        digest = self._digest(code)
        self._db.execute("UPDATE roll SET fresh = ?, model = ? WHERE terminal = ?", (digest, model, terminal))
        self._codes[terminal] = _Codes(self._codes[terminal].current, digest, model)
        return code

    def model(self, terminal: str) -> str:
        codes = self._codes.get(terminal)
        return codes.model if codes else ""

    def check_code(self, terminal: str, code: str) -> bool:
        codes = self._codes.get(terminal)
        digest = self._digest(code)
        if codes is None:
            return False
        if codes.fresh is not None and hmac.compare_digest(codes.fresh, digest):
            self._db.execute("UPDATE roll SET code = fresh, fresh = NULL WHERE terminal = ?", (terminal,))
            self._codes[terminal] = _Codes(digest, None, codes.model)
            return True
        return codes.current is not None and hmac.compare_digest(codes.current, digest)

    def _digest(self, code: str) -> bytes:
        return hmac.digest(self._key, code.encode(), sha256)

    def enrol(self, enrolments: Iterable[Enrolment]) -> int:
        """Add or change rows in one transaction; codes stay. Returns how many rows really changed."""
        changed = 0
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            (revision,) = self._db.execute("SELECT coalesce(max(revision), 0) + 1 FROM roll").fetchone()
            for e in enrolments:
                changed += self._db.execute(
                    "INSERT INTO roll (terminal, plate, vehicle_class, company, active, revision)"
                    " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (terminal) DO UPDATE SET plate = excluded.plate,"
                    " vehicle_class = excluded.vehicle_class, company = excluded.company,"
                    " active = excluded.active, revision = excluded.revision"
                    " WHERE (plate, vehicle_class, company, active) IS NOT"
                    " (excluded.plate, excluded.vehicle_class, excluded.company, excluded.active)",
                    (e.terminal, e.plate, e.vehicle_class, e.company, e.active, revision),
                ).rowcount
        self._seen = -1
        self.refresh()
        return changed

    def rows(self) -> Iterator[Enrolment]:
        """The whole roll, by terminal."""
        for row in self._db.execute("SELECT terminal, plate, vehicle_class, company, active FROM roll ORDER BY 1"):
            yield _enrolment(row)

    def unannounced(self) -> tuple[list[Enrolment], int]:
        """Rows changed since the last announcement downstream, and the revision they go up to."""
        rows = self._db.execute(
            "SELECT terminal, plate, vehicle_class, company, active, revision FROM roll"
            " WHERE revision > (SELECT revision FROM announced) ORDER BY revision, terminal"
        ).fetchall()
        return [_enrolment(r[:5]) for r in rows], max((r[5] for r in rows), default=0)

    def announced(self, revision: int) -> None:
        """Everything up to this revision is in the spool."""
        self._db.execute("UPDATE announced SET revision = ?", (revision,))

    def close(self) -> None:
        self._db.close()


def _enrolment(row: Sequence[object]) -> Enrolment:
    terminal, plate, vehicle_class, company, active = row
    return Enrolment(
        terminal=str(terminal), plate=str(plate), vehicle_class=str(vehicle_class), company=str(company),
        active=bool(active),
    )  # fmt: skip


def _server_key(path: Path) -> bytes:
    """The HMAC key, made once and readable by its owner alone."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(32))
    except FileExistsError:
        pass
    return path.read_bytes()


def parse_csv(data: bytes, protocols: Sequence[str]) -> list[Enrolment]:
    """A roll file -> rows. UTF-8 (with or without BOM) or GBK.

    Header `terminal,protocol,plate,vehicle_class,company` in any order; the last two may be missing.
    Raises RollError that lists every bad line with its number; then nothing is to be imported.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("gb18030", errors="replace")
    reader = csv.DictReader(io.StringIO(text, newline=""))
    missing = [name for name in COLUMNS[:3] if name not in (reader.fieldnames or ())]
    if missing:
        raise RollError(f"line 1: the header lacks {', '.join(missing)} (expected {','.join(COLUMNS)})")
    rows: dict[str, Enrolment] = {}
    problems = []
    for row in reader:
        try:
            enrolment = _parse_row(row, protocols)
            if enrolment.terminal in rows:
                raise RollError(f"terminal {enrolment.terminal} stands twice")
            rows[enrolment.terminal] = enrolment
        except RollError as error:
            problems.append(f"line {reader.line_num}: {error}")
    if problems:
        raise RollError("\n".join(problems))
    return list(rows.values())


def _parse_row(row: dict[str, str | None], protocols: Sequence[str]) -> Enrolment:
    value = {name: (row.get(name) or "").strip() for name in COLUMNS}
    if value["protocol"] not in protocols:
        raise RollError(f"unknown protocol {value['protocol']!r} (known: {', '.join(protocols)})")
    if not value["terminal"]:
        raise RollError("no terminal number")
    if not value["plate"]:
        raise RollError(f"terminal {value['terminal']} has no plate")
    return Enrolment(
        terminal=terminal_key(value["protocol"], value["terminal"]), plate=value["plate"],
        vehicle_class=value["vehicle_class"] or "taxi", company=value["company"],
    )  # fmt: skip
