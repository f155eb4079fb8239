"""What the derivation of trips says to the database. Everything runs inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg.types.json import Jsonb

from gateway.report import BAD, Flag, Status, micros, moment
from tracking.announce import TRIPS
from tracking.trips.cut import Kind
from tracking.trips.fixes import Fixes, State

Connection = psycopg.Connection[Any]
NO_PLACE = BAD & ~Flag.CLOCK
"""Flags of fixes whose place is not believed but whose state is."""
NAMES = {kind: kind.name.lower() for kind in Kind}
STATES = {
    Status.OCCUPIED: State.OCCUPIED, Status.BOOKED: State.BOOKED, Status.OUT_OF_SERVICE: State.OUT_OF_SERVICE,
    Status.PICK_UP_EDGE: State.EDGE, Status.DROP_OFF_EDGE: State.EDGE,
}  # fmt: skip
COLUMNS = (
    "start", "finish", "kind", "start_lat", "start_lon", "finish_lat", "finish_lon", "length", "fixes", "longest_gap",
    "open_start", "open_finish",
)  # fmt: skip
LOCK = 0x7472_6970  # "trip"
Row = tuple[Any, ...]
CHANGED = """
WITH now AS (
    SELECT terminal_id, date_trunc('hour', time) AS hour, count(*) AS fixes, bit_xor(identity) AS digest
    FROM position WHERE time >= %(start)s AND time < %(end)s GROUP BY 1, 2
), changed AS (
    INSERT INTO trip_source AS old SELECT * FROM now ON CONFLICT (terminal_id, hour)
    DO UPDATE SET fixes = excluded.fixes, digest = excluded.digest
    WHERE (old.fixes, old.digest) IS DISTINCT FROM (excluded.fixes, excluded.digest)
    RETURNING terminal_id, hour
)
SELECT vehicle_id, min(hour), max(hour) + interval '1 hour' FROM changed
JOIN fitting USING (terminal_id) WHERE since < hour + interval '1 hour' AND until > hour GROUP BY vehicle_id
"""


REMOVE = f"""
WITH removed AS (DELETE FROM trip WHERE vehicle_id = %s AND start = ANY(%s) RETURNING vehicle_id, start, audited),
changed AS (SELECT vehicle_id, start FROM removed WHERE audited IS NOT NULL) {TRIPS}
"""


@dataclass(frozen=True, slots=True)
class Due:
    """A day (UTC) of which fixes came; `times` as counted when it was looked at."""

    day: date
    writer: int
    times: int


def due(db: Connection) -> list[Due]:
    """Days that are due, the oldest first, without those of which fixes were moved to files."""
    rows = db.execute(
        "SELECT day, writer, times FROM trip_due"
        " WHERE NOT EXISTS (SELECT FROM archive WHERE archive.day = trip_due.day) ORDER BY day, writer"
    )
    return [Due(*row) for row in rows.fetchall()]


def done(db: Connection, days: Sequence[Due]) -> None:
    """These were derived; one of which more came meanwhile stays due."""
    for one in days:
        db.execute("DELETE FROM trip_due WHERE (day, writer, times) = (%s, %s, %s)", (one.day, one.writer, one.times))


def changed(db: Connection, day: date) -> list[tuple[int, datetime, datetime]]:
    """Vehicles with fixes on a day (UTC) that were not seen before, and from when to when; notes them as seen."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return db.execute(CHANGED, {"start": start, "end": start + timedelta(days=1)}).fetchall()


def kept_from(db: Connection) -> datetime:
    """From here on all fixes are in the database; older ones may be in files."""
    row = db.execute("SELECT max(day) FROM archive").fetchone()
    newest: date | None = row[0] if row else None
    first = datetime(1970, 1, 1, tzinfo=UTC)
    if newest is None:
        return first
    return datetime(newest.year, newest.month, newest.day, tzinfo=UTC) + timedelta(days=1)


FIXES = """
SELECT (extract(epoch FROM time) * 1000000)::bigint, lat, lon, status, flags, speed FROM fix
WHERE vehicle_id = %(vehicle)s AND flags & %(clock)s = 0
"""


def fixes(db: Connection, vehicle: int, start: datetime, end: datetime) -> Fixes:
    """Fixes with start <= time < end, and the one before and the one behind them.

    Those with a wrong clock are left out, places that are not believed are NaN.
    """
    rows = db.execute(
        f"({FIXES} AND time >= %(start)s AND time < %(end)s)"
        f" UNION ALL ({FIXES} AND time < %(start)s ORDER BY time DESC LIMIT 1)"
        f" UNION ALL ({FIXES} AND time >= %(end)s ORDER BY time LIMIT 1)",
        {"vehicle": vehicle, "start": start, "end": end, "clock": int(Flag.CLOCK)},
    ).fetchall()
    time, lat, lon, status, flags, speed = zip(*rows, strict=True) if rows else [()] * 6
    misplaced = (np.array(flags, np.int64) & int(NO_PLACE)) != 0
    return Fixes(
        np.zeros(len(rows), np.int64), np.array(time, np.int64), np.where(misplaced, np.nan, np.array(lat, np.float64)),
        np.where(misplaced, np.nan, np.array(lon, np.float64)), _states(np.array(status, np.int64)),
        np.array([np.nan if v is None else v for v in speed], np.float64),
    )  # fmt: skip


def _states(status: NDArray[np.int64]) -> NDArray[np.int8]:
    state = np.zeros(len(status), np.int8)
    for flag, bit in STATES.items():
        state[(status & int(flag)) != 0] |= int(bit)
    return state


def before(db: Connection, vehicle: int, at: datetime) -> datetime | None:
    """Start of the last trip that begins before then."""
    row = db.execute("SELECT max(start) FROM trip WHERE vehicle_id = %s AND start < %s", (vehicle, at)).fetchone()
    return row[0] if row else None


def settled(db: Connection, vehicle: int, floor: datetime) -> datetime | None:
    """Finish of the last trip that begins before `floor`: it is not made anew, so the next one begins there."""
    row = db.execute("SELECT max(finish) FROM trip WHERE vehicle_id = %s AND start < %s", (vehicle, floor)).fetchone()
    return row[0] if row else None


def after(db: Connection, vehicle: int, at: datetime) -> datetime | None:
    """Finish of the first trip that ends after then: trips follow each other, so it is that of the last start by then
    or of the first one later."""
    row = db.execute(
        "SELECT min(finish) FROM trip WHERE vehicle_id = %(vehicle)s AND finish > %(at)s AND start >= coalesce("
        " (SELECT max(start) FROM trip WHERE vehicle_id = %(vehicle)s AND start <= %(at)s), '-infinity')",
        {"vehicle": vehicle, "at": at},
    ).fetchone()
    return row[0] if row else None


def take_turns(db: Connection) -> None:
    """One process derives at a time, until the transaction ends."""
    db.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))


def replace(db: Connection, vehicle: int, start: datetime, end: datetime, spans: NDArray[np.void]) -> int:
    """Put these spans in the place of all trips with start <= trip.start < end; equal ones stay with what is known of
    them. Returns how many rows changed."""
    wanted = {row[0]: row for row in map(_row, spans)}
    rows = db.execute(
        f"SELECT {', '.join(COLUMNS)} FROM trip WHERE vehicle_id = %s AND start >= %s AND start < %s",
        (vehicle, start, end),
    ).fetchall()
    former = {row[0]: row for row in rows}
    gone = [at for at, row in former.items() if not _same(row, wanted.get(at))]
    new = [row for at, row in wanted.items() if at in gone or at not in former]
    db.execute(REMOVE, (vehicle, gone))
    with db.cursor() as cursor:
        marks = ", ".join(["%s"] * (len(COLUMNS) + 1))
        cursor.executemany(
            f"INSERT INTO trip (vehicle_id, {', '.join(COLUMNS)}) VALUES ({marks})", [(vehicle, *row) for row in new]
        )
    return len(new) + sum(at not in wanted for at in gone)


def _row(span: np.void) -> Row:
    places = (float(span[name]) for name in ("start_lat", "start_lon", "end_lat", "end_lon"))
    return (
        moment(span["start"]), moment(span["end"]), NAMES[Kind(span["kind"])],
        *(None if value != value else value for value in places), round(float(span["length"]), 3), int(span["fixes"]),
        int(span["longest_gap"]) / 1e6, bool(span["open_start"]), bool(span["open_end"]),
    )  # fmt: skip


def _same(row: Row, wanted: Row | None) -> bool:
    """Equal, but for the last digit of a length: a sum depends on how many are summed at once."""
    length = COLUMNS.index("length")
    if wanted is None or abs(row[length] - wanted[length]) > 0.01:
        return False
    return row[:length] + row[length + 1 :] == wanted[:length] + wanted[length + 1 :]


def unmatched(db: Connection, most: int) -> list[tuple[int, datetime, datetime]]:
    """Occupied trips that are over and not matched yet: (vehicle, start, finish), the newest first."""
    return db.execute(
        "SELECT vehicle_id, start, finish FROM trip WHERE kind IN ('hail', 'booked') AND roads IS NULL"
        " AND NOT open_finish ORDER BY start DESC LIMIT %s",
        (most,),
    ).fetchall()


def keep_match(
    db: Connection, vehicle: int, start: datetime, finish: datetime, roads: str, values: Mapping[str, Any]
) -> bool:
    """Store what matching found, unless the trip has changed meanwhile."""
    return bool(
        db.execute(
            "UPDATE trip SET roads = %s, matched = %s, confidence = %s, free_flow = %s, gaps = %s, ways = %s,"
            " speeding = %s"
            " WHERE (vehicle_id, start, finish) = (%s, %s, %s)",
            (
                roads, values["matched"], values["confidence"], values["free_flow"], Jsonb(values["gaps"]),
                Jsonb(values["ways"]), Jsonb(values["speeding"]), vehicle, start, finish,
            ),
        ).rowcount
    )  # fmt: skip


def ends(spans: NDArray[np.void]) -> set[datetime]:
    """Where one span meets another, and both ends of all."""
    return {moment(value) for name in ("start", "end") for value in spans[name]}


def within(spans: NDArray[np.void], start: datetime, end: datetime) -> NDArray[np.void]:
    """Spans with start <= span.start < end."""
    low, high = micros(start), micros(end)
    return spans[(spans["start"] >= low) & (spans["start"] < high)]
