"""Ten thousand rows are sealed; whatever is done to them, or to the seals, is found and named."""

from __future__ import annotations

import shutil
from datetime import UTC, date, timedelta
from pathlib import Path

import numpy as np
import pytest

from gateway.correction import Correction
from gateway.report import FixBatch, Flag
from tests.tracking.evidence.bureau import FIXES, LATER, START, Bureau
from tests.tracking.fixes import batch, flagged
from tracking import archive
from tracking.errors import EvidenceError
from tracking.evidence.checkpoint import LOG
from tracking.evidence.seal import Sealer
from tracking.evidence.verify import verify
from tracking.rollup import roll_up


def key_of(bureau: Bureau, number: int) -> str:
    """How the fix of this number, in the order of time, is called."""
    row = bureau.db.execute(
        "SELECT key, time, identity FROM position JOIN terminal ON id = terminal_id ORDER BY time OFFSET %s LIMIT 1",
        (number,),
    ).fetchone()
    bureau.db.commit()
    assert row is not None
    at = row[1].astimezone(UTC).isoformat().replace("+00:00", "Z")
    return f"{row[0]} {at} {row[2] & (1 << 64) - 1:016x}"


NTH = "(SELECT time FROM position ORDER BY time OFFSET {} LIMIT 1)"


def test_what_nobody_touched_is_whole(either: Bureau):
    said = either.verdict()
    assert said.breaks == []
    assert said.checked == {"seals": 2, "position": FIXES, "message": 6, "journal": 2}
    assert not said.pending


@pytest.mark.parametrize(
    "column", ["received", "lat", "speed", "odometer", "alarms", "status", "flags", "satellites", "attributes"]
)
def test_any_altered_column_of_a_fix_is_found(bureau: Bureau, column: str):
    new = "'{\"n\": 1}'" if column == "attributes" else "received + interval '1 us'" if column == "received" else "17"
    expected = key_of(bureau, 4_321)
    bureau.tamper(f"UPDATE position SET {column} = {new} WHERE time = {NTH.format(4_321)}")
    assert bureau.breaks() == [("altered", "position", expected)]


def test_a_deleted_fix_is_missing_and_its_hour_is_named(bureau: Bureau):
    expected = key_of(bureau, 0)
    bureau.tamper(f"DELETE FROM position WHERE time = {NTH.format(0)}")
    (found,) = bureau.verdict().breaks
    assert str(found) == f"missing: position {expected} (seal 1, hour 2026-11-20T20Z)"


def test_an_inserted_fix_is_found_and_never_sealed_unannounced(bureau: Bureau):
    bureau.tamper(
        "INSERT INTO position SELECT terminal_id, time + interval '1 s', 7, received, 31.2, lon, speed, course,"
        " altitude, recorder_speed, fuel, odometer, alarms, status, flags, satellites, signal, attributes"
        f" FROM position WHERE time = {NTH.format(77)}"
    )
    for _ in range(2):
        ((what, where, key),) = bureau.breaks()
        assert (what, where) == ("added", "position")
        assert key.endswith(f"{7:016x}")
        bureau.seal()


def test_two_fixes_that_changed_places_are_both_named(bureau: Bureau):
    expected = {key_of(bureau, 20), key_of(bureau, 40)}
    a, b = NTH.format(20), NTH.format(40)
    bureau.tamper(
        "UPDATE position SET (lat, lon) = (SELECT lat, lon FROM position AS other WHERE other.time ="
        f" CASE WHEN position.time = {a} THEN {b} ELSE {a} END) WHERE time IN ({a}, {b})"
    )
    assert {(what, key) for what, _, key in bureau.breaks()} == {("altered", key) for key in expected}


def test_a_fix_given_to_another_terminal_is_missing_here_and_added_there(bureau: Bureau):
    bureau.tamper(f"UPDATE position SET terminal_id = mod(terminal_id, 20) + 1 WHERE time = {NTH.format(500)}")
    assert sorted(what for what, *_ in bureau.breaks()) == ["added", "missing"]


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("UPDATE message SET frame = '\\x00' WHERE id = 2", ("altered", "message", "2")),
        ("UPDATE message SET reports = '[]' WHERE id = 5", ("altered", "message", "5")),
        ("DELETE FROM message WHERE id = 6", ("missing", "message", "6")),
        (
            "INSERT INTO message (id, terminal_id, digest, received, name, frame, reports) OVERRIDING SYSTEM VALUE"
            " SELECT 99, terminal_id, digest, received, name, frame, reports FROM message WHERE id = 1",
            ("added", "message", "99"),
        ),
        ("UPDATE journal SET actor = 'somebody' WHERE id = 1", ("altered", "journal", "1")),
        ("DELETE FROM journal WHERE id = 2", ("missing", "journal", "2")),
        ("UPDATE evidence_entry SET content = content || '\\x00' WHERE key = '1'", ("altered", "journal", "1")),
        (
            "INSERT INTO journal (id, actor, action) OVERRIDING SYSTEM VALUE VALUES (99, 'auditor', 'look')",
            ("added", "journal", "99"),
        ),
    ],
)
def test_altered_records_are_named(bureau: Bureau, statement: str, expected: tuple[str, str, str]):
    bureau.tamper(statement)
    assert expected in bureau.breaks()
    assert {key for _, _, key in bureau.breaks()} == {expected[2]}


def test_a_truncated_chain_is_found(bureau: Bureau):
    bureau.tamper("DELETE FROM evidence_part WHERE seal = 2")
    bureau.tamper("DELETE FROM evidence_seal WHERE number = 2")
    found = bureau.breaks()
    assert ("missing", "checkpoint", "2") in found
    assert sum(what == "added" for what, *_ in found) == FIXES // 2 + 4
    with pytest.raises(EvidenceError, match=r"checkpoint 2 in .* is not that of the database"):
        bureau.seal()


def test_a_seal_taken_out_of_the_middle_is_found(bureau: Bureau):
    bureau.tamper("DELETE FROM evidence_part WHERE seal = 1")
    bureau.tamper("DELETE FROM evidence_seal WHERE number = 1")
    assert ("missing", "checkpoint", "1") in bureau.breaks()


def test_a_tree_that_fits_the_altered_row_does_not_fit_its_seal(bureau: Bureau):
    bureau.tamper(
        "UPDATE evidence_part SET size = size - 1, keys = substring(keys FROM 17), leaves = substring(leaves FROM 33)"
        " WHERE seal = 1 AND name = 'jt808/3' AND hour = '2026-11-20T20:00Z'"
    )
    assert ("altered", "evidence_part", "position jt808/3") in bureau.breaks()
    bureau.tamper("DELETE FROM evidence_part WHERE seal = 1 AND name = 'jt808/3' AND hour = '2026-11-20T20:00Z'")
    assert ("altered", "seal", "1") in bureau.breaks()


def rewritten(bureau: Bureau, directory: Path) -> Sealer:
    """The database, sealed anew after an alteration."""
    bureau.tamper("UPDATE position SET lat = lat + 0.01")
    for table in ("evidence_part", "evidence_seal", "evidence_entry", "evidence_subject"):
        bureau.tamper(f"DELETE FROM {table}")
    bureau.tamper("INSERT INTO seal_due SELECT DISTINCT (time AT TIME ZONE 'UTC')::date, 0 FROM position")
    bureau.tamper("INSERT INTO evidence_due (kind, key) SELECT 'message', id::text FROM message")
    bureau.tamper("INSERT INTO evidence_due (kind, key) SELECT 'journal', id::text FROM journal")
    other = Sealer(directory, directory / LOG)
    other.seal(bureau.db, LATER)
    return other


def test_a_chain_rewritten_with_another_key_is_forged(bureau: Bureau, tmp_path: Path):
    other = rewritten(bureau, tmp_path / "other")
    assert verify(bureau.db, other.signer.trusted, other.log, master=other.signer.master()).breaks == []
    found = bureau.breaks()
    assert ("forged", "checkpoint", "1") in found
    assert ("altered", "checkpoint", "1") in found


def test_a_chain_rewritten_with_the_very_key_is_found_by_the_file_outside(bureau: Bureau, tmp_path: Path):
    (tmp_path / "stolen").mkdir()
    shutil.copy(tmp_path / "evidence" / "key.pem", tmp_path / "stolen" / "key.pem")
    rewritten(bureau, tmp_path / "stolen")
    assert [(what, key) for what, where, key in bureau.breaks() if where == "checkpoint"] == [("altered", "1")]


@pytest.mark.parametrize("column", ["header", "signature"])
def test_a_forged_checkpoint_is_found(bureau: Bureau, column: str):
    bureau.tamper(f"UPDATE evidence_seal SET {column} = set_byte({column}, 20, 65) WHERE number = 2")
    found = bureau.breaks()
    assert ("forged", "checkpoint", "2") in found
    assert {key for what, _, key in found if what == "forged"} == {"2"}


def test_an_altered_or_shortened_file_of_checkpoints_is_found(bureau: Bureau):
    bureau.add(batch(3, start=START + timedelta(days=2)))
    bureau.seal()
    file = bureau.sealer.log.file
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(lines[0])
    assert bureau.breaks() == [("missing", "file of checkpoints", str(file))]
    file.write_bytes(lines[0] + lines[2] + lines[1])
    assert ("altered", "checkpoint", "2") in bureau.breaks()
    file.write_bytes(lines[0] + b"?\n" + lines[2])
    assert [where for _, where, _ in bureau.breaks()] == ["file of checkpoints"]


# no false alarm


def test_late_fixes_become_part_of_a_later_seal(either: Bureau):
    first = either.db.execute("SELECT header FROM evidence_seal ORDER BY number").fetchall()
    late = batch(40, terminals=20, start=START + timedelta(minutes=3), seed=9)
    either.add(late)
    assert either.verdict().pending == {"position": 40}
    assert either.breaks() == []
    either.seal()
    said = either.verdict()
    assert (said.breaks, said.checked["position"], said.pending["position"]) == ([], FIXES + 40, 0)
    again = either.db.execute("SELECT header FROM evidence_seal ORDER BY number").fetchall()
    assert (again[:2], len(again)) == (first, 3)


def test_fixes_that_come_again_are_not_sealed_again(either: Bureau):
    either.add(batch(FIXES, terminals=20, start=START, step_s=2.5).only(np.arange(0, 200)))
    either.seal()
    assert either.verdict().checked["seals"] == 2
    assert either.breaks() == []


def archived(bureau: Bureau) -> list[archive.Archived]:
    roll_up(bureau.db, "Asia/Shanghai", LATER)
    made = list(archive.keep(bureau.db, bureau.directory / "archive", date(2026, 12, 1)))
    bureau.db.commit()
    return made


def test_days_moved_to_files_stay_whole_with_what_comes_late_and_again(either: Bureau):
    assert [one.fixes for one in archived(either)] == [5_760, 4_240]
    assert either.breaks() == []
    assert either.verdict().checked["position"] == FIXES
    whole = batch(FIXES, terminals=20, start=START, step_s=2.5)
    again = flagged(whole.only(np.arange(0, 60)), slice(None), Flag.BACKFILL)
    again.rows["received"] += 10**9
    late = batch(20, terminals=20, start=START + timedelta(minutes=3), seed=9)
    either.add(FixBatch.concat([again, late]))
    assert either.breaks() == []
    either.seal()
    assert either.breaks() == []
    assert either.verdict().checked["seals"] == 3
    (more,) = archived(either)
    assert more.fixes == 80
    assert either.breaks() == []


def test_days_that_were_archived_before_they_were_sealed_are_sealed_from_their_files(empty: Bureau):
    empty.add(batch(1_000, terminals=20, start=START, step_s=2.5))
    archived(empty)
    assert empty.verdict().pending == {"position": 1_000}
    empty.seal()
    assert empty.breaks() == []
    assert empty.verdict().checked == {"seals": 1, "position": 1_000}


def test_an_altered_archive_file_is_found_also_with_its_checksum_put_right(bureau: Bureau):
    made, _ = archived(bureau)
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(made.file)
    lat = table["lat"].to_pylist()
    lat[1_234] += 1e-9
    at = table.schema.get_field_index("lat")
    pq.write_table(table.set_column(at, "lat", pa.array(lat)), made.file)
    assert ("altered", "archive", str(made.file)) in bureau.breaks()
    bureau.tamper(
        "UPDATE archive SET sha256 = %s, bytes = %s WHERE file = %s",
        archive._digest(made.file), made.file.stat().st_size, str(made.file),
    )  # fmt: skip
    ((what, where, key),) = bureau.breaks()
    assert (what, where) == ("altered", "position")
    assert key.startswith(f"{table['terminal'][1_234]} ")
    made.file.unlink()
    found = bureau.breaks()
    assert ("altered", "archive", str(made.file)) in found
    assert sum(what == "missing" for what, *_ in found) == 5_760


def test_corrections_are_no_alteration_and_what_they_replaced_cannot_be_changed(either: Bureau):
    whole = batch(FIXES, terminals=20, start=START, step_s=2.5)
    wrong = whole.only(np.arange(100, 110))
    right = FixBatch(wrong.terminals, wrong.rows.copy(), wrong.attributes)
    right.rows["lat"] += 0.01
    right.rows["time"][:5] += 8 * 3_600_000_000
    gone = [(wrong.terminals[row["terminal"]], int(row["time"]), int(row["identity"])) for row in wrong.rows]
    either.store.advance("s", 7, START)
    either.store.correct(Correction("s", 7, gone, right, ()))
    either.db.commit()
    assert either.breaks() == []
    either.seal()
    assert either.breaks() == []
    assert either.verdict().checked["seals"] == 3
    expected = key_of(either, 100)
    either.tamper(f"UPDATE position SET lat = 31.3 WHERE time = {NTH.format(100)}")
    assert [what for what, *_ in either.breaks()] == ["altered"], expected
    either.tamper("UPDATE position_replaced SET lat = lat + 1 WHERE correction = 'spool/s/7'")
    assert sum(what == "missing" for what, *_ in either.breaks()) == 9


def test_a_correction_of_what_was_said_is_no_alteration(bureau: Bureau):
    frame = bytes([0, 1])
    said = {
        "terminal": "jt808/0",
        "frame": frame.hex(),
        "message": "other",
        "reports": [],
        "received": 1_000_000 * int(START.timestamp()),
    }
    bureau.store.advance("s", 7, START)
    bureau.store.correct(Correction("s", 7, [], batch(0), [said]))
    bureau.db.commit()
    assert bureau.breaks() == []
    bureau.seal()
    assert bureau.breaks() == []
