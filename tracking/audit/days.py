"""What vehicles did on whole days, judged by the rules of conduct once a day is over, and again when it changes.

Days are UTC; what begins before one belongs to the day before. A silence of the whole fleet is nobody's doing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import pairwise

import numpy as np

from gateway.report import micros
from tracking.audit import store
from tracking.audit.conduct import Span, cloned_plate, gps_off, hours, meter_on_empty
from tracking.audit.finding import Finding
from tracking.audit.store import Connection
from tracking.audit.thresholds import Edition, ThresholdsError, valid
from tracking.trips import store as trips
from tracking.trips.fixes import Fixes, ordered

SETTLED = timedelta(hours=6)
"""After the end of a day, before it is judged: blind-area fixes of that evening have come."""
AROUND = timedelta(hours=6)
"""Of fixes beyond a day's ends, so that what goes on across midnight is seen whole."""
QUIET = timedelta(minutes=10)
AT_ONCE = 50


def judge_days(db: Connection, zone: tzinfo, now: datetime, most: int = AT_ONCE) -> int:
    """Judge up to `most` days of vehicles, the newest first; returns how many were. Each in its own transaction.

    zone  by which the edition of the thresholds is told
    """
    last = (now - SETTLED).astimezone(UTC).date()
    with db.transaction():
        waiting = store.due_days(db, last, most)
        quiet = {day: _quiet(db, day) for day in {one.day for one in waiting}}
    for one in waiting:
        with db.transaction():
            store.take_turns(db)
            if store.take_day(db, one):
                start = _start(one.day)
                found = list(_judged(db, one.vehicle, start, quiet[one.day], _edition(start, zone)))
                store.keep_day(db, one.vehicle, start, start + timedelta(days=1), found)
    return len(waiting)


def _judged(
    db: Connection, vehicle: int, start: datetime, quiet: Sequence[Span], edition: Edition | None
) -> Iterator[Finding]:
    if edition is None:
        return
    fixes = _fixes(db, vehicle, start - AROUND, start + timedelta(days=1) + AROUND)
    if len(fixes) < 2:
        return
    changes = store.changes(db, vehicle, start - AROUND, start + timedelta(days=1) + AROUND)
    for finding in (
        *meter_on_empty(fixes, edition), *gps_off(fixes, edition, quiet), *cloned_plate(fixes, edition),
        *hours(fixes, edition, changes),
    ):  # fmt: skip
        if start <= finding.fixes[0] < start + timedelta(days=1):
            yield finding


def _fixes(db: Connection, vehicle: int, start: datetime, end: datetime) -> Fixes:
    fixes, _ = ordered(trips.fixes(db, vehicle, start, end))
    return fixes.at(np.flatnonzero((fixes.time >= micros(start)) & (fixes.time < micros(end))))


def _quiet(db: Connection, day: date) -> list[Span]:
    """When nobody of the whole fleet was heard, on a day and around it."""
    start = _start(day) - AROUND
    end = _start(day) + timedelta(days=1) + AROUND
    heard = [start, *store.heard(db, start, end), end]
    return [(a, b) for a, b in pairwise(heard) if b - a > QUIET]


def _start(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _edition(start: datetime, zone: tzinfo) -> Edition | None:
    try:
        return valid(start.astimezone(zone).date())
    except ThresholdsError:
        return None
