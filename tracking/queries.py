"""What others ask of the history. Each function takes an open connection and returns plain values."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, LiteralString

from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row

from gateway.report import BAD, Alarm, Flag, Status
from tracking.vehicle import Fix, LastState, Route, Vehicle

Connection = AsyncConnection[Any]
MOST_FIXES = 100_000
"""Fixes in one route: a week at one a second and more than a month at the usual interval."""

VEHICLES: LiteralString = """
SELECT vehicle.id, plate, vehicle_class, coalesce(company.name, '') AS company, terminal.key AS terminal,
       state.heard, state.time, state.lat, state.lon, state.speed, state.course, state.altitude, state.odometer,
       state.alarms, state.status, state.satellites, state.signal
FROM vehicle
LEFT JOIN company ON company.id = vehicle.company_id
LEFT JOIN LATERAL (
    SELECT last_state.*, fitting.terminal_id AS fitted
    FROM fitting LEFT JOIN last_state ON last_state.terminal_id = fitting.terminal_id
    WHERE fitting.vehicle_id = vehicle.id AND fitting.until = 'infinity'
    ORDER BY last_state.heard DESC NULLS LAST, fitting.since DESC LIMIT 1
) AS state ON true
LEFT JOIN terminal ON terminal.id = state.fitted
"""


async def vehicles(db: Connection, *, text: str = "", after: int = 0, limit: int | None = None) -> Sequence[Vehicle]:
    """Vehicles in order of their ids, those with id > `after`; `text` is a part of the plate, in any case."""
    rows = await _rows(
        db,
        VEHICLES + " WHERE vehicle.id > %(after)s AND position(upper(%(text)s) IN upper(plate)) > 0"
        " ORDER BY vehicle.id LIMIT %(limit)s",
        {"after": after, "text": text, "limit": limit},
    )
    return [_vehicle(row) for row in rows]


async def vehicle(db: Connection, vehicle_id: int) -> Vehicle | None:
    rows = await _rows(db, VEHICLES + " WHERE vehicle.id = %(id)s", {"id": vehicle_id})
    return _vehicle(rows[0]) if rows else None


async def vehicle_ids(db: Connection) -> dict[str, int]:
    """Terminal key -> id of the vehicle in which it stands now."""
    cursor = await db.execute(
        "SELECT terminal.key, fitting.vehicle_id FROM fitting JOIN terminal ON terminal.id = fitting.terminal_id"
        " WHERE fitting.until = 'infinity'"
    )
    return dict(await cursor.fetchall())


async def route(
    db: Connection, vehicle_id: int, start: datetime, end: datetime, *, flagged: bool = False, most: int = MOST_FIXES
) -> Route:
    """Fixes of a vehicle with start <= time < end, by whichever terminals stood in it then.

    Implausible ones only with `flagged`; their `flags` say why.
    """
    rows = await _rows(
        db,
        "SELECT time, received, lat, lon, speed, course, altitude, odometer, alarms, status, flags, satellites,"
        " attributes FROM fix WHERE vehicle_id = %(vehicle)s AND time >= %(start)s AND time < %(end)s"
        " AND (%(flagged)s OR flags & %(bad)s = 0) ORDER BY time, received LIMIT %(most)s + 1",
        {"vehicle": vehicle_id, "start": start, "end": end, "flagged": flagged, "bad": int(BAD), "most": most},
    )
    return Route(vehicle_id, start, end, [_fix(row) for row in rows[:most]], len(rows) > most)


async def span(db: Connection, vehicle_id: int) -> tuple[datetime, datetime] | None:
    """Times of a vehicle's first and last plausible fix."""
    rows = await _rows(
        db,
        "SELECT min(time) AS first, max(time) AS last FROM fix WHERE vehicle_id = %(vehicle)s AND flags & %(bad)s = 0",
        {"vehicle": vehicle_id, "bad": int(BAD)},
    )
    row = rows[0]
    return (row["first"].astimezone(UTC), row["last"].astimezone(UTC)) if row["first"] else None


async def _rows(db: Connection, statement: LiteralString, values: dict[str, Any]) -> list[DictRow]:
    async with db.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(statement, values)
        return await cursor.fetchall()


def _vehicle(row: DictRow) -> Vehicle:
    last = None
    if row["time"] is not None:
        last = LastState(
            time=row["time"].astimezone(UTC), lat=row["lat"], lon=row["lon"], speed=row["speed"],
            course=row["course"], altitude=row["altitude"], odometer=row["odometer"], alarms=Alarm(row["alarms"]),
            status=Status(row["status"]), satellites=row["satellites"], signal=row["signal"],
        )  # fmt: skip
    return Vehicle(
        id=row["id"], plate=row["plate"], vehicle_class=row["vehicle_class"], company=row["company"],
        terminal=row["terminal"], heard=row["heard"].astimezone(UTC) if row["heard"] else None, last=last,
    )  # fmt: skip


def _fix(row: DictRow) -> Fix:
    return Fix(
        time=row["time"].astimezone(UTC), received=row["received"].astimezone(UTC), lat=row["lat"], lon=row["lon"],
        speed=row["speed"], course=row["course"], altitude=row["altitude"], odometer=row["odometer"],
        alarms=Alarm(row["alarms"]), status=Status(row["status"]), flags=Flag(row["flags"]),
        satellites=row["satellites"], attributes=row["attributes"] or {},
    )  # fmt: skip
