"""Errors of the API: `application/problem+json` (RFC 9457) with words that say what is wrong and where."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from tracking.errors import ArchiveDamaged, DatabaseAway

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """An answer other than the one that was asked for.

    code    stable key, by which programs and the console's translations know it
    detail  what is wrong, in words
    """

    def __init__(self, status: int, code: str, detail: str, *, headers: Mapping[str, str] | None = None, **more: Any):
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail
        self.headers, self.more = dict(headers or {}), more

    def response(self) -> Response:
        body = {
            "type": f"urn:taxihub:problem:{self.code}", "title": HTTPStatus(self.status).phrase,
            "status": self.status, "code": self.code, "detail": self.detail, **self.more,
        }  # fmt: skip
        return JSONResponse(body, self.status, {"Cache-Control": "no-store", **self.headers}, MEDIA_TYPE)


async def _problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return error.response()


def database_away(error: DatabaseAway) -> Problem:
    return Problem(503, "database_away", str(error), headers={"Retry-After": "5"})


async def _away(_: Request, error: Exception) -> Response:
    assert isinstance(error, DatabaseAway)
    return database_away(error).response()


async def _damaged(_: Request, error: Exception) -> Response:
    """No `Retry-After`: somebody has to bring the file back."""
    assert isinstance(error, ArchiveDamaged)
    return Problem(503, "archive_damaged", str(error), file=str(error.file), day=str(error.day)).response()


async def _invalid(_: Request, error: Exception) -> Response:
    """Each error with the place where it stands: `query.limit`, `body.text`."""
    assert isinstance(error, RequestValidationError)
    errors = [{"where": ".".join(map(str, e["loc"])), "what": _words(e)} for e in error.errors()]
    detail = "; ".join(f"{e['where']}: {e['what']}" for e in errors)
    return Problem(422, "invalid", detail, errors=errors).response()


def _words(error: Mapping[str, Any]) -> str:
    return str(error["msg"]).removeprefix("Value error, ")


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = HTTPStatus(error.status_code).name.lower()
    detail = f"{request.method} {request.url.path}: {error.detail}"
    return Problem(error.status_code, code, detail, headers=error.headers).response()


async def _bug(_: Request, error: Exception) -> Response:
    return Problem(500, "bug", "an error in the server; its log says which").response()


HANDLERS: dict[int | type[Exception], Any] = {
    Problem: _problem, DatabaseAway: _away, ArchiveDamaged: _damaged, RequestValidationError: _invalid,
    HTTPException: _http, Exception: _bug,
}  # fmt: skip
