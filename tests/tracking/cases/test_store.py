"""Cases in a real database: two people decide, credit follows confirmed cases alone, nothing is altered unseen."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

import psycopg
import pytest

from gateway.report import Enrolment
from tracking.cases import queries, store
from tracking.cases.check import altered
from tracking.cases.process import Event, State, Step
from tracking.errors import CaseError, UnknownCase
from tracking.evidence.checkpoint import PUBLIC, Log, Trusted
from tracking.evidence.seal import Sealer
from tracking.evidence.verify import verify
from tracking.store import Store

START = datetime(2026, 11, 2, 4, tzinfo=UTC)
NOW = datetime(2026, 11, 10, 8, tzinfo=UTC)
LATER = NOW + timedelta(days=7)
DRIVER = "320583198001"
T = TypeVar("T")


@pytest.fixture
def db(database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database, autocommit=True) as connection:
        Store(connection).enrol(Enrolment(terminal="jt905/0", plate="苏ET1000"), START - timedelta(days=9))
        yield connection


@pytest.fixture
def do(database: str) -> Callable[[Callable[[Any], Awaitable[T]]], T]:
    def run(work: Callable[[Any], Awaitable[T]]) -> T:
        async def connected() -> T:
            async with await psycopg.AsyncConnection.connect(database, autocommit=True) as asynchronous:
                return await work(asynchronous)

        return asyncio.run(connected())

    return run


def found(db: psycopg.Connection, rule: str = "detour", measured: float = 9000, hours: int = 0) -> int:
    row = db.execute(
        "INSERT INTO finding (vehicle_id, trip_start, trip_finish, rule, level, measured, allowed, confidence,"
        " thresholds, edition, roads, fixes, frames) SELECT id, %(start)s, %(start)s + interval '20 minutes', %(rule)s,"
        " 'notify', %(measured)s, 5000, 0.9, '{}', '2026-01-01', '', '[]', '[]' FROM vehicle RETURNING id",
        {"start": START + timedelta(hours=hours), "rule": rule, "measured": measured},
    ).fetchone()
    assert row is not None
    db.execute("INSERT INTO evidence_due (kind, key) VALUES ('finding', %s)", (str(row[0]),))
    return int(row[0])


def sign_in(db: psycopg.Connection, at: datetime, driver: str) -> None:
    Store(db).keep("jt905/0", "sign_in", driver.encode(), [{"kind": "sign_in", "driver_licence": driver}], at)


def opened(finding: int, driver: str = ""):
    return lambda db: store.open_case(db, finding, "first", NOW, "looks like it", driver)


def step(case: int, event: Event, seen: State, who: str = "first", at: datetime = NOW, **more: Any):
    mine = {name: more.pop(name) for name in ("points", "driver", "channel") if name in more}
    done = Step(event=event, who=who, at=at, **{"words": "words", **more})
    return lambda db: store.take(db, case, done, seen=seen, **mine)


def decide(do, case: int, *, confirm: bool, points: int | None) -> State:
    do(step(case, Event.NOTIFY, State.OPENED, deadline=LATER, channel="paper"))
    do(step(case, Event.STATE, State.NOTIFIED))
    do(step(case, Event.PROPOSE, State.HEARD, confirm=confirm, points=points))
    return do(step(case, Event.DECIDE, State.PROPOSED, who="second"))


def state_of(db: psycopg.Connection, finding: int) -> str:
    row = db.execute("SELECT state FROM finding WHERE id = %s", (finding,)).fetchone()
    assert row is not None
    return str(row[0])


def test_a_confirmed_case_takes_points_from_who_was_signed_in(db, do):
    sign_in(db, START - timedelta(hours=3), "another")
    sign_in(db, START - timedelta(hours=1), DRIVER)
    sign_in(db, START + timedelta(hours=1), "who came later")
    finding = found(db)
    case = do(opened(finding))
    assert state_of(db, finding) == "case"
    assert decide(do, case, confirm=True, points=10) is State.CONFIRMED
    assert state_of(db, finding) == "confirmed"
    assert do(lambda db: queries.standing(db, DRIVER, NOW.date()))[0] is None
    do(lambda db: store.register(db, DRIVER, "李明", date(2020, 3, 15), "office"))
    stands, entries = do(lambda db: queries.standing(db, DRIVER, NOW.date()))
    assert (stands.score, stands.grade) == (10, "A")
    assert [(entry.points, entry.case) for entry in entries] == [(-10, case)]
    one, past = do(lambda db: queries.case(db, case))
    assert [taken.event for taken in past] == ["open", "notify", "state", "propose", "decide"]
    assert (one.driver, one.driver_name, one.points) == (DRIVER, "李明", 10)


def test_an_overturned_or_open_case_takes_nothing(db, do):
    cases = [do(opened(found(db, hours=n), DRIVER)) for n in range(2)]
    assert decide(do, cases[0], confirm=False, points=None) is State.OVERTURNED
    do(step(cases[1], Event.NOTIFY, State.OPENED, deadline=LATER))
    assert do(lambda db: queries.standing(db, DRIVER, NOW.date()))[1] == []


def test_a_case_that_is_opened_again_gives_the_points_back_once(db, do):
    do(lambda db: store.register(db, DRIVER, "", date(2020, 3, 15), "office"))
    case = do(opened(found(db), DRIVER))
    for points in (10, 5):
        if points == 10:
            decide(do, case, confirm=True, points=points)
        else:
            do(step(case, Event.PROPOSE, State.HEARD, who="second", confirm=True, points=points))
            do(step(case, Event.DECIDE, State.PROPOSED, who="third"))
        stands, _ = do(lambda db: queries.standing(db, DRIVER, NOW.date()))
        assert stands.score == 20 - points
        do(step(case, Event.REOPEN, State.CONFIRMED, who="court"))
        stands, _ = do(lambda db: queries.standing(db, DRIVER, NOW.date()))
        assert stands.score == 20
    with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
        db.execute("DELETE FROM credit_entry")


def test_what_cannot_be_is_refused_and_changes_nothing(db, do):
    finding = found(db)
    case = do(opened(finding))
    refused = [
        (opened(finding), "not_now"),
        (step(case, Event.PROPOSE, State.OPENED, confirm=True, points=10), "not_now"),
        (step(case, Event.NOTIFY, State.NOTIFIED, deadline=LATER), "changed"),
        (step(case, Event.NOTIFY, State.OPENED, deadline=NOW), "short_notice"),
        (lambda db: store.open_case(db, finding, "first", NOW, " "), "no_words"),
        (lambda db: store.merit(db, DRIVER, -5, "first", NOW, "no"), "bad_points"),
    ]
    for work, code in refused:
        with pytest.raises(CaseError) as caught:
            do(work)
        assert caught.value.code == code
    for work in (opened(99), step(99, Event.STATE, State.HEARD), lambda db: store.merit(db, DRIVER, 3, "a", NOW, "b")):
        with pytest.raises(UnknownCase):
            do(work)
    do(step(case, Event.NOTIFY, State.OPENED, deadline=LATER))
    do(step(case, Event.STATE, State.NOTIFIED))
    for points, code in ((10, "no_driver"), (7, "no_driver"), (None, "bad_points")):
        with pytest.raises(CaseError) as caught:
            do(step(case, Event.PROPOSE, State.HEARD, confirm=True, points=points))
        assert caught.value.code == code
    assert db.execute("SELECT state, proposer FROM audit_case").fetchall() == [("heard", "")]
    assert db.execute("SELECT count(*) FROM audit_case_step").fetchone() == (3,)


def test_two_who_act_at_once_do_not_both(db, do, database):
    case = do(opened(found(db), DRIVER))

    async def both(_: Any) -> list[Any]:
        async def one() -> State:
            async with await psycopg.AsyncConnection.connect(database, autocommit=True) as mine:
                return await step(case, Event.NOTIFY, State.OPENED, deadline=LATER)(mine)

        return await asyncio.gather(one(), one(), return_exceptions=True)

    ended = do(both)
    assert sorted(type(one).__name__ for one in ended) == ["CaseError", "State"]
    assert db.execute("SELECT count(*) FROM audit_case_step WHERE event = 'notify'").fetchone() == (1,)


def test_a_dropped_case_frees_its_finding(db, do):
    finding = found(db)
    case = do(opened(finding))
    do(step(case, Event.DROP, State.OPENED))
    assert state_of(db, finding) == "dismissed"
    again = do(opened(finding))
    assert again != case
    assert state_of(db, finding) == "case"


def test_an_altered_step_is_named(db, do):
    case = do(opened(found(db), DRIVER))
    decide(do, case, confirm=True, points=10)
    assert altered(db) == []
    db.execute("ALTER TABLE audit_case_step DISABLE TRIGGER ALL")
    db.execute("UPDATE audit_case_step SET words = 'he admits it' WHERE event = 'state'")
    (said,) = altered(db)
    assert re.fullmatch(rf"step \d+ of case {case} was altered", said)
    db.execute("DELETE FROM audit_case_step WHERE event = 'decide'")
    assert any("is missing" in said for said in altered(db))
    db.execute(
        "INSERT INTO audit_case_step (case_id, at, who, event, state, words, detail, salt, digest)"
        " SELECT case_id, at, who, event, state, words, detail, salt, digest FROM audit_case_step WHERE event = 'open'"
    )
    assert any("not in the journal" in said for said in altered(db))


def test_what_happened_stays_sealed_when_the_driver_is_erased(db, do, tmp_path):
    case = do(opened(found(db), DRIVER))
    decide(do, case, confirm=True, points=10)
    do(lambda db: store.register(db, DRIVER, "李明", date(2020, 3, 15), "office"))
    sealer = Sealer(tmp_path / "evidence", tmp_path / "checkpoints")

    def whole() -> list[Any]:
        db.autocommit = False
        sealer.seal(db, datetime.now(UTC))
        said = verify(db, Trusted.read((tmp_path / "evidence" / PUBLIC).read_bytes()), Log(tmp_path / "checkpoints"))
        db.commit()
        db.autocommit = True
        return said.breaks

    assert whole() == []
    assert do(lambda db: store.erase(db, DRIVER, "office", "asked for it")) == 1
    assert altered(db) == []
    assert whole() == []
    for table in ("audit_case", "audit_case_step", "credit_entry", "driver", "journal"):
        rows = db.execute(f"SELECT {table}::text FROM {table}").fetchall()
        assert not [row for row in rows if DRIVER in row[0] or "李明" in row[0]], table
    assert db.execute("SELECT state, points FROM audit_case").fetchall() == [("confirmed", 10)]
    with pytest.raises(UnknownCase):
        do(lambda db: store.erase(db, DRIVER, "office", "again"))


def test_a_driver_is_not_erased_while_his_case_goes_on(db, do):
    do(opened(found(db), DRIVER))
    with pytest.raises(CaseError, match="goes on"):
        do(lambda db: store.erase(db, DRIVER, "office", "asked for it"))
    assert db.execute("SELECT driver FROM audit_case").fetchall() == [(DRIVER,)]


def test_findings_are_listed_by_what_they_are(db, do):
    first, second = found(db), found(db, "hours", 20_000, hours=5)
    listed = do(lambda db: queries.findings(db))
    assert [one.id for one in listed] == [second, first]
    assert [one.id for one in do(lambda db: queries.findings(db, rule="detour"))] == [first]
    assert [one.id for one in do(lambda db: queries.findings(db, states=["case"]))] == []
    assert [one.id for one in do(lambda db: queries.findings(db, start=START + timedelta(hours=1)))] == [second]
    one, rests = do(lambda db: queries.finding(db, first))
    assert (one.plate, one.measured, rests.trip) == ("苏ET1000", 9000, None)
    assert do(lambda db: queries.findings(db, before=first)) == []


def test_decided_cases_teach(db, do):
    for n in range(6):
        case = do(opened(found(db, measured=7000, hours=n), DRIVER))
        decide(do, case, confirm=False, points=None)
    (lesson,) = do(queries.learned)
    assert (lesson.rule, lesson.overturned, lesson.holds, lesson.raise_to) == ("detour", 6, False, None)
