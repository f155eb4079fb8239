"""What the loop must know of the world at one moment, read from the database."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from dispatch import queries
from dispatch.arrival import Sight
from dispatch.queries import Standing
from dispatch.rides import Ride, Seen
from dispatch.wheel import STILL_M_S
from gateway.report import BAD, Status
from tracking.database import Connection

SIGN_IN_LASTS = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Lapsed:
    booking: int
    taxi: str


async def lapsed(db: Connection, before: datetime) -> list[Lapsed]:
    """Offers that nobody answered in time, and those that a terminal could not be told."""
    cursor = await db.execute(
        """
        SELECT booking_id, taxi FROM offer WHERE state = 'open' AND (expires < %s OR EXISTS (
            SELECT FROM saying LEFT JOIN command ON command.id = 'saying-' || saying.id
            WHERE saying.order_id = offer.booking_id AND saying.taxi = offer.taxi AND saying.kind = 'offer'
            AND saying.made >= offer.made AND (saying.failure <> '' OR command.state = 'failed')
        )) ORDER BY expires, id
        """,
        (before,),
    )
    return [Lapsed(*row) for row in await cursor.fetchall()]


async def too_late(db: Connection, waiting: datetime, drafted: datetime) -> tuple[list[int], list[int]]:
    """Bookings that wait since before `waiting`, and drafts of before `drafted`."""
    cursor = await db.execute(
        "SELECT id, state FROM booking WHERE (state = 'waiting' AND greatest(due, wanted) < %s)"
        " OR (state = 'drafted' AND created < %s) ORDER BY id",
        (waiting, drafted),
    )
    rows = await cursor.fetchall()
    return [number for number, state in rows if state == "waiting"], [n for n, state in rows if state == "drafted"]


async def untold(db: Connection, assigned: datetime) -> list[tuple[int, str, str]]:
    """(booking, taxi, why) of drivers who do not know that the order is theirs.

    Their terminal could not be told, or has not taken what the desk gave to it before `assigned`.
    """
    cursor = await db.execute(
        """
        SELECT booking.id, assignment.taxi, coalesce(award.fate, 'not taken')
        FROM booking JOIN assignment ON assignment.booking_id = booking.id AND assignment.until = 'infinity'
        LEFT JOIN LATERAL (
            SELECT CASE WHEN saying.failure <> '' THEN saying.failure ELSE coalesce(command.state, 'queued') END AS fate
            FROM saying LEFT JOIN command ON command.id = 'saying-' || saying.id
            WHERE saying.order_id = booking.id AND saying.taxi = assignment.taxi AND saying.kind = 'award'
            AND saying.made >= assignment.since ORDER BY saying.id DESC LIMIT 1
        ) AS award ON true
        WHERE booking.state IN ('accepted', 'en_route')
        AND (award.fate IN ('failed', 'expired') OR (award.fate IS NULL AND assignment.since < %s))
        ORDER BY booking.id
        """,
        (assigned,),
    )
    return [(number, taxi, why) for number, taxi, why in await cursor.fetchall()]


async def rides(db: Connection, most: timedelta) -> list[Ride]:
    """Bookings that a taxi has, with its fixes since it got them, of so long before its newest."""
    under_way = await queries.under_way(db)
    if not under_way:
        return []
    fixes, starts, heard = await _fixes(db, under_way, most)
    return [
        Ride(
            one.id, one.taxi, one.state, one.changed, one.asked.pick_up, fixes.get(one.id, ()), starts.get(one.id),
            heard.get(one.taxi),
        )
        for one in under_way if one.taxi
    ]  # fmt: skip


async def _fixes(
    db: Connection, under_way: Iterable[Standing], most: timedelta
) -> tuple[dict[int, list[Seen]], dict[int, tuple[float, float]], dict[str, datetime]]:
    """By booking: fixes since its taxi got it, and where that was then. By taxi: when it was last heard.

    What counts is when a fix came, and among fixes the terminal's own clock: that may be wrong by minutes.
    """
    wanted = [(one.id, one.taxi, one.since) for one in under_way]
    cursor = await db.execute(
        """
        SELECT wanted.id, fix.time, fix.lat, fix.lon, fix.speed, fix.status
        FROM unnest(%(ids)s::bigint[], %(taxis)s::text[], %(since)s::timestamptz[]) AS wanted (id, taxi, since)
        JOIN terminal ON terminal.key = wanted.taxi
        JOIN last_state ON last_state.terminal_id = terminal.id
        CROSS JOIN LATERAL (
            SELECT time, lat, lon, nullif(speed, 'NaN') AS speed, status FROM position
            WHERE terminal_id = terminal.id AND time > last_state.time - %(most)s::interval
            AND received > wanted.since AND flags & %(bad)s = 0
        ) AS fix ORDER BY wanted.id, fix.time
        """,
        {
            "ids": [w[0] for w in wanted], "taxis": [w[1] for w in wanted], "since": [w[2] for w in wanted],
            "most": most, "bad": int(BAD),
        },
    )  # fmt: skip
    fixes: dict[int, list[Seen]] = {}
    for number, time, lat, lon, speed, status in await cursor.fetchall():
        fixes.setdefault(number, []).append(Seen(Sight(time, lat, lon, speed), bool(status & Status.OCCUPIED)))
    starts = {number: (seen[0].sight.lat, seen[0].sight.lon) for number, seen in fixes.items()}
    cursor = await db.execute(
        "SELECT terminal.key, last_state.heard FROM last_state JOIN terminal ON terminal.id = last_state.terminal_id"
        " WHERE terminal.key = ANY(%s)",
        ([w[1] for w in wanted],),
    )
    return fixes, starts, dict(await cursor.fetchall())


async def busy(db: Connection) -> frozenset[str]:
    """Taxis that have a booking, an order on their screen, or are called to a muster."""
    cursor = await db.execute(
        "SELECT taxi FROM assignment WHERE until = 'infinity' UNION SELECT taxi FROM offer WHERE state = 'open'"
        " UNION SELECT taxi FROM muster_member WHERE part IN ('asked', 'coming', 'there')"
    )
    return frozenset(row[0] for row in await cursor.fetchall())


async def refused(db: Connection, bookings: Iterable[int], again: datetime) -> list[tuple[str, str]]:
    """(booking, taxi) that must not meet: the driver refused or gave it back, or let it pass after `again`."""
    cursor = await db.execute(
        """
        SELECT booking_id, taxi FROM offer WHERE booking_id = ANY(%(ids)s)
            AND (state = 'refused' OR (state = 'lapsed' AND answered > %(again)s))
        UNION SELECT booking_id, taxi FROM assignment WHERE booking_id = ANY(%(ids)s) AND until <> 'infinity'
        """,
        {"ids": list(bookings), "again": again},
    )
    return [(str(booking), taxi) for booking, taxi in await cursor.fetchall()]


async def refusals(db: Connection, since: datetime) -> dict[str, float]:
    """Share of offers that a taxi's drivers refused or let pass, a few taken on trust; taxis never asked have none."""
    cursor = await db.execute(
        "SELECT taxi, count(*) FILTER (WHERE state IN ('refused', 'lapsed')), count(*) FROM offer"
        " WHERE made >= %s AND state IN ('accepted', 'refused', 'lapsed') GROUP BY taxi",
        (since,),
    )
    return {taxi: vain / (asked + 3) for taxi, vain, asked in await cursor.fetchall()}


async def taxis(db: Connection) -> frozenset[str]:
    """Terminals in taxis that can be asked: by an order screen, or by a question; phones only with a driver."""
    cursor = await db.execute(
        "SELECT terminal.key FROM terminal JOIN fitting ON fitting.terminal_id = terminal.id"
        " JOIN vehicle ON vehicle.id = fitting.vehicle_id"
        " WHERE fitting.until = 'infinity' AND terminal.active AND vehicle.vehicle_class = 'taxi'"
        " AND split_part(terminal.key, '/', 1) IN ('jt905', 'jt808', 'mqtt')"
    )
    return frozenset(row[0] for row in await cursor.fetchall())


@dataclass(frozen=True, slots=True)
class Duty:
    """Who drives a taxi: licence, since when he is signed in, what he has taken since, yuan; None: no meter tells it.

    wheel  since when nobody else has driven: signing in again is no rest
    """

    driver: str
    since: datetime
    wheel: datetime
    taken: float | None


async def duties(db: Connection, now: datetime) -> dict[str, Duty]:
    """By terminal, of drivers who are signed in, by the meter (JT/T 905) or by their card (JT/T 808)."""
    cursor = await db.execute(
        """
        WITH sign AS (
            SELECT terminal_id, message.id, received, report ->> 'kind' AS kind,
                coalesce(report ->> 'driver_licence', report ->> 'licence') AS driver,
                report ->> 'kind' = 'sign_in' OR (report ->> 'kind' = 'driver_card' AND report ->> 'result' = 'ok'
                    AND coalesce((report ->> 'inserted')::boolean, true)) AS enters
            FROM message CROSS JOIN jsonb_array_elements(reports) AS report
            WHERE name IN ('sign_in', 'sign_out', 'driver') AND received > %s AND received <= %s
            AND report ->> 'kind' IN ('sign_in', 'sign_out', 'driver_card')
        ), last AS (SELECT DISTINCT ON (terminal_id) * FROM sign ORDER BY terminal_id, received DESC, id DESC)
        SELECT terminal.key, driver, last.received, (
            SELECT min(received) FROM sign AS own
            WHERE own.terminal_id = last.terminal_id AND own.enters AND own.driver = last.driver AND own.received > (
                SELECT coalesce(max(received), '-infinity') FROM sign AS other
                WHERE other.terminal_id = last.terminal_id AND other.enters AND other.driver <> last.driver
            )
        ), CASE WHEN kind = 'sign_in' THEN (
            SELECT coalesce(sum(amount), 0) FROM meter_record
            WHERE meter_record.terminal_id = last.terminal_id AND began >= last.received
        ) END FROM last JOIN terminal ON terminal.id = last.terminal_id WHERE enters AND driver <> ''
        """,
        (now - SIGN_IN_LASTS, now),
    )
    return {
        taxi: Duty(driver, since, wheel, None if taken is None else float(taken))
        for taxi, driver, since, wheel, taken in await cursor.fetchall()
    }


async def driven(db: Connection, since: datetime) -> list[tuple[list[str], list[int], list[bool]]]:
    """For each minute, oldest first: terminals, the times of their last fixes in it, and whether they moved.

    Times are microseconds since 1970. What a terminal does not tell of its speed is told by its places: 0.0003
    degrees a minute are half a metre a second.
    """
    cursor = await db.execute(
        """
        SELECT array_agg(key), array_agg((extract(epoch FROM last) * 1000000)::bigint), array_agg(moves) FROM (
            SELECT floor(extract(epoch FROM time) / 60) AS minute, terminal.key AS key, max(time) AS last,
                coalesce(bool_or(nullif(speed, 'NaN') > %(still)s),
                    greatest(max(lat) - min(lat), max(lon) - min(lon)) > 0.0003) AS moves
            FROM position JOIN terminal ON terminal.id = terminal_id
            WHERE time > %(since)s AND flags & %(bad)s = 0 GROUP BY minute, terminal.key
        ) AS seen GROUP BY minute ORDER BY minute
        """,
        {"since": since, "still": STILL_M_S, "bad": int(BAD)},
    )
    return list(await cursor.fetchall())


async def clearing(db: Connection) -> dict[str, tuple[float, float]]:
    """Where taxis with a booked passenger aboard will be free: (lat, lon) of the goal, where it is known."""
    cursor = await db.execute(
        "SELECT assignment.taxi, (destination ->> 'lat')::float8, (destination ->> 'lon')::float8 FROM booking"
        " JOIN assignment ON assignment.booking_id = booking.id AND assignment.until = 'infinity'"
        " WHERE booking.state = 'on_board' AND destination IS NOT NULL AND jsonb_array_length(stops) = 0"
    )
    return {taxi: (lat, lon) for taxi, lat, lon in await cursor.fetchall()}
