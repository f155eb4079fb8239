"""Whole days of vehicles in the database: what is found on them, kept, withdrawn, and blamed on nobody."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg
import pytest

from gateway.report import FIX, Enrolment, FixBatch, Status, micros
from tracking.audit.days import judge_days
from tracking.store import Store
from tracking.trips.derive import derive

DAY = datetime(2026, 3, 4, tzinfo=UTC)
NOW = DAY + timedelta(days=2)
HOUR = timedelta(hours=1)
KEYS = ("jt905/0", "jt905/1")


@pytest.fixture
def db(database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database, autocommit=True) as connection:
        for n, key in enumerate(KEYS):
            Store(connection).enrol(Enrolment(terminal=key, plate=f"苏ET100{n}"), DAY - timedelta(days=9))
        yield connection


def drive(
    db: psycopg.Connection, hours: float, *, start: datetime = DAY, car: int = 0, moves: bool = True, lat: float = 31.3,
    status: Status = Status.POSITIONED, every_s: float = 30.0, by: float = 1.0,
) -> None:  # fmt: skip
    """Fixes of a car that goes to and fro at 36 km/h, or stands."""
    count = int(hours * 3600 / every_s) + 1
    rows = np.zeros(count, FIX)
    seconds = np.arange(count) * every_s
    rows["time"] = micros(start) + (seconds * 1e6).astype(np.int64)
    rows["received"], rows["identity"] = rows["time"] + 1_000_000, rows["time"] + car
    away = np.abs((seconds * 10) % 8000 - 4000) / 111_195 if moves else 0.0
    rows["lat"], rows["lon"], rows["speed"] = lat + away, 120.95 + 0.01 * by, 10.0 if moves else 0.0
    rows["status"] = int(status)
    for name in ("course", "altitude", "recorder_speed", "fuel", "odometer"):
        rows[name] = np.nan
    Store(db).add(FixBatch([KEYS[car]], rows, [b""] * count))


def work(db: psycopg.Connection, now: datetime = NOW) -> int:
    derive(db)
    return judge_days(db, UTC, now)


def findings(db: psycopg.Connection, state: str = "lead") -> list[tuple[str, str]]:
    query = (
        "SELECT plate, rule FROM finding JOIN vehicle ON vehicle.id = vehicle_id WHERE state = %s ORDER BY plate, rule"
    )
    return db.execute(query, (state,)).fetchall()


def test_five_hours_at_the_wheel_are_a_lead_and_four_with_a_rest_are_not(db: psycopg.Connection):
    drive(db, 5, car=0)
    drive(db, 3, car=1)
    drive(db, 0.5, start=DAY + 3 * HOUR, car=1, moves=False)
    drive(db, 3, start=DAY + 3.5 * HOUR, car=1)
    assert work(db) == 2
    assert findings(db) == [("苏ET1000", "hours")]
    assert work(db) == 0


def test_a_day_that_is_not_over_is_not_judged(db: psycopg.Connection):
    drive(db, 5)
    assert work(db, DAY + 20 * HOUR) == 0
    assert work(db, DAY + 29 * HOUR) == 0
    assert work(db, DAY + 31 * HOUR) == 1


def test_another_driver_begins_anew(db: psycopg.Connection):
    drive(db, 5)
    for hours, licence in ((0.1, "A"), (2.5, "B")):
        card = {"kind": "driver_card", "inserted": True, "result": "ok", "licence": licence}
        Store(db).keep(KEYS[0], "driver", licence.encode(), [card], DAY + hours * HOUR)
    work(db)
    assert findings(db) == []


def test_who_is_silent_and_far_away_later_is_a_lead_unless_everybody_was(db: psycopg.Connection):
    drive(db, 1)
    drive(db, 1, start=DAY + 3 * HOUR, lat=31.5)
    drive(db, 4.2, car=1, every_s=60)
    work(db)
    assert ("苏ET1000", "gps_off") in findings(db)


def test_a_silence_of_the_whole_fleet_is_nobodys_doing(db: psycopg.Connection):
    for car in (0, 1):
        drive(db, 1, car=car)
        drive(db, 1, start=DAY + 3 * HOUR, car=car, lat=31.5)
    work(db)
    assert findings(db) == []


def test_late_fixes_withdraw_what_they_explain(db: psycopg.Connection):
    drive(db, 1)
    drive(db, 1, start=DAY + 3 * HOUR, lat=31.5)
    drive(db, 4.2, car=1, every_s=60, moves=False)
    work(db)
    assert findings(db) == [("苏ET1000", "gps_off")]
    drive(db, 1.9, start=DAY + 1.05 * HOUR, moves=False)  # from the terminal's own memory
    assert work(db) == 1
    assert findings(db) == []
    assert findings(db, "withdrawn") == [("苏ET1000", "gps_off")]


def test_a_day_before_the_first_edition_is_not_judged(db: psycopg.Connection):
    drive(db, 5, start=datetime(2020, 3, 4, tzinfo=UTC))
    assert work(db) == 1
    assert findings(db) == []
