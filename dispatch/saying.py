"""What is said to a taxi about an order, in the commands of the gateway (JT/T 905.2-2014, tables 48-53).

An offer names a rough place only: everybody who is asked reads it. The passenger's number is never
said; the driver who has won calls back through the centre.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from datetime import timedelta

from dispatch.booking import Booking, Place
from gateway.command import AwardOrder, CancelOrder, Command, OfferOrder, RefuseOrder

HOUSE = re.compile(r"\s*\d+\s*(?:号(?!线)|弄|栋|幢|单元|室)")
"""Where a Chinese address becomes exact."""
SHORT = 12


class Saying(enum.StrEnum):
    OFFER = "offer"
    ASSIGN = "assign"  # by the desk: the terminal takes it without being asked
    AWARD = "award"
    REFUSE = "refuse"
    CANCEL = "cancel"


LASTS: Mapping[Saying, timedelta] = {
    Saying.OFFER: timedelta(seconds=60),
    Saying.ASSIGN: timedelta(seconds=60),
    Saying.AWARD: timedelta(minutes=3),
    Saying.REFUSE: timedelta(minutes=2),
    Saying.CANCEL: timedelta(hours=1),
}
"""How long it means something to a driver who cannot be reached."""


def command(saying: Saying, taxi: str, order: int, booking: Booking | None, call_back: str) -> Command | None:
    """How it is said; None when nothing is known of the order that would have to be told."""
    if saying is Saying.REFUSE:
        return RefuseOrder(terminal=taxi, order=order)
    if saying is Saying.CANCEL:
        return CancelOrder(terminal=taxi, order=order)
    if booking is None:
        return None
    kind = "immediate" if booking.wanted is None else "booking"
    if saying is Saying.AWARD:
        goal = booking.destination
        return AwardOrder(
            terminal=taxi, order=order, kind=kind, description=_door(booking), phone=call_back,
            lat=booking.pick_up.lat, lon=booking.pick_up.lon, wanted=booking.wanted,
            destination_lat=goal.lat if goal else 0, destination_lon=goal.lon if goal else 0,
        )  # fmt: skip
    kind = "assigned" if saying is Saying.ASSIGN else kind
    return OfferOrder(terminal=taxi, order=order, kind=kind, description=_rough(booking), wanted=booking.wanted)


def _rough(booking: Booking) -> str:
    """Where it begins and about where it goes, without gate, rider or remark."""
    goal = f"→{_short(booking.destination)}" if booking.destination else ""
    return f"{_short(booking.pick_up)}{goal}"


def _short(place: Place) -> str:
    """The road or the landmark: an exact address is for the driver who has won."""
    name = place.name.strip()
    return (HOUSE.split(name, maxsplit=1)[0] or name)[:SHORT]


def _door(booking: Booking) -> str:
    """What the driver who has won must know, the most needed first: a terminal shows sixty bytes."""
    parts = (booking.pick_up.name, booking.pick_up.note, booking.rider, booking.note)
    return " ".join(part.strip() for part in parts if part.strip())
