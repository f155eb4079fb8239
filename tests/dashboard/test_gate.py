"""Nobody passes without a log-in; log-ins end; guessing gets slow; other sites' pages are turned away."""

from __future__ import annotations

import httpx
import psycopg
import pytest
from fastapi.routing import APIRoute, APIWebSocketRoute
from starlette.routing import Route
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from dashboard.app import create_app
from dashboard.gate import COOKIE, OPEN
from dashboard.parts import Options, Parts
from dashboard.permission import MAY, Permission
from dashboard.stream import LiveFeed
from dispatch.desk import Desk
from dispatch.sealing import Keys
from dispatch.tariff import Book
from gateway.bus import MemoryBus
from tests import stack
from tests.dashboard.conftest import Api
from tests.dashboard.test_api import problem
from tracking.database import Database
from tracking.people import Role
from tracking.roads.straight import Straight


def all_routes() -> list[tuple[str, str]]:
    """Every method and path that the application has, also those that its description leaves out."""
    bus, database = MemoryBus(), Database("")
    options = Options(*[None] * 7)  # type: ignore[arg-type]
    rest = (Desk(Keys(b"", {})), Book(()), Straight())
    app = create_app(Parts(options, bus, "", database, LiveFeed(bus, database, 1), *rest))
    found = []
    for route in flattened(app.routes):
        if isinstance(route, APIRoute | Route):
            found += [(method, route.path) for method in sorted(route.methods or ())]
        else:
            assert isinstance(route, APIWebSocketRoute), route
            found.append(("WEBSOCKET", route.path))
    return found


def flattened(routes: list) -> list:
    """Routes of included routers beside the application's own."""
    found = []
    for route in routes:
        inner = getattr(route, "original_router", None)
        found += flattened(inner.routes) if inner else [route]
    return found


EXPECTED_OPEN = {
    ("GET", "/"), ("GET", "/assets/{name}"), ("GET", "/healthz"), ("GET", "/openapi.json"), ("HEAD", "/openapi.json"),
    ("POST", "/api/v1/session"),
}  # fmt: skip


def test_every_route_but_the_listed_ones_refuses_without_a_log_in(api: Api, nobody: httpx.Client):
    routes = all_routes()
    assert len(routes) >= 14
    assert set(routes) >= EXPECTED_OPEN
    for method, path in routes:
        path = path.replace("{id}", "1").replace("{name}", "x.js")
        if (method, path.replace("x.js", "{name}")) in EXPECTED_OPEN:
            if method != "POST":
                assert nobody.request(method, path).status_code in (200, 404, 503), path
            continue
        if method == "WEBSOCKET":
            with pytest.raises(InvalidStatus) as refused:
                connect(api.console.url.replace("http", "ws") + path)
            assert refused.value.response.status_code == 401
        else:
            problem(nobody.request(method, path), 401, "no_login")
    problem(nobody.get("/what/ever"), 401, "no_login")
    problem(nobody.get("/assets/../api/v1/vehicles"), 401, "no_login")
    assert len(OPEN) == 4


@pytest.mark.parametrize("header", ["Bearer nonsense", "Basic YWRtaW46YWRtaW4=", "bearer\txyz"])
def test_a_made_up_token_is_none(nobody: httpx.Client, header):
    problem(nobody.get("/api/v1/vehicles", headers={"Authorization": header}), 401, "no_login")


def test_cookie_and_token_both_open(api: Api, nobody: httpx.Client):
    answer = nobody.post("/api/v1/session", json={"user": "admin", "password": stack.PASSWORD})
    said = answer.headers["set-cookie"].lower()
    assert all(word in said for word in ("httponly", "samesite=strict", "path=/"))
    assert nobody.get("/api/v1/session").json()["user"] == "admin"
    bearer = {"Authorization": f"Bearer {answer.json()['token']}"}
    with api.client() as other:
        assert other.get("/api/v1/session", headers=bearer).json()["role"] == "administrator"
        assert other.delete("/api/v1/session", headers=bearer).status_code == 204
    problem(nobody.get("/api/v1/session"), 401, "no_login", "ended")


def test_the_cookie_itself_is_nowhere_in_the_database(api: Api, nobody: httpx.Client):
    nobody.post("/api/v1/session", json={"user": "admin", "password": stack.PASSWORD})
    token = nobody.cookies[COOKIE]
    with psycopg.connect(api.database) as db:
        assert token not in str(db.execute("SELECT * FROM login").fetchall())


def test_wrong_password_and_unknown_user_are_told_alike_and_slow_down(api: Api):
    api.add_account("throttled", "auditor")
    with api.client() as eve:
        answers = {}
        for user in ("throttled", "nobody-of-that-name"):
            tries = [eve.post("/api/v1/session", json={"user": user, "password": "wrong password"}) for _ in range(6)]
            assert [t.status_code for t in tries] == [401] * 5 + [429]
            problem(tries[5], 429, "too_many_tries", "try again in 1 s")
            assert tries[5].headers["retry-after"] == "1"
            answers[user] = tries[0].json()
        assert answers["throttled"] == answers["nobody-of-that-name"]
    with api.client("admin"):
        pass  # others are not held up


def test_a_reset_password_ends_every_log_in(api: Api):
    api.add_account("forgetful", "dispatcher")
    with api.client("forgetful") as client:
        assert client.get("/api/v1/vehicles").status_code == 200
        env = {"TAXIHUB_DATABASE_URL": api.database}
        done = stack.account(env, "reset-password", "forgetful", password="another long password")
        assert done.returncode == 0, done.stderr
        problem(client.get("/api/v1/vehicles"), 401, "no_login")
    with api.client("forgetful", "another long password") as client:
        assert client.get("/api/v1/vehicles").status_code == 200


ASKS = {
    Permission.COMMAND: ("POST", "/api/v1/vehicles/1/commands", {"type": "query_position"}),
    Permission.HISTORY: ("GET", "/api/v1/vehicles/1/days", None),
    Permission.STORAGE: ("GET", "/api/v1/quarantine", None),
    Permission.REPLAY: ("POST", "/api/v1/quarantine/replay", {"ids": "all"}),
}


@pytest.mark.parametrize("role", list(Role))
def test_roles_may_what_the_table_says_and_nothing_else(api: Api, role: Role):
    name = f"one-{role}"
    api.add_account(name, role)
    with api.client(name) as client:
        assert client.get("/api/v1/vehicles").status_code == 200
        for permission, (method, path, body) in ASKS.items():
            answer = client.request(method, path, json=body)
            if role in MAY[permission]:
                assert answer.status_code == 200
            else:
                problem(answer, 403, "not_permitted", role)


@pytest.mark.parametrize(
    ("headers", "taken"),
    [
        ({}, True),
        ({"Origin": "{here}"}, True),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "{here}"}, True),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "{here}"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
    ],
)
def test_pages_of_other_sites_change_nothing(api: Api, admin: httpx.Client, headers, taken):
    headers = {k: v.replace("{here}", api.console.url) for k, v in headers.items()}
    for path, body in (("/api/v1/vehicles/1/commands", {"type": "query_position"}), ("/api/v1/session", {})):
        answer = admin.post(path, json=body, headers=headers)
        if taken:
            assert answer.status_code in (200, 422)
        else:
            problem(answer, 403, "foreign_origin")


def test_a_websocket_of_another_site_is_refused(api: Api, admin: httpx.Client):
    cookie = {"Cookie": f"{COOKIE}={admin.cookies[COOKIE]}"}
    url = api.console.url.replace("http", "ws") + "/api/v1/live"
    with pytest.raises(InvalidStatus) as refused:
        connect(url, additional_headers=cookie, origin="https://evil.example")
    assert refused.value.response.status_code == 403
    with connect(url, additional_headers=cookie, origin=api.console.url) as live:
        assert live.recv()


def test_security_headers_stand_on_every_answer(admin: httpx.Client, nobody: httpx.Client):
    for answer in (
        admin.get("/api/v1/vehicles"),
        nobody.get("/api/v1/vehicles"),
        nobody.get("/"),
        nobody.get("/healthz"),
    ):
        policy = answer.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert "server" not in nobody.get("/").headers
