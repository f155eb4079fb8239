"""The desk of a trial: bookings by dispatch's own table of transitions, and the journal of all that happens to them.

The journal is what a checker reads: it says of every transition when, which booking, and which taxi was bound
to it afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from dispatch.booking import OPEN, WITH_TAXI, Actor, Event, State, after

NOBODY = -1


@dataclass(frozen=True, slots=True)
class Entry:
    """before: None where the booking was created; taxi: bound to it, or asked, or NOBODY."""

    at_s: float
    booking: int
    rider: int
    event: Event
    before: State | None
    after: State
    taxi: int


@dataclass(slots=True)
class Order:
    """A booking as it stands. asked_s: when the passenger called; confirmed_s, met_s: of the taxi that came."""

    booking: int
    rider: int
    asked_s: float
    state: State = State.DRAFTED
    taxi: int = NOBODY
    turn: int = 0
    confirmed_s: float | None = None
    met_s: float | None = None
    declined: set[int] = field(default_factory=set)


class Desk:
    """open: how many bookings are not over."""

    def __init__(self) -> None:
        self.orders: list[Order] = []
        self.journal: list[Entry] = []
        self.waiting: dict[int, Order] = {}
        self.open = 0

    @classmethod
    def restored(cls, journal: Iterable[Entry]) -> Desk:
        """As a desk was that left this journal: nothing that matters stands anywhere else."""
        desk = cls()
        for entry in journal:
            desk._apply(entry)
        return desk

    def take(self, rider: int, now: float) -> Order:
        """A call: it is written down and placed."""
        self._apply(Entry(now, len(self.orders), rider, Event.PLACE, None, State.DRAFTED, NOBODY))
        order = self.orders[-1]
        self.do(order, Event.PLACE, Actor.CALL_TAKER, now)
        return order

    def do(self, order: Order, event: Event, actor: Actor, now: float, taxi: int = NOBODY, reason: str = "") -> None:
        """Raises BookingError where the table does not allow it."""
        then = after(order.state, event, actor, reason)
        if taxi == NOBODY and then is not State.WAITING and then in OPEN:
            taxi = order.taxi
        self._apply(Entry(now, order.booking, order.rider, event, order.state, then, taxi))

    def _apply(self, entry: Entry) -> None:
        self.journal.append(entry)
        if entry.before is None:
            self.orders.append(Order(entry.booking, entry.rider, entry.at_s))
            self.open += 1
            return
        order = self.orders[entry.booking]
        if entry.event in (Event.PASS, Event.DROP):
            order.declined.add(order.taxi)
        order.state, order.taxi = entry.after, entry.taxi
        order.turn += 1
        self._note(order, entry.at_s)

    def _note(self, order: Order, now: float) -> None:
        if order.state is State.WAITING:
            self.waiting[order.booking] = order
            order.confirmed_s = order.met_s = None
        else:
            self.waiting.pop(order.booking, None)
        if order.state in WITH_TAXI and order.confirmed_s is None:
            order.confirmed_s = now
        if order.state is State.ARRIVED:
            order.met_s = now
        if order.state not in OPEN:
            self.open -= 1
