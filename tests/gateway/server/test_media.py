"""Pictures from real sockets: in pieces, with pieces lost, across a kill, and never under a name of their own."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gateway.protocols.jt808 import messages as jt808
from gateway.protocols.jt808.header import build_parts
from gateway.wire.message import Message
from tests import stack
from tests.terminals import ISU, NUMBER, Terminal808, Terminal905, fix

NOW = datetime(2026, 11, 25, tzinfo=UTC)


def picture(octets: int, seed: int = 1) -> bytes:
    return b"\xff\xd8\xff\xe0" + random.Random(seed).randbytes(octets - 4)


@dataclass
class Gateway:
    var: Path
    ports: dict[str, int]
    database: str

    def file(self, content: bytes) -> dict[str, Any]:
        """The report of a medium that has come whole, and the file behind it."""
        digest = hashlib.sha256(content).hexdigest()
        query = "SELECT reports->0 FROM message WHERE reports->0->>'kind' = 'media_file'"
        with psycopg.connect(self.database, autocommit=True) as db:

            def found() -> dict[str, Any] | None:
                rows = [row[0] for row in db.execute(query).fetchall()]
                return next((r for r in rows if r["sha256"] == digest), None)

            report = stack.eventually(found, "the picture is in the history")
        path = self.var / "media" / digest[:2] / report["file"]
        assert path.read_bytes() == content
        return report


@contextmanager
def served(var: Path, database: str) -> Iterator[Gateway]:
    stack.enrol(var, [f"{NUMBER},jt808,苏ET1001,taxi,", f"{ISU},jt905,苏ET1002,taxi,"])
    with stack.writer(var, database, poll_s="0.02"), stack.gateway(var, missing_s="0.5") as process:
        yield Gateway(var, dict(process.ports), database)


def upload(content: bytes, medium: int = 77, first_serial: int = 100) -> list[bytes]:
    """0x0801 in parts: the first one says what it is."""
    place = {name: value for name, value in fix(NOW).items() if name != "items"}
    head = {"media_id": medium, "type": 0, "format": 0, "event": 0, "channel": 1, "position": place, "data": content}
    body = jt808.encode_body(0x0801, head, 2013)
    return build_parts(0x0801, NUMBER, first_serial, body, 2013)


def until(terminal: Terminal808, name: str) -> Message:
    while (heard := terminal.hear()).name != name:
        assert heard.name == "platform_answer"
        assert heard.fields["result"] == 0
    return heard


def test_a_picture_of_which_a_piece_was_lost_is_asked_for_and_whole(tmp_path: Path, database: str):
    content = picture(30_000)
    with served(tmp_path, database) as gateway, Terminal808(gateway.ports["jt808"]) as terminal:
        terminal.log_in()
        frames = upload(content)
        for frame in frames[:6] + frames[7:]:
            terminal.socket.sendall(frame)
        asked = until(terminal, "media_answer")
        assert asked.fields == {"media_id": 77, "parts": [7]}
        terminal.socket.sendall(frames[6])
        assert until(terminal, "media_answer").fields == {"media_id": 77}
        report = gateway.file(content)
        assert (report["medium"]["media"], report["medium"]["type"], report["octets"]) == (77, "image", len(content))
        assert report["file"].endswith(".jpg")
        terminal.socket.sendall(frames[-1])  # its answer was lost: the last piece comes again
        assert until(terminal, "media_answer").fields == {"media_id": 77}


def test_an_upload_goes_on_after_the_gateway_was_killed(tmp_path: Path, database: str):
    content = picture(12_000, 2)
    frames = upload(content, 78)
    stack.enrol(tmp_path, [f"{NUMBER},jt808,苏ET1001,taxi,"])
    with stack.writer(tmp_path, database, poll_s="0.02"):
        with stack.gateway(tmp_path, missing_s="0.5") as process, Terminal808(process.ports["jt808"]) as terminal:
            terminal.log_in()
            for frame in frames[:5]:
                terminal.socket.sendall(frame)
                assert terminal.hear().fields["result"] == 0
            process.running.kill()
        with stack.gateway(tmp_path, missing_s="0.5") as process, Terminal808(process.ports["jt808"]) as terminal:
            terminal.log_in()
            asked = until(terminal, "media_answer")
            assert asked.fields == {"media_id": 78, "parts": list(range(6, len(frames) + 1))}
            # asked for by number, the rest comes under serials of its own
            for number, frame in enumerate(upload(content, 78, first_serial=9000), 1):
                if number in asked.fields["parts"]:
                    terminal.socket.sendall(frame)
            assert until(terminal, "media_answer").fields == {"media_id": 78}
            Gateway(tmp_path, dict(process.ports), database).file(content)


def chunk(content: bytes, offset: int, size: int = 512) -> dict[str, Any]:
    return {
        "reason": 0, "picture_id": 0x36034040, "camera": 1, "size": len(content), "offset": offset,
        "data": content[offset : offset + size],
    }  # fmt: skip


def test_a_picture_of_an_isu_is_answered_piece_by_piece_and_resumed(tmp_path: Path, database: str):
    content = picture(3_000, 3)
    with served(tmp_path, database) as gateway, Terminal905(gateway.ports["jt905"]) as isu:
        for offset in (0, 512):
            assert isu.result(0x0800, chunk(content, offset)) == 0
        asked = isu.hear()
        assert (asked.name, asked.fields) == ("upload_stored", {"type": 0, "file_id": 0x36034040, "offset": 1024})
        isu.acknowledge(asked)
        for offset in range(1024, len(content), 512):
            assert isu.result(0x0800, chunk(content, offset)) == 0
        assert gateway.file(content)["medium"]["channel"] == 1


def test_one_that_is_too_large_is_refused_and_leaves_nothing(tmp_path: Path, database: str):
    with served(tmp_path, database) as gateway, Terminal905(gateway.ports["jt905"]) as isu:
        huge = chunk(b"x" * 512, 0) | {"size": 2 << 20}
        assert isu.result(0x0800, huge) == 1
        beyond = chunk(b"x" * 512, 0) | {"size": 100}
        assert isu.result(0x0800, beyond) == 1
    assert [
        p for p in (tmp_path / "media").rglob("*") if p.suffix not in (".sqlite", ".sqlite-wal", ".sqlite-shm")
    ] == []


@pytest.mark.parametrize("content", [b"<html><script>", b"MZ\x90", b"#!/bin/sh"])
def test_what_is_no_picture_never_looks_like_one(tmp_path: Path, database: str, content: bytes):
    with served(tmp_path, database) as gateway, Terminal905(gateway.ports["jt905"]) as isu:
        assert isu.result(0x0800, chunk(content, 0)) == 0
        assert gateway.file(content)["file"].endswith(".bin")
