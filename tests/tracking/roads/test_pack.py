"""A trip's evidence in one file, which another machine checks without a database; what is changed in it is found."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gateway.report import Enrolment
from simulator.roads.route import Roads
from tests.simulated_trips import START_S, batch, round_about, trips
from tests.stack import PATIENCE_S, ROOT
from tests.tracking.roads.test_review import tell, work
from tracking.errors import EvidenceError
from tracking.evidence import offline
from tracking.evidence.checkpoint import Log, Signer, Trusted
from tracking.evidence.gather import gather
from tracking.evidence.pack import EVIDENCE, MANIFEST, SIGNATURE, Pack, manifest, read
from tracking.roads.engine import Engine
from tracking.store import Store

START = datetime.fromtimestamp(START_S, UTC)
PLATE = "苏ET1000"


@dataclass(frozen=True)
class Made:
    """A database with an audited trip, what `evidence pack` made of it, and where the key is."""

    url: str
    var: Path
    file: Path
    at: str

    @property
    def pack(self) -> Pack:
        return read(self.file)

    @property
    def trusted(self) -> Trusted:
        return Trusted.read((self.var / "evidence" / "public.pem").read_bytes())

    def run(self, *command: str, database: bool = True) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "TAXIHUB_VAR": str(self.var)}
        env["TAXIHUB_DATABASE_URL"] = self.url if database else "postgresql://nowhere.invalid/none"
        return subprocess.run(
            [sys.executable, "-m", "tracking", *command], cwd=ROOT, env=env, text=True, capture_output=True,
            timeout=PATIENCE_S,
        )  # fmt: skip


@pytest.fixture(scope="module")
def made(
    module_database: str, engine: Engine, driven_roads: Roads, tmp_path_factory: pytest.TempPathFactory
) -> Made:  # fmt: skip
    """Of a drive far round with a meter that counted still more."""
    cheat = next(fixes for seed in range(400) if (fixes := round_about(driven_roads, seed)) is not None)
    honest = trips(driven_roads, 1, 10, seed=31, noise_m=4, wrong=0)
    with psycopg.connect(module_database, autocommit=True) as db:
        store = Store(db)
        for n in range(2):
            store.enrol(Enrolment(terminal=f"jt905/{n}", plate=f"苏ET100{n}"), START - timedelta(days=1))
        store.add(batch([cheat, honest[0].fixes]))
        work(db, engine)
        tell(db, 0, 30_000)
        work(db, engine)
        start, finish = db.execute(
            "SELECT start, finish FROM trip WHERE kind = 'hail' AND vehicle_id = 1"
        ).fetchone() or (START, START)  # fmt: skip
    var = tmp_path_factory.mktemp("bureau")
    one = Made(module_database, var, var / "trip.zip", (start + (finish - start) / 2).isoformat())
    packed = one.run("evidence", "pack", "--trip", f"{PLATE}@{one.at}", "--out", str(one.file))
    assert packed.returncode == 0, packed.stderr
    return one


def test_it_is_checked_without_a_database_and_with_the_public_key_alone(made: Made, tmp_path: Path):
    key = tmp_path / "public.pem"
    key.write_bytes((made.var / "evidence" / "public.pem").read_bytes())
    checkpoints = str(made.var / "evidence" / "checkpoints.jsonl")
    arguments = ("evidence", "verify", str(made.file), "--key", str(key), "--checkpoints", checkpoints)
    told = made.run(*arguments, database=False)
    assert told.returncode == 0, told.stderr + told.stdout
    assert told.stdout.startswith("whole: ")
    assert ", 4 records, " in told.stdout
    unknown = made.run("evidence", "verify", str(made.file), database=False)
    assert unknown.returncode == 0
    assert f"signed with the key {made.trusted.id}" in unknown.stderr


def test_it_holds_the_trip_its_fixes_findings_and_the_meter_s_frame(made: Made):
    evidence = made.pack.evidence()
    with psycopg.connect(made.url) as db:
        (fixes,) = db.execute(
            "SELECT count(*) FROM fix JOIN trip USING (vehicle_id) WHERE vehicle_id = 1 AND kind = 'hail'"
            " AND time BETWEEN start AND finish"
        ).fetchone() or (0,)  # fmt: skip
    assert len(evidence.fixes()) == fixes > 20
    (trip,) = evidence.records("trip")
    assert (trip["plate"], trip["metered"], trip["fare"]) == (PLATE, 30_000.0, "23.5")
    found = {one["rule"]: one for one in evidence.records("finding") if one["state"] == "lead"}
    assert set(found) == {"detour", "overcharge"}
    assert all(one["thresholds"] and one["edition"] == "2026-01-01" for one in found.values())
    (message,) = evidence.records("message")
    (name,) = (name for name in made.pack.files if name.startswith("messages/"))
    assert sha256(made.pack.files[name]).hexdigest() == message["digest"] == found["overcharge"]["frames"][0]["sha256"]
    rows = list(csv.DictReader(io.StringIO(made.pack.files["fixes.csv"].decode("utf-8-sig"))))
    assert len(rows) == fixes
    assert {row["terminal"] for row in rows} == {"jt905/0"}
    (track,) = json.loads(made.pack.files["track.geojson"])["features"]
    assert 20 < len(track["geometry"]["coordinates"]) <= fixes


def test_the_page_tells_it_in_both_languages_and_needs_no_network(made: Made):
    page = made.pack.files["report.html"].decode()
    for text in (PLATE, "绕路 detour", "多计里程 overcharge", "30.000 km", "¥23.5", "线索", made.trusted.id, "<svg"):
        assert text in page, text
    assert "://" not in page
    assert "src=" not in page


def altered(pack: Pack, name: str, change: Callable[[bytes], bytes], by: Signer | None = None) -> Pack:
    """With one file changed; with the manifest made to fit where somebody signs it."""
    files = {**pack.files, name: change(pack.files[name])}
    if by:
        rest = {key: content for key, content in files.items() if key not in (MANIFEST, SIGNATURE)}
        files[MANIFEST] = manifest(rest, [one.header for one in pack.chain()])
        files[SIGNATURE] = by.sign_bytes(files[MANIFEST]).hex().encode()
    return Pack(files)


def broken(made: Made, pack: Pack) -> set[tuple[str, str]]:
    return {(one.what, one.key) for one in offline.check(pack, made.trusted).breaks}


def test_any_changed_file_is_named(made: Made):
    whole = made.pack
    assert broken(made, whole) == set()
    for name in set(whole.files) - {MANIFEST, SIGNATURE, EVIDENCE, "chain.jsonl"}:
        assert broken(made, altered(whole, name, lambda content: content + b" ")) == {("altered", name)}
    assert broken(made, Pack({**whole.files, "more.txt": b"?"})) == {("added", "more.txt")}
    less = {name: content for name, content in whole.files.items() if name != "fixes.csv"}
    assert ("missing", "fixes.csv") in broken(made, Pack(less))
    assert ("forged", MANIFEST) in broken(made, altered(whole, MANIFEST, lambda content: content + b"\n"))


def test_what_the_key_s_owner_changes_later_does_not_fit_the_seals(made: Made):
    signer = Signer(made.var / "evidence")

    def nearer(content: bytes) -> bytes:
        said = json.loads(content)
        of_trip = next(one for one in said["entries"] if bytes.fromhex(one["content"]).startswith(b'{"audited"'))
        of_trip["content"] = bytes.fromhex(of_trip["content"]).replace(b'"metered":30000.0', b'"metered":12000.0').hex()
        return json.dumps(said).encode()

    def one_fix_less(content: bytes) -> bytes:
        said = json.loads(content)
        del said["entries"][-1]
        return json.dumps(said).encode()

    ((what, key),) = broken(made, altered(made.pack, EVIDENCE, nearer, signer))
    assert (what, key[:5]) == ("altered", "entry")
    lines = [("altered", "fixes.csv"), ("altered", "report.html"), ("altered", "track.geojson")]
    assert set(lines) >= broken(made, altered(made.pack, EVIDENCE, one_fix_less, signer)) >= {lines[0]}
    prettier = altered(made.pack, "report.html", lambda page: page.replace(b"30000 m", b"12000 m"), signer)
    assert broken(made, prettier) == {("altered", "report.html")}


def test_a_pack_of_another_bureau_is_forged_here(made: Made, tmp_path: Path):
    other = Signer(tmp_path)
    whole = altered(made.pack, "public.pem", lambda _: other.trusted.pem(), other)
    assert ("forged", MANIFEST) in broken(made, whole)
    assert any(one.what == "forged" for one in offline.check(whole, other.trusted).breaks)
    log = Log(tmp_path / "held.jsonl")
    log.append(other.sign(made.pack.chain()[0].header))
    assert [one.where for one in offline.check(made.pack, made.trusted, log).breaks] == ["checkpoint"]


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"", "is no pack of evidence"), (b"PK\x03\x04 and so on", "is no pack of evidence")],
)
def test_what_is_no_pack_is_told(made: Made, tmp_path: Path, content: bytes, told: str):
    file = tmp_path / "some.zip"
    file.write_bytes(content)
    with pytest.raises(EvidenceError, match=told):
        read(file)


def test_a_pack_without_its_parts_is_told(made: Made, tmp_path: Path):
    file = tmp_path / "some.zip"
    with zipfile.ZipFile(file, "w") as empty:
        empty.writestr(EVIDENCE, "{}")
    told = made.run("evidence", "verify", str(file), "--key", str(made.var / "evidence" / "public.pem"))
    assert (told.returncode, told.stderr) == (2, f"tracking: {EVIDENCE} cannot be read: 'places'\n")


def test_no_pack_is_made_of_what_is_not_as_it_was_sealed(made: Made):
    at: Any = datetime.fromisoformat(made.at)
    with psycopg.connect(made.url) as db:
        with pytest.raises(EvidenceError, match=r"vehicle 苏ET9 makes no trip"):
            gather(db, "苏ET9", at, "UTC")
        db.rollback()
        db.execute("UPDATE trip SET fare = 99 WHERE vehicle_id = 1")
        db.commit()
        try:
            with pytest.raises(EvidenceError, match="is not as it was sealed: `verify` tells more"):
                gather(db, PLATE, at, "UTC")
        finally:
            db.rollback()
            db.execute("UPDATE trip SET fare = 23.5 WHERE vehicle_id = 1 AND metered IS NOT NULL")
            db.commit()
    assert made.run("evidence", "pack", "--trip", "1@yesterday", "--out", "x.zip").returncode == 2
