"""Recurring bookings: kept as a rule and what is asked for, and made out one by one, some time before they are due.

How far a series has been made out stands in its row and moves in the transaction that writes the bookings, so that
a kill neither loses one nor makes it twice; the booking's key is that of its series and day besides.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, timedelta
from typing import Any

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from dispatch import intake
from dispatch.booking import OPEN, WITH_TAXI, Actor, Booking, Event, State
from dispatch.clock import CITY
from dispatch.errors import BookingError, InputError, KeyUsed
from dispatch.queries import wish
from dispatch.recurrence import occurrences
from dispatch.store import Author, Created, Sealed, create, digest_of, happen, row_of
from tracking.database import Connection

AHEAD = timedelta(hours=24)
"""How long before it is wanted a booking is made out."""
SHOWN = timedelta(days=35)
FORGOTTEN = timedelta(days=90)
"""Nobody asks for a booking any more that was not made out so long ago."""
OF_EACH = frozenset({"key", "created", "wanted", "lead", "series"})
"""Fields that are not the same for all bookings of a series."""
SYSTEM = Author(Actor.SYSTEM, "system:series")


@dataclass(frozen=True, slots=True)
class Series:
    """asked: of each booking; its key, times and number are those of the series."""

    id: int
    rule: str
    first: datetime
    created: datetime
    made_until: datetime
    ended: datetime | None
    asked: Booking


@dataclass(frozen=True, slots=True)
class Step:
    at: datetime
    event: str
    day: date | None
    actor: str
    who: str
    reason: str


@dataclass(frozen=True, slots=True)
class Turn:
    """One of a series' days. booking, state: once it is made out;  note: why there is none on that day."""

    wanted: datetime
    booking: int | None = None
    state: State | None = None
    note: str = ""


async def begin(
    db: Connection, asked: Booking, rule: str, author: Author, now: datetime, phone: Sealed | None = None
) -> Created:  # fmt: skip
    """A series whose first booking is wanted when `asked` is. The same again is the same one; raises KeyUsed.

    Raises InputError where the rule gives no day to come.
    """
    if asked.wanted is None:
        raise InputError("a recurring booking needs the time of its first one")
    first, start = asked.wanted, max(now, asked.wanted)
    digest = digest_of(asked, phone, rule)
    same = {name: value for name, value in row_of(asked).items() if name not in OF_EACH}
    async with db.transaction():
        cursor = await db.execute(
            "INSERT INTO series (key, digest, rule, first, created, asked, made_until, phone_index, phone_sealed)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (key) DO NOTHING RETURNING id",
            (
                asked.key, digest, rule, first, now, Jsonb(same), now, phone and phone.index, phone and phone.cipher,
            ),
        )  # fmt: skip
        if (made := await cursor.fetchone()) is None:
            return await _same(db, asked.key, digest)
        if not occurrences(rule, first, start, start + timedelta(days=366)):
            raise InputError(f"{rule!r} has no day to come")
        await _record(db, made[0], now, "create", author)
        await make_out(db, made[0], now)
    return Created(made[0], new=True)


async def _same(db: Connection, key: str, digest: bytes) -> Created:
    cursor = await db.execute("SELECT id, digest FROM series WHERE key = %s", (key,))
    row = await cursor.fetchone()
    if row is None or bytes(row[1]) != digest:
        raise KeyUsed(f"key {key!r} stands for another series already")
    return Created(row[0], new=False)


async def has_key(db: Connection, key: str) -> bool:
    """Whether a request was taken already."""
    return await (await db.execute("SELECT FROM series WHERE key = %s", (key,))).fetchone() is not None


async def due(db: Connection, now: datetime) -> list[int]:
    """Series of which bookings may have to be made out; each comes about once an hour."""
    cursor = await db.execute(
        "SELECT id FROM series WHERE ended IS NULL AND made_until < %s ORDER BY id", (now + AHEAD - timedelta(hours=1),)
    )
    return [row[0] for row in await cursor.fetchall()]


async def make_out(db: Connection, number: int, now: datetime) -> None:
    """A series' next bookings. What has become impossible meanwhile is written down with its cause."""
    async with db.transaction():
        one, phone = await _locked(db, number)
        if one.ended is None:
            await _make_out(db, one, phone, now)


async def _make_out(db: Connection, one: Series, phone: Sealed | None, now: datetime) -> None:
    number, since, until = one.id, max(one.made_until, now - FORGOTTEN), now + AHEAD
    left_out = {step.day for step in await steps(db, number) if step.day}
    for wanted in occurrences(one.rule, one.first, since, until):
        if (day := _day(wanted)) in left_out:
            continue
        if wanted < now - intake.Rules().late:
            await _record(db, number, now, "fail", SYSTEM, day, "dispatch was away at that time")
            continue
        made = await create(db, _of(one, wanted, now), SYSTEM, phone)
        if made.new:
            await happen(db, made.id, Event.PLACE, SYSTEM, now)
    await db.execute("UPDATE series SET made_until = %s WHERE id = %s", (until, number))


def _of(one: Series, wanted: datetime, now: datetime) -> Booking:
    key = f"series-{one.id}-{_day(wanted)}"
    return replace(one.asked, key=key, created=now, wanted=wanted, series=str(one.id))


async def skip(db: Connection, number: int, day: date, author: Author, now: datetime, reason: str) -> None:
    """No booking on that day of the city's clock; one that is made out is cancelled. Raises BookingError."""
    async with db.transaction():
        one, _ = await _locked(db, number)
        if one.ended is not None:
            raise BookingError(f"series {number} is over")
        begin = datetime.combine(day, datetime.min.time(), CITY)
        times = occurrences(one.rule, one.first, begin, begin + timedelta(days=1))
        if not times or times[0] < now:
            raise BookingError(f"series {number} has no booking to come on {day}")
        if any(step.day == day for step in await steps(db, number)):
            raise BookingError(f"the booking of series {number} on {day} is left out already")
        await _record(db, number, now, "skip", author, day, reason)
        for booking, state in await _made(db, number, times[0]):
            if state in OPEN:
                await happen(db, booking, Event.CANCEL, author, now, reason=reason)


async def end(db: Connection, number: int, author: Author, now: datetime, reason: str) -> list[int]:
    """No more bookings of it; those that no taxi has are cancelled. Returns the others. Raises BookingError."""
    async with db.transaction():
        one, _ = await _locked(db, number)
        if one.ended is not None:
            raise BookingError(f"series {number} is over already")
        await db.execute("UPDATE series SET ended = %s WHERE id = %s", (now, number))
        await _record(db, number, now, "end", author, reason=reason)
        made = await _made(db, number)
        for booking, state in made:
            if state in OPEN - WITH_TAXI:
                await happen(db, booking, Event.CANCEL, author, now, reason=reason)
    return [booking for booking, state in made if state in WITH_TAXI]


async def find(db: Connection, number: int) -> Series:
    """Raises BookingError."""
    return (await _read(db, "id = %s", number))[0][0]


async def page(db: Connection, before: int, limit: int, *, running: bool) -> list[Series]:
    """With numbers below `before`, newest first. running: only those that are not over."""
    condition = "id < %s AND (ended IS NULL OR NOT %s) ORDER BY id DESC LIMIT %s"
    return [one for one, _ in await _many(db, condition, before, running, limit)]


async def steps(db: Connection, number: int) -> list[Step]:
    """Everything that was done about a series, in order."""
    cursor = await db.execute(
        "SELECT at, event, day, actor, who, reason FROM series_step WHERE series_id = %s ORDER BY id", (number,)
    )
    return [Step(*row) for row in await cursor.fetchall()]


async def turns(db: Connection, one: Series, now: datetime) -> list[Turn]:
    """Its days of the next weeks, and those whose bookings are still open."""
    made = {
        wanted: (number, State(state))
        for number, state, wanted in await (
            await db.execute(
                "SELECT id, state, wanted FROM booking WHERE series = %s AND wanted >= %s ORDER BY wanted",
                (str(one.id), now - timedelta(days=1)),
            )
        ).fetchall()
    }
    left_out = {step.day: step.reason or step.event for step in await steps(db, one.id) if step.day}
    times = [] if one.ended else occurrences(one.rule, one.first, now, now + SHOWN)
    shown = sorted({*times, *(wanted for wanted, (_, state) in made.items() if state in OPEN)})
    found = [(wanted, *made.get(wanted, (None, None))) for wanted in shown]
    return [Turn(wanted, booking, state, left_out.get(_day(wanted), "")) for wanted, booking, state in found]


async def phones(db: Connection, numbers: Iterable[int]) -> dict[int, bytes]:
    """Callers' numbers as they are sealed, by series."""
    cursor = await db.execute(
        "SELECT id, phone_sealed FROM series WHERE id = ANY(%s) AND phone_sealed IS NOT NULL", (list(numbers),)
    )
    return {number: bytes(cipher) for number, cipher in await cursor.fetchall()}


async def _made(db: Connection, number: int, wanted: datetime | None = None) -> list[tuple[int, State]]:
    """Bookings of a series, or the one for that time, locked in order."""
    cursor = await db.execute(
        "SELECT id, state FROM booking WHERE series = %s AND (%s::timestamptz IS NULL OR wanted = %s)"
        " ORDER BY id FOR UPDATE",
        (str(number), wanted, wanted),
    )
    return [(booking, State(state)) for booking, state in await cursor.fetchall()]


async def _locked(db: Connection, number: int) -> tuple[Series, Sealed | None]:
    return (await _read(db, "id = %s FOR UPDATE", number))[0]


async def _read(db: Connection, condition: str, number: int) -> list[tuple[Series, Sealed | None]]:
    if not (found := await _many(db, condition, number)):
        raise BookingError(f"there is no series {number}")
    return found


async def _many(db: Connection, condition: str, *values: object) -> list[tuple[Series, Sealed | None]]:
    async with db.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(f"SELECT * FROM series WHERE {condition}".encode(), values)
        return [_series(row) for row in await cursor.fetchall()]


def _series(row: dict[str, Any]) -> tuple[Series, Sealed | None]:
    own = {"key": row["key"], "created": row["created"], "wanted": row["first"], "series": str(row["id"])}
    asked = wish(row["asked"] | own)
    phone = Sealed(bytes(row["phone_index"]), bytes(row["phone_sealed"])) if row["phone_sealed"] else None
    plain = {field.name: row[field.name] for field in fields(Series) if field.name != "asked"}
    return Series(**plain, asked=asked), phone


async def _record(
    db: Connection, number: int, at: datetime, event: str, author: Author, day: date | None = None, reason: str = ""
) -> None:
    await db.execute(
        "INSERT INTO series_step (series_id, at, event, day, actor, who, reason) VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (number, at, event, day, author.actor, author.who, reason),
    )


def _day(wanted: datetime) -> date:
    return wanted.astimezone(CITY).date()
