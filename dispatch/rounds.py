"""One round of matching: what waits and who is near go into a snapshot, offers come out and are written down."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np
import structlog

from dispatch import lock_out, lookout, queries
from dispatch.booking import Actor
from dispatch.errors import BookingError, TaxiTaken
from dispatch.match.plan import Mode, Offer, Plan, Policy, match
from dispatch.match.snapshot import BOOKING, Snapshot, State
from dispatch.match.why import Decision, Explanation
from dispatch.queries import Standing
from dispatch.rules import Rules
from dispatch.store import Author, keep, offer
from dispatch.supply import Supply
from dispatch.ways import Ways
from tracking.database import Connection

log = structlog.get_logger()
SYSTEM = Author(Actor.SYSTEM, "system:dispatch")


async def match_waiting(db: Connection, supply: Supply, rules: Rules, ways: Ways, now: datetime) -> int:
    """Ask taxis about what waits; returns how many bookings were offered."""
    waiting = await queries.waiting(db, now)
    if not waiting:
        return 0
    known = await snapshot(db, supply, waiting, rules, now)
    plan, decisions = await asyncio.to_thread(_decide, known, rules.policy, ways)
    asked = [one for one in plan.offers if _asks(known, one)]
    offered = []
    for one in asked:
        taxis = one.taxis if one.mode is Mode.BROADCAST else one.taxis[:1]
        try:
            await offer(db, int(one.booking), taxis, one.mode, now + rules.answer, SYSTEM, now)
            offered.append(int(one.booking))
        except TaxiTaken as error:  # by the desk, in between
            log.info("offer not made", booking=one.booking, cause=str(error))
        except BookingError as error:  # cancelled in between
            log.info("booking not waiting any more", booking=one.booking, cause=str(error))
    if offered:
        await keep(db, known, [(number, decisions[str(number)]) for number in offered])
    return len(offered)


def _decide(known: Snapshot, policy: Policy, ways: Ways) -> tuple[Plan, dict[str, Decision]]:
    """The plan, and why each booking that it offers is offered so."""
    plan = match(known, replace(policy, way=ways.at(known.now, len(known.bookings))))
    reasons = Explanation(plan)
    return plan, {one.booking: reasons.of(one.booking) for one in plan.offers}


def _asks(known: Snapshot, one: Offer) -> bool:
    """A booking whose best taxi still carries somebody waits for it, and is matched again until then."""
    return bool(known.taxis["state"][known.taxi_ids.index(one.taxis[0])] == State.VACANT)


async def snapshot(
    db: Connection, supply: Supply, waiting: Sequence[Standing], rules: Rules, now: datetime
) -> Snapshot:  # fmt: skip
    """What the matcher is to know of these bookings and of all taxis that can be asked."""
    taxis, busy = await lookout.taxis(db), await lookout.busy(db)
    locked, vain = await lock_out.running(db, now), await lookout.refusals(db, now - rules.window)
    drivers = await lookout.drivers(db, now)
    ids, rows = supply.taxis(now)
    chosen = np.array([key in taxis for key in ids], bool)
    ids, rows = tuple(key for key in ids if key in taxis), rows[chosen]
    rows["state"] = np.where([key in busy for key in ids], State.BOOKED, rows["state"]) if ids else rows["state"]
    rows["locked"] |= np.array([key in locked for key in ids], bool)
    rows["refusal"] = [vain.get(key, 0.0) for key in ids]
    ordered = sorted(waiting, key=lambda one: str(one.id))
    refused = await lookout.refused(db, [one.id for one in ordered], now - rules.again)
    return Snapshot(
        now, tuple(str(one.id) for one in ordered), _bookings(ordered, rules.policy, now), ids, rows,
        frozenset([*refused, *_unwanted(ordered, drivers)]),
    )  # fmt: skip


def _bookings(waiting: Sequence[Standing], policy: Policy, now: datetime) -> np.ndarray[tuple[int], np.dtype[np.void]]:
    zones = {zone.name: n for n, zone in enumerate(policy.zones)}
    rows = np.zeros(len(waiting), BOOKING)
    for row, one in zip(rows, waiting, strict=True):
        asked = one.asked
        row["lat"], row["lon"], row["wait_s"] = asked.pick_up.lat, asked.pick_up.lon, asked.wait_s(now)
        row["needs"], row["passengers"] = int(asked.needs), min(asked.passengers, 255)
        row["priority"], row["zone"] = min(asked.priority, 255), zones.get(asked.zone, -1)
    return rows


def _unwanted(waiting: Iterable[Standing], drivers: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    """Taxis whose driver of now the passenger does not want to see again."""
    for one in waiting:
        if one.asked.refused_drivers:
            yield from ((str(one.id), taxi) for taxi, driver in drivers.items() if driver in one.asked.refused_drivers)
