"""Speeds by road and hour of the week, learned from the fleet's own matched trips, and closures of roads.

Engines know free flow. How much slower the city is at an hour is the time driven over the time in free flow, of all
sure trips then; an hour with few trips leans on the week's mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from zoneinfo import ZoneInfo

import psycopg

from tracking.roads.port import Closure, Place

Connection = psycopg.Connection[Any]
HOURS = 168
SURE = 0.7
"""Confidence below which a trip teaches nothing."""
WEIGHT = 20
"""So many trips at the week's mean are put to those of each hour."""
PACE = """
INSERT INTO road_pace (hour, trips, pace)
SELECT (extract(isodow FROM local) - 1) * 24 + extract(hour FROM local), count(*),
       sum(extract(epoch FROM finish - start)) / sum(free_flow)
FROM trip, LATERAL (SELECT start AT TIME ZONE %(zone)s AS local) AS clock
WHERE start >= %(since)s AND confidence >= %(sure)s AND free_flow > 0 GROUP BY 1
"""
SPEED = """
INSERT INTO road_speed (way, hour, trips, speed)
SELECT way, (extract(isodow FROM local) - 1) * 24 + extract(hour FROM local), count(DISTINCT (vehicle_id, start)),
       sum(length_m) / sum(seconds)
FROM trip, LATERAL (SELECT start AT TIME ZONE %(zone)s AS local) AS clock,
     LATERAL jsonb_to_recordset(ways) AS (way bigint, length_m double precision, seconds double precision)
WHERE start >= %(since)s AND confidence >= %(sure)s GROUP BY 1, 2 HAVING sum(seconds) > 0
"""


def learn(db: Connection, since: datetime, zone: str) -> int:
    """Learn anew from the trips since then, by the clock of a time zone; returns of how many roads and hours."""
    values = {"since": since, "zone": zone, "sure": SURE}
    with db.transaction():
        db.execute("DELETE FROM road_pace")
        db.execute("DELETE FROM road_speed")
        db.execute(PACE, values)
        return db.execute(SPEED, values).rowcount


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds driven in a second of free flow, for each hour of the week; `mean` where the hour is not asked."""

    by_hour: Sequence[float]
    mean: float

    def __call__(self, hour: int | None) -> float:
        return self.mean if hour is None else self.by_hour[hour % HOURS]

    @classmethod
    def of(cls, hours: Sequence[tuple[int, int, float]]) -> Self | None:
        """From rows (hour, trips, pace); None where nothing was learned."""
        trips = sum(n for _, n, _ in hours)
        if not trips:
            return None
        mean = sum(n * pace for _, n, pace in hours) / trips
        known = {hour: (n, pace) for hour, n, pace in hours}
        each = (known.get(hour, (0, 0.0)) for hour in range(HOURS))
        return cls([(n * pace + WEIGHT * mean) / (n + WEIGHT) for n, pace in each], mean)


def pace(db: Connection) -> Pace | None:
    """What was learned last, for `Engine.pace`."""
    return Pace.of(db.execute("SELECT hour, trips, pace FROM road_pace").fetchall())


def closures(db: Connection, now: datetime) -> list[Closure]:
    """Roads that are closed at that time, for `Engine.closures`."""
    rows = db.execute(
        "SELECT lat, lon, reason FROM road_closure WHERE since <= %s AND until > %s ORDER BY id", (now, now)
    )
    return [Closure(Place(lat, lon), reason) for lat, lon, reason in rows.fetchall()]


def hour_of_week(at: datetime, zone: str) -> int:
    """0 is the hour from Monday midnight on, by the clock of a time zone."""
    local = at.astimezone(ZoneInfo(zone))
    return local.weekday() * 24 + local.hour
