"""Says over the bus what the database holds to be said: each thing once, in order, and never after its time.

A command carries the number of its saying, so that one which is said again after a kill is the same
command to the gateway.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from dispatch import queries
from dispatch.booking import Booking
from dispatch.saying import Saying, command, free
from gateway.bus import COMMAND_SUBJECT, Bus, BusError
from gateway.command import Command, to_plain
from tracking.database import Connection

log = structlog.get_logger()
ACTOR = "dispatch"
AT_ONCE = 200
ANSWER_S = 5.0
FULL = "no space left"
"""So the gateway's refusal begins when its disk is full, which will pass."""


@dataclass(frozen=True, slots=True)
class Due:
    id: int
    order: int
    taxi: str
    saying: Saying
    until: datetime
    words: str | None


async def speak(db: Connection, bus: Bus, call_back: str, now: datetime) -> int:
    """Say what is due; returns how many things. Raises BusError when commands are not taken: then the rest waits."""
    cursor = await db.execute(
        "UPDATE saying SET failure = 'expired' WHERE said IS NULL AND failure = '' AND until <= %s RETURNING id", (now,)
    )
    if late := await cursor.fetchall():
        log.warning("too late to be said", count=len(late))
    cursor = await db.execute(
        "SELECT id, order_id, taxi, kind, until, words FROM saying"
        " WHERE said IS NULL AND failure = '' ORDER BY id LIMIT %s",
        (AT_ONCE,),
    )
    rows = await cursor.fetchall()
    due = [Due(number, order, taxi, Saying(kind), *more) for number, order, taxi, kind, *more in rows]
    if not due:
        return 0
    known = {one.id: one.asked for one in await queries.some(db, {one.order for one in due if not one.words})}
    by_taxi: dict[str, list[Due]] = {}
    for one in due:
        by_taxi.setdefault(one.taxi, []).append(one)
    done: list[tuple[int, str]] = []
    told = await asyncio.gather(
        *(_tell(bus, ones, known, call_back, now, done) for ones in by_taxi.values()), return_exceptions=True
    )
    async with db.pipeline(), db.transaction():
        for number, failure in done:
            await db.execute(
                "UPDATE saying SET said = CASE WHEN %s = '' THEN %s END, failure = %s WHERE id = %s",
                (failure, now, failure, number),
            )
    for error in told:
        if error is not None:
            raise error
    return len(done)


async def _tell(
    bus: Bus, ones: Sequence[Due], known: Mapping[int, Booking], call_back: str, now: datetime,
    done: list[tuple[int, str]],
) -> None:  # fmt: skip
    """What one taxi is to hear, in order. done: gets (saying, why it cannot be said or ""). Raises BusError."""
    for one in ones:
        wanted = (
            free(one.saying, one.taxi, one.words)
            if one.words
            else command(one.saying, one.taxi, one.order, known.get(one.order), call_back)
        )
        failure = "failed" if wanted is None else await _command(bus, one, wanted, now)
        done.append((one.id, failure))


async def _command(bus: Bus, one: Due, wanted: Command, now: datetime) -> str:
    lasting_s = max(1.0, (one.until - now).total_seconds())
    told = {"command": to_plain(wanted), "actor": ACTOR, "expires_s": lasting_s, "id": f"saying-{one.id}"}
    answer = json.loads(await bus.request(COMMAND_SUBJECT, json.dumps(told, ensure_ascii=False).encode(), ANSWER_S))
    if (error := answer.get("error")) is None:
        return ""
    log.warning("the gateway refuses", taxi=one.taxi, order=one.order, saying=str(one.saying), cause=error)
    if error.startswith(FULL):
        raise BusError(error)
    return "failed"
