"""Is everything there that the console needs? For whoever watches the process; needs no log-in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Response

from dashboard import schemas
from dashboard.parts import Parts, Process
from tracking import housekeeping, quarantine
from tracking.errors import DatabaseAway

router = APIRouter(tags=["health"])
PATIENCE_S = 2.0
BEHIND_S = 60.0
"""A database that is further behind the live feed than this is not being written as it should."""
AWAY: dict[int | str, dict[str, Any]] = {503: {"model": schemas.Health, "description": "Something is away"}}


@router.get("/healthz", summary="Health", responses=AWAY)
async def health(parts: Process, response: Response) -> schemas.Health:
    """200 while database and bus are reached and fixes get stored, else 503; the body says what is wrong.

    What stands in quarantine, and a daily work that failed, wait for an administrator; they make nothing unhealthy.
    """
    kept = await _kept(parts)
    database = "up" if kept else "away"
    bus = "none" if not parts.bus_name else "up" if parts.bus.connected else "away"
    newest = parts.feed.fleet.newest
    behind = parts.feed.unstored_s
    good = database == "up" and bus != "away" and (behind or 0) < BEHIND_S
    response.status_code = 200 if good else 503
    response.headers["Cache-Control"] = "no-store"
    return schemas.Health.model_validate({
        "status": "up" if good else "degraded", "database": database, "bus": bus, "vehicles": len(parts.feed.fleet),
        "unstored_s": None if behind is None else round(behind, 1),
        "newest_fix_age_s": round((datetime.now(UTC) - newest).total_seconds(), 1) if newest else None,
        **(kept or {"quarantined": None, "housekeeping": None}),
    })  # fmt: skip


async def _kept(parts: Parts) -> dict[str, Any] | None:
    """What the database says of how the history is kept; None while it is away or lacks this version's tables."""
    try:
        async with parts.database.connection(PATIENCE_S) as db:
            daily = await housekeeping.state(db)
            return {
                "quarantined": await quarantine.count(db),
                "housekeeping": {
                    "working": daily.working, "next": daily.next, "started": daily.started, "ended": daily.ended,
                    "succeeded": daily.succeeded, "failed": daily.error is not None,
                },
            }  # fmt: skip
    except DatabaseAway:
        return None
