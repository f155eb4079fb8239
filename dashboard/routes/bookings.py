"""Bookings: calls are taken, seen, and put right by hand; why a taxi was chosen; what it will cost, about."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Path, Query, Response

from dashboard import ordering
from dashboard.parts import Db, Process, Who, permitted
from dashboard.permission import Permission
from dashboard.problem import Problem
from dashboard.routes.answers import answers
from dashboard.schemas import Moment, Text
from dispatch import hints, levels, queries, tariff
from dispatch.booking import OPEN, TABLE, Actor, Event, State
from dispatch.desk import Refused
from dispatch.errors import BookingError, InputError, KeyUsed, UnknownBooking
from dispatch.rules import Rules
from dispatch.store import Author
from tracking import people
from tracking.database import Connection
from tracking.people import Role
from tracking.roads.port import Place

router = APIRouter(prefix="/api/v1", tags=["bookings"])
LAST_ID = 2**63 - 1
LONGEST = timedelta(days=92)
ACTORS: Mapping[Role, Actor] = {
    Role.ADMINISTRATOR: Actor.DISPATCHER, Role.DISPATCHER: Actor.DISPATCHER, Role.CALL_TAKER: Actor.CALL_TAKER,
}  # fmt: skip
LOOK, BOOK = permitted(Permission.BOOKINGS), permitted(Permission.BOOK)
Number = Annotated[int, Path(alias="id", ge=1, le=LAST_ID, description="Number of the booking", examples=[42])]
Key = Annotated[
    str,
    Header(
        alias="Idempotency-Key", min_length=8, max_length=128, description="Made up by the client, anew for each call"
    ),
]
Which = Literal["open", "waiting", "over", "all"] | State
STATES: Mapping[str, frozenset[State]] = {
    "open": OPEN, "waiting": frozenset({State.WAITING, State.OFFERED}), "over": frozenset(State) - OPEN,
    "all": frozenset(State),
}  # fmt: skip


@router.post("/bookings", summary="Take a call", dependencies=[BOOK], responses=answers(400, 401, 403, 409, 422, 503))
async def take(
    wanted: ordering.NewBooking, db: Db, parts: Process, who: Who, response: Response,
    key: Key,
) -> ordering.Taken:  # fmt: skip
    """The same key again is the same booking: 201 when it is new, 200 when it had come before.

    409 `warned`: read `findings` to the caller and send it again with `insist`; 422 `refused`: it cannot be taken.
    """
    now = datetime.now(UTC)
    try:
        made = await parts.desk.take(
            db, wanted.booking(key, now), wanted.phone, author(who), now, insists=wanted.insist
        )  # fmt: skip
    except Refused as refused:
        raise refusal(refused) from refused
    except KeyUsed as error:
        raise Problem(409, "key_used", str(error)) from error
    except InputError as error:
        raise Problem(400, "bad_phone", str(error)) from error
    response.status_code = 201 if made.new else 200
    one = await _shown(db, parts, made.id, now)
    return ordering.Taken.model_validate({"booking": one, "new": made.new})


def refusal(refused: Refused) -> Problem:
    """With what has to be read to the caller."""
    ends = any(finding.refused for finding in refused.findings)
    found = [asdict(finding) for finding in refused.findings]
    return Problem(422 if ends else 409, "refused" if ends else "warned", str(refused), findings=found)


def author(who: Who) -> Author:
    return Author(ACTORS.get(who.account.role, Actor.CALL_TAKER), who.account.name)


async def _shown(db: Connection, parts: Process, number: int, now: datetime) -> dict[str, Any]:
    """Raises Problem."""
    try:
        standing = await queries.booking(db, number)
    except UnknownBooking as error:
        raise Problem(404, "no_booking", str(error)) from error
    (one,) = await parts.desk.listed(db, [standing])
    return ordering.booking(one, now)


@router.get(
    "/bookings", summary="Bookings, newest first", dependencies=[LOOK], responses=answers(400, 401, 403, 422, 503)
)
async def page(
    db: Db, parts: Process,
    state: Annotated[Which, Query(description="open, waiting, over, all, or one state")] = "open",
    phone: Annotated[Text, Query(max_length=32, description="A caller's number, in full")] = "",
    q: Annotated[Text, Query(max_length=40, description="Part of a place, a rider, a note, or the number")] = "",
    before: Annotated[int, Query(ge=1, le=LAST_ID, description="`next` of the page before")] = LAST_ID,
    limit: Annotated[int, Query(ge=1, le=1000, description="Most on a page")] = 200,
) -> ordering.Bookings:  # fmt: skip
    now, states = datetime.now(UTC), STATES.get(state, frozenset())
    try:
        index = parts.desk.index(phone) if phone else None
    except InputError as error:
        raise Problem(400, "bad_phone", str(error)) from error
    found = await queries.page(db, states or {State(state)}, before, limit + 1, text=q.strip(), index=index)
    items = [ordering.booking(one, now) for one in await parts.desk.listed(db, found[:limit])]
    return ordering.Bookings.model_validate({
        "items": items, "next": items[-1]["id"] if len(found) > limit else None,
    })  # fmt: skip


@router.get(
    "/bookings/{id}", summary="One with its past", dependencies=[LOOK], responses=answers(401, 403, 404, 422, 503)
)
async def detail(number: Number, db: Db, parts: Process, who: Who) -> ordering.Detail:
    now = datetime.now(UTC)
    one, past = await _shown(db, parts, number, now), await queries.past(db, number)
    plates = await queries.plates(db, {step.taxi for step in past if step.taxi})
    actor = ACTORS.get(who.account.role)
    possible = [e for (state, e), rule in TABLE.items() if state is one["state"] and actor in rule.who]
    return ordering.Detail.model_validate({
        "booking": one, "past": ordering.journal(past, plates), "possible": sorted(possible),
    })  # fmt: skip


BY_HAND = frozenset(Event) - {Event.PLACE, Event.OFFER, Event.ACCEPT, Event.EXPIRE}


@router.post(
    "/bookings/{id}/events", summary="Put it right by hand", dependencies=[BOOK],
    responses=answers(400, 401, 403, 404, 409, 422, 503),
)  # fmt: skip
async def happen(number: Number, wanted: ordering.WantedEvent, db: Db, parts: Process, who: Who) -> ordering.Booking:
    """Cancel, assign, confirm an arrival, a no-show ... Who and why stay in its past. 409: it cannot be now."""
    now = datetime.now(UTC)
    if wanted.event not in BY_HAND:
        raise Problem(400, "not_by_hand", f"{wanted.event} is dispatch's own work")
    try:
        await parts.desk.do(
            db, number, wanted.event, author(who), now, reason=wanted.reason, plate=wanted.plate.strip()
        )  # fmt: skip
    except UnknownBooking as error:
        raise Problem(404, "no_booking", str(error)) from error
    except BookingError as error:
        raise Problem(409, "not_now", str(error)) from error
    except InputError as error:
        raise Problem(400, "no_taxi", str(error)) from error
    return ordering.Booking.model_validate(await _shown(db, parts, number, now))


@router.post(
    "/bookings/{id}/phone", summary="The caller's number in full", dependencies=[BOOK],
    responses=answers(401, 403, 404, 422, 503),
)  # fmt: skip
async def phone(number: Number, wanted: ordering.Reason, db: Db, parts: Process, who: Who) -> ordering.Phone:
    """Journalled with the reason, before it is told."""
    await people.record(db, who.account.name, "phone.view", f"booking/{number}", {"reason": wanted.reason})
    try:
        return ordering.Phone(phone=await parts.desk.phone(db, number))
    except UnknownBooking as error:
        raise Problem(404, "no_booking", str(error)) from error
    except InputError as error:
        raise Problem(503, "sealed", str(error)) from error


@router.get(
    "/bookings/{id}/explain", summary="Why this car", dependencies=[LOOK], responses=answers(401, 403, 404, 422, 503)
)  # fmt: skip
async def explain(number: Number, db: Db) -> ordering.Explanation:
    """Each decision: the first candidates with their costs, who was excluded and why, what nearest-first would do."""
    try:
        await queries.booking(db, number)
    except UnknownBooking as error:
        raise Problem(404, "no_booking", str(error)) from error
    found = await queries.decisions(db, number)
    taxis = {c["taxi"] for one in found for c in (*one["candidates"], *one["excluded"])}
    plates = await queries.plates(db, taxis)
    for one in found:
        for row in (*one["candidates"], *one["excluded"]):
            row["plate"] = plates.get(row["taxi"], row["taxi"])
    return ordering.Explanation(items=found[::-1])


@router.post("/quotes", summary="What it will cost, about", dependencies=[LOOK], responses=answers(401, 403, 422, 503))
async def quote(wanted: ordering.WantedQuote, parts: Process) -> ordering.Quote:
    """By the tariff in force and the way that is likely. The meter decides, never this."""
    on = wanted.wanted or datetime.now(UTC)
    start, goal = (Place(place.lat, place.lon) for place in (wanted.pick_up, wanted.destination))
    way = (await parts.routes(start, goal))[0]
    drive = timedelta(seconds=way.seconds)
    try:
        told = tariff.quote(parts.tariffs.at(on), on, Decimal(str(round(way.length / 1000, 2))), drive)
    except InputError as error:
        raise Problem(503, "no_tariff", str(error)) from error
    return ordering.Quote(
        low_yuan=float(told.low), high_yuan=float(told.high), zh=told.zh, en=told.en,
        km=round(way.length / 1000, 1), minutes=round(way.seconds / 60, 1), basis=str(way.basis),
    )  # fmt: skip


@router.get(
    "/places", summary="Places by what a caller says", dependencies=[LOOK], responses=answers(401, 403, 422, 503)
)
async def places(
    db: Db, parts: Process,
    q: Annotated[Text, Query(min_length=1, max_length=40, description="Name, alias, pinyin or its initials")],
    limit: Annotated[int, Query(ge=1, le=50, description="Most of them")] = 8,
) -> ordering.Places:  # fmt: skip
    found = (await parts.gazetteer(db)).search(q, limit)
    shown = ordering.NamedPlace.model_fields.keys()
    items = [{key: value for key, value in asdict(one).items() if key in shown} for one in found]
    return ordering.Places.model_validate({"items": items})


@router.get(
    "/service-levels", summary="Service levels", dependencies=[LOOK], responses=answers(400, 401, 403, 422, 503)
)
async def service(
    db: Db,
    start: Annotated[Moment, Query(alias="from", description="First moment, RFC 3339")],
    end: Annotated[Moment, Query(alias="to", description="First moment after it")],
    by: Annotated[Literal[tuple(levels.BY)], Query(description="What calls are told apart by")] = "hour",  # type: ignore[valid-type]
) -> ordering.Levels:
    """Of calls that were due in the interval, at most 92 days, and are over; and of the shifts and trips in it."""
    if not timedelta() < end - start <= LONGEST:
        raise Problem(400, "bad_interval", f"between nothing and {LONGEST.days} days are expected")
    calls = await queries.calls(db, start, end)
    parts = {name: _level(one) for name, one in levels.levels(calls, by).items()}
    earned, (empty_m, paid_m) = await queries.earned(db, start, end), await queries.metres(db, start, end)
    fleet, given = levels.fleet(earned, Rules().settled, empty_m, paid_m), await hints.outcome(db, start, end)
    told = {"hints": given.said, "hints_followed": given.followed}
    return ordering.Levels.model_validate({
        "all": _level(levels.level(calls)), "fleet": _level(fleet) | told, "by": parts,
    })  # fmt: skip


def _level(one: levels.Level | levels.Fleet) -> dict[str, Any]:
    return {key: None if math.isnan(value) else value for key, value in asdict(one).items()}
