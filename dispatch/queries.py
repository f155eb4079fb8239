"""What dispatch reads: bookings as they stand, their past, and why they were decided so."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg.rows import dict_row

from dispatch.booking import Booking, Place, State
from dispatch.errors import UnknownBooking
from dispatch.levels import ELDERLY, OTHERS, Call, Earned
from dispatch.match.snapshot import Ability, Snapshot
from dispatch.tariff import Trip
from tracking.database import Connection

ASKED = [field.name for field in fields(Booking)]
COLUMNS = (
    ", ".join(f"booking.{name}" for name in ("id", "state", "changed", *ASKED)) + ", assignment.taxi, assignment.since"
)
FROM = "booking LEFT JOIN assignment ON assignment.booking_id = booking.id AND assignment.until = 'infinity'"


@dataclass(frozen=True, slots=True)
class Standing:
    """A booking as it stands. taxi: who has it, since when."""

    id: int
    state: State
    changed: datetime
    asked: Booking
    taxi: str | None
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Step:
    """A transition: what happened, from where to where, by whom and why. before: None where it was created."""

    at: datetime
    event: str
    before: State | None
    after: State
    actor: str
    who: str
    reason: str
    taxi: str | None


async def booking(db: Connection, number: int) -> Standing:
    """Raises UnknownBooking."""
    async with db.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(f"SELECT {COLUMNS} FROM {FROM} WHERE booking.id = %s", (number,))
        if (row := await cursor.fetchone()) is None:
            raise UnknownBooking(f"there is no booking {number}")
        return _standing(row)


async def some(db: Connection, numbers: Collection[int]) -> list[Standing]:
    """Those of these bookings that there are, in order of their numbers."""
    return await _many(db, "booking.id = ANY(%s) ORDER BY booking.id", list(numbers))


async def waiting(db: Connection, now: datetime) -> list[Standing]:
    """Bookings for which a taxi is to be found now, longest due first."""
    return await _many(db, "booking.state = 'waiting' AND booking.due <= %s ORDER BY booking.due, booking.id", now)


async def under_way(db: Connection) -> list[Standing]:
    """Bookings that a taxi has."""
    return await _many(
        db, "booking.state IN ('accepted', 'en_route', 'arrived', 'on_board') ORDER BY booking.id"
    )  # fmt: skip


async def of_phone(db: Connection, index: bytes, since: datetime) -> list[Standing]:
    """Bookings of a caller, newest first."""
    condition = "booking.phone_index = %s AND booking.created >= %s ORDER BY booking.created DESC, booking.id DESC"
    return await _many(db, condition, index, since)


async def page(
    db: Connection, states: Collection[State], before: int, limit: int, *, text: str = "", index: bytes | None = None
) -> list[Standing]:  # fmt: skip
    """Bookings in these states with numbers below `before`, newest first. text: in place, rider, note or number."""
    return await _many(
        db,
        "booking.id < %s AND booking.state = ANY(%s) AND (%s::bytea IS NULL OR booking.phone_index = %s)"
        " AND (%s = '' OR booking.id::text = %s OR strpos(lower(concat_ws(' ', pick_up ->> 'name',"
        " destination ->> 'name', rider, note)), lower(%s)) > 0) ORDER BY booking.id DESC LIMIT %s",
        before, list(states), index, index, text, text, text, limit,
    )  # fmt: skip


async def has_key(db: Connection, key: str) -> bool:
    """Whether a request was taken already."""
    cursor = await db.execute("SELECT FROM booking WHERE key = %s", (key,))
    return await cursor.fetchone() is not None


async def sealed(db: Connection, numbers: Collection[int]) -> dict[int, bytes]:
    """Callers' numbers as they are sealed, of those who did not withhold it."""
    cursor = await db.execute(
        "SELECT id, phone_sealed FROM booking WHERE id = ANY(%s) AND phone_sealed IS NOT NULL", (list(numbers),)
    )
    return {number: bytes(cipher) for number, cipher in await cursor.fetchall()}


async def being_asked(db: Connection, numbers: Collection[int]) -> dict[int, list[str]]:
    """Taxis that have an offer on their screens, by booking."""
    cursor = await db.execute(
        "SELECT booking_id, array_agg(taxi ORDER BY id) FROM offer WHERE booking_id = ANY(%s) AND state = 'open'"
        " GROUP BY booking_id",
        (list(numbers),),
    )
    return dict(await cursor.fetchall())


async def plates(db: Connection, taxis: Collection[str]) -> dict[str, str]:
    """Plate of the car in which a terminal stands, by terminal."""
    cursor = await db.execute(
        "SELECT terminal.key, vehicle.plate FROM terminal JOIN fitting ON fitting.terminal_id = terminal.id"
        " AND fitting.until = 'infinity' JOIN vehicle ON vehicle.id = fitting.vehicle_id WHERE terminal.key = ANY(%s)",
        (list(taxis),),
    )
    return dict(await cursor.fetchall())


async def taxi_of(db: Connection, plate: str) -> str | None:
    """Terminal of a taxi by its plate, as it is said: without the dot, in any case; or its end, where that is one."""
    said = plate.upper().replace("·", "").replace(" ", "")
    cursor = await db.execute(
        "SELECT terminal.key, upper(replace(vehicle.plate, '·', '')) FROM vehicle"
        " JOIN fitting ON fitting.vehicle_id = vehicle.id AND fitting.until = 'infinity'"
        " JOIN terminal ON terminal.id = fitting.terminal_id"
        " WHERE vehicle.vehicle_class = 'taxi' AND right(upper(replace(vehicle.plate, '·', '')), %s) = %s LIMIT 2",
        (len(said), said),
    )
    found = await cursor.fetchall()
    exact = [key for key, full in found if full == said]
    return exact[0] if exact else found[0][0] if len(found) == 1 else None


async def _many(db: Connection, condition: str, *values: object) -> list[Standing]:
    async with db.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(f"SELECT {COLUMNS} FROM {FROM} WHERE {condition}".encode(), values)
        return [_standing(row) for row in await cursor.fetchall()]


def _standing(row: dict[str, Any]) -> Standing:
    return Standing(row["id"], State(row["state"]), row["changed"], wish(row), row["taxi"], row["since"])


def wish(row: Mapping[str, Any]) -> Booking:
    """What is asked for, of a row that has it among others; what it lacks has its default."""
    asked = {name: row[name] for name in ASKED if name in row}
    asked["pick_up"] = Place(**row["pick_up"])
    asked["destination"] = Place(**row["destination"]) if row["destination"] else None
    asked["stops"] = tuple(Place(**stop) for stop in row["stops"])
    asked["needs"], asked["refused_drivers"] = Ability(row["needs"]), frozenset(row["refused_drivers"])
    return Booking(**asked)


async def past(db: Connection, number: int) -> list[Step]:
    """Everything that happened to a booking, in order. Raises UnknownBooking."""
    cursor = await db.execute(
        "SELECT at, event, before, after, actor, who, reason, taxi FROM transition WHERE booking_id = %s ORDER BY id",
        (number,),
    )
    rows = await cursor.fetchall()
    if not rows:
        raise UnknownBooking(f"there is no booking {number}")
    return [
        Step(at, event, State(before) if before else None, State(after), *rest)
        for at, event, before, after, *rest in rows
    ]


async def calls(db: Connection, since: datetime, until: datetime) -> list[Call]:
    """Bookings that were due from `since` on and before `until`, as service levels are measured.

    What counts is the last search for a taxi: one that was confirmed and lost did not come. The elderly are those who
    were given priority.
    """
    cursor = await db.execute(
        """
        SELECT due, state, min(step.at) FILTER (WHERE step.taxi IS NOT NULL),
            min(step.at) FILTER (WHERE step.after IN ('arrived', 'on_board')), zone, channel, priority
        FROM booking LEFT JOIN LATERAL (
            SELECT at, after, taxi FROM transition WHERE booking_id = booking.id AND id > coalesce(
                (SELECT max(id) FROM transition WHERE booking_id = booking.id AND after = 'waiting'), 0)
        ) AS step ON true
        WHERE due >= %s AND due < %s GROUP BY booking.id ORDER BY due, booking.id
        """,
        (since, until),
    )
    return [
        Call(due, State(state), confirmed, met, zone, channel, ELDERLY if priority else OTHERS)
        for due, state, confirmed, met, zone, channel, priority in await cursor.fetchall()
    ]


async def earned(db: Connection, start: datetime, end: datetime) -> list[Earned]:
    """By driver, over shifts that began from `start` on and were over before `end`, as meters tell it."""
    cursor = await db.execute(
        """
        WITH sign AS (
            SELECT terminal_id, received AS since, report ->> 'kind' AS kind, report ->> 'driver_licence' AS driver,
                lead(received) OVER (PARTITION BY terminal_id ORDER BY received, message.id) AS until
            FROM message CROSS JOIN jsonb_array_elements(reports) AS report
            WHERE name IN ('sign_in', 'sign_out') AND received >= %(start)s AND received < %(end)s
            AND report ->> 'kind' IN ('sign_in', 'sign_out')
        )
        SELECT driver, sum(until - since), sum(taken)::float8 FROM sign CROSS JOIN LATERAL (
            SELECT coalesce(sum(amount), 0) AS taken FROM meter_record
            WHERE meter_record.terminal_id = sign.terminal_id AND began >= since AND began < until
        ) AS meter WHERE kind = 'sign_in' AND driver <> '' AND until IS NOT NULL GROUP BY driver ORDER BY driver
        """,
        {"start": start, "end": end},
    )
    return [Earned(*row) for row in await cursor.fetchall()]


async def metered(db: Connection, since: datetime) -> list[Trip]:
    """Journeys from then on as their meters wrote them down: their way, and minutes that were waited."""
    cursor = await db.execute(
        "SELECT began, ended, distance, waiting FROM meter_record WHERE began >= %s AND ended > began ORDER BY began",
        (since,),
    )
    return [
        Trip(began, ended, Decimal(round(distance / 1000, 2)), int(waiting // 60))
        for began, ended, distance, waiting in await cursor.fetchall()
    ]


async def metres(db: Connection, start: datetime, end: datetime) -> tuple[float, float]:
    """That taxis drove without and with a passenger, of trips that began from `start` on and before `end`."""
    cursor = await db.execute(
        """
        SELECT coalesce(sum(length) FILTER (WHERE kind IN ('cruising', 'approach')), 0),
            coalesce(sum(length) FILTER (WHERE kind IN ('hail', 'booked')), 0)
        FROM trip JOIN vehicle ON vehicle.id = trip.vehicle_id
        WHERE vehicle.vehicle_class = 'taxi' AND trip.start >= %s AND trip.start < %s
        """,
        (start, end),
    )
    empty, paid = await cursor.fetchone() or (0.0, 0.0)
    return empty, paid


async def decisions(db: Connection, number: int) -> list[dict[str, Any]]:
    """Why a booking was decided as it was, oldest first, as `dispatch.match.why` told it."""
    cursor = await db.execute("SELECT content FROM decision WHERE booking_id = %s ORDER BY id", (number,))
    return [row[0] for row in await cursor.fetchall()]


async def snapshot(db: Connection, digest: str) -> Snapshot | None:
    """What was known when a decision was made; None when it is not kept any more."""
    cursor = await db.execute("SELECT content FROM snapshot WHERE digest = %s", (digest,))
    row = await cursor.fetchone()
    return None if row is None else Snapshot.from_json(zlib.decompress(row[0]))
