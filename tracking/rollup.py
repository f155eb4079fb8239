"""One line per day and vehicle: when it drove, how far, and what its fixes were flagged for.

A day is one of the bureau's time zone. Days are rolled up when they are over, and again when late fixes come for
them. A day of which fixes were moved to the archive stays as it is.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg

from gateway.report import BAD, Flag
from tracking.series import day_bounds

Connection = psycopg.Connection[Any]
EARTH_M = 6_371_008.8
"""Mean radius (IUGG)."""
GAP_S = 300
"""Between fixes that are further apart, the way is not known."""
FASTEST = 70.0
"""m/s. An odometer that runs faster was set, or belongs to another terminal."""
COUNTED = {flag: (flag.name or "").lower() for flag in Flag}

ROLL_UP = f"""
WITH seen AS (
    SELECT vehicle_id, time, received, lat, lon, odometer, flags FROM fix
    WHERE time >= %(start)s AND time < %(end)s AND vehicle_id IS NOT NULL
),
step AS (
    SELECT vehicle_id, time, extract(epoch FROM time - lag(time) OVER way) AS seconds,
           pow(sin(radians(lat - lag(lat) OVER way) / 2), 2) + cos(radians(lat)) * cos(radians(lag(lat) OVER way))
               * pow(sin(radians(lon - lag(lon) OVER way) / 2), 2) AS h  -- haversine
    FROM seen WHERE flags & %(bad)s = 0 WINDOW way AS (PARTITION BY vehicle_id ORDER BY time, received)
),
track AS (
    SELECT vehicle_id, count(*) AS fixes, min(time) AS first, max(time) AS last,
           coalesce(sum(2 * {EARTH_M} * asin(sqrt(least(1, h)))) FILTER (WHERE seconds <= {GAP_S}), 0) AS track_m
    FROM step GROUP BY vehicle_id
),
turn AS (
    SELECT vehicle_id, extract(epoch FROM time - lag(time) OVER way) AS seconds,
           odometer - lag(odometer) OVER way AS metres
    FROM seen WHERE flags & %(bad)s = 0 AND odometer IS NOT NULL
    WINDOW way AS (PARTITION BY vehicle_id ORDER BY time, received)
),
odometer AS (
    SELECT vehicle_id, sum(metres) AS odometer_m FROM turn
    WHERE metres > 0 AND metres <= seconds * {FASTEST} GROUP BY vehicle_id
),
flagged AS (
    SELECT vehicle_id, {", ".join(f"count(*) FILTER (WHERE flags & {int(f)} <> 0) AS {n}" for f, n in COUNTED.items())}
    FROM seen GROUP BY vehicle_id
)
INSERT INTO vehicle_day
    (vehicle_id, zone, day, first, last, fixes, odometer_m, track_m, {", ".join(COUNTED.values())})
SELECT vehicle_id, %(zone)s, %(day)s, first, last, coalesce(fixes, 0), coalesce(odometer_m, 0), coalesce(track_m, 0),
       {", ".join(COUNTED.values())}
FROM flagged LEFT JOIN track USING (vehicle_id) LEFT JOIN odometer USING (vehicle_id)
"""


def roll_up(db: Connection, zone: str, now: datetime) -> int:
    """Roll up what was touched of the days that are over; returns how many days. Each in its own transaction."""
    touched = db.execute("SELECT day, writer, times FROM touched_day ORDER BY day").fetchall()
    archived = {day for (day,) in db.execute("SELECT DISTINCT day FROM archive").fetchall()}
    db.commit()
    today = now.astimezone(ZoneInfo(zone)).date()
    done = 0
    for day in sorted({local for utc, _, _ in touched for local in _local_days(utc, zone)}):
        if day < today and not archived & set(_utc_days(day, zone)):
            _roll_up_day(db, zone, day)
            done += 1
    for utc, writer, times in touched:
        if all(day < today for day in _local_days(utc, zone)):
            db.execute("DELETE FROM touched_day WHERE (day, writer, times) = (%s, %s, %s)", (utc, writer, times))
    db.commit()
    return done


def _roll_up_day(db: Connection, zone: str, day: date) -> None:
    with db.transaction():
        start, end = bounds(day, zone)
        db.execute("DELETE FROM vehicle_day WHERE zone = %s AND day = %s", (zone, day))
        db.execute(ROLL_UP, {"zone": zone, "day": day, "start": start, "end": end, "bad": int(BAD)})


def bounds(day: date, zone: str) -> tuple[datetime, datetime]:
    """When a day of a zone begins and ends."""
    start, end = (datetime(d.year, d.month, d.day, tzinfo=ZoneInfo(zone)) for d in (day, day + timedelta(days=1)))
    return start.astimezone(UTC), end.astimezone(UTC)


def _local_days(utc: date, zone: str) -> list[date]:
    """Days of a zone that a UTC day is part of."""
    start, end = day_bounds(utc)
    days = [moment.astimezone(ZoneInfo(zone)).date() for moment in (start, end - timedelta(microseconds=1))]
    return sorted(set(days))


def _utc_days(day: date, zone: str) -> list[date]:
    start, end = bounds(day, zone)
    return sorted({start.date(), (end - timedelta(microseconds=1)).date()})
