"""What the console asks of trips. Each function takes an open connection and returns plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, LiteralString

from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row

Connection = AsyncConnection[Any]
MOST_TRIPS = 2_000

TRIPS: LiteralString = """
SELECT vehicle_id, plate, start, finish, kind, start_lat, start_lon, finish_lat, finish_lon, length, fixes, longest_gap,
       open_start, open_finish, roads, matched, confidence, gaps, ways, speeding
FROM trip JOIN vehicle ON vehicle.id = vehicle_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A trip on roads: metres, confidence 0 to 1; gaps, ways and speeding as `python -m tracking match` tells them.

    `roads` is the digest of the map: another map may give another route.
    """

    roads: str
    length: float
    confidence: float
    gaps: Sequence[Mapping[str, Any]]
    ways: Sequence[Mapping[str, Any]]
    speeding: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trip:
    """What a vehicle did from `start` to `finish`: hail, booked, approach, cruising, parked or off_duty.

    length   metres along the believed fixes
    places   (lat, lon), degrees; None where no fix was believed
    open     whether it may have begun before, or may go on beyond, what is known
    """

    vehicle_id: int
    plate: str
    start: datetime
    finish: datetime
    kind: str
    start_place: tuple[float, float] | None
    finish_place: tuple[float, float] | None
    length: float
    fixes: int
    longest_gap_s: float
    open_start: bool
    open_finish: bool
    route: Route | None


async def trips(
    db: Connection, start: datetime, end: datetime, *, vehicle_id: int | None = None,
    kinds: Sequence[str] | None = None, most: int = MOST_TRIPS,
) -> Sequence[Trip]:  # fmt: skip
    """Trips that lie wholly or in part between two times, in order; at most `most`."""
    return await _trips(
        db,
        " WHERE start < %(end)s AND finish > %(start)s AND (%(vehicle)s::integer IS NULL OR vehicle_id = %(vehicle)s)"
        " AND (%(kinds)s::text[] IS NULL OR kind = ANY(%(kinds)s)) ORDER BY start, vehicle_id LIMIT %(most)s",
        {"start": start, "end": end, "vehicle": vehicle_id, "kinds": kinds and list(kinds), "most": most},
    )


async def trip(db: Connection, vehicle_id: int, at: datetime) -> Trip | None:
    """What a vehicle did at a moment."""
    found = await _trips(
        db,
        " WHERE vehicle_id = %(vehicle)s AND start <= %(at)s AND finish > %(at)s",
        {"vehicle": vehicle_id, "at": at},
    )
    return found[0] if found else None


async def speeding(db: Connection, start: datetime, end: datetime, *, most: int = MOST_TRIPS) -> Sequence[Trip]:
    """Occupied trips that begin between two times and were faster than a road allowed, in order; at most `most`."""
    return await _trips(
        db,
        " WHERE kind IN ('hail', 'booked') AND start >= %(start)s AND start < %(end)s AND speeding <> '[]'"
        " ORDER BY start, vehicle_id LIMIT %(most)s",
        {"start": start, "end": end, "most": most},
    )


async def _trips(db: Connection, condition: LiteralString, values: Mapping[str, Any]) -> Sequence[Trip]:
    async with db.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(TRIPS + condition, values)
        return [_trip(row) for row in await cursor.fetchall()]


def _trip(row: DictRow) -> Trip:
    return Trip(
        vehicle_id=row["vehicle_id"], plate=row["plate"], start=row["start"].astimezone(UTC),
        finish=row["finish"].astimezone(UTC), kind=row["kind"], start_place=_place(row, "start"),
        finish_place=_place(row, "finish"), length=row["length"], fixes=row["fixes"],
        longest_gap_s=row["longest_gap"], open_start=row["open_start"], open_finish=row["open_finish"],
        route=_route(row),
    )  # fmt: skip


def _place(row: DictRow, end: str) -> tuple[float, float] | None:
    lat, lon = row[f"{end}_lat"], row[f"{end}_lon"]
    return None if lat is None else (lat, lon)


def _route(row: DictRow) -> Route | None:
    if row["roads"] is None:
        return None
    return Route(
        roads=row["roads"], length=row["matched"], confidence=row["confidence"], gaps=row["gaps"], ways=row["ways"],
        speeding=row["speeding"],
    )  # fmt: skip
