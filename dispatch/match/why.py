"""Why this taxi: what a dispatcher, and later an auditor, sees of one decision.

Plain data throughout, to be kept as JSON beside the booking. The snapshot's hash names what was known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dispatch.match.costs import UNIT, Costs, cheapest
from dispatch.match.exclusion import WORDS, Reason, lacking, of_taxis
from dispatch.match.plan import Mode, Plan, urgency
from dispatch.match.snapshot import State
from dispatch.sphere import distance_m

CANDIDATES, EXCLUDED = 5, 12

Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A taxi that might have been chosen. rows: its cost term by term, s; taken_by: who was given it instead."""

    taxi: str
    distance_m: float
    cost_s: float
    rows: dict[str, float]
    taken_by: str | None


@dataclass(frozen=True, slots=True)
class Excluded:
    """A taxi that could not be chosen. lacks: abilities that it has not, where that is the reason."""

    taxi: str
    distance_m: float
    reason: str
    zh: str
    en: str
    lacks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NearestFirst:
    """What serving by longest wait, each with the nearest vacant taxi, would have done at the same moment.

    taxi, way_s    for this booking, None where nobody was left
    served, mean_way_s                 of all bookings of the snapshot
    plan_served, plan_mean_way_s       the same of the plan that was made
    """

    taxi: str | None
    way_s: float | None
    served: int
    mean_way_s: float | None
    plan_served: int
    plan_mean_way_s: float | None


@dataclass(frozen=True, slots=True)
class Decision:
    """snapshot: SHA-256; chosen: None for the unserved, and for a broadcast, whose taxis grab.

    candidates  the least costly ones, whether free or given to somebody else
    excluded    the nearest ones that could not be chosen;  excluded_count  all of them, by reason
    way         what times to the passenger rest on: "roads", or "straight" lines where there are none
    """

    snapshot: str
    at: str
    booking: str
    mode: str
    offered: tuple[str, ...]
    chosen: str | None
    candidates: tuple[Candidate, ...]
    excluded: tuple[Excluded, ...]
    excluded_count: dict[str, int]
    nearest_first: NearestFirst
    way: str

    def to_plain(self) -> dict[str, Any]:
        """As JSON holds it."""
        return asdict(self)


class Explanation:
    """Decisions of one plan; what they have in common is worked out once."""

    def __init__(self, plan: Plan) -> None:
        self._plan, self._known = plan, plan.snapshot
        self._offers = {offer.booking: offer for offer in plan.offers}
        everybody = np.arange(len(self._known.bookings))
        self._costs = Costs(
            self._known, everybody, np.flatnonzero(plan.barred == Reason.NONE), plan.policy.way, plan.policy.terms,
            plan.policy.limits,
        )  # fmt: skip

    def of(self, booking: str) -> Decision:
        """Raises KeyError for a booking that the snapshot does not know."""
        if booking not in self._known.booking_ids:
            raise KeyError(f"booking {booking} is not in snapshot {self._known.digest[:12]}")
        index = self._known.booking_ids.index(booking)
        offer, chosen = self._offers.get(booking), self._plan.chosen.get(index)
        mode = offer.mode if offer else self._plan.policy.zone(int(self._known.bookings["zone"][index])).mode
        excluded, count = self._excluded(index)
        return Decision(
            self._known.digest, self._known.now.isoformat(), booking, str(mode), offer.taxis if offer else (),
            None if chosen is None else self._known.taxi_ids[chosen], tuple(self._candidates(index)), excluded, count,
            self._nearest_first_for(index), self._plan.policy.way.basis,
        )  # fmt: skip

    def _candidates(self, booking: int) -> Iterable[Candidate]:
        for taxi, cost in cheapest(self._costs, booking, CANDIDATES):
            owner = self._given.get(taxi)
            taken_by = None if owner in (None, booking) else self._known.booking_ids[owner]
            rows = self._costs.rows_of(booking, taxi)
            yield Candidate(self._known.taxi_ids[taxi], self._metres(booking, taxi), cost / UNIT, rows, taken_by)

    @cached_property
    def _given(self) -> dict[int, int]:
        return {taxi: booking for booking, taxi in self._plan.chosen.items()}

    def _metres(self, booking: int, taxi: int) -> float:
        b, t = self._known.bookings[booking], self._known.taxis[taxi]
        return round(distance_m(float(b["lat"]), float(b["lon"]), float(t["lat"]), float(t["lon"])), 1)

    def _excluded(self, booking: int) -> tuple[tuple[Excluded, ...], dict[str, int]]:
        barred, taxis = self._plan.barred, np.arange(len(self._known.taxis))
        reasons = np.where(barred == Reason.NONE, self._costs.reasons(np.array([booking]), taxis), barred)
        out = np.flatnonzero(reasons != Reason.NONE)
        count = Counter(Reason(int(code)).name.lower() for code in reasons[out])
        near = sorted((self._metres(booking, int(t)), int(t)) for t in out)[:EXCLUDED]
        rows = tuple(self._reason(booking, taxi, metres, Reason(int(reasons[taxi]))) for metres, taxi in near)
        return rows, dict(sorted(count.items()))

    def _reason(self, booking: int, taxi: int, metres: float, reason: Reason) -> Excluded:
        missing = lacking(self._known, booking, taxi) if reason == Reason.ABILITY else ()
        lacks = tuple((ability.name or "").lower() for ability in missing)
        return Excluded(self._known.taxi_ids[taxi], metres, reason.name.lower(), *WORDS[reason], lacks)

    def _nearest_first_for(self, booking: int) -> NearestFirst:
        taxi, way_s = self._nearest_first.get(booking, (None, None))
        ways = [way for _, way in self._nearest_first.values()]
        ours = [self._costs.rows_of(b, t)[self._plan.policy.way.name] for b, t in self._plan.chosen.items()]
        key = None if taxi is None else self._known.taxi_ids[taxi]
        return NearestFirst(key, way_s, len(ways), _mean(ways), len(ours), _mean(ours))

    @cached_property
    def _nearest_first(self) -> dict[int, tuple[int, float]]:
        """Booking -> taxi and way in s."""
        known, policy = self._known, self._plan.policy
        vacant = (of_taxis(known, policy.limits) == Reason.NONE) & (known.taxis["state"] == State.VACANT)
        everybody = list(range(len(known.bookings)))
        costs = Costs(known, np.array(everybody), np.flatnonzero(vacant), policy.way, (), policy.limits)
        modes = (policy.zone(int(zone)).mode for zone in known.bookings["zone"])
        comparable = [n for n, mode in zip(everybody, modes, strict=True) if mode != Mode.BROADCAST]
        taken: set[int] = set()
        result = {}
        for booking in urgency(known, comparable):
            if (first := _first_free(costs, booking, taken)) is not None:
                result[booking] = first
                taken.add(first[0])
        return result


def _first_free(costs: Costs, booking: int, taken: set[int]) -> tuple[int, float] | None:
    count = 4
    while True:
        near = cheapest(costs, booking, count)
        for taxi, cost in near:
            if taxi not in taken:
                return taxi, cost / UNIT
        if len(near) < count:
            return None
        count *= 4


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None
