"""What dispatch writes: bookings, offers, who has whom, every transition with who and why.

Each function is one transaction (a savepoint inside the caller's). The booking's row is locked first, so
that what happens to a booking happens one after the other; that a taxi has one booking only is held by
the database's indexes, whoever else writes.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

import orjson
from psycopg.errors import UniqueViolation
from psycopg.types.json import Jsonb

from dispatch.booking import WITH_TAXI, Actor, Booking, Event, State, after
from dispatch.errors import BookingError, KeyUsed, OfferGone, TaxiTaken, UnknownBooking
from dispatch.match.plan import Mode
from dispatch.match.snapshot import Snapshot
from dispatch.match.why import Decision
from dispatch.saying import LASTS, Saying
from tracking.database import Connection

FREEING = frozenset({Event.CANCEL, Event.WITHDRAW, Event.LOSE, Event.DROP, Event.MISS, Event.BREAK_OFF})
"""A taxi's order is over without its driver having pressed anything."""


@dataclass(frozen=True, slots=True)
class Author:
    """Who does it: in which role, and by what name (account, terminal, "system:<process>")."""

    actor: Actor
    who: str


@dataclass(frozen=True, slots=True)
class Sealed:
    """A telephone number that nobody can read here. index: keyed hash to find it; cipher: the number encrypted."""

    index: bytes
    cipher: bytes


@dataclass(frozen=True, slots=True)
class Created:
    """new: False when the same request had come before."""

    id: int
    new: bool


async def create(db: Connection, booking: Booking, author: Author, phone: Sealed | None = None) -> Created:
    """A booking in draft. The same again, at any time, is the same booking; raises KeyUsed when its key has another."""
    row, digest = row_of(booking), digest_of(booking, phone)
    columns = {
        name: Jsonb(value) if isinstance(value, dict) or name == "stops" else value for name, value in row.items()
    } | {
        "digest": digest, "state": State.DRAFTED, "changed": booking.created, "due": booking.due, "lead": booking.lead,
        "phone_index": phone.index if phone else None, "phone_sealed": phone.cipher if phone else None,
    }  # fmt: skip
    async with db.transaction():
        cursor = await db.execute(
            f"INSERT INTO booking ({', '.join(columns)}) VALUES ({', '.join(f'%({name})s' for name in columns)})"
            " ON CONFLICT (key) DO NOTHING RETURNING id",
            columns,
        )
        if (made := await cursor.fetchone()) is None:
            return await _same(db, booking.key, digest)
        await _record(db, made[0], booking.created, "create", None, State.DRAFTED, author, "", None)
    return Created(made[0], new=True)


def digest_of(booking: Booking, phone: Sealed | None, more: str = "") -> bytes:
    """The same for the same wish, whenever it comes. SHA-256."""
    wish = {name: value for name, value in row_of(booking).items() if name != "created"}
    wish |= {"phone": phone and phone.index.hex()} | ({"more": more} if more else {})
    return sha256(orjson.dumps(wish, option=orjson.OPT_SORT_KEYS, default=str)).digest()


def row_of(booking: Booking) -> dict[str, Any]:
    """What is asked for, as it is stored."""
    row = asdict(booking)
    row["needs"] = int(booking.needs)
    row["refused_drivers"] = sorted(booking.refused_drivers)
    row["stops"] = [asdict(stop) for stop in booking.stops]
    return row


async def _same(db: Connection, key: str, digest: bytes) -> Created:
    cursor = await db.execute("SELECT id, digest FROM booking WHERE key = %s", (key,))
    row = await cursor.fetchone()
    if row is None or bytes(row[1]) != digest:
        raise KeyUsed(f"key {key!r} stands for another booking already")
    return Created(row[0], new=False)


async def happen(
    db: Connection, booking: int, event: Event, author: Author, at: datetime, *, reason: str = "",
    taxi: str | None = None,
) -> State:  # fmt: skip
    """Let something happen, and write down who and why. Returns the new state.

    taxi: who accepts, or is assigned. Raises BookingError (also UnknownBooking, OfferGone, TaxiTaken); then
    nothing has changed.
    """
    try:
        async with db.transaction():
            before = await _locked(db, booking)
            now = after(before, event, author.actor, reason)
            if event is Event.ACCEPT:
                await _take_offer(db, booking, taxi, at)
            bound = await _bind(db, booking, before, now, taxi, at)
            asked = [] if now is State.OFFERED else await _close_offers(db, booking, at)
            await _set(db, booking, now, at)
            await _record(db, booking, at, event, before, now, author, reason, bound)
            for taxi_told, saying in _told(event, author.actor, before, bound, asked):
                await say(db, saying, booking, taxi_told, at)
    except UniqueViolation as error:
        raise TaxiTaken(f"taxi {taxi} has a booking already, or is called to a muster") from error
    return now


async def _locked(db: Connection, booking: int) -> State:
    cursor = await db.execute("SELECT state FROM booking WHERE id = %s FOR UPDATE", (booking,))
    if (row := await cursor.fetchone()) is None:
        raise UnknownBooking(f"there is no booking {booking}")
    return State(row[0])


async def _take_offer(db: Connection, booking: int, taxi: str | None, at: datetime) -> None:
    cursor = await db.execute(
        "UPDATE offer SET state = 'accepted', answered = %s"
        " WHERE booking_id = %s AND taxi = %s AND state = 'open' AND expires >= %s",
        (at, booking, taxi, at),
    )
    if not cursor.rowcount:
        raise OfferGone(f"booking {booking} is not on offer to taxi {taxi} any more")


async def _bind(
    db: Connection, booking: int, before: State, now: State, taxi: str | None, at: datetime
) -> str | None:  # fmt: skip
    """Give the booking its taxi, or set that free; returns the taxi that has, or had, the booking."""
    if now in WITH_TAXI and before not in WITH_TAXI:
        if not taxi:
            raise BookingError(f"booking {booking} is to be {now}, but no taxi is named")
        await db.execute("INSERT INTO assignment (booking_id, taxi, since) VALUES (%s, %s, %s)", (booking, taxi, at))
        return taxi
    leaving = now not in WITH_TAXI
    cursor = await db.execute(
        "UPDATE assignment SET until = CASE WHEN %s THEN greatest(since, %s) ELSE until END"
        " WHERE booking_id = %s AND until = 'infinity' RETURNING taxi",
        (leaving, at, booking),
    )
    row = await cursor.fetchone()
    if row and taxi and row[0] != taxi:
        raise BookingError(f"booking {booking} is with taxi {row[0]}, not {taxi}")
    return row[0] if row else None


async def _close_offers(db: Connection, booking: int, at: datetime) -> list[str]:
    """Taxis that have this order, and no other one, on their screens."""
    cursor = await db.execute(
        "UPDATE offer SET state = 'withdrawn', answered = %s WHERE booking_id = %s AND state = 'open'"
        " RETURNING taxi, mode",
        (at, booking),
    )
    return [taxi for taxi, mode in await cursor.fetchall() if mode != Mode.BROADCAST]


def _told(
    event: Event, actor: Actor, before: State, bound: str | None, asked: Sequence[str]
) -> list[tuple[str, Saying]]:
    """Who must be told what of it. A driver knows what he does himself, but for winning."""
    if bound is not None and event is Event.ACCEPT:
        return [(bound, Saying.AWARD)]
    told = [(taxi, Saying.CANCEL) for taxi in asked if taxi != bound]
    if bound is None:
        return told
    if event is Event.ASSIGN:
        return [*told, (bound, Saying.ASSIGN)]
    if before in WITH_TAXI and event in FREEING and actor is not Actor.DRIVER:
        return [*told, (bound, Saying.CANCEL)]
    return told


async def say(
    db: Connection, saying: Saying, order: int, taxi: str, at: datetime, until: datetime | None = None, *,
    words: str | None = None,
) -> None:  # fmt: skip
    """Have this said to a taxi, once, in the same transaction as what it follows from. until: by default as usual.

    words: of what is not about a booking; `order` is then the number of what it is about.
    """
    await db.execute(
        "INSERT INTO saying (order_id, taxi, kind, made, until, words) VALUES (%s, %s, %s, %s, %s, %s)",
        (order, taxi, saying, at, until or at + LASTS[saying], words),
    )


async def _set(db: Connection, booking: int, state: State, at: datetime) -> None:
    await db.execute("UPDATE booking SET state = %s, changed = %s WHERE id = %s", (state, at, booking))


async def _record(
    db: Connection, booking: int, at: datetime, event: str, before: State | None, now: State, author: Author,
    reason: str, taxi: str | None,
) -> None:  # fmt: skip
    await db.execute(
        "INSERT INTO transition (booking_id, at, event, before, after, actor, who, reason, taxi)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (booking, at, event, before, now, author.actor, author.who, reason, taxi),
    )


async def offer(
    db: Connection, booking: int, taxis: Sequence[str], mode: Mode, expires: datetime, author: Author, at: datetime,
    *, told: bool = False,
) -> None:  # fmt: skip
    """Ask these taxis at once; of a cascade that is one. Raises BookingError, TaxiTaken; then nobody is asked.

    told: they have the order on their screens already.
    """
    if not taxis or (len(taxis) > 1 and mode is not Mode.BROADCAST):
        raise BookingError(f"an offer by {mode} asks one taxi, not {len(taxis)}")
    try:
        async with db.transaction():
            before = await _locked(db, booking)
            now = after(before, Event.OFFER, author.actor)
            await _none_bound(db, taxis)
            async with db.pipeline():
                for taxi in taxis:
                    await db.execute(
                        "INSERT INTO offer (booking_id, taxi, mode, made, expires) VALUES (%s, %s, %s, %s, %s)",
                        (booking, taxi, mode, at, expires),
                    )
                    if not told:
                        await say(db, Saying.OFFER, booking, taxi, at, expires)
            await _set(db, booking, now, at)
            await _record(db, booking, at, Event.OFFER, before, now, author, "", None)
    except UniqueViolation as error:
        raise TaxiTaken(f"taxi {', '.join(taxis)} is being asked about another booking") from error


async def _none_bound(db: Connection, taxis: Sequence[str]) -> None:
    cursor = await db.execute(
        "SELECT taxi FROM assignment WHERE taxi = ANY(%s) AND until = 'infinity' ORDER BY taxi", (list(taxis),)
    )
    if rows := await cursor.fetchall():
        raise TaxiTaken(f"taxi {', '.join(row[0] for row in rows)} has a booking already")


async def turn_down(db: Connection, booking: int, taxi: str, author: Author, at: datetime, *, lapsed: bool) -> State:
    """A taxi refuses, or its time is over; when nobody else is being asked the booking waits again.

    Returns the booking's state. Raises OfferGone when the taxi was not being asked.
    """
    async with db.transaction():
        before = await _locked(db, booking)
        cursor = await db.execute(
            "UPDATE offer SET state = %s, answered = %s WHERE booking_id = %s AND taxi = %s AND state = 'open'",
            ("lapsed" if lapsed else "refused", at, booking, taxi),
        )
        if not cursor.rowcount:
            raise OfferGone(f"booking {booking} is not on offer to taxi {taxi} any more")
        cursor = await db.execute("SELECT FROM offer WHERE booking_id = %s AND state = 'open' LIMIT 1", (booking,))
        if before is not State.OFFERED or await cursor.fetchone() is not None:
            return before
        now = after(before, Event.PASS, author.actor)
        await _set(db, booking, now, at)
        await _record(db, booking, at, Event.PASS, before, now, author, "", taxi)
    return now


async def keep(db: Connection, snapshot: Snapshot, decisions: Sequence[tuple[int, Decision]]) -> None:
    """Keep why bookings were decided as they were, by number, and what was known then."""
    async with db.transaction():
        await db.execute(
            "INSERT INTO snapshot (digest, at, content) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            (snapshot.digest, snapshot.now, zlib.compress(snapshot.to_json())),
        )
        for booking, decision in decisions:
            await db.execute(
                "INSERT INTO decision (booking_id, snapshot, at, content) VALUES (%s, %s, %s, %s)",
                (booking, decision.snapshot, snapshot.now, Jsonb(decision.to_plain())),
            )
