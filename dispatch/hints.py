"""Hints as the database keeps them: the switch, what was given to whom, and what came of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from dispatch.clock import CITY
from dispatch.forecast import PickUp
from dispatch.reposition import Hint
from dispatch.saying import Saying
from dispatch.store import say
from tracking.database import Connection

FOLLOWED, FOLLOWED_DEGREES = timedelta(minutes=30), 0.02
"""A hint was followed where its taxi picked somebody up so soon and so near: two kilometres."""


@dataclass(frozen=True, slots=True)
class Switch:
    on: bool
    at: datetime
    who: str
    reason: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of hints of a time: given, said in time, and followed by a pick-up there."""

    given: int
    said: int
    followed: int


async def switch(db: Connection) -> Switch | None:
    """None: nobody has touched it, hints are off."""
    cursor = await db.execute('SELECT "on", at, who, reason FROM hint_switch ORDER BY id DESC LIMIT 1')
    row = await cursor.fetchone()
    return Switch(*row) if row else None


async def turn_to(db: Connection, on: bool, who: str, reason: str, now: datetime) -> Switch:
    await db.execute('INSERT INTO hint_switch (at, "on", who, reason) VALUES (%s, %s, %s, %s)', (now, on, who, reason))
    return Switch(on, now, who, reason)


async def lately(db: Connection, since: datetime) -> dict[str, tuple[datetime, int]]:
    """Taxis that were given a hint from `since` on: the newest one, and its cell."""
    cursor = await db.execute(
        "SELECT DISTINCT ON (taxi) taxi, at, cell FROM hint WHERE at >= %s ORDER BY taxi, at DESC", (since,)
    )
    return {taxi: (at, cell) for taxi, at, cell in await cursor.fetchall()}


async def give(db: Connection, hint: Hint, words: str, now: datetime) -> int:
    """Written down together with what is to be said; returns its number."""
    async with db.transaction():
        cursor = await db.execute(
            "INSERT INTO hint (at, taxi, cell, lat, lon, metres, pick_ups) VALUES (%s, %s, %s, %s, %s, %s, %s)"
            " RETURNING id",
            (now, hint.taxi, hint.cell, hint.lat, hint.lon, hint.metres, hint.pick_ups),
        )
        (number,) = await cursor.fetchone() or (0,)
        await say(db, Saying.HINT, number, hint.taxi, now, words=words)
    return int(number)


async def pick_ups(
    db: Connection, today: date, history: timedelta, week: Collection[int]
) -> tuple[list[PickUp], int]:  # fmt: skip
    """Of taxis, hailed or booked, on former days of these weekdays (Monday 1); and how many days have any."""
    until = datetime.combine(today, time(), CITY)
    cursor = await db.execute(
        """
        SELECT start_lat, start_lon, start, (start AT TIME ZONE %(zone)s)::date FROM trip
        JOIN vehicle ON vehicle.id = trip.vehicle_id
        WHERE kind IN ('hail', 'booked') AND NOT open_start AND start_lat IS NOT NULL
        AND start >= %(since)s AND start < %(until)s AND vehicle.vehicle_class = 'taxi'
        AND extract(isodow FROM start AT TIME ZONE %(zone)s)::integer = ANY(%(week)s)
        """,
        {"since": until - history, "until": until, "zone": CITY.key, "week": sorted(week)},
    )
    rows = await cursor.fetchall()
    return [PickUp(lat, lon, at) for lat, lon, at, _ in rows], len({day for *_, day in rows})


async def outcome(db: Connection, start: datetime, end: datetime) -> Outcome:
    """Of hints that were given from `start` on and before `end`."""
    cursor = await db.execute(
        """
        SELECT count(*), count(*) FILTER (WHERE said), count(*) FILTER (WHERE followed) FROM (
            SELECT EXISTS (
                SELECT FROM saying WHERE kind = 'hint' AND order_id = hint.id AND saying.said IS NOT NULL
            ) AS said, EXISTS (
                SELECT FROM terminal JOIN fitting ON fitting.terminal_id = terminal.id AND fitting.until = 'infinity'
                JOIN trip ON trip.vehicle_id = fitting.vehicle_id
                WHERE terminal.key = hint.taxi AND trip.kind IN ('hail', 'booked')
                AND trip.start > hint.at AND trip.start <= hint.at + %(soon)s
                AND abs(trip.start_lat - hint.lat) < %(near)s AND abs(trip.start_lon - hint.lon) < %(near)s
            ) AS followed FROM hint WHERE at >= %(start)s AND at < %(end)s
        ) AS each
        """,
        {"start": start, "end": end, "soon": FOLLOWED, "near": FOLLOWED_DEGREES},
    )
    return Outcome(*(await cursor.fetchone() or (0, 0, 0)))
