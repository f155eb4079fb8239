"""The spool: durable, bounded, trimmed only behind its readers."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from gateway.errors import SpoolError, StorageFull
from gateway.spool import FILE, Entry, Spool, SpoolReader, log
from gateway.spool.log import pack_frames

MiB = 1 << 20


def spool_in(directory: Path, **changes: int) -> Spool:
    return Spool(directory, **{"limit_bytes": 64 * MiB, "keep_us": 0} | changes)


def test_what_was_appended_is_read_back_in_order(tmp_path: Path):
    spool = spool_in(tmp_path)
    frames = [b"~one~", b"", b"~three~"]
    assert spool.append([Entry("fix", 1, b"a", pack_frames(frames)), Entry("terminal", 2, b"b")]) == 2
    reader = SpoolReader(tmp_path, "writer")
    assert [(e.seq, e.kind, e.columns) for e in reader.read(0)] == [(1, "fix", b"a"), (2, "terminal", b"b")]
    assert [e.seq for e in reader.read(1)] == [2]
    assert reader.raw(1) == frames


def test_a_reader_gets_at_least_one_entry_however_small_its_bound(tmp_path: Path):
    spool = spool_in(tmp_path)
    spool.append(Entry("fix", i, bytes(1000)) for i in range(5))
    assert len(SpoolReader(tmp_path, "writer").read(0, limit_bytes=1)) == 1


def test_only_what_every_reader_passed_is_trimmed(tmp_path: Path):
    spool = spool_in(tmp_path)
    fast, slow = SpoolReader(tmp_path, "fast"), SpoolReader(tmp_path, "slow")
    spool.append(Entry("fix", i, b"x") for i in range(10))
    fast.passed(9)
    assert spool.trim(now_us=100) == 0
    slow.passed(4)
    assert spool.trim(now_us=100) == 4
    assert slow.first() == 5
    with pytest.raises(SpoolError, match="no longer kept"):
        slow.raw(2)


def test_passed_entries_stay_for_their_safety_age(tmp_path: Path):
    spool = spool_in(tmp_path, keep_us=50)
    reader = SpoolReader(tmp_path, "writer")
    spool.append(Entry("fix", i, b"x") for i in (10, 80))
    reader.passed(2)
    assert spool.trim(now_us=100) == 1


def test_a_full_spool_takes_nothing_and_recovers_when_drained(tmp_path: Path):
    spool = spool_in(tmp_path, limit_bytes=MiB)
    reader = SpoolReader(tmp_path, "writer")
    with pytest.raises(StorageFull):
        for i in range(100):
            spool.append([Entry("fix", i, bytes(50_000))])
    held = reader.last()
    with pytest.raises(StorageFull):
        spool.append([Entry("fix", 0, b"x")])
    assert reader.last() == held
    reader.passed(held)
    assert spool.trim(now_us=1000) == held
    assert spool.append([Entry("fix", 0, b"x")]) == held + 1


def test_numbers_and_identity_outlive_a_restart_even_when_all_was_trimmed(tmp_path: Path):
    spool = spool_in(tmp_path)
    reader = SpoolReader(tmp_path, "writer")
    spool.append([Entry("fix", 0, b"x")])
    reader.passed(1)
    spool.trim(now_us=10)
    spool.close()
    again = spool_in(tmp_path)
    assert again.append([Entry("fix", 0, b"x")]) == 2
    assert SpoolReader(tmp_path, "writer").id == reader.id


def test_a_checkpoint_beside_open_readers_loses_nothing(tmp_path: Path):
    spool = spool_in(tmp_path)
    reader = SpoolReader(tmp_path, "writer")
    for i in range(20):
        spool.append([Entry("fix", i, bytes(5000))])
        spool.checkpoint()
        assert reader.last() == i + 1


def test_the_write_ahead_log_is_emptied_when_it_has_grown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(log, "LOG_BYTES", MiB)
    spool = spool_in(tmp_path, limit_bytes=8 * MiB)
    SpoolReader(tmp_path, "writer").close()
    looking = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    looking.execute("BEGIN")
    looking.execute("SELECT count(*) FROM entry").fetchone()  # a reader that stands still holds the log
    with pytest.raises(StorageFull, match="its limit is"):
        for i in range(40):
            spool.append([Entry("fix", i, bytes(MiB // 2))])
            spool.checkpoint()
    assert spool.log_size() > MiB
    looking.execute("COMMIT")
    spool.checkpoint()
    assert spool.log_size() == 0
    with closing(SpoolReader(tmp_path, "writer")) as reader:
        stood = reader.last()
        reader.passed(stood)
    spool.trim(now_us=100)
    assert spool.append([Entry("fix", 50, bytes(MiB))]) == stood + 1


def test_every_commit_is_synchronous(tmp_path: Path):
    """A planted spool without it is found by power cuts, too; this says at once what is wrong."""
    spool = spool_in(tmp_path)
    assert spool._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert spool._db.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


def test_nothing_is_appended_to_a_spool_in_which_nothing_is(tmp_path: Path):
    assert spool_in(tmp_path).append([]) == 0


def test_a_reader_without_a_spool_says_so(tmp_path: Path):
    with pytest.raises(SpoolError, match="has the gateway been started"):
        SpoolReader(tmp_path, "writer")


def test_a_spool_that_is_still_being_made_is_told_from_a_damaged_one(tmp_path: Path):
    (tmp_path / "spool.sqlite").touch()
    with pytest.raises(SpoolError, match="cannot be read now: no such table"):
        SpoolReader(tmp_path, "writer")
    (tmp_path / "spool.sqlite").write_bytes(b"no database at all" * 100)
    with pytest.raises(sqlite3.DatabaseError):
        SpoolReader(tmp_path, "writer")


def test_a_reader_that_finds_no_room_to_say_how_far_it_came_keeps_its_word(tmp_path: Path):
    spool_in(tmp_path)
    reader = SpoolReader(tmp_path, "writer")
    reader.passed(3)
    (tmp_path / "reader-writer.new").symlink_to("/dev/full")
    with pytest.raises(StorageFull, match="no space left for how far a reader has come"):
        reader.passed(4)
    assert (tmp_path / "reader-writer.offset").read_text() == "3"
