"""What is not kept for ever: what was known at each decision, and callers' telephone numbers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from tracking.database import Connection

AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class Keep:
    """snapshots: as long as a decision can be made again;  phones: of bookings and series that are over."""

    snapshots: timedelta = timedelta(days=30)
    phones: timedelta = timedelta(days=365)


async def clear(db: Connection, keep: Keep, now: datetime) -> tuple[int, int]:
    """Forget what is older, a part of it at a time; returns how many snapshots and numbers are gone."""
    cursor = await db.execute(
        "DELETE FROM snapshot WHERE digest IN (SELECT digest FROM snapshot WHERE at < %s LIMIT %s)",
        (now - keep.snapshots, AT_ONCE),
    )
    snapshots, before = cursor.rowcount, now - keep.phones
    cursor = await db.execute(
        """
        UPDATE booking SET phone_index = NULL, phone_sealed = NULL WHERE id IN (
            SELECT id FROM booking WHERE phone_sealed IS NOT NULL AND changed < %s AND state NOT IN
                ('drafted', 'waiting', 'offered', 'accepted', 'en_route', 'arrived', 'on_board') LIMIT %s)
        """,
        (before, AT_ONCE),
    )
    bookings = cursor.rowcount
    cursor = await db.execute(
        "UPDATE series SET phone_index = NULL, phone_sealed = NULL WHERE phone_sealed IS NOT NULL AND ended < %s",
        (before,),
    )
    return snapshots, bookings + cursor.rowcount
