"""Log-in and log-out."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime

from fastapi import APIRouter, Request, Response

from dashboard import schemas
from dashboard.gate import COOKIE
from dashboard.parts import Db, Parts, Process, Who
from dashboard.permission import permissions
from dashboard.problem import Problem
from dashboard.routes.answers import answers
from tracking import people

router = APIRouter(prefix="/api/v1/session", tags=["session"])


@router.post("", summary="Log in", responses=answers(401, 403, 422, 429, 503))
async def log_in(
    credentials: schemas.Credentials, request: Request, response: Response, parts: Process
) -> schemas.NewSession:
    """Sets an HttpOnly, SameSite=Strict cookie and returns the same token for `Authorization: Bearer`.

    After five refused passwords of an account, or twenty from an address, further tries have to wait:
    429 with `Retry-After`.
    """
    address = request.client.host if request.client else "unknown"
    name = credentials.user.strip()
    _throttle(parts, address, name)
    async with parts.hashing, parts.database.connection() as db:
        found = await people.log_in(db, name, credentials.password, address=address, lasting=parts.options.login_lasts)
    if found is None:
        raise Problem(401, "wrong_password", "this user and password do not belong together")
    account, token = found
    parts.by_address.succeeded(address)
    parts.by_account.succeeded(name)
    lasts = parts.options.login_lasts
    response.set_cookie(
        COOKIE, token, max_age=int(lasts.total_seconds()), httponly=True, samesite="strict",
        secure=parts.options.secure_cookie or request.url.scheme == "https",
    )  # fmt: skip
    response.headers["Cache-Control"] = "no-store"
    return schemas.NewSession(**_described(account, parts), token=token, expires=datetime.now(UTC) + lasts)


def _throttle(parts: Parts, address: str, name: str) -> None:
    """Count this try. Raises Problem 429 when it came too soon."""
    now = time.monotonic()
    wait = max(parts.by_address.wait_s(address, now), parts.by_account.wait_s(name, now))
    if wait > 0:
        seconds = math.ceil(wait)
        raise Problem(
            429, "too_many_tries", f"too many wrong passwords: try again in {seconds} s",
            headers={"Retry-After": str(seconds)}, retry_after_s=seconds,
        )  # fmt: skip
    parts.by_address.tried(address, now)
    parts.by_account.tried(name, now)


@router.get("", summary="Who is logged in", responses=answers(401, 503))
async def session(parts: Process, who: Who) -> schemas.Session:
    return schemas.Session(**_described(who.account, parts))


@router.delete("", status_code=204, summary="Log out", responses=answers(401, 403, 503))
async def log_out(response: Response, who: Who, db: Db) -> None:
    """Ends this log-in; live connections that were opened with it end too."""
    await people.log_out(db, who.token)
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")


def _described(account: people.Account, parts: Parts) -> dict[str, object]:
    return {
        "user": account.name, "role": account.role, "permissions": permissions(account.role),
        "timezone": parts.options.timezone,
    }  # fmt: skip
