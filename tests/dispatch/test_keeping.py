"""What is forgotten after its time, and what is not: decisions stay with the hash of what they were made from."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from dispatch import keeping, queries, series
from dispatch.booking import Actor, Booking, Event, Place, State
from dispatch.keeping import Keep
from dispatch.match.plan import Policy, match
from dispatch.match.snapshot import Snapshot
from dispatch.match.why import Explanation
from dispatch.migrate import migrate
from dispatch.store import Author, Sealed, create, happen, keep
from tracking.database import Connection, Database

NOW = datetime(2026, 11, 27, 8, tzinfo=UTC)
DOOR = Place("昆山南站", 31.351, 120.956)
CALLER = Author(Actor.CALL_TAKER, "li")
PHONE = Sealed(b"index", b"cipher")
DAY = timedelta(days=1)


@pytest.fixture
async def db(database: str) -> AsyncIterator[Connection]:
    migrate(database)
    async with Database(database, size=2, patience_s=30) as pool, pool.connection() as connection:
        yield connection


async def placed(db: Connection, key: str, at: datetime) -> int:
    made = await create(db, Booking(key=key, created=at, pick_up=DOOR), CALLER, PHONE)
    await happen(db, made.id, Event.PLACE, CALLER, at)
    return made.id


async def test_a_snapshot_goes_after_its_time_and_its_decision_keeps_the_hash(db: Connection):
    number = await placed(db, "k", NOW)
    known = Snapshot.of(NOW, {str(number): {"lat": DOOR.lat, "lon": DOOR.lon}}, {})
    reasons = Explanation(match(known, Policy()))
    await keep(db, known, [(number, reasons.of(str(number)))])
    before = await queries.decisions(db, number)
    assert await keeping.clear(db, Keep(), NOW + 30 * DAY) == (0, 0)
    assert await queries.snapshot(db, known.digest) is not None
    assert await keeping.clear(db, Keep(), NOW + 31 * DAY) == (1, 0)
    assert await queries.snapshot(db, known.digest) is None
    assert await queries.decisions(db, number) == before
    row = await (await db.execute("SELECT snapshot FROM decision")).fetchone()
    assert row == (known.digest,)


async def test_telephone_numbers_go_a_year_after_the_end_and_those_of_open_bookings_stay(db: Connection):
    over, open_ = await placed(db, "over", NOW), await placed(db, "open", NOW)
    await happen(db, over, Event.CANCEL, CALLER, NOW + DAY)
    running = await series.begin(db, Booking(key="s", created=NOW, pick_up=DOOR, wanted=NOW + 2 * DAY), "FREQ=DAILY",
                                 CALLER, NOW, PHONE)  # fmt: skip
    assert await keeping.clear(db, Keep(), NOW + 366 * DAY) == (0, 0)
    assert await keeping.clear(db, Keep(), NOW + 367 * DAY) == (0, 1)
    assert set(await queries.sealed(db, [over, open_])) == {open_}
    assert await series.phones(db, [running.id]) == {running.id: b"cipher"}
    await series.end(db, running.id, CALLER, NOW + DAY, "搬家")
    gone = await keeping.clear(db, Keep(), NOW + 367 * DAY)
    assert await series.phones(db, [running.id]) == {}
    assert gone[1] >= 1
    assert (await queries.booking(db, over)).state is State.CANCELLED_BY_PASSENGER
