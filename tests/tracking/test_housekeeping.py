"""The daily work: done at its hour or when it was missed, told, tried again, and never in the writer's way."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.rows import dict_row

from tests import stack
from tests.tracking.fixes import batch
from tests.tracking.test_ingest import fix_entry, spool_in, wait_for, writing
from tracking.housekeeping import LOCK, Busy, Done, Housekeeper, Rules
from tracking.store import Store

ZONE = "Asia/Shanghai"
OLD = datetime.now(UTC) - timedelta(days=20)
HOURS = st.times().map(lambda t: t.replace(microsecond=0))
NOT_SOON = (datetime.now(ZoneInfo(ZONE)) + timedelta(hours=12)).time()  # no run of these tests passes this hour
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))


def keeper(url: str, directory: Path, **rules: object) -> Housekeeper:
    return Housekeeper(url, Rules(directory, ZONE, **{"keep_days": 10, **rules}), threading.Event())


def state(url: str) -> dict[str, object]:
    with psycopg.connect(url, row_factory=dict_row) as db:
        return db.execute("SELECT *, now() FROM housekeeping").fetchone() or {}


def missed(url: str) -> None:
    """As if it had been due an hour ago."""
    with psycopg.connect(url) as db:
        db.execute("UPDATE housekeeping SET next = now() - interval '1 hour'")


def store_old(url: str, count: int = 10) -> None:
    with psycopg.connect(url) as db:
        Store(db).add(batch(count, start=OLD, step_s=0.1))


@given(MOMENTS, HOURS, st.sampled_from([ZONE, "UTC", "Europe/London", "America/New_York"]))
def test_it_is_due_at_the_next_such_hour_of_the_bureau(after: datetime, at: time, zone: str):
    due = Rules(Path(), zone, at=at).due(after)
    assert after < due <= after + timedelta(hours=26)
    local = due.astimezone(ZoneInfo(zone))
    shifted = local.replace(tzinfo=None) - datetime.combine(local, at)
    assert shifted in (timedelta(0), timedelta(hours=1))  # an hour that the clock skips comes one later


def test_once_does_all_of_it_and_says_so(either_database: str, tmp_path: Path):
    store_old(either_database)
    done = keeper(either_database, tmp_path).once(datetime.now(UTC))
    assert done == Done(rolled_up=done.rolled_up, moved=1, fixes=10, compressed=0, compression="off")
    told = state(either_database)
    assert told["result"] == {
        "rolled_up": done.rolled_up, "moved": 1, "fixes": 10, "compressed": 0, "compression": "off",
    }  # fmt: skip
    assert told["started"] <= told["ended"] == told["succeeded"]
    assert (told["error"], told["next"]) == (None, None)


def test_a_database_that_cannot_compress_is_told_apart(either_database: str, tmp_path: Path):
    """Native partitions, and TimescaleDB's Apache edition."""
    store_old(either_database)
    done = keeper(either_database, tmp_path, keep_days=0, compress_days=7).once(datetime.now(UTC))
    assert (done.compressed, done.compression) == (0, "unavailable")


def test_what_was_missed_is_done_at_the_start_and_the_next_run_is_told(database: str, tmp_path: Path):
    store_old(database)
    missed(database)
    with keeper(database, tmp_path).beside():
        stack.eventually(lambda: state(database)["next"] > datetime.now(UTC), "it is done and due again")
    told = state(database)
    assert told["result"]["fixes"] == 10
    assert told["next"].astimezone(ZoneInfo(ZONE)).time() == time(3, 30)


def test_nothing_is_done_before_its_hour(database: str, tmp_path: Path):
    store_old(database)
    with keeper(database, tmp_path, at=NOT_SOON).beside():
        stack.eventually(lambda: state(database)["next"], "it says when it is due")
    assert state(database)["started"] is None


def test_a_failure_is_told_and_tried_again(database: str, tmp_path: Path):
    store_old(database)
    missed(database)
    in_the_way = tmp_path / "archive"
    in_the_way.write_text("a file where the directory should be")
    with keeper(database, in_the_way).beside():
        stack.eventually(lambda: state(database)["error"], "the failure is told")
        stack.eventually(lambda: state(database)["next"] > datetime.now(UTC), "it is tried again")
    told = state(database)
    assert str(in_the_way) in str(told["error"])
    assert told["next"] <= told["ended"] + timedelta(minutes=10)
    assert told["succeeded"] is None
    in_the_way.unlink()
    missed(database)
    with keeper(database, in_the_way).beside():
        stack.eventually(lambda: state(database)["succeeded"], "it is done")
    assert state(database)["error"] is None


def test_two_processes_do_not_do_it_at_once(database: str, tmp_path: Path):
    with psycopg.connect(database) as other:
        other.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        with pytest.raises(Busy, match="another process"):
            keeper(database, tmp_path).once(datetime.now(UTC))
    keeper(database, tmp_path).once(datetime.now(UTC))
    assert state(database)["error"] is None


def test_what_another_process_is_at_or_has_done_is_not_done_again(database: str, tmp_path: Path):
    missed(database)
    before = state(database)["next"]
    rules = Rules(tmp_path, ZONE, at=NOT_SOON)
    second = Housekeeper(database, rules, threading.Event())
    with psycopg.connect(database) as first:
        first.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        again = second._do_when_due(None)
        assert (again > datetime.now(UTC), state(database)["next"]) == (True, before)
        done_by_first = datetime.now(UTC) + timedelta(seconds=1)
        first.execute("UPDATE housekeeping SET next = %s", (rules.due(done_by_first),))
    assert second._plan(again) == rules.due(again)
    assert state(database)["started"] is None


def test_somebody_who_reads_for_long_holds_up_the_daily_work_and_not_the_writer(database: str, tmp_path: Path):
    spool = spool_in(tmp_path / "spool")
    store_old(database)
    with psycopg.connect(database) as reader, writing(database, tmp_path / "spool") as writer:
        reader.execute("SELECT count(*) FROM position")
        with ThreadPoolExecutor(1) as thread:
            work = thread.submit(keeper(database, tmp_path).once, datetime.now(UTC))
            n = 0
            while not work.done():
                n += 1
                spool.append([fix_entry(batch(10, start=OLD, seed=n))])
                wait_for(database, n).close()
        with pytest.raises(psycopg.errors.LockNotAvailable):
            work.result()
    assert writer.counts["stored"] == 10 * n > 0
    assert writer.counts["waits"] == 0
    assert "held a table for too long" in str(state(database)["error"])


def test_room_for_tomorrow_is_made_today(database: str, tmp_path: Path):
    """So that the writer needs no rare lock just after midnight."""
    keeper(database, tmp_path).once(datetime.now(UTC))
    with psycopg.connect(database) as db:
        for day in (datetime.now(UTC), datetime.now(UTC) + timedelta(days=1)):
            assert db.execute("SELECT to_regclass(%s)", (f"position_{day:%Y%m%d}",)).fetchone() != (None,)


def test_it_ends_in_the_middle_when_it_is_told_to(database: str, tmp_path: Path):
    store_old(database)
    missed(database)
    with psycopg.connect(database) as other:
        other.execute("LOCK TABLE vehicle_day IN ACCESS EXCLUSIVE MODE")
        with keeper(database, tmp_path).beside():
            stack.eventually(lambda: state(database)["started"], "it has begun")
    told = state(database)
    assert (told["ended"], told["error"]) == (None, None)
    assert told["next"] < datetime.now(UTC)


def test_it_is_done_beside_the_writer(database: str, tmp_path: Path):
    store_old(database)
    missed(database)
    append = spool_in(tmp_path / "spool").append
    append([fix_entry(batch(10))])
    with stack.writer(tmp_path, database, keep_days="10") as process:
        wait_for(database, 1).close()
        stack.eventually(lambda: state(database)["succeeded"], "the daily work is done")
    assert process.process.returncode == 0, process.said()
    assert len(list((tmp_path / "archive").rglob("*.parquet"))) == 1


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("TIMEZONE", "Asia/Kunshan", "there is no time zone 'Asia/Kunshan'"),
        ("KEEP_AT", "03:30+08:00", "a time of day without a zone is expected"),
    ],
)
def test_a_setting_that_makes_no_sense_is_told(database: str, tmp_path: Path, name: str, value: str, said: str):
    env = {"TAXIHUB_DATABASE_URL": database, "TAXIHUB_VAR": str(tmp_path), f"TAXIHUB_{name}": value}
    done = subprocess.run(
        [sys.executable, "-m", "tracking", "serve"], cwd=stack.ROOT, env={**os.environ, **env}, text=True,
        capture_output=True, timeout=stack.PATIENCE_S,
    )  # fmt: skip
    assert done.returncode != 0
    assert said in done.stderr
