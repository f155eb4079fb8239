"""The pipeline's step from matched trips to findings: each occupied trip is audited once, and again when it changes.

A trip changes when late fixes renew it, and when a record of its meter comes. What was found before and is not found
any more is withdrawn, unless people have taken it further than a lead.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo

import numpy as np

from gateway.report import micros
from tracking.audit import store
from tracking.audit.facts import facts
from tracking.audit.finding import Finding
from tracking.audit.rules import audit
from tracking.audit.store import Connection, Occupied, Record
from tracking.audit.thresholds import Edition, ThresholdsError, valid
from tracking.roads.engine import Engine
from tracking.roads.match import match
from tracking.roads.routes import AT_ONCE
from tracking.trips import store as trips
from tracking.trips.fixes import Fixes, ordered

BEFORE_ALL = "none"
"""Stands for the edition of a trip that is older than the first one."""


def audit_trips(db: Connection, engine: Engine, zone: tzinfo, most: int = AT_ONCE) -> int:
    """Audit up to `most` trips, the newest first; returns how many were. Each in its own transaction.

    zone  by which the day of a trip, and with it the edition of the thresholds, is told
    """
    with db.transaction():
        store.take_turns(db)
        waiting = store.due(db, most)
    for trip in waiting:
        with db.transaction():
            store.take_turns(db)
            _audit(db, engine, trip, _edition(trip, zone))
    return len(waiting)


def _audit(db: Connection, engine: Engine, trip: Occupied, edition: Edition | None) -> None:
    told = store.record(db, trip)
    found = _found(engine, edition, _fixes(db, trip), told) if edition else []
    if store.audited(db, trip, edition.since.isoformat() if edition else BEFORE_ALL, told):
        store.keep(db, trip, found, engine.network.sha256, told)


def _edition(trip: Occupied, zone: tzinfo) -> Edition | None:
    try:
        return valid(trip.start.astimezone(zone).date())
    except ThresholdsError:
        return None


def _found(engine: Engine, edition: Edition, fixes: Fixes, told: Record | None) -> Sequence[Finding]:
    if len(fixes) < 2:
        return []
    known = facts(fixes, match(fixes, engine), engine, told.distance if told else None)
    return list(audit(known, edition))


def _fixes(db: Connection, trip: Occupied) -> Fixes:
    """Of the trip itself, both ends included, in order."""
    fixes, _ = ordered(trips.fixes(db, trip.vehicle, trip.start, trip.finish))
    return fixes.at(np.flatnonzero((fixes.time >= micros(trip.start)) & (fixes.time <= micros(trip.finish))))
