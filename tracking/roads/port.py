"""What others ask of the road network, and the answers. Every answer says on what it rests."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tracking.errors import TrackingError


class RoadsError(TrackingError):
    """A network cannot be built, opened or used; the message says why."""


class Basis(enum.StrEnum):
    """What a time or a length rests on."""

    ROADS = "roads"
    STRAIGHT = "straight"  # the straight line times a factor: no network, or none there


@dataclass(frozen=True, slots=True)
class Place:
    """Degrees, WGS-84."""

    lat: float
    lon: float


@dataclass(frozen=True, slots=True)
class Way:
    """A way to go. Metres and seconds, by the traffic of `at`'s hour where speeds were learned; `line`: places on it.

    factor   by which the straight line was multiplied; None on roads
    learned  whether the time was corrected by what the fleet drove
    """

    length: float
    seconds: float
    basis: Basis
    line: Sequence[Place] = field(default=())
    factor: float | None = None
    learned: bool = False


@dataclass(frozen=True, slots=True)
class Closure:
    """A road that cannot be driven now: the one nearest to the place, in both directions."""

    place: Place
    reason: str = ""


class Roads(Protocol):
    """Roads, or what stands in for them. Every method may be called from any thread."""

    def matrix(self, sources: Sequence[Place], targets: Sequence[Place], hour: int | None = None) -> list[list[Way]]:
        """The quickest way from each source to each target, without lines: [source][target].

        hour  of the week, 0 is Monday midnight; None: free flow
        """

    def routes(self, start: Place, goal: Place, hour: int | None = None, *, shortest: bool = False) -> list[Way]:
        """The best way first, then up to two alternatives. At least one."""
