"""A booking: what a passenger asks for, and the one table of what may happen to it.

Pure: what happens, who does it and when come in, the next state goes out. A booking that loses its taxi
goes back to waiting with its age, so that it comes first.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime, timedelta

from dispatch.errors import BookingError
from dispatch.match.snapshot import Ability

NOTHING = Ability(0)


class State(enum.StrEnum):
    DRAFTED = "drafted"
    WAITING = "waiting"
    OFFERED = "offered"
    ACCEPTED = "accepted"
    EN_ROUTE = "en_route"
    ARRIVED = "arrived"
    ON_BOARD = "on_board"
    COMPLETED = "completed"
    CANCELLED_BY_PASSENGER = "cancelled_by_passenger"
    CANCELLED_BY_DRIVER = "cancelled_by_driver"
    CANCELLED_BY_CENTRE = "cancelled_by_centre"
    NO_SHOW = "no_show"
    NO_CAR = "no_car"
    EXPIRED = "expired"


WITH_TAXI = frozenset({State.ACCEPTED, State.EN_ROUTE, State.ARRIVED, State.ON_BOARD})
"""A taxi is bound to the booking, and to no other one."""
OPEN = frozenset({State.DRAFTED, State.WAITING, State.OFFERED}) | WITH_TAXI
"""Something is still to happen."""


class Event(enum.StrEnum):
    PLACE = "place"  # the call is taken: look for a taxi
    OFFER = "offer"  # to one taxi or several
    PASS = "pass"  # refused, let pass, or the offer's time is over
    ACCEPT = "accept"  # the driver grabs or confirms
    ASSIGN = "assign"  # the desk gives it to a taxi by hand
    DEPART = "depart"  # moving towards the passenger
    ARRIVE = "arrive"  # stopped at the pick-up
    BOARD = "board"  # meter on
    COMPLETE = "complete"  # meter off
    DROP = "drop"  # the driver gives an accepted order back
    LOSE = "lose"  # the taxi fell silent or broke down
    BREAK_OFF = "break_off"  # the driver ends a journey before its end
    CANCEL = "cancel"
    WITHDRAW = "withdraw"  # cancelled by the centre
    MISS = "miss"  # nobody came to the taxi
    GIVE_UP = "give_up"  # no taxi was found in time
    EXPIRE = "expire"  # never placed, or wanted long ago


class Actor(enum.StrEnum):
    """Who does it. SYSTEM: dispatch itself, from what terminals say."""

    PASSENGER = "passenger"
    CALL_TAKER = "call_taker"
    DISPATCHER = "dispatcher"
    DRIVER = "driver"
    SYSTEM = "system"


P, C, D, R, S = Actor.PASSENGER, Actor.CALL_TAKER, Actor.DISPATCHER, Actor.DRIVER, Actor.SYSTEM
DESK = frozenset({C, D})
CLIENT = DESK | {P}
SEEN = frozenset({D, R, S})
"""Who may tell how far a taxi came: its driver, its fixes, or the desk that confirms them."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Where an event leads, who may cause it, and whether a reason must be given."""

    to: State
    who: frozenset[Actor]
    reason: bool = False


TABLE: dict[tuple[State, Event], Rule] = {
    (State.DRAFTED, Event.PLACE): Rule(State.WAITING, CLIENT | {S}),
    (State.DRAFTED, Event.CANCEL): Rule(State.CANCELLED_BY_PASSENGER, CLIENT),
    (State.DRAFTED, Event.EXPIRE): Rule(State.EXPIRED, frozenset({S})),
    (State.WAITING, Event.OFFER): Rule(State.OFFERED, frozenset({D, S})),
    (State.WAITING, Event.ASSIGN): Rule(State.ACCEPTED, frozenset({D})),
    (State.WAITING, Event.CANCEL): Rule(State.CANCELLED_BY_PASSENGER, CLIENT),
    (State.WAITING, Event.WITHDRAW): Rule(State.CANCELLED_BY_CENTRE, frozenset({D}), reason=True),
    (State.WAITING, Event.GIVE_UP): Rule(State.NO_CAR, DESK | {S}),
    (State.WAITING, Event.EXPIRE): Rule(State.EXPIRED, frozenset({S})),
    (State.OFFERED, Event.PASS): Rule(State.WAITING, frozenset({D, R, S})),
    (State.OFFERED, Event.ACCEPT): Rule(State.ACCEPTED, frozenset({R})),
    (State.OFFERED, Event.ASSIGN): Rule(State.ACCEPTED, frozenset({D})),
    (State.OFFERED, Event.CANCEL): Rule(State.CANCELLED_BY_PASSENGER, CLIENT),
    (State.OFFERED, Event.WITHDRAW): Rule(State.CANCELLED_BY_CENTRE, frozenset({D}), reason=True),
    (State.ACCEPTED, Event.DEPART): Rule(State.EN_ROUTE, SEEN),
    (State.ACCEPTED, Event.ARRIVE): Rule(State.ARRIVED, SEEN | {C}),
    (State.ACCEPTED, Event.BOARD): Rule(State.ON_BOARD, SEEN),
    (State.ACCEPTED, Event.DROP): Rule(State.WAITING, frozenset({D, R}), reason=True),
    (State.ACCEPTED, Event.LOSE): Rule(State.WAITING, frozenset({D, S}), reason=True),
    (State.ACCEPTED, Event.CANCEL): Rule(State.CANCELLED_BY_PASSENGER, CLIENT),
    (State.ACCEPTED, Event.WITHDRAW): Rule(State.CANCELLED_BY_CENTRE, frozenset({D}), reason=True),
    (State.EN_ROUTE, Event.ARRIVE): Rule(State.ARRIVED, SEEN | {C}),
    (State.EN_ROUTE, Event.BOARD): Rule(State.ON_BOARD, SEEN),
    (State.EN_ROUTE, Event.DROP): Rule(State.WAITING, frozenset({D, R}), reason=True),
    (State.EN_ROUTE, Event.LOSE): Rule(State.WAITING, frozenset({D, S}), reason=True),
    (State.EN_ROUTE, Event.CANCEL): Rule(State.CANCELLED_BY_PASSENGER, CLIENT),
    (State.EN_ROUTE, Event.WITHDRAW): Rule(State.CANCELLED_BY_CENTRE, frozenset({D}), reason=True),
    (State.ARRIVED, Event.BOARD): Rule(State.ON_BOARD, SEEN),
    (State.ARRIVED, Event.MISS): Rule(State.NO_SHOW, frozenset({D, R}), reason=True),
    (State.ARRIVED, Event.DROP): Rule(State.WAITING, frozenset({D, R}), reason=True),
    (State.ARRIVED, Event.LOSE): Rule(State.WAITING, frozenset({D, S}), reason=True),
    (State.ARRIVED, Event.CANCEL): Rule(State.CANCELLED_BY_PASSENGER, CLIENT),
    (State.ARRIVED, Event.WITHDRAW): Rule(State.CANCELLED_BY_CENTRE, frozenset({D}), reason=True),
    (State.ON_BOARD, Event.COMPLETE): Rule(State.COMPLETED, SEEN),
    (State.ON_BOARD, Event.BREAK_OFF): Rule(State.CANCELLED_BY_DRIVER, frozenset({D, R}), reason=True),
}


def after(state: State, event: Event, actor: Actor, reason: str = "") -> State:
    """The next state. Raises BookingError where that cannot happen, or not by this actor, or not without a reason."""
    rule = TABLE.get((state, event))
    if rule is None:
        possible = ", ".join(sorted(e for s, e in TABLE if s is state)) or "nothing any more"
        raise BookingError(f"a booking that is {state} knows no {event}; possible: {possible}")
    if actor not in rule.who:
        raise BookingError(f"{event} of a booking that is {state} is for {', '.join(sorted(rule.who))}, not {actor}")
    if rule.reason and not reason.strip():
        raise BookingError(f"{event} of a booking that is {state} needs a reason")
    return rule.to


@dataclass(frozen=True, slots=True)
class Place:
    """A point that people can find. name: address or landmark; note: gate, entrance, where to stand."""

    name: str
    lat: float
    lon: float
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """What is asked for.

    key      of the request: the same one again is the same booking
    wanted   when the passenger wants to leave, None = now;  lead  how long before that a taxi is looked for
    rider    who travels, where the caller books for somebody else (代叫)
    account  paying customer or VIP;  drivers are named by licence
    series   of a recurring one: the series' id
    """

    key: str
    created: datetime
    pick_up: Place
    destination: Place | None = None
    stops: tuple[Place, ...] = ()
    wanted: datetime | None = None
    lead: timedelta = timedelta(minutes=15)
    channel: str = "phone"
    passengers: int = 1
    luggage: int = 0
    needs: Ability = NOTHING
    priority: int = 0
    rider: str = ""
    account: str = ""
    preferred_driver: str = ""
    refused_drivers: frozenset[str] = frozenset()
    zone: str = ""
    series: str = ""
    note: str = ""

    @property
    def due(self) -> datetime:
        """When the search for a taxi begins: at once, or the lead time before it is wanted."""
        return self.created if self.wanted is None else max(self.created, self.wanted - self.lead)

    def wait_s(self, now: datetime) -> float:
        """How long it has been searched for; what it went through with lost taxis counts."""
        return max(0.0, (now - self.due).total_seconds())
