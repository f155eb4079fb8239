"""The loop that works bookings off: follows answers and rides, lets time pass, matches, and says what was decided.

One process leads, by a lock in the database; others stand by and take over when it dies. All that it
knows stands in the database, so a turn that was killed half-way is simply done again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import psycopg
import structlog

from dispatch import answers, keeping, lookout, series
from dispatch.booking import Event
from dispatch.clock import LONG_AGO
from dispatch.errors import DispatchError
from dispatch.hinting import Hinting
from dispatch.mouth import speak
from dispatch.mustering import Mustering
from dispatch.rides import happening
from dispatch.rounds import SYSTEM, Rounds
from dispatch.rules import Rules
from dispatch.store import happen, turn_down
from gateway.bus import Bus, BusError
from tracking.database import Connection
from tracking.queries import stored_up_to

log = structlog.get_logger()
LOCK = 7_305_481_204
"""Of whoever leads, in the database."""
TURN_S, BUSY_S, RETRY_S, STAND_BY_S = 1.0, 0.1, 2.0, 1.0
KEEN_S = 3.0
"""How long after word of an answer it is looked for often: the writer stores it some moments later."""
FAR, NEAR = timedelta(days=1), timedelta(minutes=10)
"""How far back answers are looked for that were not followed: at first and now and then, and always."""
FAR_EVERY = timedelta(minutes=1)
CLEAR_EVERY = timedelta(minutes=5)
RIDE_FIXES, RIDES_EVERY = timedelta(minutes=5), timedelta(seconds=1)


@dataclass
class Loop:
    """url: of the database; call_back: number that drivers call, 11 digits."""

    url: str
    bus: Bus
    rules: Rules
    rounds: Rounds
    call_back: str
    hinting: Hinting
    mustering: Mustering
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _keen_until: float = 0.0
    _looked_far: datetime = LONG_AGO
    _matched: datetime = LONG_AGO
    _followed: datetime = LONG_AGO
    _cleared: datetime = LONG_AGO

    def heard(self) -> None:
        """A driver has answered: it is about to stand in the history."""
        self._keen_until = asyncio.get_running_loop().time() + KEEN_S
        self._wake.set()

    async def run(self) -> None:
        """Lead, or stand by, until cancelled. A database that is away is waited for."""
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(self.url, autocommit=True) as db:
                    await self._lead(db)
            except* psycopg.OperationalError as errors:
                cause = " ".join(str(errors.exceptions[0]).split())
                log.warning("dispatch waits for its database", cause=cause)
                await asyncio.sleep(RETRY_S)

    async def _lead(self, db: Connection) -> None:
        told = False
        while not (await (await db.execute("SELECT pg_try_advisory_lock(%s)", (LOCK,))).fetchone() or [False])[0]:
            if not told:
                log.info("another dispatch leads, this one stands by")
            told = True
            await asyncio.sleep(STAND_BY_S)
        log.info("dispatch leads")
        async with asyncio.TaskGroup() as group:
            listening = group.create_task(self._listen(), name="listen")
            while True:
                self._wake.clear()
                await self.turn(db, datetime.now(UTC))
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._pause_s()):
                        await self._wake.wait()
                if listening.done():
                    listening.result()

    def _pause_s(self) -> float:
        keen = asyncio.get_running_loop().time() < self._keen_until
        return BUSY_S if keen else TURN_S

    async def _listen(self) -> None:
        """Wake the loop whenever a booking moves, whoever moved it."""
        async with await psycopg.AsyncConnection.connect(self.url, autocommit=True) as db:
            await db.execute("LISTEN taxihub_booking")
            async for _ in db.notifies():
                self._wake.set()

    async def turn(self, db: Connection, now: datetime) -> None:
        """Everything that is due, once."""
        await self._follow_answers(db, now)
        if now - self._followed >= RIDES_EVERY:
            self._followed = now
            self.rounds.scene.line_up(now)
            await self._follow_rides(db, now)
            await self._let_time_pass(db, now)
        await self.mustering.turn(db, now)  # before matching: an emergency has the next free taxis
        if now - self._matched >= self.rules.batch:
            self._matched = now
            await self.rounds.match_waiting(db, now)
        await self.hinting.turn(db, now)
        if now - self._cleared >= CLEAR_EVERY:
            self._cleared = now
            await keeping.clear(db, self.rules.keep, now)
        try:
            while await speak(db, self.bus, self.call_back, datetime.now(UTC)):
                pass
        except BusError as error:
            log.warning("orders wait to be said", cause=str(error))

    async def _follow_answers(self, db: Connection, now: datetime) -> None:
        far = now - self._looked_far >= FAR_EVERY
        for answer in await answers.new(db, now - (FAR if far else NEAR)):
            await _alone(answers.follow(db, answer, self.rules, now), answer.order)
        if far:
            self._looked_far = now

    async def _follow_rides(self, db: Connection, now: datetime) -> None:
        known = min(now, await stored_up_to(db) or now)
        for ride in await lookout.rides(db, RIDE_FIXES):
            if (found := happening(ride, self.rules, known)) is not None:
                at = max(ride.since, min(found.at, now))
                await _alone(
                    happen(db, ride.booking, found.event, SYSTEM, at, reason=found.reason, taxi=ride.taxi), ride.booking
                )  # fmt: skip

    async def _let_time_pass(self, db: Connection, now: datetime) -> None:
        rules = self.rules
        for one in await lookout.lapsed(db, now - rules.grace):
            await _alone(turn_down(db, one.booking, one.taxi, SYSTEM, now, lapsed=True), one.booking)
        waiting, drafted = await lookout.too_late(db, now - rules.give_up, now - rules.drafted)
        for number in waiting:
            await _alone(happen(db, number, Event.GIVE_UP, SYSTEM, now), number)
        for number in drafted:
            await _alone(happen(db, number, Event.EXPIRE, SYSTEM, now), number)
        for number in await series.due(db, now):
            await _alone(series.make_out(db, number, now), f"series {number}")
        for number, taxi, why in await lookout.untold(db, now - rules.obey):
            reason = f"the driver could not be told: {why}"
            await _alone(happen(db, number, Event.LOSE, SYSTEM, now, reason=reason, taxi=taxi), number)


async def _alone(work: Awaitable[object], booking: int | str) -> None:
    """What fails for one booking, or one series, is told, and leaves the others alone. Raises OperationalError."""
    try:
        await work
    except DispatchError as error:  # somebody else was quicker
        log.info("did not happen", booking=booking, cause=str(error))
    except psycopg.OperationalError:
        raise
    except psycopg.Error as error:
        log.error("booking left as it is", booking=booking, cause=" ".join(str(error).split()))
