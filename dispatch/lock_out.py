"""Taxis that get no offers for a while: their driver dropped an order, or the desk said so."""

from __future__ import annotations

from datetime import datetime, timedelta

from tracking.database import Connection


async def put(db: Connection, taxi: str, since: datetime, lasting: timedelta, reason: str, who: str) -> None:
    """From `since` on. Several at once end with the last."""
    await db.execute(
        "INSERT INTO lock_out (taxi, since, until, reason, who) VALUES (%s, %s, %s, %s, %s)",
        (taxi, since, since + lasting, reason, who),
    )


async def lift(db: Connection, taxi: str, now: datetime) -> bool:
    """End what is running; False when nothing was."""
    cursor = await db.execute(
        "UPDATE lock_out SET until = greatest(%s, since + interval '1 microsecond') WHERE taxi = %s AND until > %s",
        (now, taxi, now),
    )
    return bool(cursor.rowcount)


async def running(db: Connection, now: datetime) -> frozenset[str]:
    cursor = await db.execute("SELECT DISTINCT taxi FROM lock_out WHERE since <= %s AND until > %s", (now, now))
    return frozenset(row[0] for row in await cursor.fetchall())
