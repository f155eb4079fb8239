"""From fixes in the database to matched trips, speeding and the console's questions: `python -m tracking derive`."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import psycopg
import pytest

from gateway.report import Enrolment
from simulator.roads.route import Roads
from tests.simulated_trips import START_S, Trip, batch, right_share, trips
from tracking.roads import learned
from tracking.roads.engine import Engine
from tracking.roads.port import Closure, Place
from tracking.roads.routes import match_trips
from tracking.store import Store
from tracking.trips import queries
from tracking.trips.derive import derive

START = datetime.fromtimestamp(START_S, UTC)
BEFORE, AFTER = START - timedelta(hours=1), START + timedelta(hours=5)
FAST = 45.0
CENTRE, STATION = Place(31.385, 120.955), Place(31.39, 121.0)


@pytest.fixture(scope="module")
def drives(driven_roads: Roads) -> list[Trip]:
    return trips(driven_roads, 4, 10, seed=31, noise_m=4, wrong=0)


@pytest.fixture
def filled(database: str, drives: list[Trip]) -> str:
    """URL of a database with the drives' fixes; the first taxi is too fast in the middle of its drive."""
    with psycopg.connect(database) as db:
        store = Store(db)
        for n in range(len(drives)):
            store.enrol(Enrolment(terminal=f"jt905/{n}", plate=f"苏ET100{n}"), BEFORE)
        fixes = batch([drive.fixes for drive in drives])
        fixes.rows["speed"][20:24] = FAST
        store.add(fixes)
    return database


def run(url: str, network: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"TAXIHUB_DATABASE_URL": url, "TAXIHUB_ROADS_DIR": str(network)}
    return subprocess.run(
        [sys.executable, "-m", "tracking", "derive", *arguments],
        env=environment, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip


async def test_trips_are_stored_with_their_routes(filled: str, network: Path, drives: list[Trip]):
    done = run(filled, network)
    assert done.returncode == 0, done.stderr
    async with await psycopg.AsyncConnection.connect(filled) as db:
        found = await queries.trips(db, BEFORE, AFTER, kinds=["hail", "booked"])
        assert [trip.plate for trip in sorted(found, key=lambda t: t.plate)] == [f"苏ET100{n}" for n in range(4)]
        matched = []
        for trip in found:
            drive = drives[int(trip.plate[-1])]
            assert trip.route is not None
            assert trip.route.confidence > 0.8
            assert trip.route.length == pytest.approx(drive.length, rel=0.05)
            metres: dict[int, float] = {}
            for way in trip.route.ways:
                metres[way["way"]] = metres.get(way["way"], 0) + way["length_m"]
            matched.append((drive, metres))
        assert right_share(matched) > 0.95
        assert await queries.trip(db, found[0].vehicle_id, found[0].start) == found[0]
        assert await queries.trip(db, found[0].vehicle_id, AFTER) is None


async def test_who_was_too_fast_for_the_road_is_found_and_nobody_else(filled: str, network: Path):
    run(filled, network)
    async with await psycopg.AsyncConnection.connect(filled) as db:
        (trip,) = await queries.speeding(db, BEFORE, AFTER)
        assert await queries.speeding(db, AFTER, AFTER + timedelta(days=1)) == []
    assert trip.plate == "苏ET1000"
    assert trip.route is not None
    for one in trip.route.speeding:
        assert one["highest_kmh"] == pytest.approx(FAST * 3.6)
        assert one["highest_kmh"] > 1.1 * one["speed_limit_kmh"]
        assert one["way"] in [way["way"] for way in trip.route.ways]
        assert one["fixes"] >= 2
        assert trip.start <= datetime.fromisoformat(one["from"]) < datetime.fromisoformat(one["to"]) <= trip.finish


def test_again_changes_nothing_and_a_changed_trip_is_matched_anew(filled: str, engine: Engine):
    with psycopg.connect(filled, autocommit=True) as db:
        assert derive(db) > 0
        assert match_trips(db, engine) == 4
        assert (derive(db), match_trips(db, engine)) == (0, 0)
        db.execute("DELETE FROM position WHERE identity = 30")
        db.execute("INSERT INTO trip_due VALUES ((SELECT max(time)::date FROM position), 0)")
        assert derive(db) == 1
        assert match_trips(db, engine) == 1


def test_times_are_learned_by_road_and_hour(filled: str, network: Path, engine: Engine):
    """The taxis drove slower than free flow: by as much slower are the times that dispatch gets."""
    with psycopg.connect(filled, autocommit=True) as db:
        assert learned.pace(db) is None
        derive(db)
        match_trips(db, engine)
        assert learned.learn(db, BEFORE, "Asia/Shanghai") > 50
        pace = learned.pace(db)
        hour = learned.hour_of_week(START, "Asia/Shanghai")
        ways = db.execute("SELECT speed FROM road_speed WHERE hour = %s", (hour,)).fetchall()
        took, free = db.execute(
            "SELECT sum(extract(epoch FROM finish - start))::float8, sum(free_flow) FROM trip WHERE roads IS NOT NULL"
        ).fetchone() or (0, 0)
        assert learned.learn(db, AFTER, "Asia/Shanghai") == 0
    assert pace is not None
    assert pace(hour) == pytest.approx(took / free, rel=1e-6)
    assert pace(None) == pytest.approx(took / free, rel=1e-6)
    assert 1.0 < pace(hour) < 3.0
    assert 2 < np.median(ways) < 20
    knowing = Engine(network, pace=pace)
    assert (way := knowing.routes(CENTRE, STATION, hour)[0]).learned
    assert way.seconds == pytest.approx(pace(hour) * engine.routes(CENTRE, STATION)[0].seconds)


def test_an_hour_with_few_trips_leans_on_the_mean():
    pace = learned.Pace.of([(8, 980, 2.0), (9, 20, 1.0)])
    assert pace is not None
    assert pace.mean == pytest.approx(1.98)
    assert pace(8) == pytest.approx(2.0, abs=0.001)
    assert 1.4 < pace(9) < 1.5
    assert pace(10) == pace(None) == pytest.approx(1.98)
    assert learned.Pace.of([]) is None


def test_closures_hold_for_their_time(database: str):
    with psycopg.connect(database) as db:
        db.execute(
            "INSERT INTO road_closure (lat, lon, reason, actor, since, until) VALUES (31.3, 121, '施工', 'w', %s, %s)",
            (START, AFTER),
        )
        assert learned.closures(db, BEFORE) == learned.closures(db, AFTER) == []
        assert learned.closures(db, START) == [Closure(Place(31.3, 121), "施工")]


def test_without_a_network_trips_are_stored_unmatched_and_it_says_so(filled: str, tmp_path: Path):
    done = run(filled, tmp_path / "none")
    assert done.returncode == 0
    assert "trips stay unmatched" in done.stdout + done.stderr
    with psycopg.connect(filled) as db:
        assert db.execute("SELECT count(*), count(roads) FROM trip WHERE kind = 'hail'").fetchone() == (4, 0)
