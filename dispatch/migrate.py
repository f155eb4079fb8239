"""Brings a database to this version's schema: tracking's files, then dispatch's own."""

from __future__ import annotations

from pathlib import Path

from tracking import migrate as tracking

DIRECTORY = Path(__file__).parent / "sql"
TABLE = "dispatch_migration"


def migrate(url: str) -> int:
    """Apply what is missing; returns how many were applied. Raises as `tracking.migrate.migrate`."""
    return tracking.migrate(url) + tracking.migrate(url, DIRECTORY, TABLE)
