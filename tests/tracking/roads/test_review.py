"""From fixes and meters' records in the database to findings, and back when later ones tell another story."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import psycopg
import pytest

from gateway.report import Enrolment, FixBatch, MeterRecord, TripRecord, to_plain
from simulator.roads.route import Roads
from tests.simulated_trips import START_S, batch, round_about, trips
from tracking.audit.review import audit_trips
from tracking.roads.engine import Engine
from tracking.roads.routes import match_trips
from tracking.store import Store
from tracking.trips.derive import derive

START = datetime.fromtimestamp(START_S, UTC)
CHEAT, HONEST = 0, 1


@pytest.fixture(scope="module")
def drives(driven_roads: Roads) -> list[Any]:
    """A drive far round, and two honest ones."""
    cheat = next(fixes for seed in range(400) if (fixes := round_about(driven_roads, seed)) is not None)
    honest = trips(driven_roads, 2, 10, seed=31, noise_m=4, wrong=0)
    return [cheat, *(trip.fixes for trip in honest)]


@pytest.fixture
def fixes(drives: list[Any]) -> FixBatch:
    return batch(drives)


@pytest.fixture
def db(database: str):
    with psycopg.connect(database, autocommit=True) as connection:
        store = Store(connection)
        for n in range(3):
            store.enrol(Enrolment(terminal=f"jt905/{n}", plate=f"苏ET100{n}"), START - timedelta(days=1))
        yield connection


def work(db: psycopg.Connection, engine: Engine) -> int:
    derive(db)
    match_trips(db, engine)
    return audit_trips(db, engine, UTC)


def findings(db: psycopg.Connection, state: str = "lead") -> list[tuple]:
    return db.execute(
        "SELECT plate, rule, level, jsonb_array_length(fixes), frames, edition FROM finding"
        " JOIN vehicle ON vehicle.id = vehicle_id WHERE state = %s ORDER BY plate, rule",
        (state,),
    ).fetchall()


def tell(db: psycopg.Connection, car: int, metres: float, shift_s: float = 3) -> bytes:
    """The meter's record of the car's only trip; returns its frame."""
    row = db.execute(
        "SELECT start, finish FROM trip JOIN vehicle ON vehicle.id = vehicle_id WHERE plate = %s AND kind = 'hail'",
        (f"苏ET100{car}",),
    ).fetchone()
    assert row is not None
    shift = timedelta(seconds=shift_s)
    meter = MeterRecord(
        plate=f"苏ET100{car}", company_licence="", driver_licence="", on=row[0] - shift, off=row[1] - shift,
        distance=metres, empty_distance=0, surcharge=Decimal(0), waiting=0, amount=Decimal("23.5"), trip=1,
        payment="cash",
    )  # fmt: skip
    report = TripRecord(
        terminal=f"jt905/{car}", operation=7, pick_up=None, drop_off=None, order=None, rating="none", meter=meter
    )
    frame = f"frame {car} {metres}".encode()
    Store(db).keep(report.terminal, "operation", frame, [to_plain(report)], row[1])
    return frame


def test_who_drives_far_round_becomes_a_lead_with_its_fixes(db: psycopg.Connection, engine: Engine, fixes: FixBatch):
    Store(db).add(fixes)
    assert work(db, engine) == 3
    ((plate, rule, level, count, frames, edition),) = findings(db)
    assert (plate, rule, frames, edition) == ("苏ET1000", "detour", [], "2026-01-01")
    assert level in ("lead", "notify")
    assert count > 20
    told = db.execute("SELECT f->>0, (f->>2)::bigint FROM finding, jsonb_array_elements(fixes) AS f").fetchall()
    assert {key for key, _ in told} == {"jt905/0"}
    assert {identity for _, identity in told} <= set(fixes.rows["identity"].tolist())
    assert work(db, engine) == 0


def test_a_meters_record_belongs_to_its_trip_whenever_it_comes(db: psycopg.Connection, engine: Engine, fixes: FixBatch):
    Store(db).add(fixes)
    work(db, engine)
    (length,) = db.execute("SELECT matched FROM trip WHERE kind = 'hail' AND vehicle_id = 2").fetchone() or (0,)
    frame = tell(db, HONEST, length * 1.2 + 1500)
    tell(db, HONEST, length * 9)  # sent again, by the same number: it is the first that counts
    tell(db, 2, 1, shift_s=36_000)  # of another trip
    assert work(db, engine) == 1
    over = [one for one in findings(db) if one[0] == "苏ET1001"]
    ((_, rule, level, _, frames, _),) = over
    assert (rule, level) == ("overcharge", "notify")
    (stored,) = db.execute("SELECT encode(sha256(%s), 'hex')", (frame,)).fetchone() or ("",)
    assert [one["sha256"] for one in frames] == [stored]
    linked = db.execute("SELECT vehicle_id, fare FROM trip WHERE metered IS NOT NULL").fetchall()
    assert linked == [(2, Decimal("23.5"))]


def test_a_lead_is_withdrawn_when_its_trip_changes_and_what_went_further_stays(
    db: psycopg.Connection, engine: Engine, fixes: FixBatch
):
    Store(db).add(fixes)
    work(db, engine)
    db.execute("UPDATE trip SET audited = NULL")
    db.execute("UPDATE finding SET measured = 1")  # as if it had been found by another map
    work(db, engine)
    assert (len(findings(db)), len(findings(db, "withdrawn"))) == (1, 1)
    db.execute("UPDATE finding SET state = 'noticed', measured = 2 WHERE state = 'lead'")
    db.execute("UPDATE trip SET audited = NULL")
    work(db, engine)
    assert (len(findings(db)), len(findings(db, "noticed"))) == (0, 1)
    later = fixes.only(np.flatnonzero(fixes.rows["terminal"] == CHEAT)[-1:])
    Store(db).add(replace(later, rows=_emptied(later.rows, fixes)))
    work(db, engine)
    assert (len(findings(db, "noticed")), len(findings(db, "withdrawn"))) == (1, 1)


def _emptied(rows: np.ndarray, fixes: FixBatch) -> np.ndarray:
    """An hour later the taxi is heard again: the trip is as it was."""
    late = rows.copy()
    late["time"] += 3_600_000_000
    late["identity"] = fixes.rows["identity"].max() + 1
    return late


def test_a_trip_that_is_renewed_otherwise_loses_its_leads(db: psycopg.Connection, engine: Engine, fixes: FixBatch):
    of_cheat = np.flatnonzero(fixes.rows["terminal"] == CHEAT)
    late = of_cheat[len(of_cheat) // 2 : len(of_cheat) // 2 + 6]
    Store(db).add(fixes.only(np.setdiff1d(np.arange(len(fixes)), late)))
    work(db, engine)
    before = findings(db)
    freed = fixes.only(late)
    freed.rows["status"] = 0
    Store(db).add(freed)
    work(db, engine)
    assert all(
        db.execute("SELECT 1 FROM trip WHERE (vehicle_id, start, finish) = (%s, %s, %s)", row).fetchone()
        for row in db.execute("SELECT vehicle_id, trip_start, trip_finish FROM finding WHERE state = 'lead'").fetchall()
    )
    assert len(findings(db, "withdrawn")) == len(before)
