"""Frames of many connections read together are what they are one at a time: held, counted, answered alike."""

from __future__ import annotations

import asyncio
import json
import random
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.bus import MemoryBus
from gateway.catalog import TCP
from gateway.columns import PositionTable
from gateway.content import Files
from gateway.errors import ProtocolError
from gateway.media import MediaStore
from gateway.protocols.jt808 import messages as jt808
from gateway.protocols.jt808.forms import MOST_ITEMS, MOST_POSITIONS
from gateway.protocols.jt905 import messages as jt905
from gateway.report import FixBatch
from gateway.server import gather
from gateway.server.committer import Committer
from gateway.server.connection import Connection
from gateway.server.hub import Hub
from gateway.server.page import Judge
from gateway.server.plausible import Region
from gateway.server.presence import Presence
from gateway.server.switchboard import Switchboard
from gateway.session import Columns, Limits
from gateway.sheet import Sifted, sift
from gateway.spool import Entry, Spool, SpoolReader
from gateway.wire.framing import FLAG, FrameBuffer, escape, unescape, xor
from gateway.wire.spans import Spans
from tests.gateway.strategies import values
from tests.terminals import fix

NOW = datetime(2026, 11, 25, tzinfo=UTC)
JUDGE = Judge(Region.parse("china"), 100 * 365 * 86_400 * 10**6)
UNREAD = "unread"
APART = 1 << 40
"""Bytes that never come together: everything is read one frame at a time."""
SAFETY = {
    "alarm_id": 7, "flag": 1, "type": 2, "level": 2, "fatigue": 5, "reserved": bytes(4), "speed": 60, "altitude": 3,
    "lat": 31.38, "lon": 120.95, "time": NOW, "vehicle": 1,
    "identification": {"terminal_id": "T1", "time": NOW, "sequence": 0, "attachments": 0, "reserved": 0},
}  # fmt: skip
Ticks = Sequence[Sequence[bytes]]
"""What comes on each connection, tick by tick; every connection of a tick before any is looked at."""


class Book:
    """A roll in memory: everyone is on it, every code is right, and 7 in a number is another maker's model."""

    def enrolled(self, terminal: str) -> bool:
        return "9999" not in terminal

    def issue_code(self, terminal: str, model: str) -> str:
        return "code"

    def model(self, terminal: str) -> str:
        return "C5" if "777" in terminal else ""

    def check_code(self, terminal: str, code: str) -> bool:
        return True


class Wire(asyncio.Transport):
    """What is written to a connection."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False
        self.paused = asyncio.Event()

    def write(self, data: Any) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.paused.set()

    def close(self) -> None:
        self.closed = True

    abort = close

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 1)


@dataclass
class Became:
    """What became of all that came."""

    written: list[bytes]
    counts: Counter[str]
    fixes: list[tuple[Any, ...]] = field(default_factory=list)
    frames: dict[str, list[bytes]] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)


@asynccontextmanager
async def gateway(directory: Path, *, limit_bytes: int = 1 << 30) -> AsyncIterator[Hub]:
    """All of a gateway behind its sockets; at the end what is pending is committed."""
    hub = Hub(Book(), Limits(), {name: TCP[name].session for name in TCP}, {}, 1000)
    spool, media = Spool(directory, limit_bytes=limit_bytes, keep_us=0), MediaStore(Files(directory / "media"))
    hub.committer = Committer(spool, media, JUDGE, lambda *_: asyncio.sleep(0), hub.read, 1 << 30, 0)
    hub.board = Switchboard(MemoryBus(), Presence("here", 0, desk=True), lambda: hub.counts)
    committing = asyncio.create_task(hub.committer.run())
    yield hub
    hub.committer.finish()
    await committing
    await asyncio.sleep(0)
    spool.close()


def connected(hub: Hub, port: str) -> tuple[Connection, Wire]:
    line, wire = Connection(hub, port), Wire()
    line.connection_made(wire)
    return line, wire


def serve(ports: Sequence[str], ticks: Ticks, worth: int) -> Became:
    """Through the gateway's own connections, sessions, group commit and spool; only the sockets are not there."""
    with tempfile.TemporaryDirectory() as directory, patch.object(gather, "WORTH_BYTES", worth):
        return asyncio.run(_serve(Path(directory), ports, ticks))


async def _serve(directory: Path, ports: Sequence[str], ticks: Ticks) -> Became:
    async with gateway(directory) as hub:
        lines = [connected(hub, port) for port in ports]
        for n, tick in enumerate(ticks):
            for (line, _), data in zip(lines, tick, strict=True):
                if data:
                    line.data_received(data)
            await asyncio.sleep(0)
            if n % 3 == 2:
                await hub.committer.notice([Entry("terminal", 0, b"{}")])
    became = Became([wire.written for _, wire in lines], hub.counts + hub.committer.counts)
    del became.counts["commits"]
    await asyncio.to_thread(_read, directory, became)
    return became


def _read(directory: Path, became: Became) -> None:
    reader, after = SpoolReader(directory, "test"), 0
    while entries := reader.read(after):
        after = entries[-1].seq
        for entry in entries:
            if entry.kind == "message":
                became.messages += [json.dumps(_timeless(m), sort_keys=True) for m in json.loads(entry.columns)]
            elif entry.kind == "fix":
                _keep(FixBatch.from_bytes(entry.columns), reader.raw(entry.seq), became)
    reader.close()
    became.messages.sort()
    became.frames.get(UNREAD, []).sort()  # of nobody in particular
    became.fixes.sort(key=repr)


def _timeless(message: dict[str, Any]) -> dict[str, Any]:
    """What the gateway itself tells has the time of the telling in it."""
    if message["message"] != "take_over":
        return message
    reports = [{k: v for k, v in one.items() if k not in ("time", "silent_s")} for one in message["reports"]]
    return {**message, "frame": "", "reports": reports}


def _keep(batch: FixBatch, frames: list[bytes], became: Became) -> None:
    owners = {int(row["frame"]): batch.terminals[row["terminal"]] for row in batch.rows}
    for number, frame in enumerate(frames):
        became.frames.setdefault(owners.get(number, UNREAD), []).append(frame)
    for row, attributes in zip(batch.rows, batch.attributes, strict=True):
        plain = {name: row[name].item() for name in row.dtype.names if name not in ("terminal", "frame", "received")}
        own = (batch.terminals[row["terminal"]], frames[row["frame"]], repr(plain), attributes)
        became.fixes.append(own)


def assert_alike(ports: Sequence[str], ticks: Ticks) -> tuple[Became, list[Sifted]]:
    """Both ways; what became of it, and what the columnar way made of each tick."""
    seen: list[Sifted] = []

    def watch(*given: Any) -> Sifted:
        seen.append(sift(*given))
        return seen[-1]

    apart = serve(ports, ticks, APART)
    with patch.object(gather, "sift", watch):
        together = serve(ports, ticks, 0)
    assert together == apart
    return together, seen


# terminals and what they send


def number(n: int) -> str:
    return f"0139{n:08}"


def logins(count: int, version: int = 2013) -> list[bytes]:
    own = {"auth": "code", "imei": "", "software": ""}
    return [jt808.encode(0x0102, own, terminal=number(n), serial=0, version=version) for n in range(count)]


def hellos(count: int) -> list[bytes]:
    return [jt905.encode(0x0002, {}, terminal=number(n), serial=0) for n in range(count)]


def body808(version: int, **changes: Any) -> bytes:
    return jt808.encode_body(0x0200, fix(NOW, **changes), version)


def batch808(count: int, kind: int, version: int) -> bytes:
    positions = [fix(NOW + timedelta(seconds=i)) for i in range(count)]
    return jt808.encode_body(0x0704, {"count": count, "type": kind, "positions": positions}, version)


def ordinary808(n: int, version: int) -> st.SearchStrategy[bytes]:
    """Frames of one terminal, most of them ordinary."""
    position, serials = jt808.MESSAGES[0x0200].layout(version), st.integers(0, 0xFFFF)
    contents = st.one_of(
        st.tuples(st.just(0x0200), values(position).map(position.write).filter(lambda body: len(body) < 900)),
        st.tuples(st.just(0x0200), st.binary(max_size=40)),
        st.tuples(st.just(0x0704), st.builds(batch808, st.integers(1, 4), st.integers(0, 2), st.just(version))),
        st.tuples(st.just(0x0704), st.binary(max_size=40)),
        st.tuples(st.just(0x0002), st.binary(max_size=2)),
        st.tuples(st.just(0x0200), st.just(body808(version, items={"0x65": SAFETY}))),
        st.tuples(st.sampled_from([0x0003, 0x0001, 0x0107, 0x0702, 0x0F00, 0x0200]), st.binary(max_size=30)),
    )
    return st.builds(
        lambda content, serial: jt808.build(content[0], number(n), serial, content[1], version), contents, serials
    )


def ordinary905(n: int, _version: int) -> st.SearchStrategy[bytes]:
    position, serials = jt905.POSITION, st.integers(0, 0xFFFF)
    contents = st.one_of(
        st.tuples(
            st.sampled_from([0x0200, 0x0202]), values(position).map(position.write).filter(lambda body: len(body) < 900)
        ),
        st.tuples(st.sampled_from([0x0200, 0x0002, 0x0203, 0x0001, 0x0B01]), st.binary(max_size=30)),
    )
    return st.builds(
        lambda content, serial: jt905.frame(content[0], content[1], terminal=number(n), serial=serial),
        contents, serials,
    )  # fmt: skip


def mutated(stream: bytes, seed: int) -> bytes:
    """A stream with a little of it changed; now and then the checksum is made right again."""
    rng = random.Random(seed)
    kind = rng.randrange(10)
    at = rng.randrange(len(stream) + 1)
    if kind == 0:
        return stream[:at] + bytes([rng.randrange(256)]) + stream[at + 1 :]
    if kind == 1:
        return stream[:at] + rng.choice((b"\x7d", b"\x7d\x01", b"\x7d\x02", b"~", b"~~")) + stream[at:]
    if kind == 2:
        return stream[:at]
    if kind == 3:
        return stream.replace(b"~~", b"~")  # frames that share a flag
    if kind == 4 and len(stream) > 15:
        content = bytearray(unescape(stream.split(FLAG)[1])[:-1])
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        return FLAG + escape(bytes(content) + bytes([xor(bytes(content))])) + FLAG
    return stream


@pytest.mark.parametrize(
    ("port", "version", "greet", "frames"),
    [
        ("jt808", 2013, lambda: logins(3), ordinary808),
        ("jt808", 2019, lambda: logins(3, 2019), ordinary808),
        ("jt905", 2014, lambda: hellos(3), ordinary905),
    ],
    ids=["808", "808-2019", "905"],
)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_random_and_mutated_frames_are_treated_alike(
    port: str, version: int, greet: Any, frames: Any, data: st.DataObject
):
    def stream(n: int) -> st.SearchStrategy[bytes]:
        return st.builds(mutated, st.lists(frames(n, version), max_size=3).map(b"".join), st.integers(0, 1 << 30))

    ticks = data.draw(st.lists(st.tuples(stream(0), stream(1), stream(2)), min_size=1, max_size=5))
    became, _ = assert_alike([port] * 3, [greet(), *ticks])
    assert became.counts[f"{port}.frames"] >= 3


def greeting(standard: str, frame: bytes) -> tuple[str, str, bytes, bytes] | None:
    """Port, number and first frame of the terminal that sent a frame, and an ordinary one; None for no frame at all."""
    try:
        header, _ = (jt905 if standard.startswith("JT/T 905") else jt808).parse(frame)
    except ProtocolError:
        return None
    own = {"auth": "code", "imei": "", "software": ""}
    said = {"terminal": header.terminal, "serial": 9}
    if standard.startswith("JT/T 905"):
        return "jt905", header.terminal, jt905.encode(0x0002, {}, **said), jt905.encode(0x0200, fix(NOW), **said)
    said |= {"version": header.version}
    return "jt808", header.terminal, jt808.encode(0x0102, own, **said), jt808.encode(0x0200, fix(NOW), **said)


def test_every_vector_is_treated_alike(shared: Path):
    """Real packets, each on a connection of its own terminal, alone and among ordinary frames."""
    lines = [json.loads(line) for line in (shared / "vectors" / "jtt.jsonl").read_text("utf-8").splitlines()]
    frames = [(v["standard"], bytes.fromhex(v["hex"])) for v in lines if "809" not in v["standard"]]
    left = [(frame, known) for standard, frame in frames if (known := greeting(standard, frame))]
    assert len(left) > 150
    ordinary = 0
    while left:  # no terminal twice at a time
        now = {known[:2]: (frame, known) for frame, known in reversed(left)}
        left = [one for one in left if one not in now.values()]
        ports = [known[0] for _, known in now.values()]
        first, then = [known[2] for _, known in now.values()], [frame for frame, _ in now.values()]
        mixed = [known[3] + frame + known[3] for frame, known in now.values()]
        became, seen = assert_alike(ports, [first, then, mixed])
        assert became.counts["fixes"] > len(ports)
        ordinary += sum(sifted.frames for sifted in seen)
    assert ordinary > 100


def test_ordinary_frames_are_read_in_columns_and_only_they():
    """Otherwise the two ways were alike because they are one."""

    def sent(n: int) -> bytes:
        times = [NOW + timedelta(seconds=i) for i in range(3)]
        positions = [jt808.encode(0x0200, fix(t), terminal=number(n), serial=i) for i, t in enumerate(times)]
        batch = jt808.build(0x0704, number(n), 3, batch808(5, 1, 2013), 2013)
        return b"".join([*positions, jt808.build(0x0002, number(n), 4, b"", 2013), batch])

    became, (sifted,) = assert_alike(["jt808"] * 20, [logins(20), [sent(n) for n in range(20)]])
    assert (sifted.frames, sifted.odd) == (20 * 5, [])
    assert became.counts["jt808.frames"] == 20 * 6
    assert became.counts["fixes"] == 20 * 8
    assert [written.count(b"~") for written in became.written] == [2 * 6] * 20


@pytest.mark.parametrize(
    "frame",
    [
        jt808.build(0x0200, number(1), 5, body808(2013, items={"0x65": SAFETY}), 2013),
        jt808.build(0x0200, number(1), 5, body808(2013) + b"\xf0\0" * (MOST_ITEMS + 1), 2013),
        jt808.build(0x0704, number(1), 5, (MOST_POSITIONS + 1).to_bytes(2, "big") + b"\1" + bytes(200), 2013),
        jt808.build(0x0200, number(2), 5, body808(2013), 2013),
        jt808.build(0x0200, number(1), 5, body808(2019), 2019),
        jt808.build(0x0003, number(1), 5, b"", 2013),
        jt808.build(0x0200, number(1), 5, body808(2013), 2013)[:-1],
        jt808.build(0x0200, number(1), 5, body808(2013), 2013).replace(b"\x05", b"\x06", 1),
        jt808.build(0x0200, number(1), 5, body808(2013), 2013).replace(b"~", b"~" + bytes(2300) + b"~", 1),
    ],
    ids=["safety", "items", "positions", "stranger", "edition", "logout", "cut", "checksum", "overlong"],
)
def test_what_is_not_ordinary_goes_to_its_session_with_all_that_came_with_it(frame: bytes):
    good = [jt808.build(0x0200, number(n), 4, body808(2013), 2013) for n in range(3)]
    ticks = [logins(3), [good[0], good[1] + frame, good[2]], [good[0], good[1], good[2]]]
    _, seen = assert_alike(["jt808"] * 3, ticks)
    assert [sifted.frames for sifted in seen][:1] == [2]


def test_another_makers_dialect_is_left_to_the_session():
    frame = jt808.build(0x0200, "013900000777", 4, body808(2013), 2013)
    greeting = jt808.encode(0x0102, {"auth": "code"}, terminal="013900000777", serial=0)
    assert assert_alike(["jt808"], [[greeting], [frame]])[1] == []


async def test_what_came_before_a_connection_was_lost_is_not_lost_with_it(tmp_path: Path):
    async with gateway(tmp_path) as hub:
        line, _ = connected(hub, "jt808")
        line.data_received(logins(1)[0] + jt808.build(0x0200, number(0), 4, body808(2013), 2013))
        line.connection_lost(None)
        assert hub.live == {}
    assert hub.committer.counts["fixes"] == 1


async def test_a_connection_that_is_lost_meanwhile_costs_the_others_nothing(tmp_path: Path):
    position = [jt808.build(0x0200, number(n), 4, body808(2013), 2013) for n in range(3)]
    with patch.object(gather, "WORTH_BYTES", 0):
        async with gateway(tmp_path) as hub:
            lines = [connected(hub, "jt808") for _ in range(3)]
            for (line, _), login, frame in zip(lines, logins(3), position, strict=True):
                line.data_received(login)
                await asyncio.sleep(0)
                line.data_received(frame)
            await asyncio.sleep(0)
            lines[1][1].close()
            lines[1][0].connection_lost(None)
    assert [wire.written.count(b"~") for _, wire in lines] == [4, 2, 4]
    assert (hub.counts["acknowledged"], hub.committer.counts["fixes"]) == (2, 3)


async def test_nothing_of_a_sheet_is_answered_before_it_is_durable(tmp_path: Path):
    """The spool is full: heartbeats are answered, positions are not."""
    sent = jt808.build(0x0200, number(0), 4, body808(2013), 2013) + jt808.build(0x0002, number(0), 5, b"", 2013)
    with patch.object(gather, "WORTH_BYTES", 0), patch.object(gather, "sift", wraps=sift) as sifted:
        async with gateway(tmp_path, limit_bytes=0) as hub:
            line, wire = connected(hub, "jt808")
            line.data_received(logins(1)[0])
            await asyncio.sleep(0)
            line.data_received(sent)
            await wire.paused.wait()
    assert sifted.call_count == 1
    answers = [jt808.decode(FLAG + frame + FLAG).fields["ack_id"] for frame in FrameBuffer().feed(wire.written)]
    assert answers == [0x0102, 0x0002]


def test_a_decoder_that_fails_costs_one_frame_of_a_sheet():
    """The frame with the tell-tale speed breaks the reader of positions; it is kept whole, and answered."""
    bodies = [body808(2013, speed=speed) for speed in (10.0, 77.7, 30.0)]
    data = b"".join(jt808.build(0x0200, number(0), n, body, 2013) for n, body in enumerate(bodies))
    read = PositionTable.read_spans

    def broken(table: PositionTable, spans: Spans) -> Columns:
        if any(bodies[1] == spans.one(i) for i in range(len(spans))):
            raise RuntimeError("a defect")
        return read(table, spans)

    with patch.object(PositionTable, "read_spans", broken):
        became, (sifted,) = assert_alike(["jt808"], [logins(1), [data]])
    assert sifted.odd == []
    assert (became.counts["fixes"], became.counts["decoder_failed"], len(became.messages)) == (2, 1, 1)
    assert became.written[0].count(b"~") == 2 * 4
