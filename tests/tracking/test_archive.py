"""Old days in files: nothing is lost on the way, and a route reads as if they were still in the table."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import psycopg
import pyarrow.parquet as pq
import pytest

from gateway.report import Enrolment, FixBatch, Flag
from tests.stack import PATIENCE_S, ROOT, eventually
from tests.tracking.fixes import batch, flagged
from tests.tracking.test_survive import waits_for_lock
from tracking import archive, queries
from tracking.errors import ArchiveDamaged
from tracking.rollup import roll_up
from tracking.store import Store
from tracking.vehicle import Route

ZONE = "Asia/Shanghai"
START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
LATER = START + timedelta(days=30)
WINDOW = (START - timedelta(days=1), START + timedelta(days=3))


@pytest.fixture
def store(db: psycopg.Connection) -> Store:
    """Two days of sixty terminals; the first one moves from one vehicle to another in the first night."""
    made = Store(db)
    made.enrol(Enrolment(terminal="jt808/0", plate="苏ET1001"), START - timedelta(days=9))
    made.enrol(Enrolment(terminal="jt808/0", plate="苏ET1002"), START + timedelta(hours=10))
    made.enrol(Enrolment(terminal="jt808/1", plate="苏ET1003"), START)
    made.add(flagged(batch(6_000, terminals=60, start=START, step_s=20), slice(300, 900), Flag.PLACE))
    db.commit()
    return made


async def asked(url: str) -> list[object]:
    """All that is asked of the history of these vehicles."""
    async with await psycopg.AsyncConnection.connect(url) as db:
        answers: list[object] = []
        for vehicle in await queries.vehicles(db):
            for options in ({}, {"flagged": True}, {"most": 7}):
                answers.append(await queries.route(db, vehicle.id, *WINDOW, **options))
            answers.append(await queries.days(db, vehicle.id, ZONE, since=WINDOW[0]))
            answers.append(await queries.span(db, vehicle.id))
        return answers


def rows(db: psycopg.Connection) -> int:
    (number,) = db.execute("SELECT count(*) FROM position").fetchone() or (0,)
    db.commit()
    return int(number)


async def test_routes_read_the_same_from_files(
    db: psycopg.Connection, store: Store, either_database: str, tmp_path: Path
):
    before = await asked(either_database)
    assert [len(a.fixes) for a in before if isinstance(a, Route)] == [20, 30, 7, 70, 70, 7, 90, 100, 7]
    roll_up(db, ZONE, LATER)
    first = archive.keep(db, tmp_path, date(2026, 11, 21))
    assert [(one.day, one.fixes) for one in first] == [(date(2026, 11, 20), 2_160)]
    assert rows(db) == 3_840
    assert await asked(either_database) == before
    archive.keep(db, tmp_path, date(2026, 12, 1))
    assert rows(db) == 0
    assert await asked(either_database) == before
    assert archive.keep(db, tmp_path, date(2026, 12, 1)) == []


async def test_a_late_fix_of_an_archived_day_is_found_wherever_it_stands(
    db: psycopg.Connection, store: Store, either_database: str, tmp_path: Path
):
    roll_up(db, ZONE, LATER)
    archive.keep(db, tmp_path, date(2026, 12, 1))
    before = await asked(either_database)
    again = batch(6_000, terminals=60, start=START, step_s=20).only(np.arange(0, 120))
    late = batch(60, terminals=60, start=START + timedelta(hours=1, seconds=7), step_s=0, seed=9)
    store.add(FixBatch.concat([again, late]))
    db.commit()
    expected = await asked(either_database)
    assert [len(a.fixes) for a in expected if isinstance(a, Route)] == [21, 31, 7, 70, 70, 7, 91, 101, 7]
    assert before != expected
    roll_up(db, ZONE, LATER)
    assert [one.file.name for one in archive.keep(db, tmp_path, date(2026, 12, 1))] == ["position-20261120-2.parquet"]
    assert rows(db) == 0
    routes = [a for a in await asked(either_database) if isinstance(a, Route)]
    assert routes == [a for a in expected if isinstance(a, Route)]


def test_a_day_that_is_not_rolled_up_stays(db: psycopg.Connection, store: Store, tmp_path: Path):
    assert archive.keep(db, tmp_path, date(2026, 12, 1)) == []
    assert rows(db) == 6_000


def test_fixes_that_come_while_a_day_is_written_are_not_dropped(
    db: psycopg.Connection, store: Store, either_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    roll_up(db, ZONE, LATER)
    digest = archive._digest
    late = iter([batch(1, start=START + timedelta(hours=2), seed=5)])

    def meanwhile(file: Path) -> bytes:
        with psycopg.connect(either_database) as other:
            for fixes in late:
                Store(other).add(fixes)
        return digest(file)

    monkeypatch.setattr(archive, "_digest", meanwhile)
    (made,) = archive.keep(db, tmp_path, date(2026, 11, 21))
    assert made.fixes == 2_161
    assert pq.read_metadata(made.file).num_rows == 2_161
    assert archive.damaged(db) == {}


def test_fixes_that_are_committed_while_the_table_s_lock_is_waited_for_are_not_dropped(
    db: psycopg.Connection, store: Store, either_database: str, tmp_path: Path
):
    """They were not there when the file was compared with the table."""
    roll_up(db, ZONE, LATER)
    with psycopg.connect(either_database) as other, ThreadPoolExecutor(1) as thread:
        Store(other).add(batch(1, start=START + timedelta(hours=2), seed=5))
        moved = thread.submit(archive.keep, db, tmp_path, date(2026, 11, 21))
        eventually(lambda: waits_for_lock(either_database), "the lock is waited for")
        other.commit()
    (made,) = moved.result()
    assert (made.fixes, rows(db)) == (2_161, 3_840)
    assert archive.damaged(db) == {}


async def test_a_damaged_file_is_told(db: psycopg.Connection, store: Store, either_database: str, tmp_path: Path):
    roll_up(db, ZONE, LATER)
    first, second = archive.keep(db, tmp_path, date(2026, 12, 1))
    content = bytearray(first.file.read_bytes())
    content[len(content) // 2] ^= 1
    first.file.write_bytes(content)
    second.file.write_bytes(second.file.read_bytes()[:-1])
    assert set(archive.damaged(db)) == {str(first.file), str(second.file)}
    async with await psycopg.AsyncConnection.connect(either_database) as other:
        with pytest.raises(ArchiveDamaged, match=r"of 2026-11-20 was changed: its checksum is another one"):
            await queries.route(other, 3, *WINDOW)
        with pytest.raises(ArchiveDamaged, match="instead of"):
            await queries.route(other, 3, START + timedelta(days=1), WINDOW[1])
        second.file.unlink()
        with pytest.raises(ArchiveDamaged, match="cannot be read") as told:
            await queries.route(other, 3, START + timedelta(days=1), WINDOW[1])
    assert (told.value.file, told.value.day) == (second.file, date(2026, 11, 21))
    assert archive.damaged(db)[str(second.file)] == "missing"


def test_its_commands(database: str, tmp_path: Path):
    def run(*command: str) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "TAXIHUB_DATABASE_URL": database, "TAXIHUB_VAR": str(tmp_path)}
        return subprocess.run(
            [sys.executable, "-m", "tracking", *command], cwd=ROOT, env=env, text=True, capture_output=True,
            timeout=PATIENCE_S,
        )  # fmt: skip

    with psycopg.connect(database) as db:
        Store(db).add(batch(10, start=datetime.now(UTC) - timedelta(days=20), step_s=1))
    assert "moved" not in run("keep").stdout
    kept = run("keep", "--days", "10")
    assert kept.returncode == 0, kept.stderr
    assert ": 10 fixes" in kept.stdout
    assert run("verify").returncode == 0
    (file,) = (tmp_path / "archive").rglob("*.parquet")
    file.unlink()
    verified = run("verify")
    assert (verified.returncode, verified.stdout) == (1, f"{file}: missing\n")
