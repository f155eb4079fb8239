"""The writer outlives what happens to its database: nothing is lost, nothing stands twice."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from gateway.spool import Spool
from tests import stack
from tests.chaos.disks import SmallDisk, Unavailable
from tests.tracking.fixes import batch
from tests.tracking.test_ingest import fix_entry, spool_in, wait_for, writing
from tests.tracking.test_servers import alive, postmaster, url_of

DISK = 160 << 20
"""Holds an empty server (60 MB) and some write-ahead log."""


@contextmanager
def embedded_server(var: Path) -> Iterator[str]:
    """URL of an embedded server under `var`, which whoever starts it again finds there."""
    env = {"TAXIHUB_VAR": str(var)}
    with stack.running("database", [sys.executable, "-m", "tracking", "database", "embedded"], var, env) as holder:
        yield url_of(holder)


def count(url: str) -> int:
    with psycopg.connect(url) as db:
        (rows,) = db.execute("SELECT count(*) FROM position").fetchone() or (0,)
        return int(rows)


def stored_up_to(url: str, seq: int) -> bool:
    try:
        with psycopg.connect(url) as db:
            return db.execute("SELECT max(seq) >= %s FROM spool_offset", (seq,)).fetchone() == (True,)
    except psycopg.OperationalError:
        return False


def append(spool: Spool, first: int, last: int, each: int = 10) -> None:
    for n in range(first, last + 1):
        spool.append([fix_entry(batch(each, seed=n))])


def test_a_database_that_is_away_at_the_start_is_waited_for(tmp_path: Path, database: str):
    """As when the machine comes up: the server refuses connections for a while."""
    name = conninfo_to_dict(database)["dbname"]
    append(spool_in(tmp_path / "spool"), 1, 1)
    with psycopg.connect(make_conninfo(database, dbname="postgres"), autocommit=True) as server:
        server.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")
        with stack.writer(tmp_path, database) as writer:
            stack.eventually(lambda: "waiting for the database" in writer.said(), "it says what it waits for")
            assert writer.process.poll() is None
            server.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true")
            stack.eventually(partial(stored_up_to, database, 1), "the first entry is stored")
        assert "not currently accepting connections" in writer.said()
    assert count(database) == 10


def test_what_waits_for_its_database_ends_when_it_is_told_to(tmp_path: Path):
    nobody = f"postgresql://127.0.0.1:{stack.free_port()}/taxihub"
    with stack.writer(tmp_path, nobody) as writer:
        stack.eventually(lambda: "waiting for the database" in writer.said(), "it says what it waits for")
    assert writer.process.returncode == 0
    assert writer.said().count("waiting for the database") == 1


def test_the_server_is_killed_again_and_again(tmp_path: Path):
    spool = spool_in(tmp_path / "spool")
    append(spool, 1, 1)
    with embedded_server(tmp_path) as url, stack.writer(tmp_path, "", poll_s="0.01") as writer:
        stack.eventually(partial(stored_up_to, url, 1), "the first entry is stored")
        for first in (2, 102, 202):
            append(spool, first, first + 49)
            server = postmaster(url)
            os.kill(server, signal.SIGKILL)
            append(spool, first + 50, first + 99)
            stack.eventually(partial(dead, server), "the server is dead")
            stack.eventually(partial(stored_up_to, url, first + 99), "stored after the server's return")
        assert count(url) == 3_010
    assert "writer waits" in writer.said()


def test_the_server_is_killed_while_the_writer_is_far_behind(tmp_path: Path):
    """Commits that did not wait for the disk are undone with their offset, and done again."""
    spool = spool_in(tmp_path / "spool")
    append(spool, 1, 1)
    with embedded_server(tmp_path) as url, stack.writer(tmp_path, "", poll_s="0.01"):
        stack.eventually(partial(stored_up_to, url, 1), "the first entry is stored")
        spool.append([fix_entry(batch(20_000, terminals=200, seed=n)) for n in range(2, 42)])
        for seq in (6, 16, 26):
            stack.eventually(partial(stored_up_to, url, seq), "some of it is stored")
            os.kill(postmaster(url), signal.SIGKILL)
        stack.eventually(partial(stored_up_to, url, 41), "all of it is stored", 90)
        assert count(url) == 800_010
        stack.eventually(lambda: told_passed(tmp_path / "spool") == 41, "the spool may be trimmed")


def told_passed(spool: Path) -> int:
    return int((spool / "reader-tracking.offset").read_text())


def dead(pid: int) -> bool:
    return not alive(pid)


def test_a_lock_on_the_table_is_waited_for(tmp_path: Path, database: str):
    spool = spool_in(tmp_path)
    append(spool, 1, 1)
    with writing(database, tmp_path) as writer, wait_for(database, 1) as db:
        writer.lock_s = 0.2
        db.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'taxihub writer'")
        with psycopg.connect(database) as other:
            other.execute("LOCK TABLE position IN ACCESS EXCLUSIVE MODE")
            append(spool, 2, 5)
            stack.eventually(lambda: writer.counts["waits"] >= 3, "the writer asks again for the lock")
            assert db.execute("SELECT max(seq) FROM spool_offset").fetchone() == (1,)
        wait_for(database, 5).close()
        assert count(database) == 50


def test_a_writer_that_waits_for_a_lock_ends_when_it_is_told_to(tmp_path: Path, database: str):
    append(spool_in(tmp_path), 1, 1)
    with psycopg.connect(database) as other:
        other.execute("LOCK TABLE position IN ACCESS EXCLUSIVE MODE")
        with writing(database, tmp_path) as writer:
            stack.eventually(lambda: waits_for_lock(database), "the writer waits for the lock")
            writer.stop.set()
    assert count(database) == 0


def waits_for_lock(url: str) -> bool:
    with psycopg.connect(url) as db:
        query = "SELECT count(*) FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database"
        return db.execute(f"{query} WHERE datname = current_database())").fetchone() != (0,)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    try:
        disk = SmallDisk(tmp_path / "disk", DISK)
    except Unavailable as error:
        pytest.skip(str(error))
    with closing(disk):
        yield disk


def test_a_full_disk_under_the_database(tmp_path: Path, small_disk: SmallDisk):
    spool = spool_in(tmp_path / "spool")
    append(spool, 1, 1)
    spool_dir = str(tmp_path / "spool")
    with embedded_server(small_disk.place) as url, stack.writer(small_disk.place, "", spool_dir=spool_dir) as writer:
        stack.eventually(lambda: stored_up_to(url, 1), "the first entry is stored")
        with small_disk.full():
            append(spool, 2, 6, each=40_000)
            stack.eventually(lambda: "No space left" in writer.said() or "does not start" in writer.said(), "full")
            assert not stored_up_to(url, 6)
        stack.eventually(lambda: stored_up_to(url, 6), "stored once there is room", 90)
        assert count(url) == 200_010
