"""The writer: every entry of the spool ends in a table or in quarantine, once, across restarts."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import psycopg

from gateway.report import FixBatch
from gateway.spool import Entry, Spool
from tests.stack import PATIENCE_S, eventually
from tests.tracking.fixes import batch
from tracking.ingest import Writer


def spool_in(directory: Path) -> Spool:
    return Spool(directory, limit_bytes=1 << 30, keep_us=10**15)


@contextmanager
def writing(url: str, spool: Path) -> Iterator[Writer]:
    writer = Writer(url, spool, threading.Event(), poll_s=0.01)
    thread = threading.Thread(target=writer.run)
    thread.start()
    try:
        yield writer
    finally:
        writer.stop.set()
        thread.join()


def wait_for(url: str, seq: int, patience_s: float = PATIENCE_S) -> psycopg.Connection:
    db = psycopg.connect(url, autocommit=True)
    query = "SELECT max(seq) = %s FROM spool_offset"
    eventually(lambda: db.execute(query, (seq,)).fetchone() == (True,), "stored", patience_s)
    return db


def fix_entry(fixes: FixBatch) -> Entry:
    return Entry("fix", 1, fixes.to_bytes())


def test_what_was_written_before_is_not_written_again_after_a_restart(tmp_path: Path, database: str):
    spool = spool_in(tmp_path)
    spool.append([fix_entry(batch(10))])
    with writing(database, tmp_path):
        wait_for(database, 1).close()
    spool.append([fix_entry(batch(10, seed=1))])
    with writing(database, tmp_path) as writer, wait_for(database, 2) as db:
        assert db.execute("SELECT count(*) FROM position").fetchone() == (20,)
    assert (writer.counts["stored"], writer.counts["repeated"]) == (10, 0)


def test_a_lost_offset_costs_time_but_no_duplicates(tmp_path: Path, database: str):
    spool = spool_in(tmp_path)
    spool.append([fix_entry(batch(10)), fix_entry(batch(10, seed=1))])
    with writing(database, tmp_path), wait_for(database, 2) as db:
        db.execute("DELETE FROM spool_offset")
    with writing(database, tmp_path) as writer, wait_for(database, 2) as db:
        assert db.execute("SELECT count(*) FROM position").fetchone() == (20,)
    assert writer.counts["repeated"] == 20


def test_poison_is_quarantined_alone(tmp_path: Path, database: str):
    fixes = batch(9)
    texts = list(fixes.attributes)
    texts[4] = b'{"text": "\\u0000"}'  # JSON that jsonb refuses
    spool = spool_in(tmp_path)
    spool.append(
        [
            fix_entry(batch(5, seed=1)),
            fix_entry(FixBatch(fixes.terminals, fixes.rows, texts)),
            Entry("fix", 1, b"no batch at all"),
            Entry("gossip", 1, b"{}"),
            Entry("terminal", 1, json.dumps({"terminal": "jt808/9", "plate": "a\0b"}).encode()),
            Entry("terminal", 1, json.dumps({"terminal": "jt808/9"}).encode()),
            fix_entry(batch(5, seed=2)),
        ]
    )
    with writing(database, tmp_path) as writer, wait_for(database, 7) as db:
        assert db.execute("SELECT count(*) FROM position").fetchone() == (18,)
        rows = db.execute("SELECT seq, terminal, cause, content FROM quarantine ORDER BY seq").fetchall()
    assert [(seq, terminal) for seq, terminal, _, _ in rows] == [
        (2, "jt808/0"), (3, None), (4, None), (5, None), (6, None),
    ]  # fmt: skip
    assert FixBatch.from_bytes(rows[0][3]).rows["identity"].tolist() == [fixes.rows["identity"][4]]
    assert writer.counts["quarantined"] == 5


def test_messages_are_kept_once_with_what_they_say(tmp_path: Path, database: str):
    spool = spool_in(tmp_path)
    said = [{"kind": "order_answer", "terminal": "jt905/1", "order": 7, "answer": "grab", "reason": ""}]
    one = {"terminal": "jt905/1", "message": "grab_order", "frame": "7e0b01", "reports": said}
    spool.append([Entry("message", 1, json.dumps([one, one, {**one, "frame": "7e0b02", "reports": []}]).encode())])
    with writing(database, tmp_path), wait_for(database, 1) as db:
        rows = db.execute("SELECT name, frame, reports FROM message ORDER BY frame").fetchall()
    assert rows == [("grab_order", b"\x7e\x0b\x01", said), ("grab_order", b"\x7e\x0b\x02", [])]


def test_the_same_frame_long_afterwards_is_another_message(tmp_path: Path, database: str):
    """Serials come round, and an event without a time in it can happen again."""
    spool = spool_in(tmp_path)
    one = {"terminal": "jt905/1", "message": "grab_order", "frame": "7e0b01", "reports": []}
    minute = 60_000_000
    for received in (0, 5 * minute, 90 * minute):
        spool.append([Entry("message", received, json.dumps([one]).encode())])
    with writing(database, tmp_path), wait_for(database, 3) as db:
        assert db.execute("SELECT count(*) FROM message").fetchone() == (2,)


def test_a_clock_that_ran_wild_does_not_stop_the_writer(tmp_path: Path, either_database: str):
    """Fixes on more days than one transaction has locks for, and a good one behind them."""
    spool = spool_in(tmp_path)
    wild = batch(2500, start=datetime(2012, 1, 1, tzinfo=UTC), step_s=86_400)
    spool.append([fix_entry(wild), fix_entry(batch(3, seed=9))])
    with writing(either_database, tmp_path) as writer, wait_for(either_database, 2, patience_s=120) as db:
        query = "SELECT count(*) FROM position WHERE time >= %s AND time < %s"  # of all at once takes too many locks
        ends = [datetime(year, 1, 1, tzinfo=UTC) for year in range(2012, 2028)]
        years = [db.execute(query, pair).fetchone() for pair in pairwise(ends)]
        assert sum(n for row in years if row for n in row) == 2503
        assert db.execute("SELECT count(*) FROM quarantine").fetchone() == (0,)
    assert writer.counts["stored"] == 2503


def test_the_writer_outlives_the_loss_of_its_connection(tmp_path: Path, database: str):
    spool = spool_in(tmp_path)
    with writing(database, tmp_path):
        for n in range(1, 4):
            spool.append([fix_entry(batch(10, seed=n))])
            with wait_for(database, n) as db:
                db.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
        with wait_for(database, 3) as db:
            assert db.execute("SELECT count(*) FROM position").fetchone() == (30,)
