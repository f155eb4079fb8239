"""The roll: the closed list of terminals, their vehicles and authentication codes, in SQLite.

It is the gateway's own, so that terminals can log in while the database is away. Codes are random
(128 bits) and stored only as HMAC-SHA256 under a key that lives beside the file.
"""

from __future__ import annotations

import asyncio
import hmac
import os
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import structlog

from gateway.proof import Proof
from gateway.report import Enrolment

log = structlog.get_logger()
T = TypeVar("T")
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
    """The roll in a directory. Another process's import is seen by `refresh`.

    What sessions ask is answered from memory, and codes are written by a thread of its own: a terminal
    that logs in never waits for the disk or for somebody else's lock on the file.
    """

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
        self._side = sqlite3.connect(directory / "roll.sqlite", isolation_level=None)  # of whoever asks about codes
        self._thread = ThreadPoolExecutor(1, "roll")
        self._lock = threading.Lock()  # of the two below
        self._codes: dict[str, _Codes] = {}
        self._unwritten: dict[str, _Codes] = {}
        self._seen = -1
        self.refresh()

    def refresh(self) -> bool:
        """Read the list again if another connection has changed it; tells whether it had."""
        (version,) = self._db.execute("PRAGMA data_version").fetchone()
        if version == self._seen:
            return False
        self._seen = version
        rows = self._db.execute("SELECT terminal, code, fresh, model FROM roll WHERE active")
        codes = {terminal: _Codes(*rest) for terminal, *rest in rows}
        with self._lock:
            self._codes = codes | {t: unwritten for t, unwritten in self._unwritten.items() if t in codes}
        return True

    async def ask(self, question: Callable[[], T]) -> T:
        """The answer of one of the methods that look into the file, from the thread that owns it."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, question)

    def __len__(self) -> int:
        return len(self._codes)

    def enrolled(self, terminal: str) -> bool:
        return terminal in self._codes

    def issue_code(self, terminal: str, model: str) -> str:
        code = secrets.token_hex(16)
        digest = self._digest(code)
        self._change(terminal, _Codes(self._codes[terminal].current, digest, model))
        return code

    def model(self, terminal: str) -> str:
        codes = self._codes.get(terminal)
        return codes.model if codes else ""

    def check_code(self, terminal: str, code: str) -> Proof:
        """What a code shows. One that is not known here may have been given out by another process just now."""
        return self._proof(self._codes.get(terminal), code) or self._proof(self._written(terminal), code)

    def _written(self, terminal: str) -> _Codes | None:
        """The codes in the file, for a terminal of which nothing waits to be written."""
        with self._lock:
            if terminal in self._unwritten or terminal not in self._codes:
                return None
        row = self._side.execute("SELECT code, fresh, model FROM roll WHERE terminal = ?", (terminal,)).fetchone()
        if row is None:
            return None
        with self._lock:
            self._codes[terminal] = _Codes(*row)
        return _Codes(*row)

    def _proof(self, codes: _Codes | None, code: str) -> Proof:
        digest = self._digest(code)
        if codes is None:
            return Proof.NONE
        if codes.current is not None and hmac.compare_digest(codes.current, digest):
            return Proof.OWN
        issued = codes.fresh is not None and hmac.compare_digest(codes.fresh, digest)
        return Proof.ISSUED if issued else Proof.NONE

    def adopt(self, terminal: str) -> None:
        codes = self._codes.get(terminal)
        if codes is not None and codes.fresh is not None:
            self._change(terminal, _Codes(codes.fresh, None, codes.model))

    def _change(self, terminal: str, codes: _Codes) -> None:
        with self._lock:
            self._codes[terminal] = self._unwritten[terminal] = codes
        self._thread.submit(self._write, terminal, codes)

    def _write(self, terminal: str, codes: _Codes) -> None:
        """A code that could not be written is good until this process ends; then the terminal registers again."""
        try:
            self._db.execute(
                "UPDATE roll SET code = ?, fresh = ?, model = ? WHERE terminal = ?",
                (codes.current, codes.fresh, codes.model, terminal),
            )
        except sqlite3.Error as error:
            log.error("a code is not written to the roll", terminal=terminal, cause=str(error))
            return
        with self._lock:
            if self._unwritten.get(terminal) is codes:
                del self._unwritten[terminal]

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
        """Write what is still unwritten, and close."""
        self._thread.shutdown()
        self._side.close()
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
