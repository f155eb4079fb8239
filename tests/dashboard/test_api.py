"""The API as its clients meet it: a real process, a real database, real sockets."""

from datetime import datetime, timedelta

import httpx
import numpy as np
import psycopg
import pytest
from pydantic import TypeAdapter

from dashboard import schemas
from gateway.report import BAD, Flag, moment
from tests.dashboard.conftest import PLATES, Api, fixes
from tests.tracking.fixes import NOON

MORNING, EVENING = "2026-11-25T00:00:00Z", "2026-11-26T00:00:00Z"


def problem(answer: httpx.Response, status: int, code: str, *words: str) -> None:
    body = schemas.Problem.model_validate(answer.json())
    assert (answer.status_code, body.status, body.code) == (status, status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    for word in words:
        assert word in body.detail


def ids(admin: httpx.Client, q: str) -> list[str]:
    return [item["plate"] for item in admin.get("/api/v1/vehicles", params={"q": q}).json()["items"]]


def test_a_part_of_the_plate_finds_vehicles_in_any_case_and_script(admin: httpx.Client):
    assert ids(admin, "") == list(PLATES)
    assert ids(admin, "t100") == list(PLATES[:2])
    assert ids(admin, "D10024") == ids(admin, " d10024 ") == [PLATES[2]]
    assert ids(admin, "沪") == ids(admin, "沪a·0") == [PLATES[3]]
    assert ids(admin, "%") == ids(admin, "_") == []


def test_pages_join_to_the_whole(admin: httpx.Client):
    seen, after = [], 0
    while after is not None:
        page = schemas.Vehicles.model_validate(
            admin.get("/api/v1/vehicles", params={"after": after, "limit": 3}).json()
        )
        seen += [v.plate for v in page.items]
        after = page.next
    assert seen == list(PLATES)


def test_one_vehicle_with_its_last_state_in_the_units_of_the_road(admin: httpx.Client):
    answer = schemas.VehicleDetail.model_validate(admin.get("/api/v1/vehicles/1").json())
    rows = fixes().rows
    good = rows[(rows["terminal"] == 0) & (rows["flags"] == 0)]
    last = good[good["time"].argmax()]
    assert answer.last is not None
    assert (answer.last.lat, answer.last.lon, answer.last.time) == (last["lat"], last["lon"], moment(last["time"]))
    assert answer.last.odometer_km == pytest.approx(last["odometer"] / 1000, abs=0.0006)
    assert np.isnan(last["speed"])
    assert answer.last.speed_kmh is None
    assert answer.last.course_deg == pytest.approx(last["course"], abs=0.06)
    assert answer.terminal == "jt808/0"
    problem(admin.get("/api/v1/vehicles/999"), 404, "no_vehicle", "999")
    problem(admin.get("/api/v1/vehicles/0"), 422, "invalid", "path.id")


def route(admin: httpx.Client, start: str = MORNING, end: str = EVENING, **more: object) -> httpx.Response:
    return admin.get("/api/v1/vehicles/1/route", params={"from": start, "to": end, **more})


def test_a_route_is_in_order_and_shows_implausible_fixes_only_when_asked(admin: httpx.Client):
    mine = fixes().rows[fixes().rows["terminal"] == 0]
    bad = (mine["flags"] & int(BAD)) != 0
    answer = route(admin)
    good = TypeAdapter(schemas.Route).validate_json(answer.content)
    assert len(good.items) == (~bad).sum()
    assert [f.time for f in good.items] == sorted(moment(t) for t in mine["time"][~bad])
    assert sum(f.late for f in good.items) == (mine["flags"] == int(Flag.BACKFILL)).sum() > 0
    everything = schemas.Route.model_validate(route(admin, flagged=True).json())
    assert len(everything.items) == len(mine)
    assert [f.flags for f in everything.items if f.flags] == [["clock"]] * int(bad.sum())
    assert not good.truncated
    assert any(f.attributes.get("名") == "昆山" for f in good.items)


def test_a_route_takes_any_zone_and_is_half_open(admin: httpx.Client):
    start = NOON.astimezone(datetime.fromisoformat("2026-11-25T12:00:00+08:00").tzinfo)
    end = start + timedelta(seconds=40)
    inside = schemas.Route.model_validate(route(admin, start.isoformat(), end.isoformat()).json())
    assert [f.time for f in inside.items] == [NOON]
    assert schemas.Route.model_validate(route(admin, limit=7).json()).truncated


@pytest.mark.parametrize(
    ("start", "end", "status", "code", "words"),
    [
        (EVENING, MORNING, 400, "bad_interval", "ends before it starts"),
        (MORNING, MORNING, 400, "bad_interval", "ends before it starts"),
        (MORNING, "2027-11-25T00:00:00Z", 400, "long_interval", "31 days"),
        ("yesterday", EVENING, 422, "invalid", "query.from: 'yesterday' is no RFC 3339 time"),
        ("2026-11-25", EVENING, 422, "invalid", "query.from"),
        ("2026-11-25T00:00:00", EVENING, 422, "invalid", "query.from"),
        ("2026-13-25T00:00:00Z", EVENING, 422, "invalid", "query.from"),
        (MORNING, "1795579200", 422, "invalid", "query.to"),
        (MORNING, "2026-11-25T08:00:00 08:00", 422, "invalid", "%2B"),
    ],
)
def test_a_bad_interval_is_told_in_words(admin: httpx.Client, start, end, status, code, words):
    problem(route(admin, start, end), status, code, words)


def test_missing_and_unknown_things_of_a_route_are_told(admin: httpx.Client):
    problem(admin.get("/api/v1/vehicles/1/route"), 422, "invalid", "query.from", "query.to")
    problem(admin.get("/api/v1/vehicles/77/route", params={"from": MORNING, "to": EVENING}), 404, "no_vehicle", "77")


def test_days_for_the_replay(admin: httpx.Client):
    answer = schemas.Days.model_validate(admin.get("/api/v1/vehicles/1/days").json())
    (day,) = answer.items
    assert (answer.timezone, str(day.day)) == ("Asia/Shanghai", "2026-11-25")
    assert (day.start.isoformat(), day.end.isoformat()) == ("2026-11-24T16:00:00+00:00", "2026-11-25T16:00:00+00:00")
    assert day.fixes == len(route(admin).json()["items"])
    assert day.start <= day.first <= day.last < day.end


def test_who_looked_at_a_route_is_journalled(api: Api, admin: httpx.Client):
    assert route(admin, "2026-11-25T01:02:03Z").status_code == 200
    with psycopg.connect(api.database) as db:
        rows = db.execute("SELECT actor, object, detail FROM journal WHERE action = 'route.view'").fetchall()
    assert ("admin", "vehicle/1", {"plate": PLATES[0], "from": "2026-11-25T01:02:03Z", "to": EVENING}) in rows


def test_a_command_without_a_gateway_says_so_and_is_journalled(api: Api, admin: httpx.Client):
    answer = admin.post("/api/v1/vehicles/1/commands", json={"type": "send_text", "text": "请到南站", "urgent": True})
    assert answer.json()["outcome"] == "no_gateway"
    with psycopg.connect(api.database) as db:
        last = db.execute("SELECT action, detail FROM journal ORDER BY id DESC LIMIT 2").fetchall()
    said = {"type": "send_text", "text": "请到南站", "urgent": True, "plate": PLATES[0], "terminal": "jt808/0"}
    assert last == [("command.outcome", {"outcome": "no_gateway"}), ("command.send_text", said)]


@pytest.mark.parametrize(
    "body",
    [
        {}, {"type": "cut_oil"}, {"type": "send_text"}, {"type": "send_text", "text": ""}, ["send_text"],
        {"type": "send_text", "text": "x" * 201}, {"type": "send_text", "text": "a\0b"},
        {"type": "query_position", "terminal": "jt808/2"},
    ],
)  # fmt: skip
def test_a_malformed_command_is_refused(admin: httpx.Client, body):
    problem(admin.post("/api/v1/vehicles/1/commands", json=body), 422, "invalid", "body")


def test_odd_text_never_breaks_the_server(admin: httpx.Client, nobody: httpx.Client):
    problem(admin.get("/api/v1/vehicles?q=%00"), 422, "invalid", "query.q")
    assert admin.get("/api/v1/vehicles?q=%ff%fe").status_code == 200
    half = b'{"user": "\\ud83d", "password": "x"}'
    answer = nobody.post("/api/v1/session", content=half, headers={"content-type": "application/json"})
    problem(answer, 422, "invalid", "body.user")
    problem(nobody.post("/api/v1/session", content=b"{"), 422, "invalid")
    problem(admin.get("/api/v1/nothing"), 404, "not_found", "/api/v1/nothing")
    assert route(admin, "0001-01-01T00:00:00+14:00", "0001-01-02T00:00:00Z").status_code == 200
    assert route(admin, "9999-12-31T00:00:00-14:00", "9999-12-31T23:59:59-14:00").status_code == 200
    problem(admin.put("/api/v1/vehicles"), 405, "method_not_allowed", "PUT")


def test_the_description_is_complete(nobody: httpx.Client):
    schema = nobody.get("/openapi.json").json()
    assert set(schema["components"]["securitySchemes"]) == {"cookie", "token"}
    assert schema["paths"]["/healthz"]["get"]["security"] == []
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"], (method, path)
            errors = {s for s in operation["responses"] if s >= "400"}
            assert errors, (method, path)
            assert "HTTPValidationError" not in str(operation), (method, path)
            for parameter in operation.get("parameters", ()):
                assert parameter.get("description") or parameter.get("example") or "examples" in str(parameter)
    assert "HTTPValidationError" not in schema["components"]["schemas"]
