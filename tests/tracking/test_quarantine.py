"""Quarantine: shown, tried again the same way, and left only by what is stored."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from gateway.report import FixBatch
from gateway.spool import Entry
from tests.stack import PATIENCE_S, ROOT
from tests.tracking.fixes import batch
from tests.tracking.test_ingest import fix_entry, spool_in, wait_for, writing
from tracking.quarantine import Outcome, Replayed, replay, waiting

RECEIVED = 1_795_000_000_000_000


@pytest.fixture
def db(tmp_path: Path, database: str) -> Iterator[psycopg.Connection]:
    """A table that refuses south, and messages that it refuses, too, with one good one between them."""
    spool = spool_in(tmp_path)
    fixes = batch(10)
    fixes.rows["lat"][3] = -31
    fixes.rows["lat"][7] = -32
    one = {"terminal": "jt905/1", "message": "grab_order", "frame": "7e0b01", "reports": []}
    other = {**one, "message": "silence", "frame": "7e0b02"}
    spool.append([fix_entry(fixes), Entry("message", RECEIVED, json.dumps([one, other]).encode())])
    spool.append([Entry("gossip", RECEIVED, b"{}")])
    with psycopg.connect(database) as connection:
        connection.execute("ALTER TABLE position ADD CONSTRAINT north CHECK (lat > 0)")
        connection.execute("ALTER TABLE message ADD CONSTRAINT loud CHECK (name <> 'silence')")
        connection.commit()
        with writing(database, tmp_path):
            wait_for(database, 3).close()
        yield connection


def stored(db: psycopg.Connection) -> tuple[int, ...]:
    return db.execute("SELECT (SELECT count(*) FROM position), (SELECT count(*) FROM message)").fetchone() or ()


def test_what_is_refused_stands_there_with_its_cause(db: psycopg.Connection):
    assert [(one.kind, one.terminal, one.seq) for one in waiting(db)] == [
        ("message", None, 2), ("gossip", None, 3), ("fix", "jt808/0", 1), ("fix", "jt808/0", 1),
    ]  # fmt: skip
    assert "north" in waiting(db)[2].cause
    assert "loud" in waiting(db)[0].cause
    assert stored(db) == (8, 1)


def test_what_is_refused_again_stays_as_it_is(db: psycopg.Connection):
    before = waiting(db)
    tried = replay(db)
    assert [one.id for one in tried] == [one.id for one in before]
    assert [(one.outcome, one.cause) for one in tried] == [(Outcome.REFUSED, one.cause) for one in before]
    assert waiting(db) == before
    assert db.execute("SELECT count(*) FROM journal").fetchone() == (0,)


def test_what_is_stored_leaves_with_its_time_and_an_entry_in_the_journal(db: psycopg.Connection):
    db.execute("ALTER TABLE position DROP CONSTRAINT north")
    db.execute("ALTER TABLE message DROP CONSTRAINT loud")
    db.commit()
    kinds = {one.id: one.kind for one in waiting(db)}
    assert {kinds[one.id]: one.outcome for one in replay(db, by="站长")} == {
        "fix": Outcome.STORED, "message": Outcome.STORED, "gossip": Outcome.REFUSED,
    }  # fmt: skip
    assert stored(db) == (10, 2)
    assert [one.kind for one in waiting(db)] == ["gossip"]
    received = db.execute("SELECT received FROM message WHERE name = 'silence'").fetchone()
    assert received == (datetime.fromtimestamp(RECEIVED // 1_000_000, UTC),)
    journal = db.execute("SELECT actor, action, object FROM journal ORDER BY id").fetchall()
    replayed = [number for number, kind in kinds.items() if kind != "gossip"]
    assert journal == [("站长", "quarantine.replay", f"quarantine/{number}") for number in replayed]


def test_only_what_is_named_is_tried(db: psycopg.Connection):
    db.execute("ALTER TABLE position DROP CONSTRAINT north")
    db.commit()
    first, second = (one.id for one in waiting(db) if one.kind == "fix")
    assert replay(db, [second]) == [Replayed(second, Outcome.STORED)]
    assert stored(db) == (9, 1)
    assert first in {one.id for one in waiting(db)}
    assert replay(db, [second, first]) == [Replayed(second, Outcome.GONE), Replayed(first, Outcome.STORED)]


def test_of_a_content_that_can_be_read_in_part_the_rest_stays(db: psycopg.Connection):
    """An entry that could not be read at all, before a decoder was mended."""
    whole = FixBatch.concat([batch(4, seed=5)])
    whole.rows["lat"][1] = -1
    db.execute("UPDATE quarantine SET kind = 'fix', content = %s WHERE kind = 'gossip'", (whole.to_bytes(),))
    db.commit()
    (number,) = (one.id for one in waiting(db) if one.seq == 3)
    (tried,) = replay(db, [number])
    assert (tried.outcome, "north" in tried.cause) == (Outcome.PART, True)
    assert stored(db) == (11, 1)
    (left,) = (one for one in waiting(db) if one.seq == 3)
    assert (left.kind, left.terminal, left.id != number) == ("fix", "jt808/0", True)


def test_its_commands(db: psycopg.Connection, database: str, tmp_path: Path):
    def run(*command: str) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "TAXIHUB_DATABASE_URL": database, "TAXIHUB_VAR": str(tmp_path)}
        return subprocess.run(
            [sys.executable, "-m", "tracking", "quarantine", *command], cwd=ROOT, env=env, text=True,
            capture_output=True, timeout=PATIENCE_S,
        )  # fmt: skip

    listed = run("list")
    assert (listed.returncode, len(listed.stdout.splitlines())) == (0, 4)
    assert "unknown kind 'gossip'" in listed.stdout
    again = run("replay")
    assert (again.returncode, "0 stored, 4 refused again" in again.stderr) == (1, True)
    db.execute("ALTER TABLE position DROP CONSTRAINT north")
    fixes = [str(one.id) for one in waiting(db) if one.kind == "fix"]
    db.commit()
    assert run("replay", *fixes).returncode == 0
    gone = run("replay", fixes[0])
    assert (gone.returncode, gone.stderr) == (2, f"tracking: not in quarantine: {fixes[0]}\n")
