"""The writer: every entry of the spool ends in a table or in quarantine, once, across restarts."""

import json
import shutil
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise
from pathlib import Path

import psycopg

from gateway.report import FixBatch
from gateway.spool import Entry, Spool, SpoolReader
from tests.stack import PATIENCE_S, eventually
from tests.tracking.fixes import batch
from tracking.ingest import READER, Writer


def spool_in(directory: Path) -> Spool:
    return Spool(directory, limit_bytes=1 << 30, keep_us=10**15)


@contextmanager
def writing(url: str, spool: Path) -> Iterator[Writer]:
    writer = Writer(url, partial(SpoolReader, spool, READER), threading.Event(), poll_s=0.01)
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


def test_on_a_full_disk_it_writes_on_and_tells_later_how_far_it_came(tmp_path: Path, database: str):
    spool = spool_in(tmp_path)
    SpoolReader(tmp_path, READER).close()
    told, fresh = tmp_path / f"reader-{READER}.offset", tmp_path / f"reader-{READER}.new"
    fresh.symlink_to("/dev/full")
    spool.append([fix_entry(batch(10))])
    with writing(database, tmp_path):
        wait_for(database, 1).close()
        spool.append([fix_entry(batch(10, seed=1))])
        wait_for(database, 2).close()
        assert told.read_text() == "0"
        fresh.unlink()
        eventually(lambda: told.read_text() == "2", "the gateway is told")


def test_a_spool_that_went_back_is_read_anew(tmp_path: Path, database: str):
    """As by a disk put back in time: its numbers are given again, to other fixes."""
    spool, kept = spool_in(tmp_path / "spool"), tmp_path / "kept"
    spool.append([fix_entry(batch(10))])
    spool.close()
    shutil.copytree(tmp_path / "spool", kept)
    spool = spool_in(tmp_path / "spool")
    spool.append([fix_entry(batch(10, seed=1)), fix_entry(batch(10, seed=2))])
    with writing(database, tmp_path / "spool"):
        wait_for(database, 3).close()
    spool.close()
    shutil.rmtree(tmp_path / "spool")
    kept.rename(tmp_path / "spool")
    spool = spool_in(tmp_path / "spool")
    with writing(database, tmp_path / "spool"), wait_for(database, 1) as db:
        spool.append([fix_entry(batch(10, seed=3))])
        eventually(lambda: db.execute("SELECT seq FROM spool_offset").fetchone() == (2,), "the new one is stored")
        assert db.execute("SELECT count(*) FROM position").fetchone() == (40,)


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


def test_what_is_read_ahead_is_stored_once_and_in_order(tmp_path: Path, database: str):
    """Far behind, with terminals that become known on the way, and a load that has something twice."""
    spool = spool_in(tmp_path)
    big = [batch(20_000, terminals=5 + n, seed=n, step_s=0.1) for n in range(6)]
    for n, fixes in enumerate(big):
        spool.append([fix_entry(fixes), message_entry(n)])
    spool.append([fix_entry(big[0])])
    with writing(database, tmp_path) as writer, wait_for(database, 13) as db:
        assert db.execute("SELECT count(*) FROM position").fetchone() == (120_000,)
        keyed = db.execute(
            "SELECT key, count(*) FROM position LEFT JOIN terminal ON terminal.id = terminal_id GROUP BY 1"
        ).fetchall()
    expected = Counter(fixes.terminals[row] for fixes in big for row in fixes.rows["terminal"])
    assert dict(keyed) == expected
    assert (writer.counts["stored"], writer.counts["repeated"], writer.counts["message"]) == (120_000, 20_000, 6)


def message_entry(number: int) -> Entry:
    one = {"terminal": f"jt905/{number}", "message": "grab_order", "frame": f"7e{number:02x}", "reports": []}
    return Entry("message", 1, json.dumps([one]).encode())


def test_one_bad_message_of_an_entry_is_quarantined_alone(tmp_path: Path, database: str):
    spool = spool_in(tmp_path)
    good = [{"terminal": "jt905/1", "message": "grab_order", "frame": f"7e0b{n:02}", "reports": []} for n in range(4)]
    nul = {**good[0], "reports": [{"text": "a\0b"}]}  # JSON that jsonb refuses
    spool.append([Entry("message", 1, json.dumps([good[0], good[1], nul, "no message", *good[2:]]).encode())])
    with writing(database, tmp_path) as writer, wait_for(database, 1) as db:
        frames = db.execute("SELECT encode(frame, 'hex') FROM message ORDER BY id").fetchall()
        contents = db.execute("SELECT kind, content FROM quarantine ORDER BY id").fetchall()
    assert frames == [(one["frame"],) for one in good]
    assert [(kind, json.loads(content)) for kind, content in contents] == [
        ("message", [nul]),
        ("message", ["no message"]),
    ]
    assert writer.counts["quarantined"] == 2
