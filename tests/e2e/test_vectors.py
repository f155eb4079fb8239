"""Every uplink frame of the real packets goes through a real socket, as its own terminal, to the database."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gateway.errors import ProtocolError
from gateway.protocols.jt808 import messages as jt808
from gateway.protocols.jt905 import messages as jt905
from gateway.report import Alarm, Status, terminal_key
from gateway.spool import SpoolReader
from gateway.wire.clocks import CHINA
from gateway.wire.framing import escape
from gateway.wire.identity import identity
from gateway.wire.message import Message
from tests import stack
from tests.terminals import Terminal, Terminal808, Terminal905, fix

POSITIONS = {"jt808": {0x0200, 0x0201, 0x0500}, "jt905": {0x0200, 0x0201, 0x0202, 0x0500}}
ANSWERS = {0x0201, 0x0500}
"""Positions in answer to a command, behind its serial; not answered themselves."""
LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)
BATCHES = {("jt808", 0x0704), ("jt808", 0x0210), ("jt905", 0x0203)}


@dataclass(frozen=True)
class Sample:
    protocol: str
    frame: bytes
    expected: dict[str, Any]
    message: Message | None  # None when its bytes are refused

    @property
    def number(self) -> str:
        """The terminal that sends it; a refused frame is sent by one of its own."""
        return self.message.header.terminal if self.message else "013800000000"

    @property
    def key(self) -> str:
        return terminal_key(self.protocol, self.number)


def decoded(protocol: str, frame: bytes) -> Message | None:
    try:
        return (jt808 if protocol == "jt808" else jt905).decode(frame)
    except ProtocolError:
        return None


@pytest.fixture(scope="module")
def samples(shared: Path) -> list[Sample]:
    found = []
    for line in (shared / "vectors" / "jtt.jsonl").read_text("utf-8").splitlines():
        v = json.loads(line)
        standard, uplink = v["standard"], int(v["message_id"], 16) < 0x8000
        if uplink and standard.startswith(("JT/T 808", "JT/T 905", "T/JSATL")) and "serial" not in standard:
            protocol = "jt905" if "905" in standard else "jt808"
            found.append((protocol, bytes.fromhex(v["hex"]), v["expected"] if v["basis"] == "repo" else {}))
    for line in (shared / "vectors" / "traccar.jsonl").read_text("utf-8").splitlines():
        v = json.loads(line)
        if v["protocol"] == "jt808" and v["role"] == "ProtocolDecoder" and v["input"].startswith("7e"):
            found.append(("jt808", b"~" + escape(bytes.fromhex(v["input"])[1:-1]) + b"~", {}))  # stored unescaped
    return [Sample(p, f, e, decoded(p, f)) for p, f, e in found]


@dataclass
class Outcome:
    sample: Sample
    answer: int | None  # result of the general answer, None for silence


def connect(ports: dict[str, int], sample: Sample) -> Terminal:
    if sample.protocol == "jt905":
        return Terminal905(ports["jt905"], sample.number)
    edition = sample.message.header.version if sample.message else 2013
    return Terminal808(ports["jt808"], sample.number, edition).log_in()


def send(ports: dict[str, int], sample: Sample) -> Outcome:
    """The frame, then a position of long ago, whose answer comes after the frame has been dealt with."""
    with connect(ports, sample) as terminal:
        terminal.serial = 0x7000
        last = terminal.frame(0x0200, fix(LONG_AGO))
        terminal.socket.sendall(b"~" + sample.frame.strip(b"~") + b"~" + last)
        answer, serial = None, sample.message.header.serial if sample.message else None
        while (heard := terminal.hear()).fields.get("ack_serial") != terminal.serial:
            if heard.fields.get("ack_serial") == serial and "result" in heard.fields:
                answer = heard.fields["result"]
        return Outcome(sample, answer)


@pytest.fixture(scope="module")
def outcomes(
    samples: list[Sample], tmp_path_factory: pytest.TempPathFactory, module_database: str
) -> Iterator[tuple[list[Outcome], str]]:
    var = tmp_path_factory.mktemp("vectors")
    senders = {s.key: f"{s.number.upper()},{s.protocol},苏{s.key},taxi," for s in samples}
    stack.enrol(var, list(senders.values()))
    with stack.gateway(var, region="world") as gateway, stack.writer(var, module_database):
        results = [send(dict(gateway.ports), s) for s in samples]
        stack.eventually(lambda: drained(var, module_database), "the spool is stored")
        yield results, module_database


def drained(var: Path, url: str) -> bool:
    with psycopg.connect(url) as db:
        reader = SpoolReader(var / "spool", "test")
        return db.execute("SELECT seq FROM spool_offset WHERE spool = %s", (reader.id,)).fetchone() == (reader.last(),)


def test_bad_frames_are_silently_counted_and_good_ones_answered(outcomes: tuple[list[Outcome], str]):
    results, _ = outcomes
    refused = [o for o in results if o.sample.message is None]
    assert refused
    assert all(o.answer is None for o in refused)
    for o in results:
        message = o.sample.message
        if message and message.header.message_id in {0x0002, *POSITIONS[o.sample.protocol]} - ANSWERS:
            assert o.answer == 0, (o.sample.frame.hex(), o.answer)


def test_every_position_is_a_row_with_its_values(outcomes: tuple[list[Outcome], str]):
    results, url = outcomes
    compared: Counter[str] = Counter()
    with psycopg.connect(url) as db:
        for o in results:
            s = o.sample
            if s.message and s.message.header.message_id in POSITIONS[s.protocol]:
                rows = row(db, s)
                assert len(rows) == 1, s.frame.hex()
                compare(s, rows[0], compared)
    assert compared["lat"] >= 10
    assert compared["speed"] >= 10


def row(db: psycopg.Connection, s: Sample) -> list[tuple]:
    assert s.message
    start, size = (2 if s.message.header.message_id in ANSWERS else 0), (25 if s.protocol == "jt905" else 28)
    return db.execute(
        "SELECT lat, lon, speed, course, altitude, odometer, alarms, status FROM position"
        " JOIN terminal ON terminal.id = terminal_id WHERE key = %s AND time = %s AND identity = %s",
        (s.key, s.message.fields["time"], identity(s.message.body[start : start + size])),
    ).fetchall()


def compare(s: Sample, row: tuple, compared: Counter[str]) -> None:
    """The source's own expectations against the row, each scaled from the wire's unit here once more."""
    lat, lon, speed, course, altitude, odometer, alarms, status = row
    degree = 600_000 if s.protocol == "jt905" else 1_000_000
    actual = {
        "lat": abs(lat) * degree, "lon": abs(lon) * degree, "speed": speed * 36,
        "direction": course / (2 if s.protocol == "jt905" else 1),
        "altitude": altitude, "extra.0x01.mileage_0.1km": None if odometer is None else odometer / 100,
    }  # fmt: skip
    for name, value in actual.items():
        if name in s.expected and value is not None:
            assert value == pytest.approx(s.expected[name], rel=1e-6), (name, s)
            compared[name] += 1
    if s.protocol == "jt808" and s.expected.get("alarm") is not None:
        assert alarms & 0xFFFFFFFF & ~int(Alarm.DANGER_WARNING) == s.expected["alarm"] & ~int(Alarm.DANGER_WARNING)
    if s.expected.get("status") is not None:
        positioned = not s.expected["status"] & 1 if s.protocol == "jt905" else bool(s.expected["status"] & 2)
        assert bool(status & Status.POSITIONED) == positioned
    if "time" in s.expected:
        assert s.message
        assert s.message.fields["time"] == datetime.fromisoformat(s.expected["time"]).replace(tzinfo=CHINA)


def test_every_fix_of_every_batch_is_a_row(outcomes: tuple[list[Outcome], str]):
    results, url = outcomes
    with psycopg.connect(url) as db:
        for o in results:
            message = o.sample.message
            if (
                message is None
                or message.header.package
                or (o.sample.protocol, message.header.message_id) not in BATCHES
            ):
                continue
            assert o.answer == 0
            times = [p["time"] for p in message.fields["positions"]]
            (n,) = db.execute(
                "SELECT count(DISTINCT time) FROM fix WHERE terminal = %s AND time = ANY(%s)", (o.sample.key, times)
            ).fetchone() or (0,)
            assert n == len(set(times))
