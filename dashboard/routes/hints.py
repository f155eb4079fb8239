"""The switch for hints to vacant taxis."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime

from fastapi import APIRouter

from dashboard import ordering
from dashboard.parts import Db, Who, permitted
from dashboard.permission import Permission
from dashboard.routes.answers import answers
from dispatch import hints

router = APIRouter(prefix="/api/v1/hints", tags=["fleet"])


@router.get(
    "", summary="Whether vacant taxis are given hints", dependencies=[permitted(Permission.BOOKINGS)],
    responses=answers(401, 403, 503),
)  # fmt: skip
async def look(db: Db) -> ordering.Hints:
    """Off until somebody turns them on."""
    known = await hints.switch(db)
    return ordering.Hints.model_validate(asdict(known) if known else {"on": False, "at": None, "who": "", "reason": ""})


@router.put(
    "", summary="Turn hints on or off", dependencies=[permitted(Permission.DIRECT)],
    responses=answers(401, 403, 422, 503),
)  # fmt: skip
async def turn(wanted: ordering.WantedHints, db: Db, who: Who) -> ordering.Hints:
    """Who did it and why is kept. Dispatch heeds it within two minutes."""
    made = await hints.turn_to(db, wanted.on, who.account.name, wanted.reason, datetime.now(UTC))
    return ordering.Hints.model_validate(asdict(made))
