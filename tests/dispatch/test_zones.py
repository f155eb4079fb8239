"""Zones and ranks from a file, what taxis are equipped with, and whom a passenger wants: in bureaus of real parts."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dispatch import equipment, zones
from dispatch.booking import State
from dispatch.errors import InputError
from dispatch.match.plan import Mode, Zone
from dispatch.match.snapshot import TAXI, Ability, Rows
from dispatch.match.snapshot import State as Taxi
from dispatch.zones import Area, Ranks
from tests import stack
from tests.dispatch.bureau import DOOR, Bureau, bureau, number

Start = Callable[..., AbstractContextManager[Bureau]]
BOX = [(DOOR.lon - 0.01, DOOR.lat - 0.01), (DOOR.lon + 0.01, DOOR.lat - 0.01), (DOOR.lon + 0.01, DOOR.lat + 0.01),
       (DOOR.lon - 0.01, DOOR.lat + 0.01)]  # fmt: skip


def feature(ring: Sequence[tuple[float, float]] = BOX, **properties: Any) -> dict[str, Any]:
    return {
        "type": "Feature", "properties": {"name": "站前", **properties},
        "geometry": {"type": "Polygon", "coordinates": [[*ring, ring[0]]]},
    }  # fmt: skip


def written(directory: Path, *features: Any) -> Path:
    file = directory / "zones.geojson"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": features}), "utf-8")
    return file


@pytest.fixture
def start(tmp_path: Path, database: str) -> Start:
    return lambda taxis, **settings: bureau(tmp_path, database, taxis, **settings)


def test_a_broadcast_is_heard_by_all_and_given_to_the_first_who_grabs(start: Start, tmp_path: Path):
    with start(3, zones=str(written(tmp_path, feature(mode="broadcast")))) as office:
        taxis = [office.taxi(number(n), metres=200 * n) for n in (1, 2, 3)]
        order = office.book()
        for taxi in taxis:
            assert taxi.shown().fields["order"] == order
        taxis[2].grab(order)
        taxis[2].won(order)
        for taxi in taxis[:2]:
            taxi.grab(order)
            taxi.lost(order)
        known = office.booking(order)
        assert (known.state, known.taxi) == (State.ACCEPTED, taxis[2].key)


def test_at_a_rank_the_first_who_came_is_asked_although_another_is_nearer(start: Start, tmp_path: Path):
    with start(2, zones=str(written(tmp_path, feature(mode="queue")))) as office:
        first = office.taxi(number(1), metres=900)
        office.turns()
        office.taxi(number(2), metres=10)
        order = office.book()
        assert first.takes(order)


def test_who_needs_a_wheelchair_gets_a_car_that_takes_it(start: Start, tmp_path: Path):
    with start(2) as office:
        file = tmp_path / "equipment.csv"
        file.write_text("plate,seats,abilities\n苏ET0002,6,wheelchair luggage\n", "utf-8")
        command = [sys.executable, "-m", "dispatch", "equipment", str(file)]
        subprocess.run(command, check=True, cwd=stack.ROOT, env=office.environment())
        office.taxi(number(1), metres=10)
        fitted = office.taxi(number(2), metres=3000)
        order = office.book(needs=Ability.WHEELCHAIR, passengers=5)
        assert fitted.takes(order)


def test_the_driver_whom_a_passenger_asks_for_comes_first_and_the_refused_never(start: Start):
    with start(2) as office:
        near, far = office.taxi(number(1), metres=10), office.taxi(number(2), metres=3000)
        near.signs_in("3205830001")
        far.signs_in("3205830002")
        wanted = office.book(preferred_driver="3205830002")
        assert far.takes(wanted)
        refused = office.book("call 2", refused_drivers=frozenset({"3205830001"}))
        office.decided(refused)
        assert office.booking(refused).state is State.WAITING
        assert near.takes(office.book("call 3"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "FeatureCollection"), ("{}", "FeatureCollection"), ('{"features": [7]}', "feature 1"),
        (json.dumps({"features": [feature(mode="lottery")]}), "feature 1"),
        (json.dumps({"features": [feature(mode="queue", depth=0)]}), "1 or more"),
        (json.dumps({"features": [feature(ring=[(500, 31)] * 3)]}), "degrees"),
        (json.dumps({"features": [feature(), feature()]}), "two zones 站前"),
    ],
)  # fmt: skip
def test_a_file_of_zones_that_is_none_says_what_and_where(tmp_path: Path, content: str, said: str):
    file = tmp_path / "zones.geojson"
    file.write_text(content, "utf-8")
    with pytest.raises(InputError, match=said):
        zones.read(file)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("plate,seats\n", "first line"), ("plate,seats,abilities\n,4,\n", ":2: the plate"),
        ("plate,seats,abilities\n苏E1,x,\n", ":2: seats"), ("plate,seats,abilities\n苏E1,0,\n", ":2: seats"),
        ("plate,seats,abilities\n苏E1,4,wings\n", ":2: abilities: 'wings'"),
        ("plate,seats,abilities\n苏E1,4\n", ":2: 3 columns"),
    ],
)  # fmt: skip
def test_a_table_of_equipment_that_is_none_says_what_and_where(tmp_path: Path, lines: str, said: str):
    file = tmp_path / "equipment.csv"
    file.write_text(lines, "utf-8")
    with pytest.raises(InputError, match=said):
        equipment.parse(file)


def at_the_rank(*states: Taxi) -> Rows:
    rows = np.zeros(len(states), TAXI)
    rows["lat"], rows["lon"], rows["state"] = DOOR.lat, DOOR.lon, states
    return rows


def test_who_takes_a_passenger_loses_his_place_and_begins_anew_at_the_end():
    ranks = Ranks([Area(Zone("站前", Mode.QUEUE), [(lat, lon) for lon, lat in BOX])])
    first, both = at_the_rank(Taxi.VACANT), at_the_rank(Taxi.VACANT, Taxi.VACANT)
    ranks.line_up(["b"], first)
    ranks.line_up(["a", "b"], both)
    assert both["rank"].tolist() == [0, 0]
    assert both["turn"][1] < both["turn"][0]
    away = at_the_rank(Taxi.VACANT, Taxi.OCCUPIED)
    ranks.line_up(["a", "b"], away)
    assert away["rank"].tolist() == [0, -1]
    back = at_the_rank(Taxi.VACANT, Taxi.VACANT)
    ranks.line_up(["a", "b"], back)
    assert back["turn"][0] < back["turn"][1]
