"""Musters: taxis are called to a place, counted, asked whether they are there, and let go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from dashboard import ordering
from dashboard.parts import Db, Process, Who, permitted
from dashboard.permission import Permission
from dashboard.problem import Problem
from dashboard.routes.answers import answers
from dashboard.routes.bookings import LAST_ID, LOOK, Key, Number, refusal
from dispatch import intake, musters, queries
from dispatch.desk import Refused
from dispatch.errors import KeyUsed, MusterError
from dispatch.gathering import review
from dispatch.musters import Muster
from dispatch.sphere import distance_m
from tracking.database import Connection

router = APIRouter(prefix="/api/v1/musters", tags=["fleet"])
DIRECT = permitted(Permission.DIRECT)


@router.post("", summary="Call taxis to a place", dependencies=[DIRECT], responses=answers(401, 403, 409, 422, 503))
async def call(
    wanted: ordering.NewMuster, db: Db, parts: Process, who: Who, response: Response, key: Key
) -> ordering.MusterTaken:
    """The same key again is the same muster. Drivers are asked at once, the quickest there first."""
    now, place = datetime.now(UTC), wanted.place.place()
    reach = intake.review(intake.Request(place), parts.desk.rules, (), now) if place.name.strip() else []
    if found := [*review(place, wanted.cars), *reach]:
        raise refusal(Refused(found))
    try:
        made = await musters.call(db, key, place, wanted.cars, wanted.reason, who.account.name, now)
    except KeyUsed as error:
        raise Problem(409, "key_used", str(error)) from error
    response.status_code = 201 if made.new else 200
    (one,) = await _shown(db, [await _found(db, made.id)])
    return ordering.MusterTaken.model_validate({"muster": one, "new": made.new})


@router.get("", summary="Musters, newest first", dependencies=[LOOK], responses=answers(401, 403, 422, 503))
async def page(
    db: Db,
    before: Annotated[int, Query(ge=1, le=LAST_ID, description="`next` of the page before")] = LAST_ID,
    limit: Annotated[int, Query(ge=1, le=200, description="Most on a page")] = 50,
) -> ordering.MusterPage:
    found = await musters.page(db, before, limit + 1)
    items = await _shown(db, found[:limit])
    return ordering.MusterPage.model_validate({
        "items": items, "next": items[-1]["id"] if len(found) > limit else None,
    })  # fmt: skip


@router.get("/{id}", summary="One with its taxis", dependencies=[LOOK], responses=answers(401, 403, 404, 422, 503))
async def detail(number: Number, db: Db) -> ordering.MusterDetail:
    one = await _found(db, number)
    known, past = await musters.members(db, number), await musters.steps(db, number)
    taxis = {member.taxi for member in known} | {step.taxi for step in past if step.taxi}
    plates, seen = await queries.plates(db, taxis), await musters.seen(db, taxis)
    members = [
        {
            "plate": plates.get(member.taxi, member.taxi), "terminal": member.taxi, "part": member.part,
            "changed": member.changed, "rolled": member.rolled, "present": member.present,
            **_where(one, seen.get(member.taxi)),
        }
        for member in known
    ]  # fmt: skip
    (shown,) = await _shown(db, [one])
    steps = ordering.journal(past, plates)
    return ordering.MusterDetail.model_validate({"muster": shown, "members": members, "past": steps})


def _where(one: Muster, seen: tuple[datetime, float, float] | None) -> dict[str, Any]:
    if seen is None:
        return {"metres": None, "fix": None}
    at, lat, lon = seen
    return {"metres": round(distance_m(lat, lon, one.place.lat, one.place.lon), 1), "fix": at}


@router.post(
    "/{id}/roll-call", summary="Ask whether they are there", dependencies=[DIRECT],
    responses=answers(401, 403, 404, 409, 422, 503),
)  # fmt: skip
async def roll_call(number: Number, db: Db, who: Who) -> ordering.Told:
    """Everybody who comes or is there is asked; answers stand with the members."""
    await _found(db, number)
    try:
        return ordering.Told(taxis=await musters.roll_call(db, number, who.account.name, datetime.now(UTC)))
    except MusterError as error:
        raise Problem(409, "not_now", str(error)) from error


@router.post(
    "/{id}/release", summary="Let them go: it is done", dependencies=[DIRECT],
    responses=answers(401, 403, 404, 409, 422, 503),
)  # fmt: skip
async def release(number: Number, wanted: ordering.WantedEnd, db: Db, who: Who) -> ordering.Told:
    return await _close(db, number, who, wanted.reason, released=True)


@router.post(
    "/{id}/cancel", summary="Call it off", dependencies=[DIRECT], responses=answers(401, 403, 404, 409, 422, 503)
)
async def cancel(number: Number, wanted: ordering.WantedEnd, db: Db, who: Who) -> ordering.Told:
    return await _close(db, number, who, wanted.reason, released=False)


async def _close(db: Connection, number: int, who: Who, reason: str, *, released: bool) -> ordering.Told:
    await _found(db, number)
    try:
        many = await musters.close(db, number, who.account.name, datetime.now(UTC), reason, released=released)
    except MusterError as error:
        raise Problem(409, "not_now", str(error)) from error
    return ordering.Told(taxis=many)


async def _found(db: Connection, number: int) -> Muster:
    try:
        return await musters.find(db, number)
    except MusterError as error:
        raise Problem(404, "no_muster", str(error)) from error


async def _shown(db: Connection, many: Sequence[Muster]) -> list[dict[str, Any]]:
    parts = await musters.parts(db, [one.id for one in many])
    return [asdict(one) | {"parts": parts.get(one.id, {})} for one in many]
