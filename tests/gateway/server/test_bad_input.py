"""Whatever a terminal sends has a defined, counted outcome, and never touches another connection."""

import asyncio
import json
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import nats
import pytest

from gateway.bus import COUNTS_SUBJECT
from gateway.protocols.jt808 import messages as jt808
from gateway.report import FixBatch, Flag, names
from gateway.spool import SpoolReader
from gateway.wire.framing import escape, xor
from tests import stack
from tests.terminals import ISU, NUMBER, Terminal808, Terminal905, fix

BYSTANDER = "013900000001"
OTHER = "101900198514"


@dataclass
class Gateway:
    """A running gateway with a well-behaved terminal on it."""

    var: Path
    ports: dict[str, int]
    bus_url: str
    bystander: Terminal808
    log: Callable[[], str]
    seen: int = field(default=0)

    def counts(self) -> dict[str, int]:
        async def ask() -> dict[str, int]:
            client = await nats.connect(self.bus_url)
            answer = await client.request(COUNTS_SUBJECT, b"", timeout=10)
            await client.close()
            counts: dict[str, int] = json.loads(answer.data)
            return counts

        return asyncio.run(ask())

    def fixes(self) -> list[tuple[str, datetime, list[str]]]:
        """(terminal, time, flags) of all fixes in the spool."""
        reader = SpoolReader(self.var / "spool", "test")
        entries, after = [], 0
        while found := reader.read(after):
            entries += found
            after = found[-1].seq
        batches = [FixBatch.from_bytes(e.columns) for e in entries if e.kind == "fix"]
        return [
            (b.terminals[r["terminal"]], datetime.fromtimestamp(r["time"] / 1e6, UTC), names(Flag(int(r["flags"]))))
            for b in batches
            for r in b.rows
        ]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    var = tmp_path_factory.mktemp("gateway")
    rows = [f"{n},jt808,苏E{n[-5:]},taxi," for n in (NUMBER, BYSTANDER)]
    rows += [f"{n},jt905,苏ET{n[-1]},taxi," for n in (ISU, OTHER)]
    stack.enrol(var, rows)
    settings = {"partial_s": "1.5", "login_s": "3", "idle_s": "60"}
    with stack.bus(var) as bus, stack.gateway(var, bus_url=bus.url, **settings) as process:
        bystander = Terminal808(process.ports["jt808"], BYSTANDER).log_in()
        yield Gateway(var, dict(process.ports), bus.url, bystander, process.running.said)


@pytest.fixture(autouse=True)
def nobody_else_suffers(gateway: Gateway) -> Iterator[None]:
    """Before and after each case the well-behaved terminal is answered on its one connection."""
    assert gateway.bystander.result(0x0002, {}) == 0
    yield
    assert gateway.bystander.result(0x0002, {}) == 0


@pytest.fixture
def terminal(gateway: Gateway) -> Iterator[Terminal808]:
    with Terminal808(gateway.ports["jt808"]) as terminal:
        terminal.log_in()
        yield terminal


def counted(gateway: Gateway, cause: str, before: dict[str, int]) -> int:
    return gateway.counts().get(cause, 0) - before.get(cause, 0)


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def test_a_wrong_checksum_is_not_answered_and_the_next_frame_is(gateway: Gateway, terminal: Terminal808):
    before = gateway.counts()
    frame = bytearray(terminal.frame(0x0002, {}))
    frame[-2] ^= 0x20
    terminal.socket.sendall(bytes(frame))
    assert terminal.say(0x0002, {}).fields["ack_serial"] == terminal.serial
    assert counted(gateway, "jt808.checksum", before) == 1
    assert f"frame={frame.hex()[2:-2]}" in gateway.log()


def test_a_body_that_is_not_as_long_as_announced_is_refused(gateway: Gateway, terminal: Terminal808):
    before = gateway.counts()
    content = bytes.fromhex("00020009") + bytes.fromhex(NUMBER) + b"\x00\x07"
    terminal.socket.sendall(b"~" + escape(content + bytes([xor(content)])) + b"~")
    assert terminal.result(0x0002, {}) == 0
    assert counted(gateway, "jt808.length", before) == 1


def test_a_position_cut_short_is_answered_as_a_bad_message(gateway: Gateway, terminal: Terminal808):
    before = gateway.counts()
    body = jt808.encode_body(0x0200, fix(now()), 2013)[:20]
    terminal.socket.sendall(jt808.build(0x0200, NUMBER, 5, body, 2013))
    assert terminal.hear().fields == {"ack_serial": 5, "ack_id": 0x0200, "result": 2}
    assert counted(gateway, "fix_truncated", before) == 1


def test_an_endless_frame_is_dropped(gateway: Gateway, terminal: Terminal808):
    before = gateway.counts()
    terminal.socket.sendall(b"~" + b"x" * 100_000)
    terminal.socket.sendall(b"~")
    assert terminal.result(0x0002, {}) == 0
    assert counted(gateway, "jt808.overlong", before) == 1


def test_half_a_frame_is_waited_for_only_so_long(gateway: Gateway, terminal: Terminal808):
    before = gateway.counts()
    terminal.socket.sendall(terminal.frame(0x0002, {})[:9])
    assert terminal.closed()
    assert counted(gateway, "timed_out", before) == 1


def test_who_does_not_log_in_is_closed(gateway: Gateway):
    before = gateway.counts()
    with Terminal808(gateway.ports["jt808"]) as silent:
        assert silent.closed()
    assert counted(gateway, "timed_out", before) == 1


def test_random_bytes_are_survived(gateway: Gateway):
    rng = random.Random(905)
    for port in gateway.ports.values():
        with Terminal808(port) as vandal:
            for _ in range(50):
                vandal.socket.sendall(rng.randbytes(rng.randrange(1, 3000)) + b"~" * rng.randrange(3))
            with Terminal808(port) as next_one:
                next_one.socket.sendall(b"~")


def test_an_unknown_message_is_answered_as_unsupported(gateway: Gateway, terminal: Terminal808):
    before = gateway.counts()
    terminal.socket.sendall(jt808.build(0x0F77, NUMBER, 9, b"??", 2013))
    assert terminal.hear().fields == {"ack_serial": 9, "ack_id": 0x0F77, "result": 3}
    assert counted(gateway, "jt808.unknown_message", before) == 1


def test_an_unknown_message_of_905_is_kept_before_it_is_acknowledged(gateway: Gateway):
    frame = Terminal905.codec.frame(0x0F77, b"kept", terminal=ISU, serial=3)
    with Terminal905(gateway.ports["jt905"]) as isu:
        isu.socket.sendall(frame)
        assert isu.hear().fields == {"ack_serial": 3, "ack_id": 0x0F77, "result": 0}
    entries = SpoolReader(gateway.var / "spool", "test").read(0)
    kept = [message for e in entries if e.kind == "message" for message in json.loads(e.columns)]
    assert {"terminal": f"jt905/{ISU}", "message": "unknown", "frame": frame.hex(), "reports": []} in kept


def test_an_unknown_terminal_is_told_so_and_closed(gateway: Gateway):
    before = gateway.counts()
    with Terminal808(gateway.ports["jt808"], "013999999999") as stranger:
        registration = {"province": 0, "city": 0, "maker": "", "model": "", "terminal_id": "", "plate_color": 1,
                        "plate": ""}  # fmt: skip
        assert stranger.result(0x0100, registration) == 4
        assert stranger.closed()
    with Terminal905(gateway.ports["jt905"], "109900000001") as stranger:
        for _ in range(3):
            stranger.socket.sendall(stranger.frame(0x0200, fix(now())))
        assert stranger.closed()
    assert counted(gateway, "jt808.unknown_terminal", before) == 1
    assert counted(gateway, "jt905.unknown_terminal", before) == 3
    assert not any("9999" in terminal for terminal, _, _ in gateway.fixes())


def test_a_wrong_code_is_refused_and_closed_at_the_third(gateway: Gateway):
    before = gateway.counts()
    with Terminal808(gateway.ports["jt808"]) as liar:
        assert [liar.authenticate("guess") for _ in range(3)] == [1, 1, 1]
        assert liar.closed()
    assert counted(gateway, "jt808.wrong_code", before) == 3


def test_nothing_is_taken_before_log_in(gateway: Gateway):
    moment = now() - timedelta(days=3)
    with Terminal808(gateway.ports["jt808"]) as hasty:
        assert hasty.result(0x0200, fix(moment)) == 1
    assert all(time != moment for _, time, _ in gateway.fixes())


def test_a_connection_belongs_to_one_terminal(gateway: Gateway, terminal: Terminal808):
    before = gateway.counts()
    terminal.socket.sendall(jt808.encode(0x0200, fix(now()), terminal=BYSTANDER, serial=1))
    assert terminal.hears_nothing()
    assert counted(gateway, "jt808.terminal_mismatch", before) == 1


@pytest.mark.parametrize(
    ("name", "changes", "flags"),
    [
        ("good", {}, []),
        ("clock 1970", {"time": datetime(2070, 1, 1, tzinfo=UTC)}, ["clock"]),  # BCD holds YY alone
        ("clock 2099", {"time": datetime(2099, 12, 31, tzinfo=UTC)}, ["clock"]),
        ("Paris", {"lat": 48.85, "lon": 2.35}, ["place"]),
        ("0/0", {"lat": 0.0, "lon": 0.0}, ["place"]),
        ("no fix", {"status": 0b01}, ["no_fix"]),
        ("encrypted", {"status": 0b100011}, ["encrypted"]),
        ("400 km/h", {"speed": 400.0}, ["motion"]),
    ],
)
def test_a_position_that_cannot_be_is_stored_as_flagged(
    gateway: Gateway, terminal: Terminal808, name: str, changes: dict, flags: list[str]
):
    moment = now() - timedelta(minutes=len(name), seconds=len(flags))
    fields = fix(**({"time": moment} | changes))
    assert terminal.result(0x0200, fields) == 0
    assert (f"jt808/{NUMBER.lstrip('0')}", fields["time"], flags) in gateway.fixes()


def test_no_time_at_all_is_a_bad_message(gateway: Gateway, terminal: Terminal808):
    before = gateway.counts()
    body = bytearray(jt808.encode_body(0x0200, fix(now()), 2013))
    body[22:28] = b"\xff" * 6
    terminal.socket.sendall(jt808.build(0x0200, NUMBER, 6, bytes(body), 2013))
    assert terminal.hear().fields["result"] == 2
    assert counted(gateway, "fix_time", before) == 1


def test_the_same_fix_again_is_answered_again_and_the_same_serial_with_a_new_fix_is_taken(
    gateway: Gateway, terminal: Terminal808
):
    moment = now() - timedelta(hours=2)
    for time_ in (moment, moment, moment + timedelta(seconds=10)):
        frame = jt808.encode(0x0200, fix(time_), terminal=NUMBER, serial=77)
        terminal.socket.sendall(frame)
        assert terminal.hear().fields == {"ack_serial": 77, "ack_id": 0x0200, "result": 0}
    times = [t for _, t, _ in gateway.fixes() if moment <= t <= moment + timedelta(seconds=10)]
    assert times == [moment, moment, moment + timedelta(seconds=10)]


def test_a_second_connection_of_a_terminal_takes_over(gateway: Gateway, terminal: Terminal808):
    before = gateway.counts()
    with Terminal808(gateway.ports["jt808"]) as second:
        second.log_in()
        assert terminal.closed()
        assert second.result(0x0002, {}) == 0
    assert counted(gateway, "taken_over", before) == 1
    stack.eventually(lambda: take_overs(gateway, f"jt808/{NUMBER.lstrip('0')}"), "the take-over is reported")


def take_overs(gateway: Gateway, terminal: str) -> list[dict[str, Any]] | None:
    """Reports of second connections of this terminal, once there are any."""
    reader = SpoolReader(gateway.var / "spool", "test")
    said = [one for entry in reader.read(0, 1 << 30) if entry.kind == "message" for one in json.loads(entry.columns)]
    reports = [report for one in said for report in one["reports"]]
    return [one for one in reports if one["kind"] == "take_over" and one["terminal"] == terminal] or None


def test_who_cannot_prove_to_be_the_isu_that_is_being_heard_is_turned_away(gateway: Gateway):
    """JT/T 905 has no log-in: another address takes over a silent line only, the same address at once."""
    before = gateway.counts()
    with Terminal905(gateway.ports["jt905"]) as isu:
        assert isu.result(0x0002, {}) == 0
        with Terminal905(gateway.ports["jt905"], source="127.0.0.9") as impostor:
            impostor.socket.sendall(impostor.frame(0x0200, fix(now())))
            assert impostor.closed()
        assert isu.result(0x0002, {}) == 0
        with Terminal905(gateway.ports["jt905"]) as itself:
            assert itself.result(0x0002, {}) == 0
            assert isu.closed()
    assert counted(gateway, "take_over_refused", before) == 1
    assert counted(gateway, "taken_over", before) == 1
    told = stack.eventually(
        lambda: t if (t := take_overs(gateway, f"jt905/{ISU}")) and len(t) == 2 else None, "both are reported"
    )
    assert [(one["address"], one["former_address"], one["refused"]) for one in told] == [
        ("127.0.0.9", "127.0.0.1", True), ("127.0.0.1", "127.0.0.1", False),
    ]  # fmt: skip


def test_who_only_knows_a_number_cannot_take_a_terminal_that_is_being_heard(gateway: Gateway, terminal: Terminal808):
    """Registering gives a code to anybody on the roll's number; it does not close the true one's connection."""
    before = gateway.counts()
    with Terminal808(gateway.ports["jt808"], source="127.0.0.9") as impostor:
        impostor.socket.sendall(impostor.frame(0x0102, {"auth": impostor.register(), "imei": "", "software": ""}))
        assert impostor.closed()
    assert terminal.result(0x0002, {}) == 0
    assert counted(gateway, "take_over_refused", before) == 1
    code = terminal.register()
    terminal.socket.close()
    with Terminal808(gateway.ports["jt808"]) as itself:
        assert itself.authenticate(code) == 0
    with Terminal808(gateway.ports["jt808"], source="127.0.0.7") as moved:
        assert moved.authenticate(code) == 0
        assert moved.result(0x0002, {}) == 0


def test_a_frame_of_a_live_isu_hidden_behind_anothers_is_not_taken(gateway: Gateway):
    """Two ids in one write: whose the connection is when the read ends says nothing about the frames before."""
    before = gateway.counts()
    with Terminal905(gateway.ports["jt905"]) as isu, Terminal905(gateway.ports["jt905"], OTHER, "127.0.0.9") as other:
        assert isu.result(0x0002, {}) == 0
        assert other.result(0x0002, {}) == 0
        time = now() - timedelta(hours=9)
        forged = Terminal905.codec.encode(0x0200, fix(time), terminal=ISU, serial=1)
        other.socket.sendall(forged + other.frame(0x0002, {}))
        assert other.closed()
        assert isu.result(0x0002, {}) == 0
    assert counted(gateway, "take_over_refused", before) == 1
    assert time not in [t for _, t, _ in gateway.fixes()]


def test_many_frames_in_one_write_are_all_answered_and_one_byte_at_a_time_too(gateway: Gateway, terminal: Terminal808):
    moment = now() - timedelta(hours=5)
    frames = [terminal.frame(0x0200, fix(moment + timedelta(seconds=i))) for i in range(200)]
    terminal.socket.sendall(b"".join(frames))
    first = terminal.serial - 199
    assert [terminal.hear().fields["ack_serial"] for _ in frames] == list(range(first, first + 200))
    for byte in terminal.frame(0x0200, fix(moment - timedelta(seconds=1))):
        terminal.socket.sendall(bytes([byte]))
    assert terminal.hear().fields["result"] == 0


def test_a_terminal_that_reads_no_answers_is_closed_and_others_are_not_slowed(gateway: Gateway, terminal: Terminal808):
    frame = terminal.frame(0x0002, {}) * 20_000
    terminal.socket.setblocking(False)
    end = time.monotonic() + 60
    while not counted(gateway, "not_reading", {}) and time.monotonic() < end:
        try:
            terminal.socket.send(frame)
        except BlockingIOError:
            time.sleep(0.01)
        except OSError:
            break
    assert counted(gateway, "not_reading", {}) == 1
