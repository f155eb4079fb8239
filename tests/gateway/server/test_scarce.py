"""A gateway that runs out of what the machine has: disk, descriptors. It waits, says so, and loses nothing."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.report import FixBatch, moment
from gateway.spool import SpoolReader
from tests import stack
from tests.gateway.server.test_media import picture, upload
from tests.terminals import NUMBER, Terminal808, fix

START = datetime(2026, 11, 25, tzinfo=UTC)
DISK = 6 << 20
FRAMES = 300
"""In one round; a disk of this size takes a few rounds."""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    if os.geteuid() != 0:
        pytest.skip("*** a small disk can be mounted by root only: the full-disk tests are skipped ***")
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("*** this machine mounts no tmpfs: the full-disk tests are skipped ***")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def times(spool: Path) -> set[datetime]:
    reader, found, after = SpoolReader(spool, "test"), set[datetime](), 0
    while entries := reader.read(after):
        after = entries[-1].seq
        for entry in entries:
            if entry.kind == "fix":
                found |= {moment(t) for t in FixBatch.from_bytes(entry.columns).rows["time"]}
    return found


def answered(terminal: Terminal808, wait_s: float) -> bool:
    """Whether everything that it sent is answered, with no pause longer than this."""
    terminal.socket.settimeout(wait_s)
    try:
        while terminal.owed:
            answer = terminal.hear()
            assert answer.fields["result"] == 0
            terminal.owed.discard(answer.fields["ack_serial"])
        return True
    except TimeoutError:
        return False
    finally:
        terminal.socket.settimeout(10)


class Uploader(Terminal808):
    """Remembers what it sent and what it was not answered for."""

    def __init__(self, port: int) -> None:
        super().__init__(port, NUMBER)
        self.sent: set[datetime] = set()
        self.owed: set[int] = set()

    def send_round(self) -> None:
        frames = b""
        for _ in range(FRAMES):
            time = START + timedelta(seconds=len(self.sent))
            frames += self.frame(0x0200, fix(time, items={"0xFE": {"raw": os.urandom(200)}}))
            self.sent.add(time)
            self.owed.add(self.serial)
        self.socket.sendall(frames)


def test_while_the_disk_is_full_terminals_wait_and_then_all_is_there(small_disk: Path, tmp_path: Path):
    stack.enrol(tmp_path, [f"{NUMBER},jt808,苏ET1001,taxi,"])
    with stack.gateway(tmp_path, spool_dir=str(small_disk / "spool")) as process:
        terminal = Uploader(process.ports["jt808"])
        terminal.log_in()
        ballast = small_disk / "ballast"
        ballast.write_bytes(bytes(DISK // 2))
        for _ in range(60):
            terminal.send_round()
            if not answered(terminal, 3):
                break
        assert terminal.owed, "the disk never became full"
        assert process.running.process.poll() is None, process.running.said()
        assert "spool full" in process.running.said()
        ballast.unlink()
        assert answered(terminal, 20), process.running.said()[-2000:]
        assert times(small_disk / "spool") == terminal.sent


def test_a_picture_waits_for_the_disk_too(small_disk: Path, tmp_path: Path):
    stack.enrol(tmp_path, [f"{NUMBER},jt808,苏ET1001,taxi,"])
    (small_disk / "media").mkdir()
    (tmp_path / "media").symlink_to(small_disk / "media")
    content = picture(60_000)
    with stack.gateway(tmp_path) as process, Terminal808(process.ports["jt808"]) as terminal:
        terminal.log_in()
        ballast = small_disk / "ballast"
        free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
        ballast.write_bytes(bytes(free))
        for frame in upload(content):
            terminal.socket.sendall(frame)
        stack.eventually(lambda: "spool full" in process.running.said(), "the gateway says that the disk is full")
        assert process.running.process.poll() is None
        ballast.unlink()
        while (heard := terminal.hear()).name != "media_answer":
            assert heard.fields["result"] == 0
        assert not heard.fields.get("missing")
        files = list((small_disk / "media").rglob("*.jpg"))
        assert [file.read_bytes() for file in files] == [content]


def test_more_connections_than_descriptors_end_neither_the_gateway_nor_those_it_has(tmp_path: Path):
    """Under a hard limit of 400 open files, with 600 connections that come at once."""
    stack.enrol(tmp_path, [f"{NUMBER},jt808,苏ET1001,taxi,"])
    command = ["prlimit", "--nofile=400:400", sys.executable, "-m", "gateway", "serve"]
    with stack.gateway(tmp_path, *command, login_s="60") as process, Terminal808(process.ports["jt808"]) as terminal:
        terminal.log_in()
        crowd = [socket.create_connection(("127.0.0.1", process.ports["jt808"])) for _ in range(600)]
        try:
            assert terminal.result(0x0200, fix(START)) == 0
            reader = SpoolReader(tmp_path / "spool", "test")  # the gateway's own files still open
            reader.passed(reader.last())
            for second in range(1, 4):
                assert terminal.result(0x0200, fix(START + timedelta(seconds=second))) == 0
            assert process.running.process.poll() is None, process.running.said()
            assert "fewer connections than wanted" in process.running.said()
        finally:
            for one in crowd:
                one.close()
