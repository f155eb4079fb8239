"""The store of attachments: by offset, in any order, across crashes, within bounds, never under a name of theirs."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from gateway.attachments import AttachmentStore, Finished
from gateway.content import Files
from gateway.errors import UploadRefused
from gateway.requests import Request
from gateway.upload import FileInfo, Piece

CAR, OTHER = "jt808/13812345678", "jt808/13800000000"
REQUEST = Request("a1" * 16, CAR, "00" * 16)
JPG = b"\xff\xd8\xff"
HOUR = 3_600_000_000


def info(size: int, name: bytes = b"00_64_6401_0_a1.jpg", number: str = REQUEST.number) -> FileInfo:
    return FileInfo(number, name, "image", size)


def piece(content: bytes, start: int, end: int, file: FileInfo) -> Piece:
    return Piece(file.number, file.name, start, content[start:end])


def opened(directory: Path) -> AttachmentStore:
    return AttachmentStore(Files(directory), file_octets=1000, alarm_octets=2500)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[AttachmentStore]:
    store = opened(tmp_path)
    store.admit(REQUEST, 1)
    yield store
    store.close()


def content_of(size: int, seed: int = 1) -> bytes:
    return (JPG + random.Random(seed).randbytes(size))[:size]


def test_pieces_in_any_order_become_the_file(store: AttachmentStore, tmp_path: Path):
    content = content_of(900)
    file = info(900)
    store.begin(CAR, file)
    spans = [(600, 900), (0, 100), (50, 400), (0, 100)]
    for start, end in spans:
        store.write(CAR, piece(content, start, end, file))
    assert store.end(CAR, file, b"frame") == [(400, 600)]
    store.write(CAR, piece(content, 390, 610, file))
    finished = store.end(CAR, file, b"frame")
    assert isinstance(finished, Finished)
    digest = sha256(content).hexdigest()
    report = finished.report
    assert (report.file, report.sha256, report.octets) == (f"{digest}.jpg", digest, 900)
    assert (report.terminal, report.label, report.number) == (CAR, REQUEST.label, REQUEST.number)
    assert (tmp_path / digest[:2] / report.file).read_bytes() == content
    assert list((tmp_path / "incoming").iterdir()) == []
    assert store.untold() == [finished]
    store.told([finished.id])
    assert store.untold() == []
    again = store.end(CAR, file, b"another frame")  # our answer was lost
    assert isinstance(again, Finished)
    assert (again.told, again.frame) == (True, b"frame")


def test_only_what_was_made_durable_is_known_after_a_crash(tmp_path: Path):
    content, file = content_of(900), info(900)
    store = opened(tmp_path)
    store.admit(REQUEST, 1)
    store.begin(CAR, file)
    store.write(CAR, piece(content, 0, 300, file))
    store.checkpoint(2)
    store.write(CAR, piece(content, 300, 500, file))
    again = opened(tmp_path)  # the first one is left as a kill would leave it
    assert again.end(CAR, file, b"") == [(300, 900)]
    again.write(CAR, piece(content, 300, 900, file))
    assert isinstance(again.end(CAR, file, b""), Finished)
    again.close()
    store.close()


def test_a_crash_between_the_file_and_its_row_asks_for_all_of_it(tmp_path: Path):
    content, file = content_of(900), info(900)
    store = opened(tmp_path)
    store.admit(REQUEST, 1)
    store.begin(CAR, file)
    store.write(CAR, piece(content, 0, 900, file))
    store.checkpoint(2)
    (part,) = (tmp_path / "incoming").iterdir()
    Files(tmp_path).adopt(part)
    for _ in range(2):  # a crash during this repair must not make it believe the old ranges again
        store.close()
        store = opened(tmp_path)
        assert store.end(CAR, file, b"") == [(0, 900)]
    store.close()


def test_what_was_not_announced_is_refused(store: AttachmentStore):
    for terminal, file in ((OTHER, info(9)), (CAR, info(9, number="b2" * 16))):
        with pytest.raises(UploadRefused, match="unsolicited"):
            store.begin(terminal, file)
        with pytest.raises(UploadRefused, match="unknown_file"):
            store.write(terminal, Piece(file.number, file.name, 0, b"x"))
        with pytest.raises(UploadRefused, match="unsolicited"):
            store.end(terminal, file, b"")


def test_a_file_that_was_never_begun_is_asked_for_whole(store: AttachmentStore):
    assert store.end(CAR, info(900), b"") == [(0, 900)]


def test_bounds_of_a_file_and_of_an_alarm(store: AttachmentStore, tmp_path: Path):
    with pytest.raises(UploadRefused, match="file_too_large"):
        store.begin(CAR, info(1001))
    for name in (b"1", b"2"):
        store.begin(CAR, info(1000, name))
    with pytest.raises(UploadRefused, match="alarm_too_large"):
        store.begin(CAR, info(501, b"3"))
    store.begin(CAR, info(500, b"3"))
    with pytest.raises(UploadRefused, match="beyond_size"):
        store.write(CAR, Piece(REQUEST.number, b"3", 500, b"x"))
    store.write(CAR, Piece(REQUEST.number, b"3", 400, bytes(4000)))  # the surplus is cut off
    assert store.end(CAR, info(500, b"3"), b"") == [(0, 400)]
    assert sum(p.stat().st_size for p in (tmp_path / "incoming").iterdir()) == 500


def test_pieces_that_leave_nothing_but_holes_are_refused(store: AttachmentStore, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("gateway.attachments.MOST_RANGES", 10)
    store.begin(CAR, info(900))
    with pytest.raises(UploadRefused, match="too_many_holes"):
        for offset in range(0, 900, 2):
            store.write(CAR, Piece(REQUEST.number, info(0).name, offset, b"x"))


def test_another_size_under_the_same_name_is_another_file(store: AttachmentStore, tmp_path: Path):
    store.begin(CAR, info(900))
    store.write(CAR, piece(content_of(900), 0, 900, info(900)))
    content = content_of(800, 2)
    store.begin(CAR, info(800))
    assert store.end(CAR, info(800), b"") == [(0, 800)]
    store.write(CAR, piece(content, 0, 800, info(800)))
    finished = store.end(CAR, info(800), b"")
    assert isinstance(finished, Finished)
    assert finished.report.sha256 == sha256(content).hexdigest()
    assert list((tmp_path / "incoming").iterdir()) == []


def test_what_stops_coming_is_dropped_and_what_goes_on_is_kept(store: AttachmentStore, tmp_path: Path):
    other = Request("c3" * 16, CAR, "11" * 16)
    store.admit(other, 1)
    for request in (REQUEST, other):
        file = info(900, number=request.number)
        store.begin(CAR, file)
        store.write(CAR, piece(content_of(900), 0, 300, file))
    store.checkpoint(1)
    assert store.trim(HOUR, HOUR) == 0
    store.write(CAR, piece(content_of(900), 300, 400, info(900)))
    assert store.trim(HOUR + 2, HOUR) == 1
    assert store.end(CAR, info(900), b"") == [(400, 900)]
    with pytest.raises(UploadRefused, match="unknown_file"):
        store.write(CAR, piece(content_of(900), 300, 400, info(900, number=other.number)))
    assert len(list((tmp_path / "incoming").iterdir())) == 1


def test_a_file_of_which_the_history_does_not_know_is_not_forgotten(store: AttachmentStore):
    for name in (b"whole", b"begun"):
        store.begin(CAR, info(1, name))
    store.write(CAR, Piece(REQUEST.number, b"whole", 0, b"x"))
    finished = store.end(CAR, info(1, b"whole"), b"")
    assert isinstance(finished, Finished)
    assert store.trim(HOUR * 2, HOUR) == 0
    assert store.untold() == [finished]
    store.told([finished.id])
    assert store.trim(HOUR * 4, HOUR) == 1
    assert store.trim(HOUR * 4, HOUR) == 0


def test_a_full_disk_at_the_last_moment_asks_for_all_of_it(store: AttachmentStore):
    content = content_of(900)
    store.begin(CAR, info(900))
    store.write(CAR, piece(content, 0, 900, info(900)))
    (pages,) = store._db.execute("PRAGMA page_count").fetchone()
    store._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(sqlite3.OperationalError, match="full"):
        store.end(CAR, info(900), bytes(100_000))
    store._db.execute("PRAGMA max_page_count = 1000000")
    store.checkpoint(3)
    assert store.end(CAR, info(900), b"") == [(0, 900)]
    store.write(CAR, piece(content, 0, 900, info(900)))
    assert isinstance(store.end(CAR, info(900), b""), Finished)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"../../etc/passwd", "../../etc/passwd"), (b"a\0b.jpg", "a\ufffdb.jpg"), (b"", ""),
        ("疲劳驾驶.jpg".encode("gb18030"), "疲劳驾驶.jpg"), (b"\xff\xfe.jpg", "\ufffd\ufffd.jpg"),
        (b"/etc/x\n", "/etc/x\ufffd"),
    ],
)  # fmt: skip
def test_a_name_is_data(store: AttachmentStore, tmp_path: Path, name: bytes, shown: str):
    file = info(4, name)
    store.begin(CAR, file)
    store.write(CAR, piece(b"<h1>", 0, 4, file))
    finished = store.end(CAR, file, b"")
    assert isinstance(finished, Finished)
    digest = sha256(b"<h1>").hexdigest()
    assert (finished.report.name, finished.report.file) == (shown, f"{digest}.bin")
    ours = {"incoming", "attachments.sqlite", "attachments.sqlite-wal", "attachments.sqlite-shm", digest[:2]}
    assert {p.name for p in tmp_path.iterdir()} == ours
