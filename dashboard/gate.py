"""The one gate in front of every route: nobody passes without a log-in, unless the way is listed as open.

A log-in is the cookie that `POST /api/v1/session` sets, or the same token as `Authorization: Bearer`.
Browsers of other sites are turned away as Go's `http.CrossOriginProtection` does it: by `Sec-Fetch-Site`,
else by comparing `Origin` with `Host`; a request with neither does not come from a browser.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.problem import Problem, database_away
from tracking.database import Database
from tracking.errors import DatabaseAway
from tracking.people import Account, whose

COOKIE = "taxihub_session"
OPEN = {("GET", "/"), ("GET", "/healthz"), ("GET", "/openapi.json"), ("POST", "/api/v1/session")}
"""What needs no log-in: the empty console, the log-in itself, health, the description of the API."""
OPEN_FILES = "/assets/"
"""The built console's files, which hold no data."""
SAFE = {"GET", "HEAD", "OPTIONS"}

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self';"
    " connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)
HEADERS = [
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
]


@dataclass(frozen=True, slots=True)
class Entrant:
    """Who passed the gate, and by which token."""

    account: Account
    token: str


class Gate:
    def __init__(self, app: ASGIApp, database: Database) -> None:
        self._app = app
        self._database = database

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        guarded = _with_headers(send)
        try:
            await self._admit(scope)
        except DatabaseAway as away:
            await database_away(away).response()(scope, receive, guarded)
        except Problem as problem:
            await problem.response()(scope, receive, guarded)
        else:
            await self._app(scope, receive, guarded)

    async def _admit(self, scope: Scope) -> None:
        """Sets scope["entrant"]. Raises Problem and DatabaseAway."""
        headers = Headers(scope=scope)
        method = "WEBSOCKET" if scope["type"] == "websocket" else scope["method"]
        bearer = _bearer(headers)
        if method not in SAFE and not bearer and _foreign(headers):
            raise Problem(403, "foreign_origin", f"requests from pages of {headers.get('origin')} are not taken")
        if _is_open(method, scope["path"]):
            return
        token = bearer or _cookie(headers)
        if not token:
            raise _no_login("this needs a log-in: POST /api/v1/session")
        async with self._database.connection() as db:
            account = await whose(db, token)
        if account is None:
            raise _no_login("the log-in has ended")
        scope["entrant"] = Entrant(account, token)


def _is_open(method: str, path: str) -> bool:
    method = "GET" if method == "HEAD" else method
    return (method, path) in OPEN or (method == "GET" and path.startswith(OPEN_FILES))


def _no_login(detail: str) -> Problem:
    return Problem(401, "no_login", detail, headers={"WWW-Authenticate": "Bearer"})


def _bearer(headers: Headers) -> str:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _cookie(headers: Headers) -> str:
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return morsel.value if morsel else ""


def _foreign(headers: Headers) -> bool:
    """Whether a browser says that a page of another site sent this."""
    site = headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return True
    origin = headers.get("origin")
    return origin is not None and site is None and urlsplit(origin).netloc != headers.get("host")


def _with_headers(send: Send) -> Callable[[Message], Awaitable[None]]:
    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *HEADERS]}
        await send(message)

    return guarded
