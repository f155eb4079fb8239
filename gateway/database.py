"""SQLite as the gateway's stores use it: what was committed is still there after a power cut."""

from __future__ import annotations

import sqlite3
from pathlib import Path

PRAGMAS = ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "busy_timeout = 5000")


def durable(path: Path, schema: str) -> sqlite3.Connection:
    """A connection in autocommit mode, its directory and tables made where they lack."""
    path.parent.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    for pragma in PRAGMAS:
        db.execute(f"PRAGMA {pragma}")
    db.executescript(schema)
    return db
