"""What call-takers and dispatchers do: take calls, see what became of them, and put things right by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from dispatch import intake, queries, series
from dispatch.booking import OPEN, Booking, Event, State
from dispatch.errors import BookingError, InputError
from dispatch.phone import masked, normal
from dispatch.queries import Standing
from dispatch.sealing import Keys
from dispatch.series import Series
from dispatch.store import Author, Created, create, happen
from tracking.database import Connection

REMEMBERED = timedelta(days=365)


class Refused(BookingError):
    """A call cannot be taken, or only when the caller insists; findings say why in words to be read aloud."""

    def __init__(self, findings: Sequence[intake.Finding]) -> None:
        super().__init__("; ".join(finding.en for finding in findings))
        self.findings = findings


@dataclass(frozen=True, slots=True)
class Listed:
    """A booking with what the board shows of it.

    phone  masked, "" = withheld;  plate  of the taxi that has it;  asked  plates of taxis that are being asked
    """

    standing: Standing
    phone: str
    plate: str
    asked: Sequence[str]


@dataclass(frozen=True)
class Desk:
    """keys: by which numbers are sealed; rules: what the centre takes."""

    keys: Keys
    rules: intake.Rules = field(default_factory=intake.Rules)

    async def take(
        self, db: Connection, booking: Booking, phone: str, author: Author, now: datetime, *, insists: bool = False
    ) -> Created:
        """A call: written down and placed in one transaction. The same key again is the same booking.

        phone: as it was said, "" = withheld. Raises Refused, InputError, KeyUsed.
        """
        number = normal(phone) if phone.strip() else ""
        async with db.transaction():
            if not await queries.has_key(db, booking.key):
                await self._review(db, booking, number, now, insists=insists)
            made = await create(db, booking, author, self.keys.seal(number) if number else None)
            if made.new:
                await happen(db, made.id, Event.PLACE, author, now)
        return made

    async def repeat(
        self, db: Connection, booking: Booking, rule: str, phone: str, author: Author, now: datetime, *,
        insists: bool = False,
    ) -> Created:  # fmt: skip
        """A booking that comes again by a rule, first when it is wanted. Raises Refused, InputError, KeyUsed."""
        number = normal(phone) if phone.strip() else ""
        async with db.transaction():
            if not await series.has_key(db, booking.key):
                await self._review(db, booking, number, now, insists=insists)
            return await series.begin(db, booking, rule, author, now, self.keys.seal(number) if number else None)

    async def repeated(self, db: Connection, many: Sequence[Series]) -> list[str]:
        """Callers' numbers of series, masked; "" = withheld."""
        sealed = await series.phones(db, [one.id for one in many])
        return [self._masked(sealed.get(one.id)) for one in many]

    async def _review(self, db: Connection, booking: Booking, number: str, now: datetime, *, insists: bool) -> None:
        """Raises Refused."""
        known = await self._known(db, number, now)
        wish = intake.Request(booking.pick_up, booking.wanted, booking.passengers, number)
        found = intake.review(wish, self.rules, known, now)
        if any(finding.refused for finding in found) or (found and not insists):
            raise Refused(found)

    async def _known(self, db: Connection, number: str, now: datetime) -> list[intake.Known]:
        if not number:
            return []
        calls = await queries.of_phone(db, self.keys.hash(number), now - REMEMBERED)
        return [
            intake.Known(str(one.id), number, one.asked.pick_up, one.asked.wanted or one.asked.created)
            for one in calls if one.state in OPEN
        ]  # fmt: skip

    def index(self, phone: str) -> bytes:
        """By which a caller's bookings are found. Raises InputError."""
        return self.keys.hash(normal(phone))

    async def listed(self, db: Connection, bookings: Sequence[Standing]) -> list[Listed]:
        numbers = [one.id for one in bookings]
        sealed, asked = await queries.sealed(db, numbers), await queries.being_asked(db, numbers)
        taxis = {one.taxi for one in bookings if one.taxi} | {taxi for ones in asked.values() for taxi in ones}
        plates = await queries.plates(db, taxis)
        return [
            Listed(
                one, self._masked(sealed.get(one.id)), plates.get(one.taxi or "", one.taxi or ""),
                [plates.get(taxi, taxi) for taxi in asked.get(one.id, ())],
            )
            for one in bookings
        ]  # fmt: skip

    def _masked(self, cipher: bytes | None) -> str:
        if cipher is None:
            return ""
        try:
            return masked(self.keys.open(cipher))
        except InputError:
            return "****"

    async def phone(self, db: Connection, number: int) -> str:
        """In full; who asks must say why, and be journalled. "" = withheld. Raises UnknownBooking, InputError."""
        await queries.booking(db, number)
        sealed: Mapping[int, bytes] = await queries.sealed(db, [number])
        return self.keys.open(sealed[number]) if number in sealed else ""

    async def do(
        self, db: Connection, number: int, event: Event, author: Author, now: datetime, *, reason: str = "",
        plate: str = "",
    ) -> State:  # fmt: skip
        """Something by hand. plate: of the taxi that it is given to. Raises BookingError, InputError."""
        taxi = await queries.taxi_of(db, plate) if plate else None
        if event is Event.ASSIGN and taxi is None:
            raise InputError(f"no taxi {plate!r} is on the road" if plate else "to which taxi? its plate is missing")
        return await happen(db, number, event, author, now, reason=reason, taxi=taxi)
