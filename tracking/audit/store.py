"""What the audit says to the database. Everything runs inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from tracking.announce import FINDINGS, TRIPS
from tracking.audit.finding import OF_DAYS, Finding, Rule

Connection = psycopg.Connection[Any]
LOCK = 0x6175_6469  # "audi"
LEAST_SHARED = 0.5
"""A meter's record is that of a trip with which it shares more than half of the longer of both."""
REVIEW = f"""
WITH fresh AS (
    UPDATE meter_record SET seen = true WHERE NOT seen RETURNING terminal_id, began, ended
), changed AS (
UPDATE trip SET audited = NULL FROM fresh JOIN fitting USING (terminal_id)
WHERE fitting.since <= began AND began < fitting.until AND trip.vehicle_id = fitting.vehicle_id
    AND audited IS NOT NULL AND start < ended AND finish > began
RETURNING trip.vehicle_id, start) {TRIPS}
"""
RECORD = """
SELECT message_id, encode(digest, 'hex'), distance, amount,
       extract(epoch FROM least(ended, %(finish)s) - greatest(began, %(start)s))
           / extract(epoch FROM greatest(ended - began, %(finish)s::timestamptz - %(start)s)) AS share
FROM meter_record JOIN message ON message.id = message_id
JOIN fitting ON fitting.terminal_id = meter_record.terminal_id AND since <= began AND began < until
WHERE vehicle_id = %(vehicle)s AND began < %(finish)s AND ended > %(start)s AND ended > began
ORDER BY share DESC, message_id LIMIT 1
"""
WITHDRAW = f"""
WITH changed AS (UPDATE finding SET state = 'withdrawn' WHERE state = 'lead' AND rule <> ALL(%s) AND NOT EXISTS
    (SELECT FROM trip WHERE (trip.vehicle_id, start, finish) = (finding.vehicle_id, trip_start, trip_finish))
RETURNING id) {FINDINGS}
"""
KEEP = f"""
WITH changed AS (
INSERT INTO finding (vehicle_id, trip_start, trip_finish, rule, level, measured, allowed, confidence, thresholds,
                     edition, roads, fixes, frames)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
RETURNING id) {FINDINGS}
"""


@dataclass(frozen=True, slots=True)
class Occupied:
    """A trip that waits for its audit."""

    vehicle: int
    start: datetime
    finish: datetime


@dataclass(frozen=True, slots=True)
class Record:
    """What the taximeter told of a trip: metres and yuan; message and sha256 are those of the frame that told it."""

    message: int
    sha256: str
    distance: float
    amount: Any


def due(db: Connection, most: int) -> list[Occupied]:
    """Trips on roads that were not audited since they, or what their meter told, changed; the newest first."""
    db.execute(REVIEW)
    db.execute(WITHDRAW, (sorted(OF_DAYS),))
    rows = db.execute(
        "SELECT vehicle_id, start, finish FROM trip WHERE kind IN ('hail', 'booked') AND audited IS NULL"
        " AND roads IS NOT NULL ORDER BY start DESC LIMIT %s",
        (most,),
    )
    return [Occupied(*row) for row in rows.fetchall()]


def take_turns(db: Connection) -> None:
    """One process audits at a time, until the transaction ends."""
    db.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))


def record(db: Connection, trip: Occupied) -> Record | None:
    """The meter's record of a trip, if it came."""
    values = {"vehicle": trip.vehicle, "start": trip.start, "finish": trip.finish}
    row = db.execute(RECORD, values).fetchone()
    return Record(*row[:4]) if row and row[4] > LEAST_SHARED else None


def audited(db: Connection, trip: Occupied, edition: str, told: Record | None) -> bool:
    """Note it; false where the trip has changed meanwhile, so that nothing may be said of it."""
    values = (told.distance, told.amount, told.message) if told else (None, None, None)
    return bool(
        db.execute(
            "WITH changed AS (UPDATE trip SET audited = %s, metered = %s, fare = %s, meter = %s"
            f" WHERE (vehicle_id, start, finish) = (%s, %s, %s) RETURNING vehicle_id, start) {TRIPS}",
            (edition, *values, trip.vehicle, trip.start, trip.finish),
        ).rowcount
    )


def keep(db: Connection, trip: Occupied, found: Sequence[Finding], roads: str, told: Record | None) -> int:
    """Store findings as leads; leads of before that are not among them are withdrawn, what went further stays.

    Returns how many are new.
    """
    former = _leads(db, trip)
    said = {one.rule: (one.level, one.measured, one.allowed) for one in found}
    gone = [id_ for id_, (rule, *values) in former.items() if said.get(Rule(rule)) != tuple(values)]
    db.execute(
        "WITH changed AS (UPDATE finding SET state = 'withdrawn' WHERE id = ANY(%s) RETURNING id)" + FINDINGS, (gone,)
    )
    return sum(db.execute(KEEP, _row(db, trip, one, roads, told)).rowcount for one in found)


@dataclass(frozen=True, slots=True)
class Day:
    """A day (UTC) of a vehicle that is to be judged."""

    vehicle: int
    day: date


def due_days(db: Connection, before: date, most: int) -> list[Day]:
    """Days before that one whose trips changed since they were judged, the newest first; none that is in files."""
    rows = db.execute(
        "SELECT vehicle_id, day FROM conduct_due WHERE day < %s"
        " AND NOT EXISTS (SELECT FROM archive WHERE archive.day = conduct_due.day)"
        " ORDER BY day DESC, vehicle_id LIMIT %s",
        (before, most),
    )
    return [Day(*row) for row in rows.fetchall()]


def take_day(db: Connection, one: Day) -> bool:
    """It is being judged in this transaction; False when another process was quicker."""
    query = "DELETE FROM conduct_due WHERE (vehicle_id, day) = (%s, %s)"
    return bool(db.execute(query, (one.vehicle, one.day)).rowcount)


def heard(db: Connection, start: datetime, end: datetime) -> list[datetime]:
    """Minutes in which any vehicle had a fix."""
    query = (
        "SELECT DISTINCT date_trunc('minute', time) AS minute FROM position WHERE time >= %s AND time < %s ORDER BY 1"
    )
    return [row[0] for row in db.execute(query, (start, end)).fetchall()]


def changes(db: Connection, vehicle: int, start: datetime, end: datetime) -> list[datetime]:
    """When another driver signed in, by the meter (JT/T 905) or by his card (JT/T 808)."""
    rows = db.execute(
        "SELECT received, coalesce(report ->> 'driver_licence', report ->> 'licence') FROM message"
        " CROSS JOIN jsonb_array_elements(reports) AS report JOIN fitting USING (terminal_id)"
        " WHERE vehicle_id = %s AND since <= received AND received < until AND received >= %s AND received < %s"
        " AND name IN ('sign_in', 'driver') AND (report ->> 'kind' = 'sign_in'"
        " OR (report ->> 'kind' = 'driver_card' AND coalesce((report ->> 'inserted')::boolean, true)))"
        " ORDER BY received",
        (vehicle, start, end),
    ).fetchall()
    return [at for (at, driver), (_, former) in zip(rows[1:], rows, strict=False) if driver != former]


def keep_day(db: Connection, vehicle: int, start: datetime, end: datetime, found: Sequence[Finding]) -> int:
    """Store what was found of a vehicle between these times; leads of before that are not in it are withdrawn.

    Returns how many are new.
    """
    said = {(str(one.rule), one.fixes[0], one.fixes[-1], one.measured) for one in found}
    rows = db.execute(
        "SELECT id, rule, trip_start, trip_finish, measured FROM finding WHERE vehicle_id = %s AND state = 'lead'"
        " AND rule = ANY(%s) AND trip_start >= %s AND trip_start < %s",
        (vehicle, sorted(OF_DAYS), start, end),
    )
    gone = [row[0] for row in rows.fetchall() if tuple(row[1:]) not in said]
    db.execute(
        "WITH changed AS (UPDATE finding SET state = 'withdrawn' WHERE id = ANY(%s) RETURNING id)" + FINDINGS, (gone,)
    )
    return sum(
        db.execute(KEEP, _row(db, Occupied(vehicle, one.fixes[0], one.fixes[-1]), one, "", None)).rowcount
        for one in found
    )


def _leads(db: Connection, trip: Occupied) -> dict[int, tuple[str, str, float, float]]:
    rows = db.execute(
        "SELECT id, rule, level, measured, allowed FROM finding"
        " WHERE vehicle_id = %s AND trip_start = %s AND state = 'lead'",
        (trip.vehicle, trip.start),
    )
    return {row[0]: row[1:] for row in rows.fetchall()}


def _row(db: Connection, trip: Occupied, one: Finding, roads: str, told: Record | None) -> Sequence[object]:
    frames = [{"message": told.message, "sha256": told.sha256}] if told and one.rule is Rule.OVERCHARGE else []
    return (
        trip.vehicle, trip.start, trip.finish, one.rule, one.level, one.measured, one.allowed, one.confidence,
        Jsonb(dict(one.thresholds)), one.edition, roads, Jsonb(_fixes(db, trip.vehicle, one.fixes)), Jsonb(frames),
    )  # fmt: skip


def _fixes(db: Connection, vehicle: int, times: Iterable[datetime]) -> list[tuple[str, str, str]]:
    """Terminal, time and identity of the vehicle's fixes at these times."""
    chosen = list(times)
    if not chosen:
        return []
    rows = db.execute(
        "SELECT key, time, identity FROM position JOIN terminal ON terminal.id = terminal_id"
        " JOIN fitting ON fitting.terminal_id = position.terminal_id AND since <= time AND time < until"
        " WHERE vehicle_id = %s AND time = ANY(%s) AND time BETWEEN %s AND %s ORDER BY time, key, identity",
        (vehicle, chosen, min(chosen), max(chosen)),
    )
    return [(key, time.isoformat(), str(identity)) for key, time, identity in rows.fetchall()]
