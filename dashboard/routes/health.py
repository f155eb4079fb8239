"""Is everything there that the console needs? For whoever watches the process; needs no log-in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Response

from dashboard import schemas
from dashboard.parts import Process

router = APIRouter(tags=["health"])
PATIENCE_S = 2.0
BEHIND_S = 60.0
"""A database that is further behind the live feed than this is not being written as it should."""
AWAY: dict[int | str, dict[str, Any]] = {503: {"model": schemas.Health, "description": "Something is away"}}


@router.get("/healthz", summary="Health", responses=AWAY)
async def health(parts: Process, response: Response) -> schemas.Health:
    """200 while database and bus are reached and fixes get stored, else 503; the body says what is wrong."""
    database = "up" if await parts.database.reached(PATIENCE_S) else "away"
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
    })  # fmt: skip
