"""Hints in a bureau out of its real parts: from pick-ups of former days to words on a vacant taxi's terminal."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dispatch import hints, places
from dispatch.booking import Place
from dispatch.clock import CITY
from dispatch.places import Named
from tests import stack
from tests.dispatch.bureau import DOOR, TEXT, Bureau, Isu, bureau, number
from tracking.database import Connection

STATION = Named("昆山南站", "Kunshan South", "station", "玉山镇", "柏庐南路", (), 31.3558, 120.9465)
Start = Callable[..., AbstractContextManager[Bureau]]


@pytest.fixture
def start(tmp_path: Path, database: str) -> Start:
    return lambda taxis, **settings: bureau(tmp_path, database, taxis, **settings)


async def picked_up(db: Connection, days: int, each: int) -> None:
    """Passengers at the station, at this time of day and around it, on so many former days of each kind."""
    insert = (
        "INSERT INTO trip (vehicle_id, start, finish, kind, start_lat, start_lon, length, fixes, longest_gap,"
        " open_start, open_finish) SELECT id, %(at)s, %(at)s + interval '5 minutes', 'hail', %(lat)s, %(lon)s, 3000, 9,"
        " 10, false, false FROM vehicle WHERE vehicle_class = 'taxi' ORDER BY id LIMIT 1"
    )
    now = datetime.now(CITY)
    for day in range(1, days + 1):
        for n in range(each):
            at = now - timedelta(days=day) + timedelta(minutes=-60 + n * 120 / each, seconds=n)
            await db.execute(insert, {"at": at, "lat": STATION.lat, "lon": STATION.lon})


def enrolled(office: Bureau) -> Isu:
    """A vacant taxi, once the history knows its car."""
    taxi = office.taxi(number(1))
    query = "SELECT count(*) FROM fitting JOIN terminal ON id = terminal_id WHERE key = %s"

    async def known(db: Connection) -> bool:
        row = await (await db.execute(query, (taxi.key,))).fetchone()
        return row is not None and row[0] > 0

    stack.eventually(lambda: office.desk(known), "its car is known")
    return taxi


def turned(office: Bureau, on: bool) -> None:
    office.desk(lambda db: hints.turn_to(db, on, "wang", "早高峰", datetime.now(UTC)))


def given(office: Bureau) -> hints.Outcome:
    now = datetime.now(UTC)
    return office.desk(lambda db: hints.outcome(db, now - timedelta(days=1), now + timedelta(days=1)))


def test_a_vacant_taxi_is_told_where_passengers_are_expected(start: Start):
    with start(2) as office:
        taxi = enrolled(office)
        office.desk(lambda db: picked_up(db, 14, 40))
        office.desk(lambda db: places.store(db, [STATION]))
        turned(office, True)
        office.dispatch.kill()
        office.start()
        text = taxi.hears(TEXT).fields["text"]
        assert "昆山南站附近" in text
        assert "公里" in text
        assert given(office).given == 1
        stack.eventually(lambda: given(office).said == 1, "it is kept that the hint was said")


def test_hints_that_are_off_or_know_no_history_say_nothing(start: Start):
    with start(1) as office:
        taxi = enrolled(office)
        office.desk(lambda db: picked_up(db, 14, 40))
        office.dispatch.kill()
        office.start()
        office.turns()
        office.desk(lambda db: db.execute("DELETE FROM trip"))
        turned(office, True)
        office.dispatch.kill()
        office.start()
        office.turns()
        assert given(office).given == 0
        assert taxi.takes(office.book())


def test_a_hint_was_followed_where_its_taxi_picked_somebody_up_soon(start: Start):
    begin = datetime.now(UTC) - timedelta(days=2)
    with start(1) as office:
        enrolled(office)
        for n, (minutes, metres) in enumerate(((10, 500), (40, 500), (10, 9000))):
            at = begin + timedelta(hours=2 * n)
            ride, where = at + timedelta(minutes=minutes), Place("", DOOR.lat + metres / 111_195, DOOR.lon)
            office.desk(lambda db, at=at: hint(db, at))
            office.desk(lambda db, ride=ride, where=where: rode(db, ride, where))
        found = office.desk(lambda db: hints.outcome(db, begin, begin + timedelta(days=1)))
        assert (found.given, found.followed) == (3, 1)


async def hint(db: Connection, at: datetime) -> None:
    await db.execute(
        "INSERT INTO hint (at, taxi, cell, lat, lon, metres, pick_ups) VALUES (%s, %s, 1, %s, %s, 900, 2)",
        (at, f"jt905/{number(1)}", DOOR.lat, DOOR.lon),
    )


async def rode(db: Connection, at: datetime, where: Place) -> None:
    await db.execute(
        "INSERT INTO trip (vehicle_id, start, finish, kind, start_lat, start_lon, length, fixes, longest_gap,"
        " open_start, open_finish) SELECT vehicle_id, %s, %s, 'hail', %s, %s, 3000, 9, 10, false, false FROM fitting"
        " JOIN terminal ON terminal.id = fitting.terminal_id WHERE terminal.key = %s",
        (at, at + timedelta(minutes=9), where.lat, where.lon, f"jt905/{number(1)}"),
    )
