"""Bookings in the real database: one taxi, one booking, whatever happens at the same time."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

import psycopg
import pytest
from psycopg.errors import IntegrityError, RaiseException, UniqueViolation

from dispatch import queries
from dispatch.booking import TABLE, WITH_TAXI, Actor, Booking, Event, Place, State
from dispatch.errors import BookingError, KeyUsed, OfferGone, TaxiTaken, UnknownBooking
from dispatch.levels import ELDERLY, Call
from dispatch.match.plan import Mode, Policy, match
from dispatch.match.snapshot import Ability, Snapshot
from dispatch.match.why import Explanation
from dispatch.migrate import migrate
from dispatch.store import Author, Sealed, create, happen, keep, offer, turn_down
from tracking.database import Connection, Database

NOW = datetime(2026, 11, 25, 8, tzinfo=UTC)
DOOR = Place("昆山南站", 31.351, 120.956, "北广场出租车上客区")
SYSTEM = Author(Actor.SYSTEM, "system:dispatch")
DESK = Author(Actor.DISPATCHER, "wang")
CALLER = Author(Actor.CALL_TAKER, "li")


def driver(taxi: str) -> Author:
    return Author(Actor.DRIVER, taxi)


def asked(key: str = "k1", **more: object) -> Booking:
    return Booking(key=key, created=NOW, pick_up=DOOR, **more)  # type: ignore[arg-type]


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Database]:
    migrate(database)
    async with Database(database, size=16, patience_s=30) as opened:
        yield opened


@pytest.fixture
async def db(pool: Database) -> AsyncIterator[Connection]:
    async with pool.connection() as connection:
        yield connection


async def placed(db: Connection, key: str = "k1", **more: object) -> int:
    made = await create(db, asked(key, **more), CALLER)
    await happen(db, made.id, Event.PLACE, CALLER, NOW)
    return made.id


async def offered(db: Connection, key: str, *taxis: str, mode: Mode = Mode.BROADCAST) -> int:
    number = await placed(db, key)
    await offer(db, number, taxis, mode, NOW + timedelta(seconds=15), SYSTEM, NOW)
    return number


async def test_the_usual_way_is_written_down_with_who_and_why(db: Connection):
    number = await offered(db, "k", "t1", "t2")
    for event, author in (
        (Event.ACCEPT, driver("t2")), (Event.DEPART, SYSTEM), (Event.ARRIVE, SYSTEM), (Event.BOARD, SYSTEM),
        (Event.COMPLETE, SYSTEM),
    ):  # fmt: skip
        await happen(db, number, event, author, NOW, taxi="t2")
    steps = await queries.past(db, number)
    assert [(s.event, s.after, s.who, s.taxi) for s in steps] == [
        ("create", "drafted", "li", None), ("place", "waiting", "li", None), ("offer", "offered", SYSTEM.who, None),
        ("accept", "accepted", "t2", "t2"), ("depart", "en_route", SYSTEM.who, "t2"),
        ("arrive", "arrived", SYSTEM.who, "t2"), ("board", "on_board", SYSTEM.who, "t2"),
        ("complete", "completed", SYSTEM.who, "t2"),
    ]  # fmt: skip
    assert (await queries.booking(db, number)).taxi is None
    await placed(db, "k2")
    assert await happen(db, number + 1, Event.ASSIGN, DESK, NOW, taxi="t2") is State.ACCEPTED


async def test_a_booking_is_read_as_it_was_asked_for(db: Connection):
    booking = asked(
        destination=Place("周庄古镇", 31.115, 120.846), stops=(Place("陆家", 31.31, 121.04), DOOR),
        wanted=NOW + timedelta(hours=2), lead=timedelta(minutes=25), channel="app", passengers=3, luggage=2,
        needs=Ability.WHEELCHAIR | Ability.CARD, priority=2, rider="王奶奶", account="kunshan-hospital",
        preferred_driver="320583", refused_drivers=frozenset({"9", "8"}), zone="north", series="s", note="轮椅",
    )  # fmt: skip
    made = await create(db, booking, CALLER, Sealed(b"index", b"cipher"))
    standing = await queries.booking(db, made.id)
    assert standing.asked == booking
    assert (standing.state, standing.taxi) == (State.DRAFTED, None)
    assert [s.id for s in await queries.of_phone(db, b"index", NOW)] == [made.id]
    assert await queries.of_phone(db, b"other", NOW) == []


async def test_a_request_sent_twice_is_one_booking_and_its_key_cannot_be_used_for_another(pool: Database):
    async def one() -> tuple[int, bool]:
        async with pool.connection() as db:
            made = await create(db, asked("same"), CALLER)
            return made.id, made.new

    made = await asyncio.gather(*(one() for _ in range(24)))
    assert len({number for number, _ in made}) == 1
    assert sum(new for _, new in made) == 1
    async with pool.connection() as db:
        assert len(await queries.past(db, made[0][0])) == 1
        with pytest.raises(KeyUsed, match="'same'"):
            await create(db, asked("same", passengers=4), CALLER)


async def test_pre_bookings_are_searched_for_when_they_are_due(db: Connection):
    later = await placed(db, "later", wanted=NOW + timedelta(hours=2), lead=timedelta(minutes=20))
    now = await placed(db, "now")
    assert [s.id for s in await queries.waiting(db, NOW)] == [now]
    assert [s.id for s in await queries.waiting(db, NOW + timedelta(minutes=100))] == [now, later]


async def attempts(pool: Database, *tries: Callable[[Connection], Awaitable[object]]) -> list[object]:
    """All at the same time, each on a connection of its own; their results or errors."""

    async def one(attempt: Callable[[Connection], Awaitable[object]]) -> object:
        async with pool.connection() as db:
            try:
                return await attempt(db)
            except BookingError as error:
                return type(error)

    return list(await asyncio.gather(*(one(attempt) for attempt in tries)))


async def test_of_many_drivers_who_grab_one_booking_one_has_it(pool: Database):
    taxis = [f"t{n}" for n in range(24)]
    async with pool.connection() as db:
        number = await offered(db, "k", *taxis)
    grabs = (
        lambda db, taxi=taxi: happen(db, number, Event.ACCEPT, driver(taxi), NOW, taxi=taxi) for taxi in taxis
    )  # fmt: skip
    found = Counter(await attempts(pool, *grabs))
    assert found[State.ACCEPTED] == 1
    assert sum(found.values()) == 24
    async with pool.connection() as db:
        cursor = await db.execute("SELECT state, count(*)::int FROM offer GROUP BY state ORDER BY state")
        assert await cursor.fetchall() == [("accepted", 1), ("withdrawn", 23)]


async def test_a_driver_who_grabs_many_bookings_at_once_has_one(pool: Database):
    async with pool.connection() as db:
        numbers = [await offered(db, f"k{n}", "t1", "t2") for n in range(12)]
    grabs = (
        lambda db, n=n: happen(db, n, Event.ACCEPT, driver("t1"), NOW, taxi="t1") for n in numbers
    )  # fmt: skip
    found = Counter(await attempts(pool, *grabs))
    assert found == {State.ACCEPTED: 1, TaxiTaken: 11}
    async with pool.connection() as db:
        states = Counter([(await queries.booking(db, n)).state for n in numbers])
        assert states == {State.ACCEPTED: 1, State.OFFERED: 11}
        with pytest.raises(TaxiTaken, match="t1 has a booking already"):
            await offered(db, "another", "t1")


async def test_grab_and_cancellation_at_the_same_time_agree(pool: Database):
    for n in range(8):
        async with pool.connection() as db:
            number = await offered(db, f"k{n}", f"t{n}")
        taxi = f"t{n}"
        await attempts(
            pool,
            lambda db, i=number, t=taxi: happen(db, i, Event.ACCEPT, driver(t), NOW, taxi=t),
            lambda db, i=number: happen(db, i, Event.CANCEL, CALLER, NOW),
        )
        async with pool.connection() as db:
            assert (await queries.booking(db, number)).state is State.CANCELLED_BY_PASSENGER
            assert (await queries.booking(db, number)).taxi is None
            await happen(db, await placed(db, f"next{n}"), Event.ASSIGN, DESK, NOW, taxi=taxi)


async def test_a_taxi_has_one_order_on_its_screen_but_may_hear_broadcasts(db: Connection):
    await offered(db, "a", "t1", mode=Mode.ASSIGN)
    number = await placed(db, "b")
    until = NOW + timedelta(seconds=15)
    with pytest.raises(TaxiTaken, match="t1 is being asked"):
        await offer(db, number, ["t1"], Mode.CASCADE, until, SYSTEM, NOW)
    assert (await queries.booking(db, number)).state is State.WAITING
    await offer(db, number, ["t1", "t2"], Mode.BROADCAST, until, SYSTEM, NOW)
    with pytest.raises(BookingError, match="asks one taxi, not 2"):
        await offer(db, await placed(db, "c"), ["t1", "t2"], Mode.ASSIGN, until, SYSTEM, NOW)


async def test_the_booking_waits_again_when_the_last_one_has_turned_it_down(db: Connection):
    number = await offered(db, "a", "t1", "t2")
    assert await turn_down(db, number, "t1", driver("t1"), NOW, lapsed=False) is State.OFFERED
    with pytest.raises(OfferGone, match="not on offer to taxi t1"):
        await happen(db, number, Event.ACCEPT, driver("t1"), NOW, taxi="t1")
    assert await turn_down(db, number, "t2", SYSTEM, NOW, lapsed=True) is State.WAITING
    with pytest.raises(OfferGone):
        await turn_down(db, number, "t2", SYSTEM, NOW, lapsed=True)
    cursor = await db.execute("SELECT taxi, state FROM offer ORDER BY taxi")
    assert await cursor.fetchall() == [("t1", "refused"), ("t2", "lapsed")]
    assert [s.id for s in await queries.waiting(db, NOW)] == [number]


async def test_an_offer_that_is_over_or_was_never_made_is_no_offer(db: Connection):
    number = await offered(db, "a", "t1")
    with pytest.raises(OfferGone):
        await happen(db, number, Event.ACCEPT, driver("t1"), NOW + timedelta(seconds=16), taxi="t1")
    with pytest.raises(OfferGone):
        await happen(db, number, Event.ACCEPT, driver("t9"), NOW, taxi="t9")
    assert (await queries.booking(db, number)).state is State.OFFERED


async def test_a_lost_taxi_gives_the_booking_back_with_its_age(db: Connection):
    number = await offered(db, "a", "t1")
    await happen(db, number, Event.ACCEPT, driver("t1"), NOW, taxi="t1")
    late = NOW + timedelta(minutes=4)
    await happen(db, number, Event.LOSE, SYSTEM, late, reason="silent for 3 minutes")
    (standing,) = await queries.waiting(db, late)
    assert standing.asked.wait_s(late) == 240
    assert (await queries.past(db, number))[-1].reason == "silent for 3 minutes"
    assert (await queries.past(db, number))[-1].taxi == "t1"
    assert await queries.under_way(db) == []


async def test_what_fails_changes_nothing(db: Connection):
    number = await offered(db, "a", "t1")
    before = await queries.past(db, number)
    for event, author, taxi, error in (
        (Event.COMPLETE, SYSTEM, None, BookingError), (Event.WITHDRAW, DESK, None, BookingError),
        (Event.ASSIGN, DESK, None, BookingError), (Event.ACCEPT, SYSTEM, "t1", BookingError),
    ):  # fmt: skip
        with pytest.raises(error):
            await happen(db, number, event, author, NOW, taxi=taxi)
    await happen(db, number, Event.ACCEPT, driver("t1"), NOW, taxi="t1")
    with pytest.raises(BookingError, match="is with taxi t1, not t2"):
        await happen(db, number, Event.ARRIVE, SYSTEM, NOW, taxi="t2")
    assert len(await queries.past(db, number)) == len(before) + 1
    with pytest.raises(UnknownBooking, match="no booking 4711"):
        await happen(db, 4711, Event.CANCEL, DESK, NOW)
    for question in (queries.booking(db, 4711), queries.past(db, 4711)):
        with pytest.raises(UnknownBooking):
            await question


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("INSERT INTO assignment (booking_id, taxi, since) SELECT id, 't2', now() FROM booking WHERE key = 'a'",
         UniqueViolation),
        ("INSERT INTO assignment (booking_id, taxi, since) SELECT id, 't1', now() FROM booking WHERE key = 'b'",
         UniqueViolation),
        ("INSERT INTO assignment (booking_id, taxi, since) SELECT id, 't2', now() FROM booking WHERE key = 'b'",
         IntegrityError),
        ("UPDATE booking SET state = 'waiting' WHERE key = 'a'", IntegrityError),
        ("UPDATE booking SET state = 'on_board' WHERE key = 'b'", IntegrityError),
        ("UPDATE assignment SET until = since", IntegrityError),
        ("UPDATE booking SET state = 'lost'", IntegrityError),
        ("UPDATE transition SET who = 'nobody'", RaiseException),
        ("DELETE FROM transition", RaiseException),
    ],
)  # fmt: skip
async def test_the_database_itself_refuses_what_must_not_be(db: Connection, statement: str, error: type[Exception]):
    await happen(db, await offered(db, "a", "t1"), Event.ACCEPT, driver("t1"), NOW, taxi="t1")
    await placed(db, "b")
    with pytest.raises(error):
        await db.execute(statement.encode())


async def test_a_connection_that_dies_in_the_middle_leaves_nothing_half_done(database: str, db: Connection):
    number = await offered(db, "a", "t1")
    with contextlib.suppress(psycopg.OperationalError):
        async with await psycopg.AsyncConnection.connect(database) as dying, dying.transaction():
            await happen(dying, number, Event.ACCEPT, driver("t1"), NOW, taxi="t1")
            await db.execute("SELECT pg_terminate_backend(%s)", (dying.info.backend_pid,))
            await dying.execute("SELECT 1")
    standing = await queries.booking(db, number)
    assert (standing.state, standing.taxi) == (State.OFFERED, None)
    assert [s.event for s in await queries.past(db, number)] == ["create", "place", "offer"]
    assert await happen(db, number, Event.ACCEPT, driver("t1"), NOW, taxi="t1") is State.ACCEPTED


@pytest.mark.parametrize("seed", range(2))
async def test_a_storm_of_everything_at_once_leaves_each_with_one(pool: Database, seed: int):
    """Sixteen at a time do whatever comes to their minds; each booking's past must follow the table."""
    taxis = [f"t{n}" for n in range(6)]
    async with pool.connection() as db:
        numbers = [await placed(db, f"k{n}") for n in range(20)]

    async def one(rng: Random) -> Counter[str]:
        seen = Counter[str]()
        async with pool.connection() as db:
            for _ in range(60):
                number, taxi, author = rng.choice(numbers), rng.choice(taxis), rng.choice([SYSTEM, DESK, CALLER])
                act = rng.random()
                try:
                    if act < 0.3:
                        mode = rng.choice([Mode.BROADCAST, Mode.ASSIGN])
                        few = rng.sample(taxis, 3) if mode is Mode.BROADCAST else [taxi]
                        await offer(db, number, few, mode, NOW + timedelta(hours=1), SYSTEM, NOW)
                    elif act < 0.55:
                        await happen(db, number, Event.ACCEPT, driver(taxi), NOW, taxi=taxi)
                    elif act < 0.65:
                        await turn_down(db, number, taxi, driver(taxi), NOW, lapsed=False)
                    else:
                        event = rng.choice([e for e in Event if e not in (Event.ACCEPT, Event.OFFER, Event.PASS)])
                        hand = taxi if event is Event.ASSIGN else None
                        await happen(db, number, event, author, NOW, reason="storm", taxi=hand)
                    seen["done"] += 1
                except BookingError as error:
                    seen[type(error).__name__] += 1
        return seen

    seen = sum(await asyncio.gather(*(one(Random(100 * seed + n)) for n in range(16))), Counter[str]())
    assert set(seen) >= {"done", "BookingError", "TaxiTaken", "OfferGone"}
    async with pool.connection() as db:
        cursor = await db.execute("SELECT booking_id, taxi FROM assignment WHERE until = 'infinity'")
        bound = await cursor.fetchall()
        assert len({b for b, _ in bound}) == len({t for _, t in bound}) == len(bound)
        for number in numbers:
            standing, steps = await queries.booking(db, number), await queries.past(db, number)
            assert (standing.state in WITH_TAXI) == (standing.taxi is not None)
            assert steps[-1].after is standing.state
            for before, step in pairwise(steps):
                assert step.before is before.after
                assert TABLE[before.after, Event(step.event)].to is step.after


async def test_why_is_kept_and_can_be_worked_out_again(db: Connection):
    number = await placed(db, "a")
    known = Snapshot.of(
        NOW,
        {str(number): {"lat": DOOR.lat, "lon": DOOR.lon}},
        {"t1": {"lat": 31.36, "lon": 120.95}, "t2": {"state": 3}},
    )
    decision = Explanation(match(known, Policy())).of(str(number))
    for _ in range(2):
        await keep(db, known, [(number, decision)])
    kept = await queries.decisions(db, number)
    assert kept[0] == kept[1]
    assert (kept[0]["chosen"], kept[0]["excluded"][0]["zh"]) == ("t1", "未营运")
    again = await queries.snapshot(db, kept[0]["snapshot"])
    assert again is not None
    assert Explanation(match(again, Policy())).of(str(number)) == decision
    assert await queries.snapshot(db, "0" * 64) is None


def test_migrations_are_applied_once(database: str):
    assert migrate(database) > 0
    assert migrate(database) == 0


async def test_calls_are_measured_by_their_last_search_for_a_taxi(db: Connection):
    """One was met, after the first taxi had dropped it; one is still waiting; one gave up; one was not due yet."""

    def after_s(seconds: float) -> datetime:
        return NOW + timedelta(seconds=seconds)

    met = await placed(db, "met", zone="玉山", priority=1)
    for seconds, event, author, taxi in (
        (5, Event.ASSIGN, DESK, "t1"), (20, Event.DROP, driver("t1"), None), (30, Event.ASSIGN, DESK, "t2"),
        (40, Event.DEPART, SYSTEM, None), (300, Event.ARRIVE, SYSTEM, None), (330, Event.BOARD, SYSTEM, None),
        (900, Event.COMPLETE, SYSTEM, None),
    ):  # fmt: skip
        await happen(db, met, event, author, after_s(seconds), taxi=taxi, reason="jam")
    await placed(db, "waits", channel="app")
    gone = await placed(db, "gone")
    await happen(db, gone, Event.ASSIGN, DESK, after_s(10), taxi="t3")
    await happen(db, gone, Event.CANCEL, CALLER, after_s(50))
    await placed(db, "later", wanted=NOW + timedelta(hours=3))
    assert await queries.calls(db, NOW, NOW + timedelta(hours=1)) == [
        Call(NOW, State.COMPLETED, after_s(30), after_s(300), "玉山", "phone", ELDERLY),
        Call(NOW, State.WAITING, None, None, "", "app"),
        Call(NOW, State.CANCELLED_BY_PASSENGER, after_s(10)),
    ]
    assert await queries.calls(db, NOW - timedelta(hours=1), NOW) == []
