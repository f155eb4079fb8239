"""The pipeline's step from fixes to trips in the database, as often as one likes: only what changed is made anew.

Which hours of which vehicle changed is found by comparing counts and digests, so that no order of arrival, no late
upload and no replay is missed. Around what changed, trips are derived again until they meet the stored ones at both
ends.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tracking.trips import store
from tracking.trips.cut import Rules, spans
from tracking.trips.store import Connection

CONTEXT = timedelta(hours=1)
"""Of fixes beyond a trip's ends, by which flickers, jumps and halts at them are judged."""
RULES = Rules(flicker_s=90.0)
FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)


def derive(db: Connection) -> int:
    """Renew the trips around all fixes that are new; returns how many rows changed. Each day (UTC) in its own
    transaction: ended in between, the rest is still due."""
    with db.transaction():
        days, floor = store.due(db), store.kept_from(db)
    rows = 0
    for day in sorted({one.day for one in days}):
        with db.transaction():
            store.take_turns(db)
            for vehicle, first, last in store.changed(db, day):
                rows += _renew(db, vehicle, max(first, floor), last, floor)
            store.done(db, [one for one in days if one.day == day])
    return rows


def _renew(db: Connection, vehicle: int, first: datetime, last: datetime, floor: datetime) -> int:
    """Trips of one vehicle around its new fixes between `first` and `last`. Those before `floor` stay as they are."""
    floor = max(floor, store.settled(db, vehicle, floor) or floor)
    start, end = store.before(db, vehicle, first), store.after(db, vehicle, last)
    start = None if start is None else max(start, floor)
    while True:
        fixes = store.fixes(db, vehicle, (start or first) - CONTEXT, (end or last) + CONTEXT)
        found = spans(fixes, RULES)
        meets = store.ends(found)
        left = start is None or start in meets or start == floor
        right = end is None or end in meets
        if left and right:
            break
        start = start if left or start is None else store.before(db, vehicle, start)
        end = end if right or end is None else store.after(db, vehicle, end)
    begin, until = start or max(FIRST, floor), end or LAST
    return store.replace(db, vehicle, begin, until, store.within(found, begin, until))
