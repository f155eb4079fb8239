"""Recurring bookings in the real database: made out once, whatever is killed, skipped and ended by whoever may."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

import pytest

from dispatch import queries, series
from dispatch.booking import Actor, Booking, Event, Place, State
from dispatch.clock import CITY
from dispatch.errors import BookingError, InputError, KeyUsed
from dispatch.migrate import migrate
from dispatch.series import AHEAD
from dispatch.store import Author, Sealed, happen
from tracking.database import Connection, Database

NOW = datetime(2026, 11, 27, 8, 0, tzinfo=CITY)
"""A Friday."""
HALF_PAST = datetime(2026, 11, 27, 23, 30, tzinfo=CITY)
DAY = timedelta(days=1)
DOOR = Place("昆山南站", 31.351, 120.956, "北广场")
GOAL = Place("第一人民医院", 31.385, 120.955)
CALLER = Author(Actor.CALL_TAKER, "li")
DESK = Author(Actor.DISPATCHER, "wang")
DAILY = "FREQ=DAILY"
PHONE = Sealed(b"index", b"cipher")


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Database]:
    migrate(database)
    async with Database(database, size=8, patience_s=30) as opened:
        yield opened


@pytest.fixture
async def db(pool: Database) -> AsyncIterator[Connection]:
    async with pool.connection() as connection:
        yield connection


def asked(key: str = "s1", wanted: datetime | None = HALF_PAST, **more: object) -> Booking:
    return Booking(key=key, created=NOW, pick_up=DOOR, destination=GOAL, wanted=wanted, passengers=2, **more)  # type: ignore[arg-type]


async def begun(db: Connection, rule: str = DAILY, **more: object) -> int:
    return (await series.begin(db, asked(**more), rule, CALLER, NOW, PHONE)).id


async def pass_time(db: Connection, now: datetime) -> None:
    for number in await series.due(db, now):
        await series.make_out(db, number, now)


async def wanted(db: Connection, state: State = State.WAITING) -> list[datetime]:
    found = await queries.page(db, {state}, 1 << 62, 1000)
    return sorted(one.asked.wanted.astimezone(CITY) for one in found if one.asked.wanted)


async def test_the_first_booking_is_made_out_at_once_and_is_what_was_asked_for(db: Connection):
    number = await begun(db)
    (one,) = await queries.page(db, {State.WAITING}, 1 << 62, 10)
    assert one.asked.wanted == HALF_PAST
    assert (one.asked.pick_up, one.asked.destination, one.asked.passengers) == (DOOR, GOAL, 2)
    assert one.asked.series == str(number)
    assert await queries.sealed(db, [one.id]) == {one.id: PHONE.cipher}
    assert [step.who for step in await queries.past(db, one.id)] == ["system:series"] * 2


async def test_every_booking_comes_once_on_the_clock_on_the_wall(db: Connection):
    await begun(db, rule="FREQ=WEEKLY;BYDAY=MO,FR")
    now = NOW
    while now < NOW + 11 * DAY:
        await pass_time(db, now)
        now += timedelta(minutes=50)
    days = [date(2026, 11, 27), date(2026, 11, 30), date(2026, 12, 4), date(2026, 12, 7)]
    assert await wanted(db) == [datetime.combine(day, HALF_PAST.time(), CITY) for day in days]


async def test_a_booking_soon_after_midnight_belongs_to_its_own_day(db: Connection):
    number = await begun(db, wanted=datetime(2026, 11, 28, 0, 5, tzinfo=CITY))
    await series.skip(db, number, date(2026, 11, 29), CALLER, NOW, "出差")
    await pass_time(db, NOW + 2 * DAY)
    assert [at.date() for at in await wanted(db)] == [date(2026, 11, 28), date(2026, 11, 30)]


async def test_two_processes_that_make_out_at_once_make_each_booking_once(pool: Database, db: Connection):
    number = await begun(db)
    later = NOW + 5 * DAY

    async def work() -> None:
        async with pool.connection() as own:
            await series.make_out(own, number, later)

    await asyncio.gather(*(work() for _ in range(6)))
    times = [at.date() for at in await wanted(db)]
    assert len(times) == len(set(times))


async def test_a_kill_before_the_commit_leaves_nothing_half_done(pool: Database, db: Connection):
    number = await begun(db)
    before = await series.find(db, number)
    async with pool.connection() as doomed:
        transaction = doomed.transaction(force_rollback=True)
        async with transaction:
            await series.make_out(doomed, number, NOW + DAY)
    assert await series.find(db, number) == before
    assert len(await wanted(db)) == 1
    await series.make_out(db, number, NOW + DAY)
    assert len(await wanted(db)) == 2


async def test_days_on_which_dispatch_was_away_are_told_not_dropped(db: Connection):
    number = await begun(db)
    back = NOW + 3 * DAY
    await pass_time(db, back)
    assert [at.date() for at in await wanted(db)] == [date(2026, 11, 27), date(2026, 11, 30)]
    failed = [step for step in await series.steps(db, number) if step.event == "fail"]
    assert [step.day for step in failed] == [date(2026, 11, 28), date(2026, 11, 29)]
    assert all(step.reason for step in failed)


async def test_the_same_request_is_the_same_series_and_another_is_refused(db: Connection):
    first = await series.begin(db, asked(), DAILY, CALLER, NOW, PHONE)
    again = await series.begin(db, asked(), DAILY, CALLER, NOW + 90 * DAY, PHONE)
    assert (again.id, again.new) == (first.id, False)
    for other in (
        series.begin(db, asked(note="后门"), DAILY, CALLER, NOW, PHONE),
        series.begin(db, asked(), "FREQ=WEEKLY", CALLER, NOW, PHONE),
        series.begin(db, asked(), DAILY, CALLER, NOW, Sealed(b"other", b"cipher")),
    ):
        with pytest.raises(KeyUsed):
            await other
    assert len(await wanted(db)) == 1


async def test_what_gives_no_booking_is_no_series(db: Connection):
    for rule, when in ((DAILY, None), ("FREQ=DAILY;UNTIL=20260101", HALF_PAST), ("FREQ=SECONDLY", HALF_PAST)):
        with pytest.raises(InputError):
            await series.begin(db, asked(wanted=when), rule, CALLER, NOW)
    assert await series.page(db, 1 << 62, 10, running=False) == []


async def test_a_day_is_skipped_before_or_after_its_booking_was_made_out(db: Connection):
    number = await begun(db)
    await series.skip(db, number, date(2026, 11, 27), CALLER, NOW, "病假")
    await series.skip(db, number, date(2026, 11, 29), CALLER, NOW, "出差")
    for days in (1, 2):
        await pass_time(db, NOW + days * DAY)
    assert [at.date() for at in await wanted(db)] == [date(2026, 11, 28)]
    assert [at.date() for at in await wanted(db, State.CANCELLED_BY_PASSENGER)] == [date(2026, 11, 27)]
    turns = await series.turns(db, await series.find(db, number), NOW + DAY)
    assert [(turn.wanted.astimezone(CITY).day, turn.note) for turn in turns[:3]] == [(28, ""), (29, "出差"), (30, "")]
    for day in (date(2026, 11, 29), date(2026, 11, 26)):
        with pytest.raises(BookingError):
            await series.skip(db, number, day, CALLER, NOW, "again")


async def test_a_series_that_ends_cancels_what_no_taxi_has(db: Connection):
    number = await begun(db, rule="FREQ=DAILY;COUNT=9")
    await pass_time(db, NOW + DAY)
    (first, second) = sorted(one.id for one in await queries.page(db, {State.WAITING}, 1 << 62, 10))
    await happen(db, first, Event.ASSIGN, DESK, NOW, taxi="jt905/1")
    assert await series.end(db, number, DESK, NOW + DAY, "乘客搬家") == [first]
    assert (await queries.booking(db, second)).state is State.CANCELLED_BY_PASSENGER
    assert (await queries.booking(db, first)).state is State.ACCEPTED
    await pass_time(db, NOW + 3 * DAY)
    assert len(await wanted(db)) == 0
    with pytest.raises(BookingError, match="over already"):
        await series.end(db, number, DESK, NOW, "again")
    assert [step.event for step in await series.steps(db, number)] == ["create", "end"]


async def test_a_series_that_nobody_has_touched_is_looked_at_once_an_hour(db: Connection):
    number = await begun(db)
    assert await series.due(db, NOW) == []
    assert await series.due(db, NOW + timedelta(minutes=61)) == [number]
    assert (await series.find(db, number)).made_until == (NOW + AHEAD).astimezone(UTC)
