"""Recurring bookings: taken, looked at, left out on a day, ended."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from dashboard import ordering
from dashboard.parts import Db, Parts, Process, Who
from dashboard.problem import Problem
from dashboard.routes.answers import answers
from dashboard.routes.bookings import BOOK, LAST_ID, LOOK, Key, Number, author, refusal
from dashboard.schemas import Moment, Text
from dispatch import series
from dispatch.desk import Refused
from dispatch.errors import BookingError, InputError, KeyUsed
from dispatch.recurrence import occurrences
from dispatch.series import SHOWN, Series
from tracking.database import Connection

router = APIRouter(prefix="/api/v1/series", tags=["bookings"])
MOST = 20


@router.post(
    "", summary="Take a recurring booking", dependencies=[BOOK], responses=answers(400, 401, 403, 409, 422, 503)
)
async def take(
    wanted: ordering.NewSeries, db: Db, parts: Process, who: Who, response: Response, key: Key
) -> ordering.SeriesTaken:
    """As a booking is taken: the same key again is the same series, warnings are read to the caller."""
    now = datetime.now(UTC)
    try:
        made = await parts.desk.repeat(
            db, wanted.booking(key, now), wanted.rule, wanted.phone, author(who), now, insists=wanted.insist
        )
    except Refused as refused:
        raise refusal(refused) from refused
    except KeyUsed as error:
        raise Problem(409, "key_used", str(error)) from error
    except InputError as error:
        raise Problem(400, "bad_series", str(error)) from error
    response.status_code = 201 if made.new else 200
    one = await _shown(db, parts, await _found(db, made.id))
    return ordering.SeriesTaken.model_validate({"series": one, "new": made.new})


@router.get("", summary="Recurring bookings", dependencies=[LOOK], responses=answers(401, 403, 422, 503))
async def page(
    db: Db, parts: Process,
    running: Annotated[bool, Query(description="Only those that are not over")] = True,
    before: Annotated[int, Query(ge=1, le=LAST_ID, description="`next` of the page before")] = LAST_ID,
    limit: Annotated[int, Query(ge=1, le=1000, description="Most on a page")] = 200,
) -> ordering.SeriesPage:  # fmt: skip
    found = await series.page(db, before, limit + 1, running=running)
    phones = await parts.desk.repeated(db, found[:limit])
    items = [ordering.series(one, phone) for one, phone in zip(found[:limit], phones, strict=True)]
    return ordering.SeriesPage.model_validate({
        "items": items, "next": items[-1]["id"] if len(found) > limit else None,
    })  # fmt: skip


@router.get("/preview", summary="When it would come", dependencies=[LOOK], responses=answers(400, 401, 403, 422))
async def preview(
    rule: Annotated[Text, Query(min_length=10, max_length=200, description="RFC 5545")],
    first: Annotated[Moment, Query(description="When the first one is wanted")],
) -> ordering.Dates:
    """Its first days, nothing is stored."""
    start = max(first, datetime.now(UTC))
    try:
        return ordering.Dates(items=occurrences(rule, first, start, start + SHOWN)[:MOST])
    except InputError as error:
        raise Problem(400, "bad_series", str(error)) from error


@router.get("/{id}", summary="One with its days", dependencies=[LOOK], responses=answers(401, 403, 404, 422, 503))
async def detail(number: Number, db: Db, parts: Process) -> ordering.SeriesDetail:
    one = await _found(db, number)
    turns = await series.turns(db, one, datetime.now(UTC))
    return ordering.SeriesDetail.model_validate({
        "series": await _shown(db, parts, one), "turns": [asdict(turn) for turn in turns],
        "past": [asdict(step) for step in await series.steps(db, number)],
    })  # fmt: skip


@router.post(
    "/{id}/skip", summary="Leave a day out", dependencies=[BOOK], responses=answers(401, 403, 404, 409, 422, 503)
)  # fmt: skip
async def skip(number: Number, wanted: ordering.WantedSkip, db: Db, parts: Process, who: Who) -> ordering.SeriesDetail:
    """Its booking is cancelled, if there is one already."""
    await _found(db, number)
    try:
        await series.skip(db, number, wanted.day, author(who), datetime.now(UTC), wanted.reason)
    except BookingError as error:
        raise Problem(409, "not_now", str(error)) from error
    return await detail(number, db, parts)


@router.post("/{id}/end", summary="End it", dependencies=[BOOK], responses=answers(401, 403, 404, 409, 422, 503))
async def end(number: Number, wanted: ordering.WantedEnd, db: Db, who: Who) -> ordering.Ended:
    """Bookings that no taxi has are cancelled; the others are told."""
    await _found(db, number)
    try:
        left = await series.end(db, number, author(who), datetime.now(UTC), wanted.reason)
    except BookingError as error:
        raise Problem(409, "not_now", str(error)) from error
    return ordering.Ended(left=left)


async def _found(db: Connection, number: int) -> Series:
    try:
        return await series.find(db, number)
    except BookingError as error:
        raise Problem(404, "no_series", str(error)) from error


async def _shown(db: Connection, parts: Parts, one: Series) -> dict[str, Any]:
    (phone,) = await parts.desk.repeated(db, [one])
    return ordering.series(one, phone)
