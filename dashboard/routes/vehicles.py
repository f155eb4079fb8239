"""Vehicles, where they were, and what is said to them."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import orjson
from fastapi import APIRouter, Path, Query, Response

from dashboard import schemas
from dashboard.parts import Db, Parts, Process, Who, permitted
from dashboard.permission import Permission
from dashboard.problem import Problem
from dashboard.routes.answers import answers
from gateway import command
from gateway.bus import COMMAND_SUBJECT, BusError
from tracking import people, queries
from tracking.database import Connection
from tracking.vehicle import Route, Vehicle

router = APIRouter(prefix="/api/v1/vehicles", tags=["vehicles"])
LONGEST = timedelta(days=31)
MOST_FIXES = 100_000
DAYS_BACK = timedelta(days=400)
ANSWER_S = 3.0
VehicleId = Annotated[int, Path(alias="id", ge=1, le=2**31 - 1, description="Id of the vehicle", examples=[17])]


@router.get("", summary="Vehicles, by plate", responses=answers(401, 422, 503))
async def vehicles(
    db: Db,
    parts: Process,
    q: Annotated[
        schemas.Text, Query(max_length=32, description="Part of the plate, in any case", examples=["t1"])
    ] = "",
    after: Annotated[int, Query(ge=0, le=2**31 - 1, description="`next` of the page before")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000, description="Most vehicles on a page")] = 100,
) -> schemas.Vehicles:
    """In order of their ids, a page at a time."""
    found = await queries.vehicles(db, text=q.strip(), after=after, limit=limit + 1)
    now = datetime.now(UTC)
    page = [schemas.vehicle(parts.feed.fleet.now(one)[0], now) for one in found[:limit]]
    return schemas.Vehicles.model_validate({"items": page, "next": page[-1]["id"] if len(found) > limit else None})


@router.get("/{id}", summary="One vehicle with its last state", responses=answers(401, 404, 422, 503))
async def vehicle(vehicle_id: VehicleId, db: Db, parts: Process) -> schemas.VehicleDetail:
    now, attributes = parts.feed.fleet.now(await _existing(db, vehicle_id))
    return schemas.VehicleDetail.model_validate(schemas.vehicle(now, datetime.now(UTC)) | {"attributes": attributes})


@router.get(
    "/{id}/route", summary="Where a vehicle was", dependencies=[permitted(Permission.HISTORY)],
    response_model=schemas.Route, responses=answers(400, 401, 403, 404, 422, 503),
)  # fmt: skip
async def route(
    vehicle_id: VehicleId,
    db: Db,
    who: Who,
    start: Annotated[
        schemas.Moment, Query(alias="from", description="First moment, RFC 3339", examples=["2026-11-25T04:00:00Z"])
    ],
    end: Annotated[
        schemas.Moment, Query(alias="to", description="First moment after it", examples=["2026-11-25T05:00:00Z"])
    ],
    flagged: Annotated[bool, Query(description="Also implausible fixes, with the reasons in `flags`")] = False,
    limit: Annotated[int, Query(ge=1, le=MOST_FIXES, description="Most fixes")] = MOST_FIXES,
) -> Response:
    """Fixes with `from` <= time < `to` in order of time. At most 31 days. Journalled: who looked at which."""
    if end <= start:
        raise Problem(400, "bad_interval", f"the interval ends before it starts: from {_text(start)} to {_text(end)}")
    if end - start > LONGEST:
        raise Problem(
            400, "long_interval", f"from {_text(start)} to {_text(end)} are more than {LONGEST.days} days: ask in parts"
        )
    one = await _existing(db, vehicle_id)
    looked_at = {"plate": one.plate, "from": _text(start), "to": _text(end)}
    await people.record(db, who.account.name, "route.view", f"vehicle/{one.id}", looked_at)
    found = await queries.route(db, vehicle_id, start, end, flagged=flagged, most=limit)
    return Response(await asyncio.to_thread(_route_json, found), media_type="application/json")


def _route_json(found: Route) -> bytes:
    items: list[dict[str, Any]] = [schemas.route_fix(fix) for fix in found.fixes]
    answer = {
        "vehicle": found.vehicle_id, "from": found.start, "to": found.end, "truncated": found.truncated,
        "items": items,
    }  # fmt: skip
    return orjson.dumps(answer, option=orjson.OPT_UTC_Z)


@router.get(
    "/{id}/days", summary="Days on which a vehicle has fixes", dependencies=[permitted(Permission.HISTORY)],
    responses=answers(401, 403, 404, 422, 503),
)  # fmt: skip
async def days(vehicle_id: VehicleId, db: Db, parts: Process) -> schemas.Days:
    """Days of the bureau's time zone within the last 400, newest first."""
    await _existing(db, vehicle_id)
    name = parts.options.timezone
    found = await queries.days(db, vehicle_id, name, since=datetime.now(UTC) - DAYS_BACK)
    items = []
    for day in found:
        start = datetime.combine(day.day, time(), ZoneInfo(name)).astimezone(UTC)
        end = datetime.combine(day.day + timedelta(days=1), time(), ZoneInfo(name)).astimezone(UTC)
        items.append(
            {"day": day.day, "from": start, "to": end, "fixes": day.fixes, "first": day.first, "last": day.last}
        )
    return schemas.Days.model_validate({"timezone": name, "items": items})


@router.post(
    "/{id}/commands", summary="Say something to the terminal", dependencies=[permitted(Permission.COMMAND)],
    responses=answers(401, 403, 404, 422, 503),
)  # fmt: skip
async def send_command(vehicle_id: VehicleId, wanted: schemas.Command, parts: Process, who: Who) -> schemas.Outcome:
    """Ask for the position now, or show a text in the car. Who said what is in the journal before it is sent.

    The outcome says how far it got: `sent` to the terminal's connection, which does not mean that it was read;
    `queued` until the terminal connects, for two minutes; `failed` because its protocol cannot say it.
    """
    async with parts.database.connection() as db:
        one = await _existing(db, vehicle_id)
        object_ = f"vehicle/{one.id}"
        said = wanted.model_dump() | {"plate": one.plate, "terminal": one.terminal}
        await people.record(db, who.account.name, f"command.{wanted.type}", object_, said)
    outcome = await _say(parts, one.terminal, wanted, who.account.name)
    async with parts.database.connection() as db:
        at = await people.record(db, who.account.name, "command.outcome", object_, {"outcome": outcome})
    return schemas.Outcome.model_validate({"outcome": outcome, "at": at.astimezone(UTC)})


async def _say(parts: Parts, terminal: str | None, wanted: schemas.Command, actor: str) -> str:
    if terminal is None:
        return "no_terminal"
    order: command.Command = command.QueryPosition(terminal=terminal)
    if isinstance(wanted, schemas.SendText):
        order = command.SendText(terminal=terminal, text=wanted.text, urgent=wanted.urgent)
    try:
        asked = json.dumps({"command": command.to_plain(order), "actor": actor}).encode()
        answer = json.loads(await parts.bus.request(COMMAND_SUBJECT, asked, ANSWER_S))
    except BusError:
        return "no_gateway"
    if "error" in answer:
        raise Problem(422, "refused", f"the gateway refuses this: {answer['error']}")
    return str(answer["state"])


async def _existing(db: Connection, vehicle_id: int) -> Vehicle:
    found = await queries.vehicle(db, vehicle_id)
    if found is None:
        raise Problem(404, "no_vehicle", f"there is no vehicle {vehicle_id}")
    return found


def _text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
