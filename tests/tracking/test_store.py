"""Storing on both kinds of database: every value arrives, once, and never moves what it must not."""

import json
from datetime import UTC, date, datetime, timedelta

import numpy as np
import psycopg
import pytest

from gateway.report import FIX, Enrolment, FixBatch, Flag, micros, moment
from tests.tracking.fixes import NOON, batch, flagged
from tracking.columns import FIXED
from tracking.queries import route, vehicles
from tracking.store import Store

WINDOW = (NOON - timedelta(days=1), NOON + timedelta(days=1))


def stored(db: psycopg.Connection) -> list:
    return db.execute("SELECT * FROM position ORDER BY terminal_id, time, identity").fetchall()


def test_every_value_arrives(db: psycopg.Connection):
    fixes = batch(1000, terminals=7)
    assert Store(db).add(fixes) == 1000
    ids = dict(db.execute("SELECT id, key FROM terminal").fetchall())
    by_identity = {row["identity"]: (row, text) for row, text in zip(fixes.rows, fixes.attributes, strict=True)}
    for terminal_id, *values, attributes in stored(db):
        row, text = by_identity[values[1]]
        assert ids[terminal_id] == fixes.terminals[row["terminal"]]
        assert attributes == (json.loads(text) if text else None)
        for (name, _), value in zip(FIXED[1:], values, strict=True):
            expected = row[name]
            if name in ("time", "received"):
                assert micros(value) == expected
            else:
                assert FIX[name].type(value) == expected or (np.isnan(value) and np.isnan(expected)), name


def test_what_is_not_reported_is_null_to_people(db: psycopg.Connection):
    fixes = batch(1)
    for name in ("speed", "course", "altitude", "recorder_speed", "fuel", "odometer"):
        fixes.rows[name] = np.nan
    fixes.rows["satellites"] = fixes.rows["signal"] = -1
    Store(db).add(fixes)
    columns = "speed, course, altitude, recorder_speed, fuel, odometer, satellites, signal"
    assert db.execute(f"SELECT {columns} FROM fix").fetchone() == (None,) * 8
    assert db.execute("SELECT speed, course, altitude, odometer, satellites, signal FROM last_state").fetchone() == (
        (None,) * 6
    )


def test_a_fix_that_comes_again_is_stored_once(db: psycopg.Connection):
    store, fixes = Store(db), batch(50, terminals=3)
    assert store.add(fixes) == 50
    assert store.add(fixes) == 0
    twice = FixBatch.concat([batch(10, start=NOON + timedelta(hours=1))] * 2)
    assert store.add(FixBatch.concat([fixes, twice])) == 10
    assert len(stored(db)) == 60


def test_the_same_place_and_time_with_another_body_is_another_fix(db: psycopg.Connection):
    store, fixes = Store(db), batch(1)
    changed = FixBatch(fixes.terminals, fixes.rows.copy(), fixes.attributes)
    changed.rows["identity"] += 1
    assert (store.add(fixes), store.add(changed)) == (1, 1)


def test_a_transaction_that_ends_badly_leaves_nothing(db: psycopg.Connection):
    store = Store(db)
    db.commit()
    store.add(batch(20))
    store.advance("s", 7, NOON)
    db.rollback()
    store.forget()
    assert stored(db) == []
    assert store.offset("s") == 0
    store.add(batch(20))
    assert len(stored(db)) == 20


def test_odd_days_are_stored_and_their_days_can_still_come(db: psycopg.Connection):
    store = Store(db)
    odd = FixBatch.concat(
        flagged(batch(2, start=datetime(year, 1, 1, tzinfo=UTC)), slice(None), Flag.CLOCK) for year in (1970, 2099)
    )
    ahead = flagged(batch(3, start=NOON + timedelta(days=1)), slice(None), Flag.CLOCK)
    assert store.add(FixBatch.concat([odd, ahead])) == 7
    tomorrow = batch(5, start=NOON + timedelta(days=1), seed=1)
    assert store.add(tomorrow) == 5
    assert len(stored(db)) == 12
    assert store.add(ahead) == 0


def test_every_day_of_a_year_has_room(db: psycopg.Connection):
    fixes = batch(400, step_s=86_400)
    assert Store(db).add(fixes) == 400
    days = {row[1].astimezone(UTC).date() for row in stored(db)}
    assert len(days) == 400
    assert min(days) == date(2026, 11, 25)


def last(db: psycopg.Connection) -> tuple:
    return db.execute("SELECT heard, time, lat FROM last_state").fetchone() or ()


def test_only_good_live_fixes_move_the_last_state_and_only_forward(db: psycopg.Connection):
    store, fixes = Store(db), batch(10)
    newest = fixes.rows[-1]
    store.add(fixes)
    expected = (moment(newest["received"]), moment(newest["time"]), newest["lat"])
    assert last(db) == expected
    store.add(batch(3, start=NOON - timedelta(hours=1), seed=2))
    assert last(db) == expected
    for seed, flag in enumerate((Flag.NO_FIX, Flag.CLOCK, Flag.PLACE, Flag.MOTION, Flag.BACKFILL), 3):
        later = flagged(batch(2, start=NOON + timedelta(hours=seed), seed=seed), slice(None), flag)
        store.add(later)
        assert last(db) == (moment(later.rows[-1]["received"]), *expected[1:]), flag


def test_a_vehicle_that_only_sent_bad_fixes_was_heard_but_has_no_place(db: psycopg.Connection):
    store = Store(db)
    store.enrol(Enrolment(terminal="jt808/0", plate="苏ET1001"), NOON)
    store.add(flagged(batch(2), slice(None), Flag.NO_FIX))
    assert db.execute("SELECT heard IS NOT NULL, time FROM last_state").fetchone() == (True, None)


async def test_a_terminal_that_moves_leaves_its_route_with_the_former_vehicle(either_database: str):
    with psycopg.connect(either_database) as db:
        store = Store(db)
        store.enrol(Enrolment(terminal="jt808/0", plate="苏ET1001", company="一"), NOON - timedelta(days=9))
        store.enrol(Enrolment(terminal="jt808/0", plate="苏ET1002", company="二"), NOON + timedelta(seconds=50))
        store.add(flagged(batch(10), slice(7, 8), Flag.PLACE))
    async with await psycopg.AsyncConnection.connect(either_database) as db:
        first, second = await vehicles(db)
        assert (first.plate, first.terminal, second.plate, second.terminal) == ("苏ET1001", None, "苏ET1002", "jt808/0")
        assert second.last is not None
        counts = [len((await route(db, v.id, *WINDOW)).fixes) for v in (first, second)]
        assert counts == [5, 4]
        with_flagged = await route(db, second.id, *WINDOW, flagged=True)
        assert [f.flags for f in with_flagged.fixes].count(Flag.PLACE) == 1
        cut = await route(db, first.id, *WINDOW, most=3)
        assert (len(cut.fixes), cut.truncated) == (3, True)
        assert [v.plate for v in await vehicles(db, text="et1002")] == ["苏ET1002"]
        assert [v.plate for v in await vehicles(db, after=first.id)] == ["苏ET1002"]


def test_only_terminals_of_committed_transactions_are_encoded_ahead(db: psycopg.Connection):
    store, fixes = Store(db), batch(4, terminals=2)
    db.commit()
    with store.transaction():
        store.add(fixes)
        assert store.encode(fixes) is None
    encoded = store.encode(fixes)
    assert encoded is not None
    assert store.add(fixes, encoded) == 0


def test_what_a_rolled_back_transaction_learned_is_forgotten(db: psycopg.Connection):
    store, fixes = Store(db), batch(4, terminals=2)
    db.commit()
    with pytest.raises(ZeroDivisionError), store.transaction():
        with pytest.raises(KeyError), store.transaction():
            store.add(fixes)
            raise KeyError
        store.add(batch(1))
        raise ZeroDivisionError
    assert store.encode(fixes) is None
    with store.transaction():
        assert store.add(fixes) == 4
    assert len({row[0] for row in stored(db)}) == db.execute("SELECT count(*) FROM terminal").fetchone()[0] == 2
