"""Between a terminal and the car around it: what it asks, what it tells those inside, what they do with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from gateway.report import Position
from simulator.crew import Person

# what the terminal tells


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


@dataclass(frozen=True, slots=True)
class Lost:
    """Somebody else has the order, or nobody ever said who."""

    order: int


@dataclass(frozen=True, slots=True)
class Dropped:
    """Nothing more is wanted of an order: the centre has cancelled it, or the driver has."""

    order: int


@dataclass(frozen=True, slots=True)
class AlarmSeen:
    """The centre has confirmed an alarm, or ended it."""


@dataclass(frozen=True, slots=True)
class Tracked:
    """The centre wants to know more often, or no longer: the next fix may be due."""


@dataclass(frozen=True, slots=True)
class Told:
    """The centre has sent words."""

    text: str


Event = Offered | Won | Lost | Dropped | AlarmSeen | Tracked | Told

# what happens to it


@dataclass(frozen=True, slots=True)
class ShiftBegun:
    """A driver signs in."""

    driver: Person
    position: Position


@dataclass(frozen=True, slots=True)
class ShiftEnded:
    position: Position


@dataclass(frozen=True, slots=True)
class Aboard:
    """A passenger is in the car and the flag goes down."""

    position: Position


@dataclass(frozen=True, slots=True)
class Paid:
    """He gets out. slow_s: of the way, driven slowly; rating: as in table 56, 0 for none."""

    position: Position
    slow_s: float = 0.0
    rating: int = 0


@dataclass(frozen=True, slots=True)
class Pressed:
    """The driver's answer to an order that is shown; it takes him some time."""

    order: int
    grab: bool
    after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class GivenUp:
    """The driver cancels an order that was his. reason: as in table 52."""

    order: int
    reason: int
    after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class SwitchedOff:
    """Power goes: whoever is in the car gets out."""

    position: Position


Occurrence = ShiftBegun | ShiftEnded | Aboard | Paid | Pressed | GivenUp | SwitchedOff


Choice = tuple[int | None, float]


@dataclass(frozen=True, slots=True)
class Car:
    """sense: the position right now.

    choose  what a driver answers to a question, by its number, and after how many seconds; None when he lets it pass
    """

    sense: Callable[[], Position]
    tell: Callable[[Event], None] = lambda _event: None
    choose: Callable[[str, Mapping[int, str]], Choice] = lambda _question, answers: (min(answers), 0.0)
