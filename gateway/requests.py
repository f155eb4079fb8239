"""Alarms whose attachments the gateway asks for, kept in SQLite: what was asked for before a restart may still come.

Of each label the gateway asks once by itself, under a number that nobody can guess: the port of
attachments knows no log-in, and the number shows that the sender was asked. Safe to use from several threads.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from gateway.database import durable

SCHEMA = """
CREATE TABLE IF NOT EXISTS request (
    number   TEXT    NOT NULL,
    terminal TEXT    NOT NULL,
    label    TEXT    NOT NULL,
    latest   INTEGER NOT NULL,              -- when it was asked for or came last, microseconds since the epoch
    own      INTEGER NOT NULL,              -- the gateway's own, not a person's
    ordered  INTEGER NOT NULL,              -- it has become a command
    PRIMARY KEY (terminal, number)
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS once ON request (terminal, label) WHERE own;
CREATE INDEX IF NOT EXISTS by_age ON request (latest);
CREATE INDEX IF NOT EXISTS not_ordered ON request (latest) WHERE NOT ordered;
"""


@dataclass(frozen=True, slots=True)
class Request:
    """number: as the terminal will announce it; label: hex, as in SafetyEvent."""

    number: str
    terminal: str
    label: str


class Requests:
    def __init__(self, directory: Path) -> None:
        self._db = durable(directory / "requests.sqlite", SCHEMA)
        self._lock = Lock()

    def want(self, labels: Iterable[tuple[str, str]], now_us: int) -> None:
        """Remember (terminal, label) pairs durably; those that were wanted before are passed over."""
        rows = [(uuid.uuid4().hex, terminal, label, now_us) for terminal, label in labels]
        with self._lock, self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany("INSERT OR IGNORE INTO request VALUES (?, ?, ?, ?, 1, 0)", rows)

    def expect(self, request: Request, now_us: int) -> None:
        """What somebody else asks for may come too."""
        with self._lock:
            self._db.execute(
                "INSERT OR IGNORE INTO request VALUES (?, ?, ?, ?, 0, 1)",
                (request.number, request.terminal, request.label, now_us),
            )

    def not_ordered(self) -> list[Request]:
        """What is wanted and has become no command yet, oldest first."""
        with self._lock:
            rows = self._db.execute(
                "SELECT number, terminal, label FROM request WHERE NOT ordered ORDER BY latest, rowid LIMIT 1000"
            ).fetchall()
        return [Request(*row) for row in rows]

    def ordered(self, request: Request) -> None:
        with self._lock:
            self._db.execute(
                "UPDATE request SET ordered = 1 WHERE (terminal, number) = (?, ?)", (request.terminal, request.number)
            )

    def find(self, terminal: str, number: str) -> Request | None:
        """What this terminal was asked for under this number."""
        with self._lock:
            row = self._db.execute(
                "SELECT number, terminal, label FROM request WHERE (terminal, number) = (?, ?)", (terminal, number)
            ).fetchone()
        return Request(*row) if row else None

    def renew(self, request: Request, now_us: int) -> None:
        """The terminal has begun, and may go on when it is cut off."""
        with self._lock:
            self._db.execute(
                "UPDATE request SET latest = ? WHERE (terminal, number) = (?, ?)",
                (now_us, request.terminal, request.number),
            )

    def trim(self, before_us: int) -> None:
        """Forget what was asked for so long ago and has not come since."""
        with self._lock:
            self._db.execute("DELETE FROM request WHERE latest < ?", (before_us,))

    def close(self) -> None:
        self._db.close()
