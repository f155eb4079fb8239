"""Trips in the database: whatever order fixes come in, in whatever portions, the same as from all at once."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import psycopg
import pytest

from gateway.report import FIX, Enrolment, FixBatch, Flag, Status, micros
from tracking.store import Store
from tracking.trips.derive import derive

START = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)
CARS = 3
M = 1 / 110_876.0


def day(seed: int, hours: float = 20) -> FixBatch:
    """Cars that cruise, carry passengers, stand and are silent by turns, a fix in 30 s."""
    rng = np.random.default_rng(seed)
    parts = []
    for car in range(CARS):
        n = int(hours * 120)
        rows = np.zeros(n, FIX)
        rows["terminal"], rows["time"] = car, micros(START) + np.arange(n) * 30_000_000
        state, lat = np.zeros(n, np.int64), np.zeros(n)
        at = 0
        while at < n:
            kind, length = rng.integers(6), int(rng.integers(4, 90))
            piece = slice(at, min(n, at + length))
            state[piece] = int(
                (Status(0), Status.OCCUPIED, Status.OCCUPIED, Status.BOOKED, Status.OUT_OF_SERVICE)[min(kind, 4)]
            )
            lat[piece] = 0.0 if kind == 5 else 100 * M
            state[piece] = 0 if kind == 5 else state[piece]
            at += length
        rows["lat"], rows["lon"] = 31.0 + np.cumsum(lat), 120.9 + car * 0.01
        rows["speed"] = np.where(lat > 0, 10.0, 0.0)
        rows["status"] = state | int(Status.POSITIONED)
        rows["identity"] = rng.integers(-(2**63), 2**63, n)
        rows["received"] = rows["time"] + 1_000_000
        silent = rng.random(n // 40) < 0.1
        parts.append(rows[~np.repeat(silent, 40, axis=0)[:n]] if len(silent) * 40 >= n else rows)
    rows = np.concatenate(parts)
    return FixBatch([f"jt905/{n}" for n in range(CARS)], rows, [b""] * len(rows))


def enrolled(db: psycopg.Connection) -> Store:
    store = Store(db)
    for n in range(CARS):
        store.enrol(Enrolment(terminal=f"jt905/{n}", plate=f"苏ET100{n}"), START - timedelta(days=9))
    db.commit()
    return store


def add(db: psycopg.Connection, store: Store, fixes: FixBatch) -> None:
    store.add(fixes)
    db.commit()


def trips(db: psycopg.Connection) -> list[tuple]:
    found = db.execute(
        "SELECT vehicle_id, start, finish, kind, round(length::numeric, 1), fixes, open_start, open_finish"
        " FROM trip ORDER BY vehicle_id, start"
    ).fetchall()
    db.commit()
    return found


@pytest.fixture
def expected(database: str) -> list[tuple]:
    """All at once, on a database of its own."""
    with psycopg.connect(database) as connection:
        add(connection, enrolled(connection), day(3))
        assert derive(connection) > 50
        return trips(connection)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_any_order_and_portions_give_the_same_trips(db: psycopg.Connection, expected: list[tuple], seed: int):
    store, fixes, rng = enrolled(db), day(3), np.random.default_rng(seed)
    order = rng.permutation(len(fixes)) if seed > 1 else np.argsort(fixes.rows["time"], kind="stable")
    portions = np.array_split(order, 12)
    for portion in [*portions, portions[0]]:
        add(db, store, fixes.only(np.sort(portion)))
        derive(db)
    assert trips(db) == expected
    assert derive(db) == 0


def test_trips_of_a_vehicle_follow_each_other_without_holes(expected: list[tuple]):
    for (car, _, finish, kind, *_), (other, start, _, following, *_) in pairwise(expected):
        if car == other:
            assert (finish, kind != following) == (start, True)
    assert {kind for _, _, _, kind, *_ in expected} >= {"hail", "booked", "approach", "cruising", "parked", "off_duty"}


def test_a_late_fix_changes_only_what_it_touches(db: psycopg.Connection, expected: list[tuple]):
    store, fixes = enrolled(db), day(3)
    late = np.flatnonzero((fixes.rows["terminal"] == 1) & (fixes.rows["status"] & int(Status.OCCUPIED) != 0))[40:43]
    add(db, store, fixes.only(np.setdiff1d(np.arange(len(fixes)), late)))
    derive(db)
    db.execute("UPDATE trip SET roads = 'matched before'")
    db.commit()
    add(db, store, fixes.only(late))
    assert 0 < derive(db) <= 4
    assert trips(db) == expected
    untouched = db.execute("SELECT count(*) FROM trip WHERE roads IS NOT NULL").fetchone()
    assert untouched is not None
    assert untouched[0] >= len(expected) - 4


def test_what_is_flagged_keeps_its_state_but_not_its_place(db: psycopg.Connection):
    store, fixes = enrolled(db), day(3, hours=2)
    fixes.rows["status"] = int(Status.OCCUPIED)
    fixes.rows["status"][fixes.rows["time"] < micros(START) + 600_000_000] = 0
    fixes.rows["flags"][50:60] = int(Flag.NO_FIX)
    fixes.rows["lat"][50:60] = 0
    fixes.rows["flags"][70:72] = int(Flag.CLOCK)
    add(db, store, fixes)
    derive(db)
    (row,) = [t for t in trips(db) if t[0] == 1 and t[3] == "hail"]
    assert row[5] == np.sum((fixes.rows["terminal"] == 0) & (fixes.rows["status"] != 0)) - 12


def test_days_in_files_are_left_as_they_are(db: psycopg.Connection):
    store, fixes = enrolled(db), day(3)
    add(db, store, fixes)
    derive(db)
    before = trips(db)
    db.execute("INSERT INTO archive (file, day, fixes, bytes, sha256) VALUES ('a', %s, 1, 1, '')", (START.date(),))
    db.execute("DELETE FROM position WHERE time < %s", (START.date() + timedelta(days=1),))
    db.commit()
    add(db, store, fixes.only(np.arange(5)))
    derive(db)
    assert trips(db) == before
