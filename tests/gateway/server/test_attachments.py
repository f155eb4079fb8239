"""Attachments of safety alarms over real sockets: asked for, sent, lost, sent again, resumed, and what is refused."""

from __future__ import annotations

import hashlib
import json
import random
import sqlite3
import struct
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gateway import command
from gateway.protocols.jt808.attachments import LARGEST
from gateway.protocols.jt808.safety import IDENTIFICATION
from gateway.report import terminal_key
from tests import stack
from tests.centre import Centre
from tests.terminals import NUMBER, Terminal808, Uploader, fatigue, fix, label_of, packet

NOW = datetime(2026, 11, 25, tzinfo=UTC)
OTHER = "013800000000"
NAME = b"00_64_6401_0_1.jpg"


def picture(octets: int, seed: int = 1) -> bytes:
    return b"\xff\xd8\xff\xe0" + random.Random(seed).randbytes(octets - 4)


def video(octets: int) -> bytes:
    return b"\0\0\0\x18ftypmp42" + random.Random(octets).randbytes(octets - 12)


@dataclass
class Gateway:
    process: stack.GatewayProcess
    var: Path
    database: str

    @property
    def ports(self) -> Mapping[str, int]:
        return self.process.ports

    def files(self, request: Mapping[str, Any], count: int = 1) -> list[dict[str, Any]]:
        """What the history has of a request's files, linked to its alarm by the label, once they are so many."""
        query = (
            "SELECT f.r FROM message, jsonb_array_elements(reports) AS f(r)"
            " WHERE r->>'kind' = 'attachment_file' AND r->>'number' = %s AND EXISTS"
            " (SELECT FROM message AS m, jsonb_array_elements(m.reports) AS e(r) WHERE e.r->>'kind' = 'safety_event'"
            " AND e.r->>'label' = f.r->>'label' AND m.terminal_id = message.terminal_id)"
        )
        with psycopg.connect(self.database, autocommit=True) as db:

            def found() -> list[dict[str, Any]] | None:
                rows = [row[0] for row in db.execute(query, (request["alarm_number"],)).fetchall()]
                return rows if len(rows) >= count else None

            return stack.eventually(found, "the files are in the history")

    def holds(self, request: Mapping[str, Any], files: Mapping[bytes, bytes]) -> list[dict[str, Any]]:
        """The reports of exactly these files, whose content is what was sent."""
        reports = self.files(request, len(files))
        sent = sorted(hashlib.sha256(content).hexdigest() for content in files.values())
        assert sorted(r["sha256"] for r in reports) == sent
        for report in reports:
            content = (self.var / "media" / report["file"][:2] / report["file"]).read_bytes()
            assert hashlib.sha256(content).hexdigest() == report["sha256"]
            assert len(content) == report["octets"]
        return reports

    def count(self, name: str) -> int:
        """What the gateway has counted, by the last words of its log."""
        lines = [line for line in self.process.running.said().splitlines() if " counts " in f" {line} "]
        found = [part.partition("=")[2] for part in lines[-1].split() if part.partition("=")[0] == name]
        return int(found[0]) if found else 0


@contextmanager
def served(var: Path, database: str, **settings: str) -> Iterator[Gateway]:
    stack.enrol(var, [f"{NUMBER},jt808,苏ET1001,taxi,", f"{OTHER},jt808,苏ET1002,taxi,"])
    with stack.writer(var, database, poll_s="0.02"), stack.gateway(var, **settings) as process:
        yield Gateway(process, var, database)


def stopped(gateway: Gateway) -> Gateway:
    """After a stop in order, whose last words are the counts."""
    gateway.process.running.process.terminate()
    gateway.process.running.process.wait(stack.PATIENCE_S)
    return gateway


def alarmed(terminal: Terminal808, sequence: int = 1, *, wide: bool = False, attachments: int = 2) -> Mapping[str, Any]:
    """The request that follows an alarm with attachments."""
    items = fatigue(label_of(sequence, attachments, wide=wide))
    assert terminal.result(0x0200, fix(NOW, items=items)) == 0
    asked = terminal.hear()
    assert asked.name == "request_attachments"
    terminal.acknowledge(asked)
    return asked.fields


@pytest.mark.parametrize(("edition", "wide"), [(2013, False), (2013, True), (2019, False), (2019, True)])
def test_an_alarms_files_are_asked_for_sent_and_linked_to_it(tmp_path: Path, database: str, edition: int, wide: bool):
    files = {NAME: picture(150_000), b"02_65_6501_0_1.mp4": video(3_000_000)}
    with served(tmp_path, database) as gateway, Terminal808(gateway.ports["jt808"], edition=edition) as terminal:
        request = alarmed(terminal.log_in(), wide=wide)
        assert (request["host"], request["tcp_port"], request["udp_port"]) == ("127.0.0.1", gateway.ports["jsatl"], 0)
        assert request["identification"] == label_of(1, 2, wide=wide)
        with Uploader(request["tcp_port"], request, edition=edition) as uploader:
            assert uploader.announce(files) == 0
            for name, content in files.items():
                uploader.upload(name, content)
        reports = gateway.holds(request, files)
        assert {(r["name"], r["file"].partition(".")[2], r["type"]) for r in reports} == {
            ("00_64_6401_0_1.jpg", "jpg", "image"), ("02_65_6501_0_1.mp4", "mp4", "image"),
        }  # fmt: skip
        # the same alarm again, as a terminal sends it that missed its answer: it is not asked again
        assert terminal.result(0x0200, fix(NOW, items=fatigue(label_of(1, 2, wide=wide)))) == 0
        assert terminal.hears_nothing(0.5)


def test_an_alarm_without_attachments_is_not_asked_for_any(tmp_path: Path, database: str):
    with served(tmp_path, database) as gateway, Terminal808(gateway.ports["jt808"]) as terminal:
        terminal.log_in()
        assert terminal.result(0x0200, fix(NOW, items=fatigue(label_of(1, 0)))) == 0
        assert terminal.hears_nothing(0.5)


def test_the_public_address_is_what_terminals_are_told(tmp_path: Path, database: str):
    with (
        served(tmp_path, database, jsatl_host="203.0.113.7") as gateway,
        Terminal808(gateway.ports["jt808"]) as terminal,
    ):
        assert alarmed(terminal.log_in())["host"] == "203.0.113.7"


def test_a_lost_packet_is_asked_for_by_its_range(tmp_path: Path, database: str):
    content = picture(300_000)
    with served(tmp_path, database) as gateway, Terminal808(gateway.ports["jt808"]) as terminal:
        request = alarmed(terminal.log_in())
        with Uploader(request["tcp_port"], request) as uploader:
            assert uploader.announce({NAME: content}) == 0
            assert uploader.begin(NAME, len(content)) == 0
            uploader.send(NAME, content, [(0, 65536), (131072, 65536), (262144, 37856), (262144, 37856)])
            assert uploader.end(NAME, len(content)) == [(65536, 65536), (196608, 65536)]
            uploader.send(NAME, content, [(60000, 80000)])
            assert uploader.end(NAME, len(content)) == [(196608, 65536)]
            uploader.send(NAME, content, [(196608, 65536)])
            assert uploader.end(NAME, len(content)) == []
            assert uploader.end(NAME, len(content)) == []  # our answer was lost: it is not told twice
        assert len(gateway.holds(request, {NAME: content})) == 1


def test_more_holes_than_an_answer_can_name_are_asked_for_in_turn(tmp_path: Path, database: str):
    content, step = picture(100_000), 200
    with served(tmp_path, database) as gateway, Terminal808(gateway.ports["jt808"]) as terminal:
        request = alarmed(terminal.log_in())
        with Uploader(request["tcp_port"], request) as uploader:
            assert uploader.announce({NAME: content}) == 0
            assert uploader.begin(NAME, len(content)) == 0
            uploader.send(NAME, content, [(at, step) for at in range(0, len(content), 2 * step)])
            asked = []
            while missing := uploader.end(NAME, len(content)):
                uploader.send(NAME, content, missing)
                asked.append(len(missing))
            assert asked == [125, 125]
        gateway.holds(request, {NAME: content})


def test_an_upload_goes_on_after_the_connection_was_cut_and_after_a_kill(tmp_path: Path, database: str):
    content = video(1_000_000)
    stack.enrol(tmp_path, [f"{NUMBER},jt808,苏ET1001,taxi,"])
    with stack.writer(tmp_path, database, poll_s="0.02"):
        with stack.gateway(tmp_path) as process, Terminal808(process.ports["jt808"]) as terminal:
            request = alarmed(terminal.log_in())
            with Uploader(process.ports["jsatl"], request) as uploader:
                assert uploader.announce({NAME: content}) == 0
                assert uploader.begin(NAME, len(content)) == 0
                uploader.send(NAME, content, [(0, 400_000)])
                uploader.socket.sendall(packet(NAME, 400_000, content[400_000:440_000])[:20_000])
            with Uploader(process.ports["jsatl"], request) as uploader:
                assert uploader.announce({NAME: content}, resend=True) == 0
                assert uploader.end(NAME, len(content)) == [(400_000, 600_000)]
                uploader.send(NAME, content, [(400_000, 100_000)])
                assert uploader.end(NAME, len(content)) == [(500_000, 500_000)]
                stack.eventually(lambda: durable(tmp_path) == 500_000, "half of it is durable")
            process.running.kill()
        with stack.gateway(tmp_path) as process, Uploader(process.ports["jsatl"], request) as uploader:
            assert uploader.announce({NAME: content}, resend=True) == 0
            assert uploader.begin(NAME, len(content)) == 0
            assert uploader.end(NAME, len(content)) == [(500_000, 500_000)]
            uploader.send(NAME, content, [(500_000, 500_000)])
            assert uploader.end(NAME, len(content)) == []
            Gateway(process, tmp_path, database).holds(request, {NAME: content})


def durable(var: Path) -> int:
    """Bytes of all files of which the store knows durably that they are there."""
    with sqlite3.connect(f"file:{var}/media/attachments.sqlite?mode=ro", uri=True) as db:
        return sum(b - a for (ranges,) in db.execute("SELECT ranges FROM file") for a, b in json.loads(ranges))


@pytest.mark.parametrize("seed", range(3))
def test_killed_at_any_moment_an_upload_comes_to_its_end_and_is_told_once(tmp_path: Path, database: str, seed: int):
    """The terminal starts again until all its files are done."""
    rng, files = random.Random(seed), {b"%d.jpg" % n: picture(200_000, n) for n in range(4)}
    stack.enrol(tmp_path, [f"{NUMBER},jt808,苏ET1001,taxi,"])
    left = dict(files)
    with stack.writer(tmp_path, database, poll_s="0.02"):
        with stack.gateway(tmp_path) as process, Terminal808(process.ports["jt808"]) as terminal:
            request = alarmed(terminal.log_in())
            process.running.kill()
        kills = 0
        while left:
            with stack.gateway(tmp_path) as process, Uploader(process.ports["jsatl"], request) as uploader:
                assert uploader.announce(left, resend=True) == 0
                name = next(iter(left))
                uploader.upload(name, left[name])
                if kills < 3:
                    uploader.socket.sendall(uploader.frame(0x1212, {"name": name, "type": 0, "size": len(left[name])}))
                    time.sleep(rng.uniform(0, 0.02))
                    process.running.kill()
                    kills += 1
                del left[name]
        with stack.gateway(tmp_path) as process:
            reports = Gateway(process, tmp_path, database).holds(request, files)
            assert len(reports) == len(files)


def test_what_was_not_asked_for_is_refused_and_closed(tmp_path: Path, database: str):
    with served(tmp_path, database) as gateway, Terminal808(gateway.ports["jt808"]) as terminal:
        request = alarmed(terminal.log_in())
        port, content = gateway.ports["jsatl"], picture(1000)
        wrong = [
            (NUMBER, request | {"alarm_number": "0" * 32}),
            (NUMBER, request | {"identification": label_of(2, 2)}),
            (OTHER, request),
            ("019999999999", request),
        ]
        for number, asked in wrong:
            with Uploader(port, asked, number) as uploader:
                assert uploader.announce({NAME: content}) == 1
                assert uploader.closed()
        with Uploader(port, request) as uploader:  # without an announcement
            assert uploader.begin(NAME, 1000) == 1
            uploader.send(NAME, content)
            assert uploader.closed()
        with Uploader(port, request | {"alarm_number": "0" * 32}) as uploader:  # all at once, before the answer
            files = [{"name": NAME, "size": 1000}]
            fields = {"terminal_id": "1", "alarm_number": "0" * 32, "info_type": 0, "files": files}
            fields |= {"identification": request["identification"]}
            begin = uploader.frame(0x1211, {"name": NAME, "type": 0, "size": 1000})
            uploader.socket.sendall(uploader.frame(0x1210, fields) + begin + packet(NAME, 0, content))
            assert uploader.closed()
        stopped(gateway)
        assert gateway.count("jsatl.unsolicited") >= 4
        assert gateway.count("jsatl.unknown_terminal") == 1
        assert gateway.count("jsatl.not_announced") == 2
    assert [p for p in (tmp_path / "media").rglob("*") if p.is_file() and not p.name.startswith(("media", "att"))] == []


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"../../etc/passwd", "../../etc/passwd"), (b"/etc/passwd", "/etc/passwd"), (b"a\0b.jpg", "a\ufffdb.jpg"),
        ("疲劳驾驶.jpg".encode("gb18030"), "疲劳驾驶.jpg"), (b"\xff\xfe\xfd", "\ufffd\ufffd"),
        (b"x" * 90, "x" * 90), (b"", ""), (b"~}~.html", "~}~.html"),
    ],
)  # fmt: skip
def test_a_hostile_name_is_data_and_html_is_no_page(tmp_path: Path, database: str, name: bytes, shown: str):
    content = b"<html><script>alert(1)</script>" + name
    with served(tmp_path, database) as gateway, Terminal808(gateway.ports["jt808"]) as terminal:
        request = alarmed(terminal.log_in())
        with Uploader(request["tcp_port"], request) as uploader:
            assert uploader.announce({name: content}) == 0
            uploader.upload(name, content)
        (report,) = gateway.holds(request, {name: content})
        assert (report["name"], report["file"]) == (shown, hashlib.sha256(content).hexdigest() + ".bin")
    ours = {"media.sqlite", "attachments.sqlite", "incoming", report["file"][:2], report["file"]}
    assert {p.name.removesuffix("-wal").removesuffix("-shm") for p in (tmp_path / "media").rglob("*")} == ours


def test_a_file_that_is_too_large_is_refused_and_the_next_one_taken(tmp_path: Path, database: str):
    limits = {"attachment_bytes": "100000", "attachments_bytes": "150000"}
    with served(tmp_path, database, **limits) as gateway, Terminal808(gateway.ports["jt808"]) as terminal:
        request = alarmed(terminal.log_in())
        content = picture(90_000)
        with Uploader(request["tcp_port"], request) as uploader:
            assert uploader.announce({NAME: content}) == 0
            assert uploader.begin(b"video", 100_001) == 1
            uploader.upload(NAME, content)
            assert uploader.begin(b"second", 60_001) == 1
            uploader.send(b"second", content)  # one that sends it all the same is sent away
            assert uploader.closed()
        gateway.holds(request, {NAME: content})
        with Uploader(request["tcp_port"], request) as uploader:
            assert uploader.announce({NAME: content}) == 0
            assert uploader.begin(b"small", 10) == 0
            uploader.socket.sendall(packet(b"small", 1 << 31, b"x"))
            assert uploader.closed()
        with Uploader(request["tcp_port"], request) as uploader:
            assert uploader.announce({NAME: content}) == 0
            uploader.socket.sendall(b"01cd" + bytes(54) + struct.pack(">I", LARGEST + 1))
            assert uploader.closed()
        stopped(gateway)
        for cause in ("file_too_large", "alarm_too_large", "beyond_size", "length"):
            assert gateway.count(f"jsatl.{cause}") == 1, cause


def test_garbage_between_packets_costs_nothing_but_itself(tmp_path: Path, database: str):
    content, rng = picture(200_000), random.Random(7)
    with served(tmp_path, database) as gateway, Terminal808(gateway.ports["jt808"]) as terminal:
        request = alarmed(terminal.log_in())
        with Uploader(request["tcp_port"], request) as uploader:
            assert uploader.announce({NAME: content}) == 0
            assert uploader.begin(NAME, len(content)) == 0
            for at in range(0, len(content), 50_000):
                uploader.socket.sendall(rng.randbytes(100).replace(b"~", b"") + b"01c")
                uploader.send(NAME, content, [(at, 50_000)])
            assert uploader.end(NAME, len(content)) == []
        gateway.holds(request, {NAME: content})
        assert stopped(gateway).count("jsatl.skipped_bytes") > 300


def test_media_of_jtt_1078_have_no_place_here(tmp_path: Path, database: str, shared: Path):
    vectors = (shared / "vectors" / "traccar.jsonl").read_text("utf-8").splitlines()
    media = [bytes.fromhex(v["input"]) for v in map(json.loads, vectors) if v["protocol"] == "jt1078"]
    assert media
    with served(tmp_path, database) as gateway, Terminal808(gateway.ports["jt808"]) as terminal:
        request = alarmed(terminal.log_in())
        for one in media:
            with Uploader(request["tcp_port"], request) as uploader:
                assert uploader.announce({NAME: b""}) == 0
                uploader.socket.sendall(one)
                assert uploader.closed()
        assert stopped(gateway).count("jsatl.media_stream") == len(media)


def test_silent_and_slow_connections_are_closed(tmp_path: Path, database: str):
    with (
        served(tmp_path, database, login_s="1", partial_s="1", idle_s="3") as gateway,
        Terminal808(gateway.ports["jt808"]) as terminal,
    ):
        request = alarmed(terminal.log_in())
        with Uploader(request["tcp_port"], request) as silent:
            assert silent.closed()
        with Uploader(request["tcp_port"], request) as idle, Uploader(request["tcp_port"], request) as cut:
            assert idle.announce({}) == cut.announce({}) == 0
            cut.socket.sendall(packet(NAME, 0, bytes(100))[:-1])
            assert cut.closed()
            assert idle.hears_nothing(0.1)
            assert idle.closed()
        assert stopped(gateway).count("timed_out") >= 3


def test_an_unfinished_file_is_dropped_after_its_time(tmp_path: Path, database: str):
    content = picture(100_000)
    with served(tmp_path, database, attachment_keep_s="2") as gateway, Terminal808(gateway.ports["jt808"]) as terminal:
        request = alarmed(terminal.log_in())
        with Uploader(request["tcp_port"], request) as uploader:
            assert uploader.announce({NAME: content}) == 0
            assert uploader.begin(NAME, len(content)) == 0
            uploader.send(NAME, content, [(0, 50_000)])
            assert uploader.end(NAME, len(content)) == [(50_000, 50_000)]
        incoming = tmp_path / "media" / "incoming"
        assert list(incoming.iterdir())
        stack.eventually(lambda: not list(incoming.iterdir()), "what has come of it is dropped")
        with Uploader(request["tcp_port"], request) as uploader:
            assert uploader.announce({NAME: content}) == 1
            assert uploader.closed()
        assert stopped(gateway).count("attachments_dropped") == 1


def test_a_terminal_that_never_sends_what_lacks_is_given_up(tmp_path: Path, database: str):
    with served(tmp_path, database) as gateway, Terminal808(gateway.ports["jt808"]) as terminal:
        request = alarmed(terminal.log_in())
        with Uploader(request["tcp_port"], request) as uploader:
            assert uploader.announce({}) == 0
            asked = 0
            with pytest.raises(ConnectionError):
                while uploader.end(NAME, 1000):
                    asked += 1
            assert asked == 6
        assert stopped(gateway).count("jsatl.file_asked_again") <= 6


def test_eight_connections_at_once(tmp_path: Path, database: str):
    numbers = [f"0139000000{n:02d}" for n in range(8)]
    stack.enrol(tmp_path, [f"{n},jt808,苏E{n[-5:]},taxi," for n in numbers])
    files = {n: {b"%d.mp4" % i: video(2_000_000 + 10 * k + i) for i in range(2)} for k, n in enumerate(numbers)}
    with stack.writer(tmp_path, database, poll_s="0.02"), stack.gateway(tmp_path) as process:
        gateway = Gateway(process, tmp_path, database)

        def drive(number: str) -> Mapping[str, Any]:
            with Terminal808(gateway.ports["jt808"], number) as terminal:
                request = alarmed(terminal.log_in())
                with Uploader(request["tcp_port"], request, number) as uploader:
                    assert uploader.announce(files[number]) == 0
                    for name, content in files[number].items():
                        uploader.upload(name, content)
                assert terminal.result(0x0002, {}) == 0  # its own connection was not taken over
            return request

        with ThreadPoolExecutor(8) as pool:
            requests = list(pool.map(drive, numbers))
        for number, request in zip(numbers, requests, strict=True):
            gateway.holds(request, files[number])


def test_one_file_over_two_connections_and_with_hardly_any_memory(tmp_path: Path, database: str):
    content = video(2_000_000)
    with (
        served(tmp_path, database, attachment_pending_bytes="1") as gateway,
        Terminal808(gateway.ports["jt808"]) as terminal,
    ):
        request = alarmed(terminal.log_in())
        with Uploader(request["tcp_port"], request) as one, Uploader(request["tcp_port"], request) as two:
            for uploader in (one, two):
                assert uploader.announce({NAME: content}) == 0
                assert uploader.begin(NAME, len(content)) == 0
            one.send(NAME, content, [(0, 1_200_000)])
            two.send(NAME, content, [(1_000_000, 1_000_000)])
            missing = two.end(NAME, len(content))
            assert sum(length for _, length in missing) <= 1_000_000
            while one.end(NAME, len(content)):
                pass
            assert two.end(NAME, len(content)) == []
        assert terminal.result(0x0002, {}) == 0
        assert len(gateway.holds(request, {NAME: content})) == 1


def test_an_alarm_of_a_blind_area_is_asked_for_too(tmp_path: Path, database: str):
    with served(tmp_path, database) as gateway, Terminal808(gateway.ports["jt808"]) as terminal:
        terminal.log_in()
        positions = [fix(NOW, items=fatigue(label_of(n, 1))) for n in (1, 2)]
        assert terminal.result(0x0704, {"count": 2, "type": 1, "positions": positions}) == 0
        asked = [terminal.hear().fields for _ in positions]
        assert [a["identification"]["sequence"] for a in asked] == [1, 2]
        assert asked[0]["alarm_number"] != asked[1]["alarm_number"]


def test_a_person_may_ask_again_and_the_files_come_here(tmp_path: Path, database: str):
    car, content = terminal_key("jt808", NUMBER), picture(1000)
    stack.enrol(tmp_path, [f"{NUMBER},jt808,苏ET1001,taxi,"])
    with (
        stack.bus(tmp_path) as bus,
        stack.writer(tmp_path, database, poll_s="0.02"),
        stack.gateway(tmp_path, bus_url=bus.url) as process,
        Terminal808(process.ports["jt808"]) as terminal,
    ):
        first = alarmed(terminal.log_in())
        label = IDENTIFICATION.write(first["identification"]).hex()
        wanted = command.RequestAttachments(terminal=car, label=label, number="again")

        centre = Centre(tmp_path, bus, process, database)
        stack.eventually(centre.hears, "the gateway hears commands")
        centre.say(wanted)
        asked = terminal.hear()
        terminal.acknowledge(asked)
        assert (asked.fields["alarm_number"], asked.fields["tcp_port"]) == ("again", process.ports["jsatl"])
        with Uploader(process.ports["jsatl"], asked.fields) as uploader:
            assert uploader.announce({NAME: content}) == 0
            uploader.upload(NAME, content)
        Gateway(process, tmp_path, database).holds(asked.fields, {NAME: content})


def test_a_label_asked_for_before_a_kill_is_asked_and_accepted_after_it(tmp_path: Path, database: str):
    content = picture(1000)
    stack.enrol(tmp_path, [f"{NUMBER},jt808,苏ET1001,taxi,"])
    with stack.writer(tmp_path, database, poll_s="0.02"):
        with stack.gateway(tmp_path) as process, Terminal808(process.ports["jt808"]) as terminal:
            terminal.log_in()
            assert terminal.result(0x0200, fix(NOW, items=fatigue(label_of(1, 1)))) == 0
            process.running.kill()  # whether or not it came to ask
        with stack.gateway(tmp_path) as process, Terminal808(process.ports["jt808"]) as terminal:
            asked = terminal.log_in().hear()
            terminal.acknowledge(asked)
            with Uploader(asked.fields["tcp_port"], asked.fields) as uploader:
                assert uploader.announce({NAME: content}) == 0
                uploader.upload(NAME, content)
            Gateway(process, tmp_path, database).holds(asked.fields, {NAME: content})
