"""What drivers answered, followed from the history: each answer once, in the transaction that it leads to.

The gateway has acknowledged an answer when it is in its spool, so it comes here in the end whatever dies
in between. The live feed only says that it is time to look.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog

from dispatch import lock_out, queries
from dispatch.booking import WITH_TAXI, Actor, Event, State
from dispatch.errors import BookingError, UnknownBooking
from dispatch.match.plan import Mode
from dispatch.queries import Standing
from dispatch.rules import Rules
from dispatch.saying import TAKES, Saying
from dispatch.store import Author, happen, offer, say, turn_down
from tracking.database import Connection

log = structlog.get_logger()
REASONS: Mapping[str, str] = {"accident": "事故 accident", "jam": "路堵 traffic jam", "other": "其他 other"}
NAMES = ("grab_order", "order_finished", "order_cancelled")


@dataclass(frozen=True, slots=True)
class Answer:
    """answer: "grab", "finished" or "cancelled".

    message  its number in the history; of a chosen answer to a question that of the question, below zero
    """

    message: int
    received: datetime
    taxi: str
    order: int
    answer: str
    reason: str

    @property
    def driver(self) -> Author:
        return Author(Actor.DRIVER, self.taxi)


async def new(db: Connection, since: datetime) -> list[Answer]:
    """Answers received from `since` on that were not followed yet, in the order in which they came."""
    cursor = await db.execute(
        """
        SELECT message.id, received, report ->> 'terminal', (report ->> 'order')::bigint, report ->> 'answer',
            coalesce(report ->> 'reason', '')
        FROM message CROSS JOIN jsonb_array_elements(reports) AS report
        WHERE name = ANY(%(names)s) AND received >= %(since)s AND report ->> 'kind' = 'order_answer'
            AND NOT EXISTS (SELECT FROM heard WHERE message_id = message.id)
        UNION ALL
        SELECT -saying.id, command_step.at, saying.taxi, saying.order_id,
            CASE (detail ->> 'answer_id')::integer WHEN %(takes)s THEN 'grab' ELSE 'cancelled' END, ''
        FROM saying JOIN command_step ON command_id = 'saying-' || saying.id
        WHERE saying.kind = 'offer' AND saying.said >= %(since)s AND detail ? 'answer_id'
            AND NOT EXISTS (SELECT FROM heard WHERE message_id = -saying.id)
        ORDER BY 2, 1
        """,
        {"names": list(NAMES), "since": since, "takes": TAKES},
    )
    return [Answer(*row) for row in await cursor.fetchall()]


async def follow(db: Connection, answer: Answer, rules: Rules, now: datetime) -> None:
    """Do what a driver asks for, as far as it can be done; it is never looked at again."""
    async with db.transaction():
        done = await db.execute(
            "INSERT INTO heard (message_id, at) VALUES (%s, %s) ON CONFLICT DO NOTHING", (answer.message, now)
        )
        if not done.rowcount:
            return
        at = min(answer.received, now)
        try:
            known = await queries.booking(db, answer.order)
        except UnknownBooking:
            log.warning("order unknown", taxi=answer.taxi, order=answer.order, answer=answer.answer)
            if answer.answer == "grab":
                await say(db, Saying.REFUSE, answer.order, answer.taxi, now)
            return
        if answer.answer == "grab":
            await _grab(db, answer, known, rules, at, now)
        elif answer.answer == "cancelled":
            await _cancel(db, answer, known, rules, at)
        else:
            await _finish(db, answer, known, at)


async def _grab(db: Connection, answer: Answer, known: Standing, rules: Rules, at: datetime, now: datetime) -> None:
    if known.taxi == answer.taxi:
        return await _take_up(db, answer, known, now)
    try:
        await happen(db, answer.order, Event.ACCEPT, answer.driver, at, taxi=answer.taxi)
    except BookingError as error:
        if not (known.state is State.WAITING and await _late(db, answer, rules, now)):
            await _refuse(db, answer, known, now, error)


async def _take_up(db: Connection, answer: Answer, known: Standing, now: datetime) -> None:
    """The terminal takes what the desk gave to it. What was won is said once; its repeats are the gateway's."""
    cursor = await db.execute(
        "SELECT FROM saying WHERE order_id = %s AND taxi = %s AND kind = 'award' AND made >= %s LIMIT 1",
        (answer.order, answer.taxi, known.since),
    )
    if await cursor.fetchone() is None:
        await say(db, Saying.AWARD, answer.order, answer.taxi, now)


async def _late(db: Connection, answer: Answer, rules: Rules, now: datetime) -> bool:
    """A driver who was asked wants it after his time, and nobody else has it: the caller gets a taxi."""
    cursor = await db.execute(
        "SELECT FROM offer WHERE booking_id = %s AND taxi = %s AND state = 'lapsed' LIMIT 1",
        (answer.order, answer.taxi),
    )
    if await cursor.fetchone() is None:
        return False
    system = Author(Actor.SYSTEM, "system:dispatch")
    try:
        async with db.transaction():
            await offer(
                db, answer.order, [answer.taxi], Mode.ASSIGN, now + rules.answer, system, now, told=True
            )  # fmt: skip
            await happen(db, answer.order, Event.ACCEPT, answer.driver, now, taxi=answer.taxi)
    except BookingError:
        return False
    return True


async def _refuse(db: Connection, answer: Answer, known: Standing, now: datetime, error: BookingError) -> None:
    log.info("grab refused", taxi=answer.taxi, order=answer.order, state=known.state, cause=str(error))
    await say(db, Saying.REFUSE, answer.order, answer.taxi, now)


async def _cancel(db: Connection, answer: Answer, known: Standing, rules: Rules, at: datetime) -> None:
    reason = REASONS.get(answer.reason, answer.reason or REASONS["other"])
    if known.taxi == answer.taxi:
        event = Event.BREAK_OFF if known.state is State.ON_BOARD else Event.DROP
        await happen(db, known.id, event, answer.driver, max(at, known.changed), reason=reason, taxi=answer.taxi)
        await lock_out.put(db, answer.taxi, at, rules.dropped, f"{event} {known.id}: {reason}", "system:dispatch")
    elif known.state is State.OFFERED:
        try:
            await turn_down(db, known.id, answer.taxi, answer.driver, at, lapsed=False)
        except BookingError as error:
            log.info("refusal of nothing", taxi=answer.taxi, order=answer.order, cause=str(error))


async def _finish(db: Connection, answer: Answer, known: Standing, at: datetime) -> None:
    """The driver says that the passenger was served, whatever his fixes showed of it."""
    if known.taxi != answer.taxi or known.state not in WITH_TAXI:
        return
    at = max(at, known.changed)
    if known.state is not State.ON_BOARD:
        await happen(db, known.id, Event.BOARD, answer.driver, at, taxi=answer.taxi)
    await happen(db, known.id, Event.COMPLETE, answer.driver, at, taxi=answer.taxi)
