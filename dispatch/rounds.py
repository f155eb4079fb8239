"""One round of matching: what waits and who is near go into a snapshot, offers come out and are written down."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog

from dispatch import queries
from dispatch.booking import Actor
from dispatch.errors import BookingError, TaxiTaken
from dispatch.match.plan import Mode, Offer, Plan, match
from dispatch.match.snapshot import Snapshot, State
from dispatch.match.why import Decision, Explanation
from dispatch.scene import Scene
from dispatch.store import Author, keep, offer
from dispatch.ways import Ways
from tracking.database import Connection

log = structlog.get_logger()
SYSTEM = Author(Actor.SYSTEM, "system:dispatch")


@dataclass
class Rounds:
    scene: Scene
    ways: Ways
    _told: dict[str, datetime] = field(default_factory=dict)  # when it was last kept why a booking waits

    async def match_waiting(self, db: Connection, now: datetime) -> int:
        """Ask taxis about what waits; returns how many bookings were offered."""
        waiting = await queries.waiting(db, now)
        if not waiting:
            return 0
        known = await self.scene.snapshot(db, waiting, now)
        due = self._due(known)
        plan, decisions = await asyncio.to_thread(self._decide, known, due)
        offered = [one.booking for one in plan.offers if _asks(known, one) and await self._offer(db, one, now)]
        waits = [key for key in due if key not in offered]
        self._told = {key: at for key, at in self._told.items() if key in known.booking_ids} | dict.fromkeys(waits, now)
        if told := [*offered, *waits]:
            await keep(db, known, [(int(key), decisions[key]) for key in told])
        return len(offered)

    def _due(self, known: Snapshot) -> list[str]:
        """Bookings of which it is to be kept, too, why they wait."""
        before = known.now - self.scene.rules.retold
        return [key for key in known.booking_ids if key not in self._told or self._told[key] <= before]

    def _decide(self, known: Snapshot, due: Collection[str]) -> tuple[Plan, dict[str, Decision]]:
        """The plan, and why each booking is offered so, or waits."""
        policy = replace(self.scene.rules.policy, way=self.ways.at(known.now, len(known.bookings)))
        plan = match(known, policy)
        reasons = Explanation(plan)
        return plan, {key: reasons.of(key) for key in {one.booking for one in plan.offers} | set(due)}

    async def _offer(self, db: Connection, one: Offer, now: datetime) -> bool:
        taxis = one.taxis if one.mode is Mode.BROADCAST else one.taxis[:1]
        try:
            await offer(db, int(one.booking), taxis, one.mode, now + self.scene.rules.answer, SYSTEM, now)
        except TaxiTaken as error:  # by the desk, in between
            log.info("offer not made", booking=one.booking, cause=str(error))
            return False
        except BookingError as error:  # cancelled in between
            log.info("booking not waiting any more", booking=one.booking, cause=str(error))
            return False
        return True


def _asks(known: Snapshot, one: Offer) -> bool:
    """A booking whose best taxi still carries somebody waits for it, and is matched again until then."""
    return bool(known.taxis["state"][known.taxi_ids.index(one.taxis[0])] == State.VACANT)
