"""Compressed days, on TimescaleDB's community edition: the project's own statements, from its schema to its archive."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import psycopg
import pytest

from gateway.report import FixBatch
from tests.community import server as community
from tests.tracking.fixes import batch
from tracking import archive
from tracking.evidence.checkpoint import LOG
from tracking.evidence.seal import Sealer
from tracking.evidence.verify import verify
from tracking.housekeeping import Housekeeper, Rules
from tracking.migrate import migrate
from tracking.rollup import roll_up
from tracking.series import of
from tracking.store import Store

START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
COLD = date(2026, 11, 22)
LATER = START + timedelta(days=30)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """In this version's schema."""
    if reason := community.why_not():
        pytest.skip(reason)
    with community.server() as found:
        migrate(found)
        yield found


@pytest.fixture(scope="module")
def connection(url: str) -> Iterator[psycopg.Connection]:
    """Others share its session: nothing is prepared in it."""
    with psycopg.connect(url, prepare_threshold=None) as session:
        yield session


@pytest.fixture
def db(connection: psycopg.Connection) -> psycopg.Connection:
    """Two days of twelve terminals, and nothing else."""
    connection.rollback()
    connection.execute("TRUNCATE position, touched_day, vehicle_day, archive")
    Store(connection).add(fixes())
    connection.commit()
    return connection


def fixes() -> FixBatch:
    return batch(1_200, terminals=12, start=START, step_s=100)


def compress(db: psycopg.Connection) -> int:
    return of(db, "position").compress(db, "position", COLD)


def days(db: psycopg.Connection) -> list[tuple[date, bool]]:
    rows = db.execute(
        "SELECT range_start::date, is_compressed FROM timescaledb_information.chunks"
        " WHERE hypertable_name = 'position' ORDER BY range_start"
    ).fetchall()
    db.commit()
    return [(day, compressed) for day, compressed in rows]


def stored(db: psycopg.Connection) -> list[tuple]:
    rows = db.execute(
        "SELECT terminal_id, time, identity, lat, odometer::text, attributes FROM position ORDER BY 1, 2, 3"
    )
    return rows.fetchall()


def test_cold_days_are_compressed_once_and_read_the_same(db: psycopg.Connection):
    series = of(db, "position")
    assert series.compresses(db)
    before = stored(db)
    assert compress(db) == 2
    assert days(db) == [(date(2026, 11, 20), True), (date(2026, 11, 21), True)]
    assert compress(db) == 0
    assert stored(db) == before


def test_a_day_that_is_not_cold_stays_as_it_is(db: psycopg.Connection):
    assert of(db, "position").compress(db, "position", date(2026, 11, 21)) == 1
    assert days(db) == [(date(2026, 11, 20), True), (date(2026, 11, 21), False)]


def test_what_is_sent_again_into_a_compressed_day_is_stored_once(db: psycopg.Connection):
    """By COPY alone, which must meet the key, and by the way of batches in which something is stored already."""
    compress(db)
    before = stored(db)
    store = Store(db)
    again = fixes().only(np.arange(0, 1_200, 7))
    assert store.add(again) == 0
    db.commit()
    assert stored(db) == before
    late = batch(120, terminals=12, start=START + timedelta(seconds=7), step_s=200, seed=9)
    assert store.add(FixBatch.concat([again, late])) == 120
    assert store.add(late) == 0
    db.commit()
    assert len(stored(db)) == len(before) + 120
    assert len({row[:3] for row in stored(db)}) == len(before) + 120


def test_late_fixes_are_compressed_with_the_next_run(db: psycopg.Connection):
    compress(db)
    late = batch(120, terminals=12, start=START + timedelta(seconds=7), step_s=200, seed=9)
    Store(db).add(late)
    db.commit()
    assert loose(db) == 120
    assert compress(db) == 0
    assert loose(db) == 0
    assert len(stored(db)) == 1_320


def loose(db: psycopg.Connection) -> int:
    """Rows of compressed days that stand beside the compressed ones."""
    chunks = db.execute(
        "SELECT format('%%I.%%I', chunk_schema, chunk_name) FROM timescaledb_information.chunks"
        " WHERE hypertable_name = 'position' AND is_compressed", ()
    ).fetchall()  # fmt: skip
    counts = [db.execute(f"SELECT count(*) FROM ONLY {chunk}").fetchone() or (0,) for (chunk,) in chunks]
    db.commit()
    return sum(int(n) for (n,) in counts)


def test_a_compressed_day_is_rolled_up_and_moved_to_a_file(db: psycopg.Connection, tmp_path: Path):
    compress(db)
    roll_up(db, "Asia/Shanghai", LATER)
    moved = archive.keep(db, tmp_path, COLD)
    assert [one.day for one in moved] == [date(2026, 11, 20), date(2026, 11, 21)]
    assert sum(one.fixes for one in moved) == 1_200
    assert stored(db) == []
    assert days(db) == []


def test_the_daily_work_compresses_what_is_old_enough(db: psycopg.Connection, url: str, tmp_path: Path):
    rules = Rules(tmp_path, "Asia/Shanghai", compress_days=7)
    now = datetime(2026, 11, 28, 20, 0, tzinfo=UTC)
    done = [Housekeeper(url, rules, threading.Event()).once(at) for at in (now, now, now + timedelta(days=1))]
    assert [(one.compressed, one.compression) for one in done] == [(1, "on"), (0, "on"), (1, "on")]
    assert days(db) == [(date(2026, 11, 20), True), (date(2026, 11, 21), True)]


def test_what_was_sealed_is_whole_when_its_day_is_compressed(db: psycopg.Connection, tmp_path: Path):
    db.execute("TRUNCATE seal_due, evidence_due, evidence_part, evidence_seal")
    db.execute("INSERT INTO seal_due SELECT DISTINCT (time AT TIME ZONE 'UTC')::date, 0 FROM position")
    db.commit()
    sealer = Sealer(tmp_path, tmp_path / LOG)
    sealer.seal(db, LATER)
    compress(db)
    said = verify(db, sealer.signer.trusted, sealer.log)
    assert (said.breaks, said.checked["position"], said.pending) == ([], 1_200, {})
    Store(db).add(batch(120, terminals=12, start=START + timedelta(seconds=7), step_s=200, seed=9))
    db.commit()
    sealer.seal(db, LATER)
    compress(db)
    said = verify(db, sealer.signer.trusted, sealer.log)
    assert (said.breaks, said.checked["position"], said.checked["seals"]) == ([], 1_320, 2)
    db.execute("UPDATE position SET lat = 31 WHERE time = (SELECT min(time) FROM position)")
    db.commit()
    assert [one.what for one in verify(db, sealer.signer.trusted, sealer.log).breaks] == ["altered"]
