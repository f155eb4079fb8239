"""A decoder's mistake is repaired from the frames that the spool keeps: real terminals, a real gateway and database."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import psycopg
import pytest

from gateway.correction import Correction
from gateway.protocols.jt808 import messages as jt808
from gateway.report import FixBatch
from gateway.spool import FILE, SpoolReader
from gateway.spool.log import pack_frames, unpack_frames
from tests import stack
from tests.gateway.protocols.test_jt905_decoder import TRIP
from tests.terminals import Terminal808, Terminal905, fix

START = datetime(2026, 11, 25, 4, tzinfo=UTC)
NUMBER, ISU = "013800000001", "101900198513"
FIXES = "SELECT key, time, identity, lat, lon, speed, attributes FROM position JOIN terminal ON id = terminal_id"
SAID = "SELECT key, message.name, message.reports FROM message JOIN terminal ON terminal.id = terminal_id"
METERS = "SELECT key, operation, amount FROM meter_record JOIN terminal ON terminal.id = terminal_id"
STATES = "SELECT key, time, lat, lon FROM last_state JOIN terminal ON id = terminal_id"


def driven(var: Path) -> None:
    """A spool of what two terminals say to a gateway in `var`."""
    stack.enrol(var, [f"{NUMBER},jt808,苏E1,taxi,", f"{ISU},jt905,苏E2,taxi,"])
    with stack.gateway(var) as gateway:
        drive(gateway.ports)


def drive(ports: Any) -> None:
    """Live fixes, a batch of the blind area, and a trip with its fare."""
    with Terminal808(ports["jt808"], NUMBER).log_in() as taxi:
        for n in range(5):
            assert taxi.result(0x0200, fix(START + timedelta(seconds=10 * n), lat=31.3 + n / 1000)) == 0
        blind = [fix(START - timedelta(seconds=10 * n), lat=31.4) for n in range(1, 4)]
        assert taxi.result(0x0704, {"count": 3, "type": 1, "positions": blind}) == 0
    with Terminal905(ports["jt905"], ISU) as isu:
        assert isu.result(0x0200, fix(START)) == 0
        assert isu.result(0x0B05, TRIP) == 0


def mistake(batch: FixBatch) -> FixBatch:
    """Of 808: latitudes wrong, and every other fix at a wrong time; of 905: nothing."""
    rows = batch.rows.copy()
    wrong = np.array([batch.terminals[n].startswith("jt808") for n in rows["terminal"]])
    rows["lat"][wrong] += 0.5
    rows["time"][wrong & (np.arange(len(rows)) % 2 == 0)] += 8 * 3600 * 1_000_000
    return FixBatch(batch.terminals, rows, batch.attributes)


def spoil(spool: Path) -> None:
    """As if an older version had read the frames: some wrongly, the last fix's frame not at all, a fare too low."""
    with closing(sqlite3.connect(spool / FILE)) as db, db:
        for seq, kind, columns in db.execute("SELECT seq, kind, columns FROM entry").fetchall():
            if kind == "fix":
                columns = mistake(FixBatch.from_bytes(columns)).to_bytes()
            elif kind == "message":
                said = orjson.loads(columns)
                for one in said:
                    for report in one["reports"]:
                        report["meter"]["amount"] = "1.00"
                columns = orjson.dumps(said)
            db.execute("UPDATE entry SET columns = ? WHERE seq = ?", (columns, seq))
        seq, columns, raw = db.execute(
            "SELECT seq, columns, raw FROM entry WHERE kind = 'fix' ORDER BY seq LIMIT 1"
        ).fetchone()
        batch, frames = FixBatch.from_bytes(columns), unpack_frames(raw)
        unread = [{"terminal": batch.terminals[0], "message": "undecodable", "frame": frames[0].hex(), "reports": []}]
        left = batch.only(np.flatnonzero(batch.rows["frame"] > 0))
        left.rows["frame"] -= 1
        db.execute(
            "UPDATE entry SET columns = ?, raw = ? WHERE seq = ?", (left.to_bytes(), pack_frames(frames[1:]), seq)
        )
        (received,) = db.execute("SELECT received FROM entry WHERE seq = ?", (seq,)).fetchone()
        db.execute(
            "INSERT INTO entry (kind, received, columns, raw) VALUES ('message', ?, ?, x'')",
            (received, orjson.dumps(unread)),
        )


def redecode(var: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "gateway", "redecode", *arguments]
    env = {**os.environ, "TAXIHUB_VAR": str(var)}
    done = subprocess.run(command, cwd=stack.ROOT, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def rows(url: str, question: str) -> Sequence[Any]:
    with psycopg.connect(url) as db:
        return sorted(db.execute(question).fetchall(), key=repr)


def follows(url: str, *spools: Path) -> bool:
    """Whether everything of these spools is in the database."""
    with psycopg.connect(url) as db:
        known = dict(db.execute("SELECT spool, seq FROM spool_offset").fetchall())
    for place in spools:
        with closing(SpoolReader.looking(place)) as reader:
            if known.get(reader.id, 0) < reader.last():
                return False
    return True


@pytest.fixture
def truth(tmp_path: Path, postgres_url: str) -> Sequence[Any]:
    """What this version makes of the drive; the spool is left as an older one would have."""
    driven(tmp_path)
    spool = tmp_path / "spool"
    with stack.fresh_database(postgres_url) as url:
        with stack.writer(tmp_path, url):
            stack.eventually(lambda: follows(url, spool), "all is stored")
        found = [rows(url, question) for question in (FIXES, SAID, STATES, METERS)]
    assert (len(found[0]), len(found[3])) == (9, 1)
    spoil(spool)
    (spool / "reader-tracking.offset").unlink()
    return found


def test_what_an_older_version_got_wrong_is_put_right(tmp_path: Path, database: str, truth: Sequence[Any]):
    spool, corrections = tmp_path / "spool", tmp_path / "spool" / "corrections"
    with stack.writer(tmp_path, database):
        stack.eventually(lambda: follows(database, spool), "what was misread is stored")
        wrong = [rows(database, question) for question in (FIXES, SAID, STATES)]
        assert [len(w) for w in wrong] == [8, 2, 2]
        assert not [row for row in wrong[0] if row[0].startswith("jt808") and row in truth[0]]

        said = redecode(tmp_path)
        assert "nothing was changed" in said
        assert not corrections.exists()

        for _ in range(2):  # the second time changes nothing
            assert "on their way" in redecode(tmp_path, "--write")
            stack.eventually(lambda: follows(database, spool, corrections), "the corrections are stored")
            assert rows(database, FIXES) == truth[0]
            assert rows(database, STATES) == truth[2]
            assert rows(database, METERS) == truth[3]
            names = {name: reports for _, name, reports in rows(database, SAID)}
            assert names.pop("position") == []
            assert names == {name: reports for _, name, reports in truth[1]}
    with psycopg.connect(database) as db:
        actors = db.execute("SELECT DISTINCT actor, action FROM journal WHERE object LIKE 'spool/%'").fetchall()
    assert actors == [("system:redecode", "corrected")]


def test_what_reads_as_it_was_stored_is_left_alone(tmp_path: Path):
    driven(tmp_path)
    said = redecode(tmp_path, "--write", "--from", "2026-01-01T00:00+08:00")
    assert "everything reads as it was stored" in said
    assert "entries" not in redecode(tmp_path, "--to", "2026-01-01T00:00Z")
    with closing(SpoolReader.looking(tmp_path / "spool" / "corrections")) as reader:
        assert reader.last() == 0


def test_what_cannot_be_read_any_more_is_not_taken_away(tmp_path: Path):
    """A version that reads less must not undo what an earlier one has stored."""
    driven(tmp_path)
    with closing(sqlite3.connect(tmp_path / "spool" / FILE)) as db, db:
        for seq, raw in db.execute("SELECT seq, raw FROM entry WHERE kind = 'fix'").fetchall():
            frames = [undated(frame) for frame in unpack_frames(raw)]
            db.execute("UPDATE entry SET raw = ? WHERE seq = ?", (pack_frames(frames), seq))
    said = redecode(tmp_path, "--write")
    assert "5  frames that this version cannot read, left alone" in said
    assert "everything reads as it was stored" in said


def undated(frame: bytes) -> bytes:
    """An ordinary position of JT/T 808 with a time that is none; other frames as they are."""
    if jt905_frame(frame):
        return frame
    header, body = jt808.parse(frame)
    if header.message_id != 0x0200:
        return frame
    return jt808.build(0x0200, header.terminal, header.serial, body[:22] + b"\xff" * 6 + body[28:], 2013)


def jt905_frame(frame: bytes) -> bool:
    return bytes.fromhex(ISU) in frame


def test_a_correction_waits_for_what_it_corrects(tmp_path: Path, database: str, truth: Sequence[Any]):
    """The entry may be on its way still, from a machine that was cut off."""
    spool, away = tmp_path / "spool" / FILE, tmp_path / "away"
    redecode(tmp_path, "--write")
    away.mkdir()
    for file in spool.parent.glob(FILE + "*"):
        file.rename(away / file.name)
    with stack.writer(tmp_path, database) as writer:
        stack.eventually(lambda: "is corrected once it is stored" in writer.said(), "the writer waits")
        assert rows(database, FIXES) == []
        for file in away.iterdir():
            file.rename(spool.parent / file.name)
        stack.eventually(lambda: follows(database, spool.parent, spool.parent / "corrections"), "all is stored")
    assert rows(database, FIXES) == truth[0]


@pytest.mark.parametrize("blob", [b"", b"\0\0\0\0", b"\xff\0\0\0{}", b"\x02\0\0\0{}TXF1"])
def test_what_is_no_correction_says_so(blob: bytes):
    with pytest.raises((ValueError, KeyError)):
        Correction.from_bytes(blob)
