"""Sealing under kill -9, persons who are erased, and the commands."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from tests import stack
from tests.stack import PATIENCE_S, ROOT, eventually
from tests.tracking.evidence.bureau import FIXES, START, Bureau
from tests.tracking.fixes import batch
from tracking.errors import EvidenceError
from tracking.evidence.checkpoint import PRIVATE, Signer
from tracking.evidence.seal import LOCK, Beside, Sealer
from tracking.evidence.subjects import Subjects, entries, erase

SEAL = """
import sys
from datetime import UTC, datetime
from pathlib import Path
import psycopg
from tracking.evidence.seal import Sealer
with psycopg.connect(sys.argv[1]) as db:
    sealer = Sealer(Path(sys.argv[2]), Path(sys.argv[3]))
    print("now", flush=True)
    sealer.seal(db, datetime.now(UTC))
"""


def sealing(bureau: Bureau) -> subprocess.Popen[str]:
    """A process that begins to seal as it says so."""
    files = [str(bureau.directory / "evidence"), str(bureau.sealer.log.file)]
    process = subprocess.Popen(
        [sys.executable, "-c", SEAL, bureau.url, *files], cwd=ROOT, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "now\n"
    return process


def test_sealing_that_is_killed_loses_and_doubles_nothing(empty: Bureau):
    rng, seals = random.Random(1), 0
    for number in range(12):
        empty.add(batch(900, terminals=9, start=START + timedelta(hours=number), step_s=4, seed=number))
        process = sealing(empty)
        time.sleep(rng.uniform(0, 0.25))
        process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE_S)
        assert empty.breaks() == []
        seals = empty.verdict().checked["seals"]
    empty.seal()
    said = empty.verdict()
    assert (said.breaks, said.pending.total(), said.checked["position"]) == ([], 0, 12 * 900)
    headers = [one.header for one in empty.sealer.log]
    assert sum(header.rows for header in headers) == 12 * 900
    assert len(headers) in (seals, seals + 1)


def test_a_crash_between_the_database_and_the_file_is_made_up_for(bureau: Bureau):
    file = bureau.sealer.log.file
    whole = file.read_bytes()
    for torn in (whole[: whole.index(b"\n") + 1], whole[:-9]):
        file.write_bytes(torn)
        assert bureau.breaks() == []
        bureau.seal()
        assert file.read_bytes() == whole


def test_a_process_that_is_told_to_stop_gives_up_its_seal_and_the_next_one_makes_it(empty: Bureau):
    empty.add(batch(3_000, terminals=9, start=START, step_s=4))
    stop = threading.Event()
    beside = Beside(empty.url, lambda: empty.sealer, 3600, stop)
    with psycopg.connect(empty.url) as holder, beside.running():
        holder.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        holder.commit()
    assert stop.is_set()
    empty.seal()
    said = empty.verdict()
    assert (said.breaks, said.checked["position"], said.pending.total()) == ([], 3_000, 0)


def test_nothing_due_makes_no_seal(bureau: Bureau):
    before = bureau.verdict().checked["seals"]
    bureau.seal()
    assert bureau.verdict().checked["seals"] == before


def test_the_key_is_its_owner_s_alone_and_stays(tmp_path: Path):
    first = Signer(tmp_path / "new")
    assert (tmp_path / "new" / PRIVATE).stat().st_mode & 0o777 == 0o600
    assert Signer(tmp_path / "new").trusted.id == first.trusted.id
    (tmp_path / "new" / PRIVATE).write_text("?")
    with pytest.raises(EvidenceError, match=r"key\.pem holds no key"):
        Signer(tmp_path / "new")


def test_another_key_does_not_go_on_with_the_chain(bureau: Bureau, tmp_path: Path):
    bureau.add(batch(3, start=START + timedelta(days=2)))
    with pytest.raises(EvidenceError, match="signed with another key"):
        Sealer(tmp_path / "other", bureau.sealer.log.file).seal(bureau.db, START)
    shutil.rmtree(tmp_path / "other")


def everything(db: psycopg.Connection) -> str:
    """All that stands in the tables."""
    names = [
        name for (name,) in db.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND relname !~ '^pg_|^sql_'")
    ]
    found = "".join(str(db.execute(f'SELECT * FROM "{name}"').fetchall()) for name in names)
    db.commit()
    return found


def test_a_person_who_is_erased_leaves_the_chain_whole(bureau: Bureau):
    assert "投诉" in everything(bureau.db)
    people = Subjects(bureau.db, bureau.sealer.signer.master())
    content = people.read(entries(bureau.db, "journal")["1"])
    assert content is not None
    assert "投诉" in content.decode()
    number = erase(bureau.db, "auditor", "officer", "asked for it")
    bureau.db.commit()
    assert "投诉" not in everything(bureau.db)
    assert "auditor" not in everything(bureau.db)
    people = Subjects(bureau.db, bureau.sealer.signer.master())
    assert people.read(entries(bureau.db, "journal")["1"]) is None
    assert bureau.breaks() == []
    bureau.seal()
    assert bureau.breaks() == []
    with pytest.raises(EvidenceError, match="nothing of 'auditor' is sealed"):
        erase(bureau.db, "auditor", "officer", "again")
    bureau.db.rollback()
    bureau.tamper("UPDATE evidence_entry SET content = '\\x00' WHERE key = '2'")
    assert bureau.breaks() == [("altered", "journal", "2")]
    bureau.tamper("DELETE FROM journal WHERE action = 'evidence.erase'")
    assert ("missing", "journal", f"erased/{number}") in bureau.breaks()


def test_the_journal_cannot_be_erased_in_passing(bureau: Bureau):
    with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
        bureau.db.execute("UPDATE journal SET actor = 'x'")


def test_serve_seals_and_verify_tells(database: str, tmp_path: Path):
    def run(*command: str) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "TAXIHUB_DATABASE_URL": database, "TAXIHUB_VAR": str(tmp_path)}
        return subprocess.run(
            [sys.executable, "-m", "tracking", *command], cwd=ROOT, env=env, text=True, capture_output=True,
            timeout=PATIENCE_S,
        )  # fmt: skip

    bureau = Bureau(database, tmp_path)
    bureau.add(batch(FIXES // 10, start=START, step_s=1))
    with stack.writer(tmp_path, database, seal_s="0.2"):
        eventually(lambda: bureau.verdict().checked["seals"] or None, "a seal")
    bureau.db.rollback()
    whole = run("verify")
    assert (whole.returncode, whole.stdout) == (0, ""), whole.stderr
    assert "1000 position" in whole.stderr
    bureau.tamper("DELETE FROM position WHERE time = (SELECT max(time) FROM position)")
    told = run("verify")
    assert told.returncode == 1
    assert told.stdout.startswith("missing: position jt808/0 2026-11-20T20:16:39Z ")
    assert run("verify", "--from", "2026-11-21").returncode == 0
    copy = tmp_path / "copy.jsonl"
    shutil.copy(tmp_path / "evidence" / "checkpoints.jsonl", copy)
    bureau.tamper("DELETE FROM evidence_seal")
    assert "missing: checkpoint 1" in run("verify", "--checkpoints", str(copy)).stdout
    wrong_key = run("verify", "--key", str(copy))
    assert (wrong_key.returncode, wrong_key.stderr.strip()[:23]) == (2, "tracking: this is no pu")
    bureau.db.close()


def test_erase_seals_first(bureau: Bureau):
    bureau.store.record("driver-7", "look", "", {})
    bureau.db.commit()
    env = {
        **os.environ, "TAXIHUB_DATABASE_URL": bureau.url, "TAXIHUB_EVIDENCE_DIR": str(bureau.directory / "evidence"),
        "TAXIHUB_CHECKPOINTS": str(bureau.sealer.log.file),
    }  # fmt: skip
    command = [sys.executable, "-m", "tracking", "evidence", "erase", "driver-7", "--by", "officer", "--reason", "law"]
    done = subprocess.run(command, cwd=ROOT, env=env, text=True, capture_output=True, timeout=PATIENCE_S)
    assert (done.returncode, done.stdout[-9:-2]) == (0, "erased/"), done.stderr
    assert bureau.breaks() == []
