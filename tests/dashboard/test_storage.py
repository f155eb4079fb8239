"""What no table took, seen and tried again through the API; the daily work and damaged files, told in words."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psycopg
import pytest

from dashboard import schemas
from gateway.report import FixBatch
from gateway.spool import Entry
from tests.dashboard.conftest import Api
from tests.dashboard.test_api import problem
from tests.tracking.fixes import batch
from tests.tracking.test_ingest import fix_entry, spool_in, wait_for, writing
from tracking.housekeeping import LOCK, Housekeeper, Rules

LIST = "/api/v1/quarantine"
RECEIVED = 1_795_000_000_000_000
ODD = [b'{"x": NaN}', b'"\\ud83d"', b"[" * 100_000, b"\xff\xfe", b"1" * 5_000, b'{"text": "\xe6\x98\x86\\u0000"}']
"""Contents that a careless answer would break on."""


@pytest.fixture(scope="module")
def db(api: Api) -> Iterator[psycopg.Connection]:
    with psycopg.connect(api.database, autocommit=True) as connection:
        yield connection


@pytest.fixture
def refused(api: Api, db: psycopg.Connection, tmp_path: Path) -> Iterator[None]:
    """A table that takes no south, a fix from there between two good ones, a message, and what nobody knows."""
    spool = spool_in(tmp_path)
    fixes = batch(3, seed=11)
    fixes.rows["lat"][1] = -31.25
    one = {"terminal": "jt905/1", "message": "silence", "frame": "7e0b02", "reports": []}
    spool.append([fix_entry(fixes), Entry("message", RECEIVED, json.dumps([one]).encode())])
    spool.append([Entry("gossip", RECEIVED, content) for content in ODD])
    db.execute("ALTER TABLE position ADD CONSTRAINT north CHECK (lat > 0) NOT VALID")
    db.execute("ALTER TABLE message ADD CONSTRAINT loud CHECK (name <> 'silence') NOT VALID")
    with writing(api.database, tmp_path):
        wait_for(api.database, 2 + len(ODD)).close()
    yield
    mend(db)
    db.execute("DELETE FROM quarantine")
    db.execute("DELETE FROM message")
    db.execute("DELETE FROM spool_offset")


def mend(db: psycopg.Connection) -> None:
    db.execute("ALTER TABLE position DROP CONSTRAINT IF EXISTS north")
    db.execute("ALTER TABLE message DROP CONSTRAINT IF EXISTS loud")


def listed(admin: httpx.Client, **query: int) -> schemas.Quarantine:
    return schemas.Quarantine.model_validate(admin.get(LIST, params=query).json())


def by_kind(admin: httpx.Client, kind: str) -> schemas.Quarantined:
    return next(one for one in listed(admin).items if one.kind == kind)


def detail(admin: httpx.Client, number: int) -> schemas.QuarantinedDetail:
    return schemas.QuarantinedDetail.model_validate(admin.get(f"{LIST}/{number}").json())


def replay(admin: httpx.Client, ids: object, **more: int) -> schemas.Replayed:
    answer = admin.post(f"{LIST}/replay", json={"ids": ids, **more})
    assert answer.status_code == 200, answer.text
    return schemas.Replayed.model_validate(answer.json())


def test_nothing_in_quarantine_is_an_answer_too(admin: httpx.Client):
    assert listed(admin) == schemas.Quarantine(items=[], next=None, total=0)
    assert replay(admin, "all") == schemas.Replayed(items=[], next=None)
    assert [(one.id, one.outcome) for one in replay(admin, [7]).items] == [(7, "gone")]
    problem(admin.get(f"{LIST}/7"), 404, "not_in_quarantine", "7")
    assert admin.get("/healthz").json()["quarantined"] == 0


@pytest.mark.usefixtures("refused")
def test_pages_join_to_the_whole_and_health_tells_how_many(admin: httpx.Client):
    whole = listed(admin)
    assert whole.total == len(whole.items) == 2 + len(ODD) == admin.get("/healthz").json()["quarantined"]
    seen, after = [], 0
    while after is not None:
        page = listed(admin, after=after, limit=3)
        assert page.total == whole.total
        seen += page.items
        after = page.next
    assert seen == whole.items


@pytest.mark.usefixtures("refused")
def test_a_fix_is_told_with_its_cause_and_its_content(admin: httpx.Client):
    row = by_kind(admin, "fix")
    found = detail(admin, row.id)
    assert (row.terminal, "north" in row.cause, row.size) == ("jt808/0", True, len(found.content) // 2)
    (fix,) = found.decoded
    stored = FixBatch.from_bytes(bytes.fromhex(found.content))
    assert (fix["terminal"], fix["lat"], fix["lon"]) == ("jt808/0", -31.25, pytest.approx(stored.rows["lon"][0]))
    assert fix["time"].endswith("Z")
    assert "positioned" in fix["status"]
    assert int(fix["identity"], 16) == int(stored.rows["identity"][0]) % 2**64
    assert (found.undecoded, found.truncated) == ("", False)


@pytest.mark.usefixtures("refused")
def test_a_message_is_told_as_it_came(admin: httpx.Client):
    found = detail(admin, by_kind(admin, "message").id)
    assert found.decoded == [{"terminal": "jt905/1", "message": "silence", "frame": "7e0b02", "reports": []}]
    assert found.received.timestamp() == RECEIVED / 1e6


@pytest.mark.usefixtures("refused")
def test_an_odd_content_never_breaks_the_answer(admin: httpx.Client):
    odd = {bytes.fromhex(one.content): one for one in (detail(admin, r.id) for r in listed(admin).items)}
    assert odd[ODD[1]].decoded is not None
    assert odd[ODD[5]].decoded == {"text": "昆\0"}
    deep = next(one for content, one in odd.items() if content.startswith(b"[[["))
    assert (deep.truncated, len(deep.content), deep.size) == (True, 2 * 65_536, 100_000)
    for content in (ODD[0], ODD[3], ODD[4], bytes.fromhex(deep.content)):
        assert odd[content].decoded is None
        assert odd[content].undecoded


@pytest.mark.usefixtures("refused")
def test_what_is_tried_again_tells_each_outcome_and_is_journalled(admin: httpx.Client, db: psycopg.Connection):
    fix, message = by_kind(admin, "fix"), by_kind(admin, "message")
    tried = replay(admin, [fix.id, message.id]).items
    assert [(one.id, one.outcome) for one in tried] == [(fix.id, "refused"), (message.id, "refused")]
    assert ["north" in tried[0].cause, "loud" in tried[1].cause] == [True, True]
    before = db.execute("SELECT count(*) FROM position").fetchone()
    mend(db)
    assert [one.outcome for one in replay(admin, [fix.id, fix.id, message.id]).items] == ["stored", "stored"]
    assert db.execute("SELECT count(*) - 1 FROM position").fetchone() == before
    assert [one.outcome for one in replay(admin, [fix.id]).items] == ["gone"]
    assert fix.id not in {one.id for one in listed(admin).items}
    rows = db.execute(
        "SELECT action, object FROM journal WHERE actor = 'admin' AND action ~ '^quarantine' ORDER BY id DESC LIMIT 5"
    ).fetchall()
    assert rows[::-1] == [
        ("quarantine.try", "quarantine"), ("quarantine.try", "quarantine"),
        ("quarantine.replay", f"quarantine/{fix.id}"), ("quarantine.replay", f"quarantine/{message.id}"),
        ("quarantine.try", "quarantine"),
    ]  # fmt: skip
    (named,) = db.execute(
        "SELECT detail FROM journal WHERE action = 'quarantine.try' ORDER BY id DESC LIMIT 1"
    ).fetchone()
    assert named == {"ids": [fix.id]}


@pytest.mark.usefixtures("refused")
def test_all_is_tried_in_parts(admin: httpx.Client, db: psycopg.Connection):
    db.execute(
        "INSERT INTO quarantine (spool, seq, kind, received, cause, content)"
        " SELECT 'test', n, 'gossip', now(), '', '{}' FROM generate_series(1, 300) n"
    )
    mend(db)
    first = replay(admin, "all")
    assert len(first.items) == schemas.MOST_REPLAYED
    assert first.next == first.items[-1].id
    second = replay(admin, "all", after=first.next)
    assert (second.next, len(second.items)) == (None, 302 + len(ODD) - schemas.MOST_REPLAYED)
    outcomes = [one.outcome for one in (*first.items, *second.items)]
    assert outcomes.count("stored") == 2
    assert listed(admin).total == len(outcomes) - 2


@pytest.mark.parametrize(
    "body", [{}, {"ids": []}, {"ids": "some"}, {"ids": [0]}, {"ids": [2**63]}, {"ids": list(range(1, 202))}, {"ids": 1}]
)
def test_a_malformed_replay_is_refused(admin: httpx.Client, body: object):
    problem(admin.post(f"{LIST}/replay", json=body), 422, "invalid", "body")


def test_the_daily_work_and_a_damaged_file_are_told(admin: httpx.Client, api: Api, tmp_path: Path):
    """Through the same API, before and after: a file that is missing, one that was changed, and both mended."""
    assert schemas.Housekeeping.model_validate(admin.get("/api/v1/housekeeping").json()).succeeded is None
    with psycopg.connect(api.database) as other:
        other.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        assert admin.get("/api/v1/housekeeping").json()["working"] is True
    interval = {"from": "2026-11-25T00:00:00Z", "to": "2026-11-26T00:00:00Z"}

    def route() -> httpx.Response:
        return admin.get("/api/v1/vehicles/1/route", params=interval)

    before = route().json()
    later = datetime(2027, 1, 1, tzinfo=UTC)
    rules = Rules(tmp_path, "Asia/Shanghai", keep_days=10)
    Housekeeper(api.database, rules, threading.Event()).once(later)
    told = schemas.Housekeeping.model_validate(admin.get("/api/v1/housekeeping").json())
    assert told.result is not None
    assert (told.result.moved, told.result.compression, told.error) == (1, "off", None)
    assert not told.working
    health = admin.get("/healthz").json()["housekeeping"]
    assert (health["failed"], health["working"]) == (False, False)
    (file,) = tmp_path.rglob("*.parquet")
    content = file.read_bytes()
    assert route().json() == before
    file.write_bytes(content[:4000] + bytes([content[4000] ^ 1]) + content[4001:])
    problem(route(), 503, "archive_damaged", str(file), "2026-11-25", "checksum")
    assert (route().json()["file"], route().json()["day"]) == (str(file), "2026-11-25")
    assert "retry-after" not in route().headers
    file.unlink()
    problem(route(), 503, "archive_damaged", str(file), "cannot be read")
    file.write_bytes(content)
    assert route().json() == before
