"""What others ask of the history. Each function takes an open connection and returns plain values."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, LiteralString

import orjson
from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row

from gateway.report import BAD, Alarm, Flag, Status
from tracking.archive import Archived, rows_of
from tracking.vehicle import Day, Fix, LastState, Route, Vehicle

Connection = AsyncConnection[Any]
MOST_FIXES = 100_000
"""Fixes in one route: a week at one a second and more than a month at the usual interval."""
SLICE_ROWS = 500
"""Rows turned into objects before other tasks may run: a long route must not hold up the live map."""

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


async def stored_up_to(db: Connection) -> datetime | None:
    """When the gateway received the newest of what is stored; None before anything is."""
    (row,) = await _rows(db, "SELECT max(received) AS received FROM spool_offset", {})
    received: datetime | None = row["received"]
    return received


async def fleet_version(db: Connection) -> str:
    """A digest that changes when a vehicle, its company or the terminals in it change; cheap enough to ask often."""
    cursor = await db.execute(
        "SELECT md5(coalesce(string_agg(md5(concat_ws('|', vehicle.id, plate, vehicle_class, company.name,"
        " fitting.terminal_id)), '' ORDER BY vehicle.id, fitting.terminal_id), ''))"
        " FROM vehicle LEFT JOIN company ON company.id = vehicle.company_id"
        " LEFT JOIN fitting ON fitting.vehicle_id = vehicle.id AND fitting.until = 'infinity'"
    )
    row = await cursor.fetchone()
    return str(row[0]) if row else ""


async def route(
    db: Connection, vehicle_id: int, start: datetime, end: datetime, *, flagged: bool = False, most: int = MOST_FIXES
) -> Route:
    """Fixes of a vehicle with start <= time < end, by whichever terminals stood in it then.

    Implausible ones only with `flagged`; their `flags` say why. Days that were moved to files are read there.
    Raises ArchiveDamaged where such a file is missing or was changed.
    """
    fixes: list[Fix] = []
    async with db.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            "SELECT time, received, lat, lon, speed, course, altitude, odometer, alarms, status, flags, satellites,"
            " attributes FROM fix WHERE vehicle_id = %(vehicle)s AND time >= %(start)s AND time < %(end)s"
            " AND (%(flagged)s OR flags & %(bad)s = 0) ORDER BY time, received LIMIT %(most)s + 1",
            {"vehicle": vehicle_id, "start": start, "end": end, "flagged": flagged, "bad": int(BAD), "most": most},
        )
        while rows := await cursor.fetchmany(SLICE_ROWS):
            fixes.extend(map(_fix, rows))
            await asyncio.sleep(0)
    if archived := await _archived(db, vehicle_id, start, end, flagged, most):
        there = {_same(fix) for fix in fixes}
        fixes = sorted([*fixes, *(f for f in archived if _same(f) not in there)], key=lambda f: (f.time, f.received))
    return Route(vehicle_id, start, end, fixes[:most], len(fixes) > most)


def _same(fix: Fix) -> tuple[object, ...]:
    """A fix that is sent again after its day was archived stands in the table, too."""
    moved = fix.speed, fix.course, fix.altitude, fix.odometer
    return fix.time, fix.lat, fix.lon, fix.alarms, fix.status, *moved


async def _archived(
    db: Connection, vehicle_id: int, start: datetime, end: datetime, flagged: bool, most: int
) -> list[Fix]:
    """The first of a vehicle's fixes that were moved to files. Raises ArchiveDamaged."""
    pieces = await _rows(
        db,
        "SELECT day, file, fixes, bytes, sha256, terminal_id, greatest(since, %(start)s) AS start,"
        " least(until, %(end)s) AS end"
        " FROM archive, fitting WHERE vehicle_id = %(vehicle)s AND since < %(end)s AND until > %(start)s"
        " AND day BETWEEN (%(start)s AT TIME ZONE 'UTC')::date AND (%(end)s AT TIME ZONE 'UTC')::date"
        " ORDER BY day, file",
        {"vehicle": vehicle_id, "start": start, "end": end},
    )
    found: dict[tuple[object, ...], Fix] = {}
    day = None
    for piece in pieces:
        if len(found) > most and piece["day"] != day:
            break
        day = piece["day"]
        file = Archived(Path(piece["file"]), piece["day"], piece["fixes"], piece["bytes"], piece["sha256"])
        rows = await asyncio.to_thread(rows_of, file, piece["terminal_id"], piece["start"], piece["end"])
        for fix in (_fix(_nulled(row)) for row in rows if flagged or not row["flags"] & int(BAD)):
            found.setdefault(_same(fix), fix)
    return list(found.values())


def _nulled(row: DictRow) -> DictRow:
    """A row of the archive as the view `fix` shows it."""
    missing = {name for name, value in row.items() if value != value or (name == "satellites" and value == -1)}
    said = {name: None if name in missing else value for name, value in row.items()}
    return {**said, "attributes": orjson.loads(row["attributes"]) if row["attributes"] else None}


async def days(db: Connection, vehicle_id: int, zone: str, *, since: datetime) -> Sequence[Day]:
    """Days of a time zone ("Asia/Shanghai") on which a vehicle has plausible fixes from `since` on, newest first."""
    rows = await _rows(
        db,
        "WITH live AS (SELECT (time AT TIME ZONE %(zone)s)::date AS day, count(*) AS fixes, min(time) AS first,"
        " max(time) AS last FROM fix WHERE vehicle_id = %(vehicle)s AND time >= %(since)s AND flags & %(bad)s = 0"
        " GROUP BY 1),"
        " rolled AS (SELECT day, fixes, first, last FROM vehicle_day WHERE vehicle_id = %(vehicle)s"
        " AND zone = %(zone)s AND fixes > 0 AND last >= %(since)s AND day <= (SELECT max(day) + 1 FROM archive))"
        " SELECT day, greatest(live.fixes, rolled.fixes) AS fixes, least(live.first, rolled.first) AS first,"
        " greatest(live.last, rolled.last) AS last FROM live FULL JOIN rolled USING (day) ORDER BY day DESC",
        {"vehicle": vehicle_id, "zone": zone, "since": since, "bad": int(BAD)},
    )
    return [Day(r["day"], r["fixes"], r["first"].astimezone(UTC), r["last"].astimezone(UTC)) for r in rows]


async def span(db: Connection, vehicle_id: int) -> tuple[datetime, datetime] | None:
    """Times of a vehicle's first and last plausible fix."""
    rows = await _rows(
        db,
        "SELECT min(first) AS first, max(last) AS last FROM (SELECT min(time) AS first, max(time) AS last FROM fix"
        " WHERE vehicle_id = %(vehicle)s AND flags & %(bad)s = 0"
        " UNION ALL SELECT min(first), max(last) FROM vehicle_day WHERE vehicle_id = %(vehicle)s) AS either",
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
