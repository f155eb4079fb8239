"""`python -m tracking match` as its user meets it: an answer for every trip, a name for every line that is none."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from simulator.roads.route import Roads
from tests.simulated_trips import START_S, Trip, right_share, trips


def run(network: Path, text: str | bytes, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    raw = text.encode() if isinstance(text, str) else text
    command = [sys.executable, "-m", "tracking", "match", "--roads", str(network), *arguments]
    return subprocess.run(command, input=raw, capture_output=True, timeout=100, check=False)


def asked(name: Any, trip: Trip) -> dict[str, Any]:
    places = zip(trip.fixes.time.tolist(), trip.fixes.lat.tolist(), trip.fixes.lon.tolist(), strict=True)
    return {"id": name, "fixes": [{"time": t / 1e6, "lat": lat, "lon": lon} for t, lat, lon in places]}


def lines(trips: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(trip) + "\n" for trip in trips)


@pytest.fixture(scope="module")
def drives(driven_roads: Roads) -> list[Trip]:
    return trips(driven_roads, 12, 10, seed=8)


def test_every_trip_gets_its_line_in_order(network: Path, drives: list[Trip]):
    done = run(network, lines([asked(f"行程{i}", trip) for i, trip in enumerate(drives)]))
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, done.stderr) == (0, b"")
    assert [answer["id"] for answer in answers] == [f"行程{i}" for i in range(12)]
    matched = []
    for trip, answer in zip(drives, answers, strict=True):
        assert {"id", "length_m", "confidence", "geometry", "edges", "gaps", "outliers"} == set(answer)
        assert 0 < answer["confidence"] <= 1
        assert sum(edge["length_m"] for edge in answer["edges"]) == pytest.approx(answer["length_m"], abs=3)
        assert all(120.7 < lon < 121.3 and 31 < lat < 31.6 for lon, lat in answer["geometry"])
        assert all(edge["speed_limit_kmh"] in (None, *range(10, 130, 10)) for edge in answer["edges"])
        metres: Counter[int] = Counter()
        for edge in answer["edges"]:
            metres[edge["way"]] += edge["length_m"]
        matched.append((trip, metres))
    assert right_share(matched) >= 0.97


def test_fixes_in_any_order_and_twice_and_iso_times_are_the_same_trip(network: Path, drives: list[Trip]):
    trip = asked(1, drives[0])
    mixed = {"id": 1, "fixes": trip["fixes"][::-1] + trip["fixes"][5:9]}
    stamped = json.loads(json.dumps(trip))
    for fix in stamped["fixes"]:
        minutes, seconds = divmod(int(fix["time"]) - START_S, 60)
        fix["time"] = f"2025-11-25T00:{minutes:02}:{seconds:02}+08:00"
    one, two, three = (json.loads(line) for line in run(network, lines([trip, mixed, stamped])).stdout.splitlines())
    assert one == two
    assert (one["geometry"], one["edges"]) == (three["geometry"], three["edges"])
    assert all(time.endswith("+08:00") for time in three["outliers"])


def test_a_trip_that_the_network_does_not_cover_is_answered_clearly(network: Path, drives: list[Trip]):
    away = asked("away", drives[0])
    for fix in away["fixes"]:
        fix["lat"] += 10
    done = run(network, lines([away, asked("here", drives[1]), {"id": None, "fixes": []}]))
    first, second, third = (json.loads(line) for line in done.stdout.splitlines())
    assert (done.returncode, done.stderr) == (0, b"")
    assert (first["length_m"], first["confidence"], first["edges"], first["geometry"]) == (0, 0, [], [])
    assert first["problem"] == "the road network does not cover this trip"
    assert [gap["cause"] for gap in first["gaps"]] == ["no_road"]
    assert second["length_m"] > 1000
    assert (third["id"], third["problem"]) == (None, "0 fixes are no trip: two at different times are needed")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{", "column 1: no JSON"),
        ("[]", "no trip: "),
        ('{"fixes": []}', "no trip: "),
        ('{"id": 1, "fixes": 5}', "no trip: "),
        ('{"id": 1, "fixes": [3]}', "fixes[0] is no object"),
        ('{"id": 1, "fixes": [{"time": 5, "lat": 31}]}', "fixes[0] has no lon"),
        ('{"id": 1, "fixes": [{"time": "noon", "lat": 31, "lon": 1}]}', "fixes[0].time: 'noon' is neither an ISO 8601"),
        ('{"id": 1, "fixes": [{"time": 5e12, "lat": 31, "lon": 1}]}', "is not between 1970 and 2100"),
        ('{"id": 1, "fixes": [{"time": 5, "lat": "31", "lon": 1}]}', "fixes[0].lat: '31' is no number"),
        ('{"id": 1, "fixes": [{"time": 5, "lat": 31, "lon": 181}]}', "fixes[0].lon: 181 is beyond 180 degrees"),
        (b"\xff\xfe", "column 1: no JSON"),
    ],
)
def test_a_bad_line_is_named_and_the_rest_goes_on(network: Path, drives: list[Trip], line: str | bytes, told: str):
    good = lines([asked("good", drives[2])]).encode()
    done = run(network, good + (line.encode() if isinstance(line, str) else line) + b"\n\n" + good)
    assert done.returncode == 1
    assert done.stderr.decode().startswith("match: line 2, ")
    assert told in done.stderr.decode()
    assert len(done.stdout.splitlines()) == 2


def test_a_directory_without_a_network_is_named(tmp_path: Path):
    done = run(tmp_path, "")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"holds no road network; make one: python -m tracking roads build FILE" in done.stderr


def test_a_reader_that_goes_away_ends_it_quietly(network: Path, drives: list[Trip], tmp_path: Path):
    file = tmp_path / "trips.jsonl"
    file.write_text(lines([asked(i, drives[i % 12]) for i in range(60)]))
    command = f"{sys.executable} -m tracking match --roads {network} {file} | head -n 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, timeout=100, check=True)
    assert len(done.stdout.splitlines()) == 1
    assert b"Traceback" not in done.stderr
