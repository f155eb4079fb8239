"""`python -m dispatch solve` as its user meets it: files, answers, errors."""

import json
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from dispatch import solve
from dispatch.errors import InputError
from dispatch.sphere import distance_m
from tests.dispatch.scenes import crowded, even

ROOT = Path(__file__).resolve().parents[2]


def solved(path: Path | str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dispatch", "solve", str(path)]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, cwd=ROOT, check=False, timeout=60)


def question(bookings: int, taxis: int, seed: int = 0, *, draw: Any = even) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    states = rng.choice(["vacant", "occupied", "booked", "off"], taxis, p=[0.7, 0.1, 0.1, 0.1]).tolist()
    return {
        "now": "2026-11-25T08:00:00+08:00",
        "bookings": [
            {"id": f"b{n}", "lat": lat, "lon": lon, "wait_s": n % 90}
            for n, (lat, lon) in enumerate(draw(bookings, rng).tolist())
        ],
        "taxis": [
            {"id": f"苏E{n}", "lat": lat, "lon": lon, "state": states[n]}
            for n, (lat, lon) in enumerate(draw(taxis, rng).tolist())
        ],
        "cost": "straight",
    }


def best(asked: dict[str, Any]) -> tuple[int, float]:
    """The exact optimum on the complete graph, worked out from nothing but the file and the formula."""
    vacant = [t for t in asked["taxis"] if t["state"] == "vacant"]
    cost = np.array(
        [[distance_m(b["lat"], b["lon"], t["lat"], t["lon"]) / 8.33 for t in vacant] for b in asked["bookings"]]
    )
    rows, columns = linear_sum_assignment(cost)
    return len(rows), float(cost[rows, columns].sum())


@pytest.mark.parametrize("draw", [even, crowded])
@pytest.mark.parametrize(("bookings", "taxis"), [(40, 300), (250, 500), (300, 100)])
def test_the_answer_is_the_optimum(tmp_path: Path, bookings: int, taxis: int, draw: Any):
    asked = question(bookings, taxis, bookings, draw=draw)
    path = tmp_path / "snapshot.json"
    path.write_text(json.dumps(asked, ensure_ascii=False), "utf-8")
    ended = solved(path)
    assert (ended.returncode, ended.stderr) == (0, "")
    told = json.loads(ended.stdout)
    served, total = best(asked)
    assert len(told["assignments"]) == served
    assert told["total_cost_s"] == pytest.approx(total, rel=1e-9)
    assert set(told) == {"assignments", "unserved", "total_cost_s"}
    by_id = {row["id"]: row for row in asked["bookings"] + asked["taxis"]}
    for row in told["assignments"]:
        b, t = by_id[row["booking"]], by_id[row["taxi"]]
        assert t["state"] == "vacant"
        assert row["cost_s"] == pytest.approx(distance_m(b["lat"], b["lon"], t["lat"], t["lon"]) / 8.33, abs=1e-6)
    told_ids = [row["booking"] for row in told["assignments"]] + told["unserved"]
    assert sorted(told_ids) == sorted(b["id"] for b in asked["bookings"])
    assert len({row["taxi"] for row in told["assignments"]}) == served


def test_the_order_of_rows_changes_nothing():
    asked = question(120, 900, 3)
    for row in asked["bookings"] + asked["taxis"]:
        row["lat"], row["lon"] = round(row["lat"], 2), round(row["lon"], 2)  # so that much is equally good
    answers = set()
    for seed in range(5):
        for rows in (asked["bookings"], asked["taxis"]):
            Random(seed).shuffle(rows)
        answers.add(json.dumps(solve.answer(solve.read(json.dumps(asked).encode()))))
    assert len(answers) == 1


def test_of_equally_near_taxis_the_first_by_id_serves():
    place = {"lat": 31.3, "lon": 120.9}
    taxis = [{"id": key, **place, "state": "vacant"} for key in ("c", "a", "b")]
    asked = {"now": 0, "bookings": [{"id": "x", **place, "wait_s": 0}], "taxis": taxis, "cost": "straight"}
    told = solve.answer(solve.read(json.dumps(asked).encode()))
    assert told == {
        "assignments": [{"booking": "x", "taxi": "a", "cost_s": 0.0}], "unserved": [], "total_cost_s": 0.0,
    }  # fmt: skip


def test_a_road_without_a_network_is_said_and_marked():
    ended = solved("-", json.dumps({**question(2, 5), "cost": "road"}))
    assert ended.returncode == 0
    assert "no road network" in ended.stderr
    told = json.loads(ended.stdout)
    assert told.pop("fallback") == "straight"
    assert told == solve.answer(solve.read(json.dumps(question(2, 5)).encode()))


@pytest.mark.parametrize(("bookings", "taxis"), [(0, 0), (3, 0), (0, 3)])
def test_empty_lists_have_an_answer(bookings: int, taxis: int):
    ended = solved("-", json.dumps(question(bookings, taxis)))
    assert (ended.returncode, ended.stderr) == (0, "")
    unserved = [f"b{n}" for n in range(bookings)]
    assert json.loads(ended.stdout) == {"assignments": [], "unserved": unserved, "total_cost_s": 0.0}


def test_ids_that_are_numbers_stay_numbers():
    place = {"lat": 31.3, "lon": 120.9}
    asked = {"bookings": [{"id": 7, **place}, {"id": 8, **place}], "taxis": [{"id": 12, **place, "state": "vacant"}]}
    told = solve.answer(solve.read(json.dumps(asked).encode()))
    assert (told["assignments"][0]["booking"], told["assignments"][0]["taxi"], told["unserved"]) == (7, 12, [8])


def changed(path: str, value: Any) -> bytes:
    """A sound file with one value set, or taken out."""
    asked = question(3, 3)
    *way, last = (int(step) if step.isdigit() else step for step in path.split("."))
    place: Any = asked
    for step in way:
        place = place[step]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return json.dumps(asked).encode()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe{}", "not JSON"),
        (b'{"bookings": [', "not JSON"),
        (b"[]", "an object"),
        (b"{}", '"bookings" is missing'),
        (changed("taxis", ...), '"taxis" is missing'),
        (changed("taxis", {}), '"taxis" is no list but {}'),
        (changed("bookings.1", 5), r"bookings\[1\]: an object is expected, not 5"),
        (changed("bookings.1.id", ...), r"bookings\[1\]: id is missing"),
        (changed("bookings.1.id", ""), r"bookings\[1\]: id must be a text"),
        (changed("bookings.1.id", "b0"), r'bookings\[1\]: booking id "b0" stands twice, first in bookings\[0\]'),
        (changed("taxis.2.id", "苏E0"), r'taxis\[2\]: taxi id "苏E0" stands twice, first in taxis\[0\]'),
        (changed("bookings.2.lat", 90.5), r'bookings\[2\], booking "b2": lat 90.5 must be within -90..90'),
        (changed("bookings.2.lon", -181), r'bookings\[2\], booking "b2": lon -181 must be within -180..180'),
        (changed("bookings.2.lat", "31"), r'booking "b2": lat must be a number, not "31"'),
        (changed("bookings.2.lat", None), r'booking "b2": lat is null'),
        (changed("bookings.2.lat", True), r'booking "b2": lat must be a number, not true'),
        (changed("bookings.0.lon", ...), r'booking "b0": lon is missing'),
        (changed("bookings.0.wait_s", -1), r'booking "b0": wait_s -1 must be at least 0'),
        (changed("taxis.1.state", "busy"), r'taxis\[1\], taxi "苏E1": state "busy" is none of vacant, occupied'),
        (changed("taxis.1.state", ...), r'taxi "苏E1": state is missing'),
        (changed("cost", "air"), '"straight" or "road" is expected, not "air"'),
        (changed("now", "yesterday"), "now: "),
        (changed("now", []), "now: "),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: bytes, said: str):
    with pytest.raises(InputError, match=said):
        solve.read(text)


def test_a_bad_file_ends_with_2_and_says_nothing_on_standard_output(tmp_path: Path):
    path = tmp_path / "bad.json"
    path.write_bytes(changed("bookings.1.lat", 100))
    for ended in (solved(path), solved(tmp_path / "none.json")):
        assert (ended.returncode, ended.stdout) == (2, "")
        assert str(tmp_path) in ended.stderr
        assert "Traceback" not in ended.stderr
