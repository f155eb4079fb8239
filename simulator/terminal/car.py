"""What a terminal asks of the car around it, and what it tells the people inside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from gateway.report import Position


@dataclass(frozen=True, slots=True)
class Offered:
    """An order is shown: it may be grabbed."""

    order: int


@dataclass(frozen=True, slots=True)
class Won:
    """The order is this car's. Places are (lat, lon), None where the centre names none; wanted: not before that."""

    order: int
    pick_up: tuple[float, float] | None
    goal: tuple[float, float] | None
    wanted: datetime | None
    fee: Decimal


@dataclass(frozen=True, slots=True)
class Lost:
    """Somebody else has the order."""

    order: int


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The centre wants nothing more of it."""

    order: int


@dataclass(frozen=True, slots=True)
class AlarmSeen:
    """The centre has confirmed an alarm, or ended it."""


Event = Offered | Won | Lost | Cancelled | AlarmSeen


@dataclass(frozen=True, slots=True)
class Car:
    """sense: the position right now; choose: which of the numbered answers to a question the driver gives."""

    sense: Callable[[], Position]
    tell: Callable[[Event], None] = lambda _event: None
    choose: Callable[[Sequence[int]], int] = lambda answers: answers[0]
