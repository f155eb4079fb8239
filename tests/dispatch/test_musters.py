"""Musters: in the real database, against bookings that want the same taxi, and over real sockets."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from dispatch import musters
from dispatch.booking import Actor, Booking, Event, Place, State
from dispatch.errors import KeyUsed, MusterError, TaxiTaken
from dispatch.gathering import MOST, TABLE, Part, Turn, after, review, to_ask
from dispatch.lookout import busy
from dispatch.match.exclusion import Limits
from dispatch.match.snapshot import Snapshot
from dispatch.match.snapshot import State as Doing
from dispatch.match.terms import Straight
from dispatch.migrate import migrate
from dispatch.store import Author, create, happen
from tests import stack
from tests.dispatch.bureau import DOOR, GOAL, QUESTION, TEXT, Bureau, Isu, bureau, number
from tracking.database import Connection, Database

NOW = datetime(2026, 11, 27, 8, 0, tzinfo=UTC)
STATION = Place("昆山站", 31.3940, 120.9502, "北广场")
DESK = Author(Actor.DISPATCHER, "wang")
Start = Callable[..., AbstractContextManager[Bureau]]


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Database]:
    migrate(database)
    async with Database(database, size=8, patience_s=30) as opened:
        yield opened


@pytest.fixture
async def db(pool: Database) -> AsyncIterator[Connection]:
    async with pool.connection() as connection:
        yield connection


async def opened(db: Connection, cars: int = 2, *taxis: str, key: str = "m1") -> int:
    """A muster to which these taxis are called."""
    made = await musters.call(db, key, STATION, cars, "暴雨", "wang", NOW)
    assert await musters.ask(db, await musters.find(db, made.id), taxis, NOW) == len(taxis)
    return made.id


async def parts(db: Connection, muster: int) -> dict[str, Part]:
    return {member.taxi: member.part for member in await musters.members(db, muster)}


async def said(db: Connection, taxi: str) -> list[tuple[str, str]]:
    cursor = await db.execute("SELECT kind, words FROM saying WHERE taxi = %s ORDER BY id", (taxi,))
    return [(kind, words) for kind, words in await cursor.fetchall()]


def test_what_may_happen_to_a_member_is_one_table():
    for part, turn in product(Part, Turn):
        if (part, turn) in TABLE:
            assert after(part, turn) is TABLE[part, turn]
        else:
            with pytest.raises(MusterError, match=part):
                after(part, turn)


@pytest.mark.parametrize("cars", [0, MOST + 1, 10_000])
def test_no_car_and_ten_thousand_are_refused_in_words(cars: int):
    (found,) = review(STATION, cars)
    assert found.refused
    assert str(cars) in found.zh
    assert str(cars) in found.en
    assert list(review(STATION, MOST)) == []


def test_the_quickest_free_taxis_are_asked_and_some_in_reserve():
    taxis = {
        f"t{n}": {"lat": STATION.lat + n * 0.01, "lon": STATION.lon, "fix_age_s": 5.0, "state": Doing.VACANT}
        for n in range(8)
    }
    taxis["t0"]["state"], taxis["t1"]["locked"], taxis["t2"]["fix_age_s"] = Doing.OCCUPIED, True, 900.0
    known = Snapshot.of(NOW, {}, taxis)
    way, limits = Straight(), Limits()
    assert to_ask(known, STATION, 2, 0, frozenset(), way, limits) == ["t3", "t4", "t5"]
    assert to_ask(known, STATION, 2, 1, frozenset({"t3"}), way, limits) == ["t4", "t5"]
    assert to_ask(known, STATION, 2, 3, frozenset(), way, limits) == []
    assert to_ask(known, STATION, 0, 0, frozenset(), way, limits) == []
    assert to_ask(Snapshot.of(NOW, {}, {}), STATION, 2, 0, frozenset(), way, limits) == []
    assert np.isclose(known.taxis["lat"][3], STATION.lat + 0.03)


async def test_the_same_request_is_the_same_muster(db: Connection):
    first = await musters.call(db, "k", STATION, 3, "暴雨", "wang", NOW)
    again = await musters.call(db, "k", STATION, 3, "暴雨", "li", NOW + timedelta(hours=1))
    assert (again.id, again.new) == (first.id, False)
    with pytest.raises(KeyUsed):
        await musters.call(db, "k", STATION, 4, "暴雨", "wang", NOW)


async def test_who_says_yes_when_enough_come_is_told_and_not_counted(db: Connection):
    muster = await opened(db, 1, "a", "b")
    assert await musters.happen(db, muster, "a", Turn.YES, "a", NOW) is Part.COMING
    assert await musters.happen(db, muster, "b", Turn.YES, "b", NOW) is Part.LAPSED
    assert "昆山站 北广场" in (await said(db, "a"))[-1][1]
    assert "车辆已满" in (await said(db, "b"))[-1][1]
    assert await busy(db) == {"a"}


async def test_a_taxi_is_in_one_muster_at_most(db: Connection):
    await opened(db, 1, "a")
    other = await musters.call(db, "m2", STATION, 1, "暴雨", "wang", NOW)
    assert await musters.ask(db, await musters.find(db, other.id), ["a", "b"], NOW) == 1
    assert await parts(db, other.id) == {"b": Part.ASKED}


async def test_release_frees_everybody_tells_them_and_ends_it(db: Connection):
    muster = await opened(db, 2, "a", "b", "c")
    await musters.happen(db, muster, "a", Turn.YES, "a", NOW)
    await musters.happen(db, muster, "b", Turn.NO, "b", NOW)
    assert await musters.close(db, muster, "wang", NOW, "雨停", released=True) == 2
    assert await parts(db, muster) == {"a": Part.RELEASED, "b": Part.REFUSED, "c": Part.RELEASED}
    assert "解除" in (await said(db, "a"))[-1][1]
    assert await busy(db) == frozenset()
    for again in (
        musters.close(db, muster, "wang", NOW, "again", released=False), musters.roll_call(db, muster, "wang", NOW),
        musters.happen(db, muster, "a", Turn.ARRIVE, "a", NOW),
    ):  # fmt: skip
        with pytest.raises(MusterError):
            await again
    assert [step.event for step in await musters.steps(db, muster)] == [
        "call", "ask", "ask", "ask", "yes", "no", "release",
    ]  # fmt: skip


async def test_a_booking_and_a_muster_never_have_the_same_taxi(pool: Database, db: Connection):
    """Both want each of twenty taxis at the same moment, many times over."""
    taxis = [f"t{n}" for n in range(20)]
    muster = await opened(db, 20, *taxis)
    bookings = {}
    for taxi in taxis:
        made = await create(db, Booking(key=taxi, created=NOW, pick_up=DOOR), DESK)
        await happen(db, made.id, Event.PLACE, DESK, NOW)
        bookings[taxi] = made.id

    async def come(taxi: str) -> bool:
        async with pool.connection() as own:
            try:
                return await musters.happen(own, muster, taxi, Turn.YES, taxi, NOW) is Part.COMING
            except MusterError:
                return False

    async def assign(taxi: str) -> bool:
        async with pool.connection() as own:
            try:
                return await happen(own, bookings[taxi], Event.ASSIGN, DESK, NOW, taxi=taxi) is State.ACCEPTED
            except TaxiTaken:
                return False

    wins = await asyncio.gather(*(do(taxi) for taxi in taxis for do in (come, assign)))
    assert all(came != assigned for came, assigned in zip(wins[::2], wins[1::2], strict=True))
    cursor = await db.execute(
        "SELECT count(*) FROM assignment JOIN muster_member USING (taxi) WHERE until = 'infinity' AND part = 'coming'"
    )
    assert await cursor.fetchone() == (0,)


async def present(db: Connection, muster: int) -> list[str]:
    return [member.taxi for member in await musters.members(db, muster) if member.present]


@pytest.fixture
def start(tmp_path: Path, database: str) -> Start:
    return lambda taxis, **settings: bureau(tmp_path, database, taxis, **settings)


def called(office: Bureau, cars: int) -> int:
    return office.desk(lambda db: musters.call(db, "m", DOOR, cars, "暴雨", "wang", datetime.now(UTC))).id


def becomes(office: Bureau, muster: int, taxi: Isu, part: Part) -> None:
    stack.eventually(lambda: office.desk(lambda db: parts(db, muster)).get(taxi.key) is part, f"{taxi.key} is {part}")


def test_drivers_are_called_answer_arrive_and_are_let_go(start: Start):
    with start(4) as office:
        near, second, far = (office.taxi(number(n), metres=900 * n) for n in (1, 2, 3))
        muster = called(office, 2)
        near.chooses(near.hears(QUESTION), 1)
        assert "前往" in near.hears(TEXT).fields["text"]
        second.chooses(second.hears(QUESTION), 2)
        becomes(office, muster, second, Part.REFUSED)
        becomes(office, muster, near, Part.COMING)
        far.chooses(far.hears(QUESTION), 1)
        becomes(office, muster, far, Part.COMING)
        near.by(DOOR, in_s=5)
        becomes(office, muster, near, Part.THERE)
        assert second.takes(office.book())  # the two that are bound are not asked about it
        office.desk(lambda db: musters.roll_call(db, muster, "wang", datetime.now(UTC)))
        near.chooses(near.hears(QUESTION), 1)
        stack.eventually(lambda: near.key in office.desk(lambda db: present(db, muster)), "the roll-call is answered")
        far.at(GOAL.lat, GOAL.lon, kmh=40, occupied=True, in_s=10)
        becomes(office, muster, far, Part.LEFT)
        office.desk(lambda db: musters.close(db, muster, "wang", datetime.now(UTC), "雨停", released=True))
        assert "解除" in near.hears(TEXT).fields["text"]
        near.by(DOOR, in_s=20)
        assert near.takes(office.book("call 2"))


def test_dispatch_killed_after_it_asked_asks_nobody_twice_and_hears_the_answer(start: Start):
    with start(1) as office:
        taxi = office.taxi(number(1))
        muster = called(office, 1)
        question = taxi.hears(QUESTION)
        office.dispatch.kill()
        taxi.chooses(question, 1)
        office.start()
        becomes(office, muster, taxi, Part.COMING)
        assert "前往" in taxi.hears(TEXT).fields["text"]
        asked = office.desk(lambda db: said(db, taxi.key))
        assert [kind for kind, _ in asked] == ["call", "tell"]
