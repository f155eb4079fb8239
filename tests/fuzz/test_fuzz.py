"""A million inputs to the gateway's readers, and whether the fuzzer would see what it looks for."""

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from gateway.errors import ProtocolError
from gateway.protocols.jt808.session import Jt808Session
from gateway.protocols.jt905.session import Jt905Session
from gateway.session import Limits, SessionFactory
from gateway.wire.framing import FrameBuffer, unwrap
from tests.fuzz.__main__ import SHARES, jobs
from tests.fuzz.readers import HELLO, LOGIN, READERS, Book
from tests.fuzz.run import guide, plain
from tests.fuzz.targets import MAKERS, target
from tests.fuzz.watch import MOST_BLOCKS, SLOW_S, Fault, Finished, Watch

ROOT = Path(__file__).resolve().parents[2]
MILLION = 1_000_000


def fuzz(directory: Path, *arguments: str) -> tuple[subprocess.CompletedProcess[str], list[dict]]:
    report = directory / "report.json"
    command = [sys.executable, "-m", "tests.fuzz", "--report", str(report), *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    return ended, json.loads(report.read_text()) if report.exists() else []


@pytest.mark.timeout(3600)
def test_a_million_inputs_are_borne(tmp_path: Path):
    ended, rows = fuzz(tmp_path, "--executions", str(MILLION), "--seed", "1", "--jobs", "2")
    print(ended.stdout)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert sum(row["executions"] for row in rows) == MILLION
    by_target = Counter[str]()
    for row in rows:
        by_target[row["target"]] += row["executions"]
    assert by_target == {name: MILLION * share // 100 for name, share in SHARES.items()}
    assert any(row["guided"] for row in rows) == (guide() is not None)


def test_the_time_is_bounded_too_and_the_table_says_how_far_it_came(tmp_path: Path):
    ended, (row, *_) = fuzz(
        tmp_path, "--executions", "1000000000", "--seed", "1", "--target", "payloads", "--seconds", "9"
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert 0 < row["executions"] < 1_000_000_000
    assert "of 1,000,000,000 executions" in ended.stdout


def test_every_execution_belongs_to_a_job():
    assert set(SHARES) == set(READERS) == set(MAKERS)
    assert sum(SHARES.values()) == 100
    for executions in (1, 7, 12_345):
        assert sum(job.executions for job in jobs(list(SHARES), executions, 1)) == executions


def watched(execute: Callable[[bytes], None], executions: int = 10, **bounds: bool) -> Watch:
    watch = Watch(execute, executions, 3600, **bounds)
    with pytest.raises(Finished):
        for n in range(executions + 1):
            watch(n.to_bytes(4, "big"))
    return watch


def test_our_own_errors_are_borne_and_each_execution_counts():
    def refuses(data: bytes) -> None:
        raise ProtocolError("checksum")

    assert watched(refuses).executions == 10


def test_any_other_exception_is_a_fault_with_its_input():
    def breaks(data: bytes) -> None:
        if data[3] == 5:
            raise KeyError("a defect")

    with pytest.raises(Fault, match=r"(?s)KeyError.*a defect.*input, 4 bytes: 00000005"):
        watched(breaks)


def test_an_input_that_is_slow_each_time_is_a_fault_and_one_that_was_slow_once_is_none():
    slow: list[bytes] = []

    def burns(data: bytes) -> None:
        slow.append(data)
        end = time.process_time() + 1.5 * SLOW_S
        while slow.count(data) <= times and data[3] == 5 and time.process_time() < end:
            pass

    times = 3
    watched(burns)
    times, slow = 4, []
    with pytest.raises(Fault, match=r"slow: .* each of 4 times\ninput, 4 bytes: 00000005"):
        watched(burns)


def test_an_input_that_never_ends_is_a_fault():
    def hangs(data: bytes) -> None:
        while data[3] == 5:
            pass

    watch = Watch(hangs, 10, 3600)
    with watch.bounded(0.2), pytest.raises(Fault, match=r"(?s)no end.*4 bytes: 00000005"):
        for n in range(10):
            watch(n.to_bytes(4, "big"))


def test_memory_that_stays_is_a_fault():
    kept: list[object] = []
    with pytest.raises(Fault, match="memory grew by"):
        watched(lambda data: kept.append([data]), MOST_BLOCKS)
    watched(lambda data: kept.append([data]), MOST_BLOCKS, memory=False)


def test_a_planted_defect_is_found():
    """One that only a sound position with an item of an odd length meets."""

    def reads(data: bytes) -> None:
        session = Jt808Session(Book(), 0, Limits())
        session.receive(LOGIN, 1)
        for held in session.receive(data, 2):
            assert b"\x01\x05" not in held.raw or held.raw[1:3] != b"\x02\x00"

    with pytest.raises(Fault, match="AssertionError"):
        plain(target("jt808"), Watch(reads, 200_000, 3600), 1)


@pytest.mark.parametrize(
    ("name", "session", "first", "kinds"), [("jt808", Jt808Session, LOGIN, 20), ("jt905", Jt905Session, HELLO, 25)]
)
def test_most_frames_are_sound_and_of_every_kind(name: str, session: SessionFactory, first: bytes, kinds: int):
    fuzzed, rng, held, sound, all_ = target(name), Random(1), Counter[str](), 0, 0
    data = b""
    for _ in range(3000):
        data = fuzzed.mutate(data if rng.random() < 0.5 else rng.choice(fuzzed.corpus), rng)
        for frame in FrameBuffer().feed(data):
            all_ += 1
            try:
                unwrap(frame)
            except ProtocolError:
                continue
            sound += 1
        one = session(Book(), 0, Limits())
        one.receive(first, 1)
        held.update(type(h.content).__name__ + getattr(h.content, "message", "") for h in one.receive(data, 2))
    assert 0.8 < sound / all_ < 1
    assert len(held) > kinds
    assert held.total() > 1500


def test_the_same_seed_gives_the_same_inputs():
    fuzzed = target("jsonl")

    def inputs(seed: int) -> list[bytes]:
        found: list[bytes] = []

        def watch(data: bytes) -> None:
            found.append(data)
            if len(found) == 300:
                raise Finished

        with pytest.raises(Finished):
            plain(fuzzed, watch, seed)
        return found

    assert inputs(1) == inputs(1) != inputs(2)
