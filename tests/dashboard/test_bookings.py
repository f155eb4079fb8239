"""Calls by the API: taken once, warned about, seen by those who may, and put right by hand."""

import csv
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from dispatch.clock import CITY
from dispatch.migrate import migrate
from dispatch.sealing import Keys
from tests import stack
from tests.dashboard.conftest import PLATES, Api

BOOKINGS = "/api/v1/bookings"
DOOR = {"name": "前进中路168号人民医院", "lat": 31.385, "lon": 120.955, "note": "急诊门口"}
GOAL = {"name": "昆山南站", "lat": 31.3558, "lon": 120.9465, "note": ""}
NO_HINTS = {"hints": 0, "hints_followed": 0}
ROLES = ("call_taker", "dispatcher", "auditor", "safety_officer")


@pytest.fixture(scope="module")
def people(api: Api) -> Iterator[dict[str, httpx.Client]]:
    migrate(api.database)
    for role in ROLES:
        api.add_account(f"a-{role}", role)
    clients = {role: httpx.Client(base_url=api.console.url, timeout=20) for role in ROLES}
    for role, client in clients.items():
        assert client.post("/api/v1/session", json={"user": f"a-{role}", "password": stack.PASSWORD}).status_code == 200
    yield clients
    for client in clients.values():
        client.close()


@pytest.fixture
def taker(people: dict[str, httpx.Client]) -> httpx.Client:
    return people["call_taker"]


@pytest.fixture
def dispatcher(people: dict[str, httpx.Client]) -> httpx.Client:
    return people["dispatcher"]


def call(client: httpx.Client, key: str = "", **more: Any) -> httpx.Response:
    headers = {"Idempotency-Key": key or uuid.uuid4().hex}
    return client.post(BOOKINGS, headers=headers, json={"pick_up": DOOR, **more})


def taken(client: httpx.Client, **more: Any) -> dict[str, Any]:
    answer = call(client, **more)
    assert answer.status_code == 201, answer.text
    booking: dict[str, Any] = answer.json()["booking"]
    return booking


def event(client: httpx.Client, number: int, name: str, **more: str) -> httpx.Response:
    return client.post(f"{BOOKINGS}/{number}/events", json={"event": name, **more})


def test_a_call_is_taken_once_and_waits_for_a_taxi(taker: httpx.Client):
    first = call(taker, "one and the same", phone="138 1234 0001", destination=GOAL, needs=["wheelchair"])
    again = call(taker, "one and the same", phone="138 1234 0001", destination=GOAL, needs=["wheelchair"])
    assert (first.status_code, again.status_code) == (201, 200)
    booking = first.json()["booking"]
    assert again.json()["booking"]["id"] == booking["id"]
    assert (booking["state"], booking["phone"], booking["needs"]) == ("waiting", "138****0001", ["wheelchair"])
    other = call(taker, "one and the same", phone="13812340001", passengers=3)
    assert (other.status_code, other.json()["code"]) == (409, "key_used")


def test_a_number_is_nowhere_in_the_database_and_found_by_it(taker: httpx.Client, api: Api):
    booking = taken(taker, phone="+86 139-8765-4321")
    with psycopg.connect(api.database) as db:
        (row,) = db.execute("SELECT to_jsonb(booking)::text FROM booking WHERE id = %s", (booking["id"],)).fetchone()
    assert "39876543" not in row
    assert b"13987654321".hex() not in row
    found = taker.get(BOOKINGS, params={"phone": "13987654321"}).json()["items"]
    assert [one["id"] for one in found] == [booking["id"]]


def test_a_number_is_shown_in_full_to_who_says_why_and_that_is_journalled(taker: httpx.Client, api: Api):
    booking = taken(taker, phone="0512 5771 2345")
    assert booking["phone"] == "051****2345"
    where = f"{BOOKINGS}/{booking['id']}/phone"
    assert taker.post(where, json={"reason": ""}).status_code == 422
    assert taker.post(where, json={"reason": "司机找不到乘客"}).json() == {"phone": "051257712345"}
    with psycopg.connect(api.database) as db:
        rows = db.execute(
            "SELECT actor, detail FROM journal WHERE action = 'phone.view' AND object = %s",
            (f"booking/{booking['id']}",),
        ).fetchall()
    assert rows == [("a-call_taker", {"reason": "司机找不到乘客"})]


@pytest.mark.parametrize(
    ("more", "status", "code", "finding"),
    [
        ({"pick_up": {**DOOR, "name": " "}}, 422, "refused", "no_place"),
        ({"wanted": "2020-01-01T00:00:00Z"}, 422, "refused", "past"),
        ({"passengers": 40}, 422, "refused", "too_many"),
        ({"passengers": 0}, 422, "refused", "nobody"),
        ({"passengers": 7}, 409, "warned", "several_taxis"),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_is_said_in_words_to_be_read_aloud(
    taker: httpx.Client, more: dict[str, Any], status: int, code: str, finding: str
):
    answer = call(taker, **more)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code)
    (found,) = problem["findings"]
    assert found["code"] == finding
    assert found["zh"]
    assert found["en"]


def test_a_second_call_of_one_phone_is_warned_about_and_taken_when_the_caller_insists(taker: httpx.Client):
    first = taken(taker, phone="13700000007")
    again = call(taker, phone="13700000007")
    assert again.status_code == 409
    (found,) = again.json()["findings"]
    assert (found["code"], found["booking"]) == ("twice", str(first["id"]))
    assert call(taker, phone="13700000007", insist=True).status_code == 201


@pytest.mark.parametrize("phone", ["12345", "a" * 12, "1381234567x"])
def test_what_is_no_number_is_told(taker: httpx.Client, phone: str):
    answer = call(taker, phone=phone)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_phone")


def test_the_desk_assigns_by_plate_and_the_past_says_who(dispatcher: httpx.Client, taker: httpx.Client):
    booking = taken(taker)
    number = booking["id"]
    assert event(taker, number, "assign", plate="T1001").status_code == 409
    assert event(dispatcher, number, "assign", plate="X9999").json()["code"] == "no_taxi"
    given = event(dispatcher, number, "assign", plate="t1001").json()
    assert (given["state"], given["plate"]) == ("accepted", PLATES[0])
    taken_too = event(dispatcher, taken(taker)["id"], "assign", plate="T1001")
    assert (taken_too.status_code, taken_too.json()["code"]) == (409, "not_now")
    assert event(dispatcher, number, "withdraw").status_code == 409
    assert event(dispatcher, number, "withdraw", reason="重复订单").json()["state"] == "cancelled_by_centre"
    detail = dispatcher.get(f"{BOOKINGS}/{number}").json()
    assert [(step["event"], step["who"], step["plate"]) for step in detail["past"]] == [
        ("create", "a-call_taker", None), ("place", "a-call_taker", None), ("assign", "a-dispatcher", PLATES[0]),
        ("withdraw", "a-dispatcher", PLATES[0]),
    ]  # fmt: skip
    assert detail["past"][-1]["reason"] == "重复订单"
    assert detail["possible"] == []


def test_roles_see_and_do_what_is_theirs(people: dict[str, httpx.Client], nobody: httpx.Client):
    number = taken(people["call_taker"])["id"]
    assert people["auditor"].get(f"{BOOKINGS}/{number}").status_code == 200
    assert event(people["auditor"], number, "cancel").status_code == 403
    assert call(people["auditor"]).status_code == 403
    assert people["safety_officer"].get(BOOKINGS).status_code == 403
    assert nobody.get(BOOKINGS).status_code == 401
    assert "cancel" in people["call_taker"].get(f"{BOOKINGS}/{number}").json()["possible"]
    assert "assign" not in people["call_taker"].get(f"{BOOKINGS}/{number}").json()["possible"]
    assert event(people["call_taker"], number, "offer").json()["code"] == "not_by_hand"
    assert event(people["call_taker"], number, "cancel").json()["state"] == "cancelled_by_passenger"


def test_a_list_is_read_page_by_page_and_filtered(taker: httpx.Client):
    made = [taken(taker, rider=f"王{n}奶奶")["id"] for n in range(5)]
    seen: list[int] = []
    query: dict[str, Any] = {"limit": 2, "q": "奶奶", "state": "waiting"}
    while True:
        page = taker.get(BOOKINGS, params=query).json()
        seen += [one["id"] for one in page["items"]]
        if page["next"] is None:
            break
        query["before"] = page["next"]
    assert seen == made[::-1]
    assert taker.get(BOOKINGS, params={"state": "completed"}).json() == {"items": [], "next": None}
    assert taker.get(BOOKINGS, params={"state": "lost"}).status_code == 422
    assert [one["id"] for one in taker.get(BOOKINGS, params={"q": str(made[0])}).json()["items"]] == [made[0]]


def test_what_is_not_there_is_a_404(taker: httpx.Client):
    for path in ("", "/explain"):
        answer = taker.get(f"{BOOKINGS}/999999{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "no_booking")


def test_a_quote_is_about_and_says_what_it_rests_on(taker: httpx.Client):
    quote = taker.post("/api/v1/quotes", json={"pick_up": DOOR, "destination": GOAL}).json()
    assert quote["low_yuan"] <= quote["high_yuan"]
    assert quote["basis"] == "straight"
    assert "以计价器为准" in quote["zh"]
    assert 3 < quote["km"] < 7


def test_places_are_found_by_what_callers_say(taker: httpx.Client, api: Api, tmp_path: Path):
    file = tmp_path / "places.csv"
    with file.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(("name", "name_en", "kind", "town", "address", "lat", "lon", "aliases"))
        writer.writerow(("昆山站", "Railway Station", "station", "玉山镇", "人民北路", 31.394, 120.9502, "火车站"))
        writer.writerow(("昆山南站", "South", "station", "玉山镇", "柏庐南路", 31.3558, 120.9465, "高铁站|南站"))
        writer.writerow(("第一人民医院", "First Hospital", "hospital", "玉山镇", "前进中路", 31.3857, 120.9561, ""))
    environment = {"TAXIHUB_DATABASE_URL": api.database}
    done = dispatch(environment, "places", str(file))
    assert done.returncode == 0, done.stderr
    assert dispatch(environment, "places", str(file)).returncode == 0  # the same again adds nothing
    for said, name in (("高铁站", "昆山南站"), ("ksz", "昆山站"), ("yiyuan", "第一人民医院"), ("railway", "昆山站"),
                       ("昆山难站", "昆山南站"), ("柏庐南路", "昆山南站")):  # fmt: skip
        found = taker.get("/api/v1/places", params={"q": said}).json()["items"]
        assert found[0]["name"] == name, said
    assert taker.get("/api/v1/places", params={"q": "qqqq"}).json() == {"items": []}
    file.write_text("name,lat\n", "utf-8")
    assert "are missing" in dispatch(environment, "places", str(file)).stderr


def dispatch(environment: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dispatch", *command], cwd=stack.ROOT, env={**os.environ, **environment}, text=True,
        capture_output=True, timeout=60,
    )  # fmt: skip


def test_service_levels_count_what_is_over(taker: httpx.Client):
    number = taken(taker, channel="kiosk")["id"]
    event(taker, number, "cancel")
    now = datetime.now(UTC)
    interval = {"from": (now - timedelta(hours=1)).isoformat(), "to": (now + timedelta(hours=1)).isoformat()}
    told = taker.get("/api/v1/service-levels", params={**interval, "by": "channel"}).json()
    assert told["by"]["kiosk"] == {
        "calls": 1, "success": 0.0, "confirm_s": None, "confirm_p95_s": None, "door_s": None, "door_p95_s": None,
    }  # fmt: skip
    assert (
        taker.get("/api/v1/service-levels", params={"from": interval["to"], "to": interval["from"]}).status_code == 400
    )


def test_service_levels_tell_how_fair_and_how_empty_the_fleet_drove(taker: httpx.Client, api: Api):
    began = datetime(2026, 11, 1, 0, 0, tzinfo=UTC)
    say = "INSERT INTO message (terminal_id, digest, received, name, frame, reports) VALUES (%s, %s, %s, %s, '', %s)"
    ride = (
        "INSERT INTO trip (vehicle_id, start, finish, kind, length, fixes, longest_gap, open_start, open_finish)"
        " SELECT id, %s, %s, %s, %s, 9, 10, false, false FROM vehicle WHERE vehicle_class = 'taxi' ORDER BY id LIMIT 1"
    )
    with psycopg.connect(api.database) as db:
        terminals = [row[0] for row in db.execute("SELECT id FROM terminal ORDER BY id LIMIT 2").fetchall()]
        for n, (terminal, yuan) in enumerate(zip(terminals, (100, 300), strict=True)):
            meter = {
                "on": (began + timedelta(hours=1)).isoformat(), "off": (began + timedelta(hours=2)).isoformat(),
                "distance": 9000.0, "waiting": 0.0, "amount": yuan,
            }  # fmt: skip
            for hours, name, told in (
                (0, "sign_in", {"kind": "sign_in", "driver_licence": f"D{n}"}),
                (2, "trip", {"kind": "trip", "operation": n, "meter": meter}),
                (10, "sign_out", {"kind": "sign_out", "driver_licence": f"D{n}"}),
            ):
                digest = f"{n}{name}".encode()
                db.execute(say, (terminal, digest, began + timedelta(hours=hours), name, json.dumps([told])))
        for hours, kind, metres in ((1, "hail", 9000), (2, "cruising", 3000), (3, "parked", 50)):
            start = began + timedelta(hours=hours)
            db.execute(ride, (start, start + timedelta(minutes=20), kind, metres))
    interval = {"from": began.isoformat(), "to": (began + timedelta(hours=12)).isoformat()}
    told = taker.get("/api/v1/service-levels", params=interval).json()
    assert (
        told["fleet"] == {"drivers": 2, "gini": 0.25, "empty_share": 0.25, "empty_km": 3.0, "paid_km": 9.0} | NO_HINTS
    )
    before = {"from": "2026-10-01T00:00:00Z", "to": began.isoformat()}
    nothing = {"drivers": 0, "gini": None, "empty_share": None, "empty_km": 0.0, "paid_km": 0.0} | NO_HINTS
    assert taker.get("/api/v1/service-levels", params=before).json()["fleet"] == nothing


def test_a_new_key_seals_every_number_again_and_old_ones_stay_readable(taker: httpx.Client, api: Api):
    booking = taken(taker, phone="13600000036")
    var = Path(api.console.running.log).parent
    done = dispatch({"TAXIHUB_DATABASE_URL": api.database, "TAXIHUB_VAR": str(var)}, "rotate-keys")
    assert done.returncode == 0, done.stderr
    keys = Keys.read(var / "keys" / "phone.json")
    assert max(keys.sealing) == 2
    with psycopg.connect(api.database) as db:
        rows = db.execute("SELECT id, phone_sealed FROM booking WHERE phone_sealed IS NOT NULL").fetchall()
    assert {int.from_bytes(cipher[:2], "big") for _, cipher in rows} == {2}
    opened = {number: keys.open(cipher) for number, cipher in rows}
    assert opened[booking["id"]] == "13600000036"
    assert json.loads((var / "keys" / "phone.json").read_text())["index"]
    assert (var / "keys" / "phone.json").stat().st_mode & 0o077 == 0


def test_hints_are_turned_on_by_who_may_with_a_reason(people: dict[str, httpx.Client], dispatcher: httpx.Client):
    path, wish = "/api/v1/hints", {"on": True, "reason": "早高峰"}
    assert dispatcher.get(path).json() == {"on": False, "at": None, "who": "", "reason": ""}
    assert dispatcher.put(path, json={"on": True, "reason": ""}).status_code == 422
    told = dispatcher.put(path, json=wish).json()
    assert (told["on"], told["who"], told["reason"]) == (True, "a-dispatcher", "早高峰")
    assert people["auditor"].get(path).json() == told
    for role in ("auditor", "call_taker", "safety_officer"):
        assert people[role].put(path, json=wish).status_code == 403
    assert dispatcher.put(path, json={"on": False, "reason": "高峰结束"}).json()["on"] is False


SERIES = "/api/v1/series"
WORKDAYS = "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"


def repeat(client: httpx.Client, key: str = "", **more: Any) -> httpx.Response:
    """From tomorrow on at half past seven by the city's clock."""
    first = (datetime.now(CITY) + timedelta(days=1)).replace(hour=7, minute=30, second=0, microsecond=0)
    body = {"pick_up": DOOR, "destination": GOAL, "rule": "FREQ=DAILY", "wanted": first.isoformat(), **more}
    return client.post(SERIES, headers={"Idempotency-Key": key or uuid.uuid4().hex}, json=body)


def test_a_recurring_booking_is_taken_once_shown_and_left_out_on_a_day(taker: httpx.Client):
    key = uuid.uuid4().hex
    answer = repeat(taker, key, phone="13700000051")
    assert answer.status_code == 201, answer.text
    series = answer.json()["series"]
    assert (series["phone"], series["rule"]) == ("137****0051", "FREQ=DAILY")
    again = repeat(taker, key, phone="13700000051")
    assert (again.status_code, again.json()["series"]["id"]) == (200, series["id"])
    assert repeat(taker, key, rule="FREQ=MONTHLY").json()["code"] == "key_used"
    assert series["id"] in [one["id"] for one in taker.get(SERIES).json()["items"]]
    path = f"{SERIES}/{series['id']}"
    days = taker.get(path).json()["turns"]
    assert len(days) >= 34
    third = datetime.fromisoformat(days[2]["wanted"]).astimezone(CITY).date().isoformat()
    left_out = taker.post(f"{path}/skip", json={"day": third, "reason": "出差"}).json()
    assert left_out["turns"][2]["note"] == "出差"
    assert taker.post(f"{path}/skip", json={"day": third, "reason": "出差"}).status_code == 409
    assert taker.post(f"{path}/end", json={"reason": "搬家"}).json() == {"left": []}
    assert taker.post(f"{path}/end", json={"reason": "搬家"}).status_code == 409
    assert series["id"] not in [one["id"] for one in taker.get(SERIES).json()["items"]]
    assert series["id"] in [one["id"] for one in taker.get(SERIES, params={"running": False}).json()["items"]]
    assert [step["event"] for step in taker.get(path).json()["past"]] == ["create", "skip", "end"]
    assert {step["who"] for step in taker.get(path).json()["past"]} == {"a-call_taker"}


def test_a_recurring_booking_is_reviewed_like_any_other(taker: httpx.Client, people: dict[str, httpx.Client]):
    refused = repeat(taker, passengers=40)
    assert (refused.status_code, refused.json()["findings"][0]["code"]) == (422, "too_many")
    warned = repeat(taker, passengers=8)
    assert warned.status_code == 409
    assert repeat(taker, passengers=8, insist=True).status_code == 201
    for more in ({"rule": "FREQ=SECONDLY"}, {"rule": "FREQ=DAILY;UNTIL=20200101"}, {"wanted": None}):
        bad = repeat(taker, **more)
        assert (bad.status_code, bad.json()["code"]) == (400, "bad_series"), more
    assert repeat(people["auditor"]).status_code == 403
    assert taker.get(f"{SERIES}/999999").json()["code"] == "no_series"
    assert taker.post(f"{SERIES}/999999/end", json={"reason": "gone"}).status_code == 404


def test_the_days_of_a_rule_are_seen_before_it_is_taken(taker: httpx.Client):
    first = datetime(2027, 1, 1, 7, 30, tzinfo=CITY)  # a Friday
    told = taker.get(f"{SERIES}/preview", params={"rule": WORKDAYS, "first": first.isoformat()}).json()["items"]
    days = [datetime.fromisoformat(day).astimezone(CITY) for day in told]
    assert [day.day for day in days[:4]] == [1, 4, 5, 6]
    assert {(day.hour, day.minute) for day in days} == {(7, 30)}
    bad = taker.get(f"{SERIES}/preview", params={"rule": "FREQ=HOURLY", "first": first.isoformat()})
    assert bad.json()["code"] == "bad_series"


def test_a_new_key_seals_the_numbers_of_series_too(taker: httpx.Client, api: Api):
    series = repeat(taker, phone="13700000052").json()["series"]["id"]
    var = Path(api.console.running.log).parent
    done = dispatch({"TAXIHUB_DATABASE_URL": api.database, "TAXIHUB_VAR": str(var)}, "rotate-keys")
    assert done.returncode == 0, done.stderr
    keys = Keys.read(var / "keys" / "phone.json")
    with psycopg.connect(api.database) as db:
        row = db.execute("SELECT phone_sealed FROM series WHERE id = %s", (series,)).fetchone()
    assert row is not None
    assert keys.open(bytes(row[0])) == "13700000052"
    assert int.from_bytes(bytes(row[0])[:2], "big") == max(keys.sealing)


MUSTERS = "/api/v1/musters"


def muster(client: httpx.Client, key: str = "", **more: Any) -> httpx.Response:
    body = {"place": DOOR, "cars": 3, "reason": "暴雨", **more}
    return client.post(MUSTERS, headers={"Idempotency-Key": key or uuid.uuid4().hex}, json=body)


def test_a_muster_is_called_once_by_a_dispatcher_and_closed_with_a_reason(
    people: dict[str, httpx.Client], dispatcher: httpx.Client
):
    key = uuid.uuid4().hex
    made = muster(dispatcher, key)
    assert made.status_code == 201, made.text
    one = made.json()["muster"]
    assert (one["stage"], one["cars"], one["parts"], one["who"]) == ("open", 3, {}, "a-dispatcher")
    assert muster(dispatcher, key).json() == {"muster": one, "new": False}
    assert muster(dispatcher, key, cars=4).json()["code"] == "key_used"
    path = f"{MUSTERS}/{one['id']}"
    assert dispatcher.post(f"{path}/roll-call").json() == {"taxis": 0}
    assert dispatcher.post(f"{path}/release", json={"reason": ""}).status_code == 422
    assert dispatcher.post(f"{path}/release", json={"reason": "雨停"}).json() == {"taxis": 0}
    for again in ("release", "cancel"):
        assert dispatcher.post(f"{path}/{again}", json={"reason": "again"}).json()["code"] == "not_now"
    detail = people["auditor"].get(path).json()
    assert [step["event"] for step in detail["past"]] == ["call", "roll_call", "release"]
    assert people["auditor"].get(MUSTERS).json()["items"][0]["stage"] == "released"


def test_a_muster_of_nobody_or_of_everybody_is_refused_in_words(people: dict[str, httpx.Client]):
    for cars in (0, 10_000):
        answer = muster(people["dispatcher"], cars=cars)
        assert answer.status_code == 422
        (finding,) = answer.json()["findings"]
        assert (finding["code"], finding["refused"]) == ("bad_cars", True)
        assert str(cars) in finding["zh"]
    nowhere = muster(people["dispatcher"], place={**DOOR, "lat": 0, "lon": 0})
    assert nowhere.json()["findings"][0]["code"] == "no_degrees"
    for role in ("call_taker", "auditor"):
        assert muster(people[role]).status_code == 403
    assert people["auditor"].get(f"{MUSTERS}/999999").json()["code"] == "no_muster"
    assert people["dispatcher"].post(f"{MUSTERS}/999999/roll-call").status_code == 404
