"""What a taxi and its driver do: duties, the legs of their day, and how they are seen."""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from simulator.journey import Journey
from simulator.roads.route import Spot


class Duty(enum.Enum):
    CRUISING = "cruising"
    CALLED = "called"
    BOARDING = "boarding"
    OCCUPIED = "occupied"
    ALIGHTING = "alighting"
    RESTING = "resting"
    HOMEBOUND = "homebound"
    HANDOVER = "handover"


FREE = {Duty.CRUISING, Duty.RESTING, Duty.HOMEBOUND}
"""Duties from which a driver can be called away."""


@dataclass(frozen=True, slots=True)
class Call:
    """A passenger who was promised this taxi.

    goal: None where he will say it himself; wanted: not before that; comes: to the taxi at the door
    stays: there is no passenger, the taxi stands ready there until it is let go
    """

    pick_up: complex
    goal: complex | None = None
    wanted: datetime | None = None
    comes: bool = True
    stays: bool = False


@dataclass(frozen=True, slots=True)
class Leg:
    """What the taxi does from `start` to `end`; without a journey it stands at `spot`.

    path and along: the edges of the journey, and where on the first of them it begins
    """

    duty: Duty
    start: datetime
    end: datetime
    spot: Spot  # where it ends
    journey: Journey | None
    hailed: bool = False
    path: Sequence[int] = ()
    along: float = 0.0


@dataclass(frozen=True, slots=True)
class Reading:
    """The taxi at a moment: degrees WGS-84, m/s, degrees from north, metres since the odometer's zero.

    limit: what the road allows there, m/s
    """

    lat: float
    lon: float
    speed: float
    course: float
    odometer: float
    duty: Duty
    limit: float = math.inf

    @property
    def occupied(self) -> bool:
        """Whether the meter runs: from boarding to the end of paying."""
        return self.duty in (Duty.OCCUPIED, Duty.ALIGHTING)

    @property
    def ignition(self) -> bool:
        return self.duty not in (Duty.RESTING, Duty.HANDOVER)

    @property
    def in_service(self) -> bool:
        return self.duty not in (Duty.HOMEBOUND, Duty.HANDOVER)


@dataclass(frozen=True, slots=True)
class Turn:
    """The moment at which one duty gave way to another: `leg` ended, and `reading` is the taxi then."""

    at: datetime
    leg: Leg
    reading: Reading
