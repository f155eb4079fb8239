"""What a pick-up costs, in seconds: one row of the sum each, all with the same one method.

Every term is zero or more for every pair, so that a straight line is a bound for the sum. `over` says
what it depends on: a term over "booking" or "taxi" ignores the other index.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from dispatch.match.snapshot import Snapshot
from dispatch.sphere import distances_m

STREET_M_S = 8.33
"""How fast a city's taxi comes nearer in a straight line: 30 km/h."""

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]


class Term(Protocol):
    """name: as explanations show it; over: "booking", "taxi" or "pair"."""

    @property
    def name(self) -> str: ...
    @property
    def over(self) -> Literal["booking", "taxi", "pair"]: ...

    def seconds(self, snapshot: Snapshot, bookings: Indices, taxis: Indices) -> Floats:
        """Cost of pairs given by two indices, which broadcast; a column that it ignores need not be in the result."""
        ...


class PickUp(Term, Protocol):
    """The way to the passenger.

    fastest: m/s in a straight line that no way beats; dear: only for the short list; basis: "roads" or "straight".
    """

    @property
    def basis(self) -> str: ...
    @property
    def fastest(self) -> float: ...
    @property
    def dear(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Straight:
    """Great circle at one speed, m/s."""

    fastest: float = STREET_M_S
    name = "pick_up"
    basis = "straight"
    over: Literal["pair"] = "pair"
    dear = False

    def seconds(self, snapshot: Snapshot, bookings: Indices, taxis: Indices) -> Floats:
        b, t = snapshot.bookings, snapshot.taxis
        metres = distances_m(b["lat"][bookings], b["lon"][bookings], t["lat"][taxis], t["lon"][taxis])
        return metres / self.fastest


class RoadTimes(Protocol):
    """Port to whoever knows the roads."""

    def seconds(self, from_lat: Floats, from_lon: Floats, to_lat: Floats, to_lon: Floats) -> Floats:
        """Driving times of pairs of points in degrees; infinite where no road leads."""
        ...


@dataclass(frozen=True, slots=True)
class Road:
    """Driving time by road. fastest: what the road network's quickest way cannot beat, in a straight line."""

    times: RoadTimes
    fastest: float = 33.4
    name = "pick_up"
    basis = "roads"
    over: Literal["pair"] = "pair"
    dear = True

    def seconds(self, snapshot: Snapshot, bookings: Indices, taxis: Indices) -> Floats:
        to, start = np.broadcast_arrays(bookings, taxis)
        b, t = snapshot.bookings[to.ravel()], snapshot.taxis[start.ravel()]
        straight = distances_m(t["lat"], t["lon"], b["lat"], b["lon"]) / self.fastest
        driven = self.times.seconds(t["lat"], t["lon"], b["lat"], b["lon"])
        return np.maximum(driven, straight).reshape(to.shape)


@dataclass(frozen=True, slots=True)
class Clearing:
    """The rest of the journey that a soon-to-clear taxi is still on, and a margin.

    The margin stands for what may change on that journey, and for the caller, who is told of no taxi until then: with
    less than two minutes, trials answered fewer calls than without soon-to-clear taxis at all where taxis are many.
    """

    margin_s: float = 120.0
    name = "clearing"
    over: Literal["taxi"] = "taxi"

    def seconds(self, snapshot: Snapshot, bookings: Indices, taxis: Indices) -> Floats:
        left = np.nan_to_num(snapshot.taxis["clear_s"][taxis], nan=0.0)
        return np.where(left > 0, left + self.margin_s, 0.0)


@dataclass(frozen=True, slots=True)
class Ageing:
    """Who has waited longer comes first: `share` of a second for each second less than the longest wait.

    Waits count up to `most_s`: beyond, everybody is old.
    """

    share: float = 1.0
    most_s: float = 900.0
    name = "ageing"
    over: Literal["booking"] = "booking"

    def seconds(self, snapshot: Snapshot, bookings: Indices, taxis: Indices) -> Floats:
        waits = np.minimum(snapshot.bookings["wait_s"], self.most_s)
        later: Floats = waits.max(initial=0.0) - waits[bookings]
        return self.share * later


@dataclass(frozen=True, slots=True)
class Priority:
    """Each level below the highest among those who wait costs `level_s`."""

    level_s: float = 120.0
    name = "priority"
    over: Literal["booking"] = "booking"

    def seconds(self, snapshot: Snapshot, bookings: Indices, taxis: Indices) -> Floats:
        levels = snapshot.bookings["priority"].astype(float)
        below: Floats = levels.max(initial=0.0) - levels[bookings]
        return self.level_s * below


@dataclass(frozen=True, slots=True)
class Fairness:
    """A driver who earned more than others stands back: from 0 at half the mean or less to `most_s` at 1.5 times."""

    most_s: float = 60.0
    name = "fairness"
    over: Literal["taxi"] = "taxi"

    def seconds(self, snapshot: Snapshot, bookings: Indices, taxis: Indices) -> Floats:
        income = snapshot.taxis["income"]
        known = income[np.isfinite(income)]
        mean = known.mean() if known.size else 0.0
        if mean <= 0:
            return np.zeros(taxis.shape)
        relative = np.nan_to_num(income[taxis] / mean, nan=1.0)
        return self.most_s * np.clip(relative - 0.5, 0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Time that is expected to be lost with drivers who refuse or let pass: `offer_s` for each vain offer."""

    offer_s: float = 15.0
    worst: float = 0.9
    name = "refusal"
    over: Literal["taxi"] = "taxi"

    def seconds(self, snapshot: Snapshot, bookings: Indices, taxis: Indices) -> Floats:
        share: Floats = np.clip(snapshot.taxis["refusal"][taxis], 0.0, self.worst)
        return self.offer_s * share / (1 - share)


EVERYDAY: tuple[Term, ...] = (Clearing(), Ageing(), Priority(), Fairness(), Refusal())
"""The terms beside the way, as a city begins with."""
