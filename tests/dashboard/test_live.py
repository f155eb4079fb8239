"""The live feed over a real bus: snapshot, changes, gaps, slow clients, and its end with the log-in."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import nats
import numpy as np
import psycopg
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from dashboard.stream import QUEUE_FRAMES, Client, LiveFeed
from gateway.bus import FIX_SUBJECT, MemoryBus
from gateway.report import Enrolment, FixBatch, Flag, Status, micros
from tests import stack
from tests.dashboard.conftest import Api, seed
from tests.dashboard.decode import Frame, decode
from tests.tracking.fixes import NOON, batch
from tracking.database import Database
from tracking.store import Store


@pytest.fixture(scope="module")
def bus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stack.Bus]:
    with stack.bus(tmp_path_factory.mktemp("bus")) as bus:
        yield bus


@pytest.fixture(scope="module")
def live_api(bus: stack.Bus, module_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    seed(module_database)
    with stack.console(tmp_path_factory.mktemp("live"), module_database, bus_url=bus.url) as console:
        api = Api(console, module_database)
        with api.client() as nobody:
            stack.eventually(lambda: nobody.get("/healthz").json()["bus"] == "up", "the console reaches the bus")
        yield api


@contextmanager
def watching(api: Api) -> Iterator[tuple[ClientConnection, httpx.Client]]:
    with api.client("admin") as client:
        token = client.post("/api/v1/session", json={"user": "admin", "password": stack.PASSWORD}).json()["token"]
        url = api.console.url.replace("http", "ws") + "/api/v1/live"
        client.headers["Authorization"] = f"Bearer {token}"
        with connect(url, additional_headers={"Authorization": f"Bearer {token}"}) as live:
            yield live, client


def until(live: ClientConnection, wanted: Callable[[Any], bool]) -> Any:
    """The first event (dict) or frame that is wanted; the others are passed over."""
    end = time.monotonic() + 15
    while time.monotonic() < end:
        said = live.recv(timeout=10)
        said = json.loads(said) if isinstance(said, str) else decode(said)
        if wanted(said):
            return said
    raise AssertionError("what was waited for did not come")


def is_event(kind: str) -> Callable[[Any], bool]:
    return lambda said: isinstance(said, dict) and said["type"] == kind


def moves(vehicle: int) -> Callable[[Any], bool]:
    return lambda said: isinstance(said, Frame) and said.kind == "changes" and vehicle in said.cars


def fresh(lat: float, lon: float, *, terminal: str = "jt808/0", flag: int = 0) -> FixBatch:
    """One fix of now."""
    fix = batch(1, start=datetime.now(UTC).replace(microsecond=0))
    rows = fix.rows.copy()
    rows["lat"], rows["lon"], rows["flags"] = lat, lon, flag
    rows["alarms"], rows["status"] = 0, int(Status.POSITIONED | Status.OCCUPIED)
    rows["speed"], rows["course"] = 10, 90
    return FixBatch([terminal], rows, [b'{"cabin_c": 24.5}'])


def publish(bus: stack.Bus, *payloads: bytes) -> None:
    async def send() -> None:
        client = await nats.connect(bus.url)
        for payload in payloads:
            await client.publish(FIX_SUBJECT, payload)
        await client.drain()

    asyncio.run(send())


def test_everything_first_then_what_changes(live_api: Api, bus: stack.Bus):
    with watching(live_api) as (live, client):
        vehicles = until(live, is_event("vehicles"))
        assert vehicles["complete"]
        assert [v["id"] for v in vehicles["items"]] == [1, 2, 3, 4]
        assert {"plate", "company", "terminal", "vehicle_class"} < set(vehicles["items"][0])
        snapshot = until(live, lambda said: isinstance(said, Frame))
        assert (snapshot.kind, set(snapshot.cars)) == ("snapshot", {1, 2, 3, 4})
        publish(bus, fresh(31.4, 121.0).to_bytes())
        frame = until(live, moves(1))
        car = frame.cars[1]
        assert (car.lat, car.lon, car.course_deg, car.speed_kmh, car.condition) == (31.4, 121.0, 90, 36, "occupied")
        assert abs((frame.time - car.fix).total_seconds()) < 5
        answer = client.get("/api/v1/vehicles/1").json()
        assert (answer["last"]["lat"], answer["condition"], answer["attributes"]) == (
            31.4,
            "occupied",
            {"cabin_c": 24.5},
        )


def test_numbers_have_no_gap_and_silence_still_beats(live_api: Api, bus: stack.Bus):
    with watching(live_api) as (live, _):
        numbers = [until(live, lambda said: isinstance(said, Frame)).sequence for _ in range(4)]
        assert numbers == list(range(numbers[0], numbers[0] + 4))


def test_flagged_late_and_broken_messages_move_nothing(live_api: Api, bus: stack.Bus):
    with watching(live_api) as (live, client):
        publish(bus, fresh(31.41, 121.01).to_bytes())
        until(live, moves(1))
        odd = fresh(31.45, 121.05)
        odd.rows["terminal"] = 7
        bad = [fresh(31.42, 121.02, flag=flag).to_bytes() for flag in (Flag.PLACE, Flag.BACKFILL)]
        publish(bus, *bad, b"", b"rubbish", odd.to_bytes(), fresh(31.43, 121.03, terminal="jt808/1").to_bytes())
        until(live, moves(2))
        assert client.get("/api/v1/vehicles/1").json()["last"]["lat"] == 31.41


def test_a_new_vehicle_shows_up_and_a_renamed_one_is_told(live_api: Api, bus: stack.Bus):
    with watching(live_api) as (live, client):
        until(live, is_event("vehicles"))
        with psycopg.connect(live_api.database, autocommit=True) as db:
            Store(db).enrol(Enrolment(terminal="jt808/new", plate="苏E·NEW01"), NOON)
        told = until(live, is_event("vehicles"))
        assert not told["complete"]
        (item,) = told["items"]
        assert (item["plate"], item["terminal"]) == ("苏E·NEW01", "jt808/new")
        publish(bus, fresh(31.3, 120.9, terminal="jt808/new").to_bytes())
        assert until(live, moves(item["id"])).cars[item["id"]].lat == 31.3
        with psycopg.connect(live_api.database, autocommit=True) as db:
            db.execute("UPDATE vehicle SET plate = '苏E·NEW02' WHERE plate = '苏E·NEW01'")
        assert until(live, is_event("vehicles"))["items"][0]["plate"] == "苏E·NEW02"
        assert client.get("/api/v1/vehicles?q=new02").json()["items"][0]["condition"] == "occupied"


def test_a_client_that_lost_its_place_gets_everything_again(live_api: Api):
    with watching(live_api) as (live, _):
        until(live, lambda said: isinstance(said, Frame))
        live.send('{"type": "resync"}')
        assert until(live, is_event("vehicles"))["complete"]
        assert until(live, lambda said: isinstance(said, Frame)).kind == "snapshot"


@pytest.mark.parametrize("nonsense", ["", "[]", "{}", '{"type": "fly"}', b"\0"])
def test_nonsense_ends_the_connection_with_a_reason(live_api: Api, nonsense):
    with watching(live_api) as (live, _):
        live.send(nonsense)
        with pytest.raises(ConnectionClosed) as closed:
            until(live, lambda _: False)
        assert closed.value.rcvd.code == 1003


def test_the_feed_ends_with_the_log_in(live_api: Api):
    with watching(live_api) as (live, client):
        until(live, lambda said: isinstance(said, Frame))
        assert client.delete("/api/v1/session").status_code == 204
        with pytest.raises(ConnectionClosed) as closed:
            until(live, lambda _: False)
        assert closed.value.rcvd.code == 4401


def test_a_bus_that_goes_and_comes_back_is_told_and_the_map_goes_on(tmp_path: Path, database: str):
    """While the bus is away the map is fed from the database."""
    seed(database)
    with ExitStack() as first_bus, ExitStack() as rest:
        bus = first_bus.enter_context(stack.bus(tmp_path / "first"))
        console = rest.enter_context(stack.console(tmp_path, database, bus_url=bus.url))
        with watching(Api(console, database)) as (live, client):
            until(live, lambda said: is_event("feed")(said) and said["bus"])
            first_bus.close()
            until(live, lambda said: is_event("feed")(said) and not said["bus"])
            assert client.get("/healthz").status_code == 503
            with psycopg.connect(database) as db:
                Store(db).add(fresh(31.44, 121.04))
            assert until(live, moves(1)).cars[1].lat == 31.44


async def test_a_client_that_does_not_keep_up_loses_its_queue_and_begins_again():
    bus, database = MemoryBus(), Database("")
    feed = LiveFeed(bus, database, 0.01)
    client = feed.join()
    assert client is not None
    everything = await client.next(feed)
    assert len(everything) == 3
    for n in range(QUEUE_FRAMES):
        client.offer(str(n))
    assert await client.next(feed) == [str(n) for n in range(QUEUE_FRAMES)]
    for n in range(QUEUE_FRAMES + 5):
        client.offer(str(n))
    assert [type(f) for f in await client.next(feed)] == [type(f) for f in everything]
    client.offer("on")
    assert await client.next(feed) == ["on"]


async def test_clients_are_bounded():
    feed = LiveFeed(MemoryBus(), Database(""), 0.01)
    while feed.join() is not None:
        assert len(feed.clients) <= 1000
    feed.leave(next(iter(feed.clients)))
    assert isinstance(feed.join(), Client)


def test_a_snapshot_of_many_is_what_the_changes_add_up_to(live_api: Api, bus: stack.Bus):
    """A client that follows changes and one that comes later see the same."""
    rng = np.random.default_rng(7)
    with watching(live_api) as (first, _):
        snapshot = until(first, lambda said: isinstance(said, Frame))
        known = dict(snapshot.cars)
        for step in range(20):
            terminal = f"jt808/{rng.integers(4)}"
            fix = fresh(31 + rng.random() / 2, 121 + rng.random() / 2, terminal=terminal)
            fix.rows["time"] = micros(datetime.now(UTC)) + step
            publish(bus, fix.to_bytes())
        publish(bus, fresh(31.0001, 121.0001, terminal="jt808/3").to_bytes())
        end = time.monotonic() + 3
        while time.monotonic() < end:
            said = first.recv(timeout=5)
            if isinstance(said, bytes):
                known |= decode(said).cars
        with watching(live_api) as (second, _):
            late = until(second, lambda said: isinstance(said, Frame))
    places = {n: (c.lat, c.lon, c.condition) for n, c in known.items()}
    assert {n: (c.lat, c.lon, c.condition) for n, c in late.cars.items()} == places
