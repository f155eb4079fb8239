"""The web application: routes behind the gate, errors as problems, and its description."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from dashboard import files
from dashboard.gate import COOKIE, OPEN, Gate
from dashboard.parts import Parts
from dashboard.problem import HANDLERS
from dashboard.routes import bookings, health, hints, live, map, musters, series, session, storage, vehicles
from dashboard.routes.answers import PROBLEM_SCHEMA

VERSION = "1"
DESCRIPTION = """Vehicles, their last states and routes, bookings, and the live feed of a taxi bureau.

Log in with `POST /api/v1/session`; the answer sets a cookie and holds a token for `Authorization: Bearer`.
Errors are `application/problem+json` (RFC 9457). Times are RFC 3339 in UTC, places WGS-84 degrees.

`GET /api/v1/live` is a WebSocket with binary frames; its layout is in docs/live-feed.md.
"""


def create_app(parts: Parts) -> FastAPI:
    """The application. `parts.running()` must be entered while it serves."""
    app = FastAPI(
        title="taxihub", version=VERSION, description=DESCRIPTION, docs_url=None, redoc_url=None,
        openapi_url="/openapi.json", exception_handlers=HANDLERS,
    )  # fmt: skip
    app.state.parts = parts
    app.add_middleware(Gate, database=parts.database)
    for module in (session, vehicles, bookings, series, hints, musters, live, map, storage, health, files):
        app.include_router(module.router)
    app.openapi = lambda: _described(app)  # type: ignore[method-assign]
    return app


def _described(app: FastAPI) -> dict[str, Any]:
    """OpenAPI with both ways to show a log-in, and the one error model."""
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        parts = schema.setdefault("components", {})
        parts.setdefault("schemas", {})["Problem"] = PROBLEM_SCHEMA
        parts["securitySchemes"] = {
            "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "Set by POST /api/v1/session"},
            "token": {"type": "http", "scheme": "bearer", "description": "`token` of POST /api/v1/session"},
        }
        schema["security"] = [{"cookie": []}, {"token": []}]
        for method, path in OPEN:
            if operation := schema["paths"].get(path, {}).get(method.lower()):
                operation["security"] = []
        app.openapi_schema = schema
    return app.openapi_schema
