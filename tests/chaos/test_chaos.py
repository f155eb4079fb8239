"""A short seed of every fault, and whether the checker sees planted bugs and made-up differences."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from tests import stack
from tests.chaos.disks import Unavailable
from tests.chaos.faults import KINDS
from tests.chaos.mutants import MUTANTS
from tests.chaos.run import Job, Row, plan
from tests.checker import Ledger, check, overtaken, place

SEED = 808
AT_A_TIME = 2
ENDS = {"sync-error"}
"""Kinds after each of whose faults the gateway must end by itself; a short write is of more than one sort."""


def run(job: Job, var: Path, server: str) -> Row:
    with stack.fresh_database(server) as url:
        return job.run(var, url)


def started(jobs: dict[str, Job], pool: ThreadPoolExecutor, var: Path, server: str) -> dict[str, Future[Row]]:
    return {name: pool.submit(run, job, var / name, server) for name, job in jobs.items()}


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory, postgres_url: str) -> Iterator[dict[str, Future[Row]]]:
    """Runs of every kind and of every mutant, a few at a time, in the order of the tests."""
    jobs = {name: Job(kind, 1, SEED) for name, kind in KINDS.items()}
    jobs |= {name: Job(KINDS[m.kind], m.faults, SEED, name) for name, m in MUTANTS.items()}
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        yield started(jobs, pool, tmp_path_factory.mktemp("chaos"), postgres_url)


def row_of(future: Future[Row]) -> Row:
    try:
        return future.result()
    except Unavailable as reason:
        pytest.skip(f"*** {reason}: these faults are not made ***")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", KINDS)
def test_what_was_acknowledged_is_stored_once_and_in_order(rows: dict[str, Future[Row]], kind: str):
    row = row_of(rows[kind])
    assert row.clean, row
    assert row.verdict is not None
    assert row.verdict.acknowledged > 30
    assert kind not in ENDS or row.ended == row.faults


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mutant", MUTANTS)
def test_the_checker_catches(rows: dict[str, Future[Row]], mutant: str):
    row = row_of(rows[mutant])
    if MUTANTS[mutant].noticed and row.verdict is None:
        assert "stored" in row.failure  # the writer waits for an entry that has gone
        return
    assert row.verdict is not None, row
    assert not row.verdict.clean


def test_there_are_enough_mutants_of_either_part():
    assert len(MUTANTS) >= 10
    assert {m.part for m in MUTANTS.values()} == {"gateway", "tracking", "shipper"}


def test_the_checker_tells_each_difference_by_its_name(tmp_path: Path, database: str):
    seconds = {name: f"2026-11-25 00:00:0{n}+00" for n, name in enumerate(["stored", "early", "late", "missing"])}
    micros = {name: 1_795_564_800_000_000 + 1_000_000 * n for n, name in enumerate(seconds)}
    lines = [f"S a {micros[name]} {5_000_000 + n}" for n, name in enumerate(["stored", "early", "late", "missing"])]
    lines += [f"A a {micros[name]} {7_500_000}" for name in ("stored", "missing")]
    (tmp_path / "ledger").write_text("\n".join(lines) + "\n")
    kept = [("stored", 1, 1), ("stored", 2, 1), ("late", 1, 2), ("early", 1, 3)]
    with psycopg.connect(database) as db:
        db.execute("INSERT INTO terminal (id, key) OVERRIDING SYSTEM VALUE VALUES (1, 'a'), (2, 'b')")
        for name, identity, received in kept:
            lat, lon = place(micros[name])
            store(db, 1, seconds[name], identity, received, (lat, lon + (name == "late") * 1e-5))
        store(db, 2, seconds["stored"], 1, 1, (0, 0))
    verdict = check(Ledger(tmp_path / "ledger"), database)
    assert verdict.missing == {("a", micros["missing"])}
    assert verdict.twice == {("a", micros["stored"])}
    assert verdict.overtaken == {("a", micros["early"])}
    assert verdict.invented == {("b", micros["stored"])}
    assert (verdict.sent, verdict.acknowledged, verdict.stored) == (4, 2, 5)
    assert verdict.wait_s == pytest.approx(2.5)
    assert verdict.altered == {("a", micros["late"])}
    names = ("missing", "twice", "overtaken", "invented", "altered")
    clean = replace(verdict, **{name: set() for name in names})
    assert clean.clean
    for name in names:
        assert not replace(clean, **{name: {("a", 1)}}).clean


def store(
    db: psycopg.Connection, terminal: int, time: str, identity: int, received: int, at: tuple[float, float]
) -> None:
    db.execute(
        "INSERT INTO position SELECT (jsonb_populate_record(NULL::\"position\", %s)).*",
        (Jsonb({
            "terminal_id": terminal, "time": time, "identity": identity, "lat": at[0], "lon": at[1],
            "speed": 0, "course": 0,
            "received": f"2026-11-25 00:01:0{received}+00", "altitude": 0, "recorder_speed": 0, "fuel": 0,
            "odometer": 0, "alarms": 0, "status": 0, "flags": 0, "satellites": 0, "signal": 0,
        }),),
    )  # fmt: skip


def test_a_ledger_is_read_as_it_grows_and_never_by_half_a_line(tmp_path: Path):
    ledger = Ledger(tmp_path / "ledger")
    assert not ledger.read().sent
    with ledger.path.open("a") as file:
        print("S a 1 10\nS a 2 11\nA a 1 1", end="", file=file, flush=True)
        assert (ledger.read().sent, ledger.acknowledged) == ({("a", 1): 10, ("a", 2): 11}, {})
        print("2\nS a 2 13", file=file, flush=True)
    assert ledger.read().acknowledged == {("a", 1): 12}
    assert ledger.sent[("a", 2)] == 11


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 9))))
def test_overtaken_is_what_comes_behind_a_later_fix_of_its_terminal(received: list[tuple[str, int]]):
    expected = [
        (terminal, time) for i, (terminal, time) in enumerate(received)
        if any(other == terminal and later > time for other, later in received[:i])
    ]  # fmt: skip
    assert list(overtaken(received)) == expected


@given(st.integers(1, 1000), st.sets(st.sampled_from(list(KINDS)), min_size=1))
def test_a_plan_has_every_kind_and_as_many_faults_as_wanted(faults: int, names: set[str]):
    counts = plan(faults, sorted(names))
    assert set(counts) == names
    assert min(counts.values()) >= 1
    assert sum(counts.values()) == max(faults, len(names))


@pytest.mark.timeout(300)
def test_the_command_prints_a_table_and_writes_it_down(tmp_path: Path):
    command = [sys.executable, "-m", "tests.chaos", "--seed", "3", "--faults", "1", "--kind", "restart"]
    page = tmp_path / "chaos.md"
    done = subprocess.run([*command, "--report", str(page)], capture_output=True, text=True, cwd=stack.ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("restart"))
    kind, faults, sent, acknowledged, *wrong = line.split()
    assert (kind, faults, wrong[:4], wrong[-1]) == ("restart", "1", ["0"] * 4, "clean")
    assert f"| restart | 1 | {sent} | {acknowledged} | 0 | 0 | 0 | 0 |" in page.read_text()
