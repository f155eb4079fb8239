"""What disks do. A full one is told apart from other failures: it passes and loses nothing while one waits."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.errors import StorageFull

FULL = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE}
"""The second: the write-ahead log's index cannot grow."""


@contextmanager
def space(what: str) -> Iterator[None]:
    """Turn "no space left", of SQLite or of a file, into StorageFull that names `what`."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode in FULL:
            raise StorageFull(f"no space left for {what}") from error
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull(f"no space left for {what}") from error
        raise


def synchronise(path: Path) -> None:
    """Let a file's content, or a directory's names, reach the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
