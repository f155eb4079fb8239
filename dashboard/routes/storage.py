"""How the history is kept: what no table took, and the daily work."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from dashboard import schemas
from dashboard.parts import Db, Process, Who, permitted
from dashboard.permission import Permission
from dashboard.problem import Problem
from dashboard.routes.answers import answers
from tracking import contents, housekeeping, people, quarantine

router = APIRouter(prefix="/api/v1", tags=["storage"])
MOST_SHOWN = 64 << 10
"""Bytes of a content that are told as hex digits."""
LAST_ID = 2**63 - 1
After = Annotated[int, Query(ge=0, le=LAST_ID, description="`next` of the page before")]
Limit = Annotated[int, Query(ge=1, le=1000, description="Most on a page")]
Number = Annotated[int, Path(alias="id", ge=1, le=LAST_ID, description="Id in quarantine", examples=[3])]


@router.get(
    "/quarantine", summary="What no table took", dependencies=[permitted(Permission.STORAGE)],
    responses=answers(401, 403, 422, 503),
)  # fmt: skip
async def page(db: Db, after: After = 0, limit: Limit = 100) -> schemas.Quarantine:
    """In the order in which it came, a page at a time, and how much there is of it in all."""
    found = await quarantine.page(db, after, limit + 1)
    items = [asdict(one) for one in found[:limit]]
    return schemas.Quarantine.model_validate({
        "items": items, "next": items[-1]["id"] if len(found) > limit else None, "total": await quarantine.count(db),
    })  # fmt: skip


@router.get(
    "/quarantine/{id}", summary="One of it, with its content", dependencies=[permitted(Permission.STORAGE)],
    response_model=schemas.QuarantinedDetail, responses=answers(401, 403, 404, 422, 503),
)  # fmt: skip
async def detail(number: Number, db: Db, who: Who) -> Response:
    """The content as hex digits, and decoded as far as it can be. Journalled: a content may say where a car was."""
    found = await quarantine.find(db, number)
    if found is None:
        raise Problem(404, "not_in_quarantine", f"{number} is not in quarantine, or not any longer")
    await people.record(db, who.account.name, "quarantine.view", f"quarantine/{number}")
    decoded, why_not = await asyncio.to_thread(contents.told, found.row.kind, found.content)
    answer = schemas.Quarantined.model_validate(asdict(found.row)).model_dump(mode="json") | {
        "received": found.received.isoformat().replace("+00:00", "Z"), "content": found.content[:MOST_SHOWN].hex(),
        "truncated": len(found.content) > MOST_SHOWN, "decoded": decoded, "undecoded": why_not,
    }  # fmt: skip
    return Response(json.dumps(answer), media_type="application/json")  # ASCII: the content may hold any code point


@router.post(
    "/quarantine/replay", summary="Try it again", dependencies=[permitted(Permission.REPLAY)],
    responses=answers(401, 403, 422, 503),
)  # fmt: skip
async def replay(wanted: schemas.Replay, parts: Process, who: Who) -> schemas.Replayed:
    """By the way it came first; what is stored leaves the quarantine. Who tried what is journalled.

    `all` takes the first 200 behind `after`, oldest first; ask again with the answer's `next` until it is null.
    """
    name, ids, following = who.account.name, wanted.ids, None
    async with parts.database.connection() as db:
        if ids == "all":
            found = await quarantine.page(db, wanted.after, schemas.MOST_REPLAYED + 1)
            ids = [one.id for one in found[: schemas.MOST_REPLAYED]]
            following = ids[-1] if len(found) > len(ids) else None
        await people.record(db, name, "quarantine.try", "quarantine", {"ids": ids})
    tried = await parts.database.aside(partial(quarantine.replay, ids=ids, by=name)) if ids else []
    return schemas.Replayed.model_validate({"items": [asdict(one) for one in tried], "next": following})


@router.get(
    "/housekeeping", summary="The daily work on the history", dependencies=[permitted(Permission.STORAGE)],
    responses=answers(401, 403, 503),
)  # fmt: skip
async def daily(db: Db) -> schemas.Housekeeping:
    return schemas.Housekeeping.model_validate(asdict(await housekeeping.state(db)))
