"""Roll-ups: what a vehicle did on a day of its bureau, again whenever late fixes come for it."""

import math
from datetime import UTC, date, datetime, timedelta

import numpy as np
import psycopg
import pytest

from gateway.report import Enrolment, FixBatch, Flag
from tests.tracking.fixes import batch, flagged
from tracking.rollup import EARTH_M, roll_up
from tracking.store import Store

ZONE = "Asia/Shanghai"
MORNING = datetime(2026, 11, 24, 23, 50, tzinfo=UTC)  # 07:50 on the 25th, ten minutes before the UTC day ends
LATER = datetime(2026, 11, 27, tzinfo=UTC)


@pytest.fixture
def store(db: psycopg.Connection) -> Store:
    made = Store(db)
    made.enrol(Enrolment(terminal="jt808/0", plate="苏ET1001"), MORNING - timedelta(days=9))
    db.commit()
    return made


def drive(count: int, start: datetime = MORNING, step_s: float = 10) -> FixBatch:
    """North by a thousandth of a degree and 111 m of the odometer with every fix."""
    fixes = batch(count, start=start, step_s=step_s)
    fixes.rows["lat"] = 31.2 + np.arange(count) * 1e-3
    fixes.rows["lon"] = 120.9
    fixes.rows["odometer"] = 5_000 + np.arange(count) * 111.0
    fixes.rows["flags"] = 0
    return fixes


def days(db: psycopg.Connection) -> list[tuple]:
    return db.execute(
        "SELECT day, fixes, round(odometer_m), round(track_m), place, backfill FROM vehicle_day ORDER BY day"
    ).fetchall()


def arc(steps: int) -> int:
    return round(steps * math.radians(1e-3) * EARTH_M)


def add(db: psycopg.Connection, store: Store, fixes: FixBatch) -> None:
    store.add(fixes)
    db.commit()


def test_a_day_goes_by_the_clock_of_the_bureau(db: psycopg.Connection, store: Store):
    add(db, store, drive(100))
    assert roll_up(db, ZONE, LATER) > 0
    assert days(db) == [(date(2026, 11, 25), 100, 99 * 111, arc(99), 0, 0)]
    first = db.execute("SELECT first, last FROM vehicle_day").fetchone()
    assert first == (MORNING, MORNING + timedelta(seconds=990))
    assert roll_up(db, ZONE, LATER) == 0


def test_a_day_that_is_not_over_waits(db: psycopg.Connection, store: Store):
    add(db, store, drive(100))
    evening = datetime(2026, 11, 25, 15, 59, tzinfo=UTC)
    roll_up(db, ZONE, evening)
    assert days(db) == []
    roll_up(db, ZONE, evening + timedelta(minutes=1))
    assert len(days(db)) == 1


def test_late_fixes_roll_their_day_up_again(db: psycopg.Connection, store: Store):
    fixes = drive(100)
    odd = np.arange(100) % 2 == 1
    add(db, store, fixes.only(np.flatnonzero(~odd)))
    roll_up(db, ZONE, LATER)
    add(db, store, flagged(fixes.only(np.flatnonzero(odd)), slice(None), Flag.BACKFILL))
    roll_up(db, ZONE, LATER)
    assert days(db) == [(date(2026, 11, 25), 100, 99 * 111, arc(99), 0, 50)]


def test_what_is_not_plausible_is_counted_and_leads_nowhere(db: psycopg.Connection, store: Store):
    fixes = flagged(drive(100), slice(10, 20), Flag.PLACE)
    fixes.rows["lat"][10:20] = 0
    fixes.rows["odometer"][50:] += 900_000  # another terminal's
    fixes.rows["odometer"][80:] = np.nan
    add(db, store, fixes)
    roll_up(db, ZONE, LATER)
    assert days(db) == [(date(2026, 11, 25), 90, (49 + 29) * 111, arc(99), 10, 0)]


def test_a_gap_is_no_way(db: psycopg.Connection, store: Store):
    fixes = drive(100)
    fixes.rows["time"][50:] += 301_000_000
    add(db, store, fixes)
    roll_up(db, ZONE, LATER)
    assert days(db) == [(date(2026, 11, 25), 100, 99 * 111, arc(98), 0, 0)]
