"""Ways of dispatch that are compared: each sees the same snapshot and says which taxi is asked about which booking."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Protocol

import numpy as np

from dispatch.forecast import Forecast
from dispatch.match.costs import Costs
from dispatch.match.exclusion import Limits, Reason, of_taxis
from dispatch.match.plan import Policy, match
from dispatch.match.snapshot import Snapshot, State
from dispatch.match.terms import Straight
from dispatch.reposition import Advice, Hint, hints

AHEAD = timedelta(minutes=10)
"""Hints look so far into the forecast: that is when a taxi that follows one is there."""
Pair = tuple[str, str]


class Way(Protocol):
    def pairs(self, known: Snapshot) -> Iterable[Pair]:
        """(booking, taxi) to ask now."""
        ...

    def hints(self, known: Snapshot, idle: Collection[str], bound: Mapping[str, int]) -> Iterable[Hint]:
        """To vacant taxis."""
        ...


@dataclass(frozen=True)
class NearestFirst:
    """First come, first served: each caller, longest wait first, is given the nearest vacant taxi that is left."""

    speed: float
    limits: Limits = field(default_factory=Limits)

    def pairs(self, known: Snapshot) -> Iterable[Pair]:
        vacant = (of_taxis(known, self.limits) == Reason.NONE) & (known.taxis["state"] == State.VACANT)
        taxis = np.flatnonzero(vacant)
        turn = np.argsort(-known.bookings["wait_s"], kind="stable")
        costs = Costs(known, turn, taxis, Straight(self.speed), (), self.limits)
        if not turn.size or not taxis.size:
            return
        matrix = costs.cost(np.arange(len(turn))[:, None], np.arange(len(taxis))[None])
        for row, booking in enumerate(turn.tolist()):
            nearest = int(matrix[row].argmin())
            if np.isfinite(matrix[row, nearest]):
                matrix[:, nearest] = np.inf
                yield known.booking_ids[booking], known.taxi_ids[taxis[nearest]]

    def hints(self, known: Snapshot, idle: Collection[str], bound: Mapping[str, int]) -> Iterable[Hint]:
        return ()


@dataclass(frozen=True)
class Matcher:
    """dispatch's matcher. forecast: None = no hints.

    A booking whose best taxi still carries somebody is not offered yet: it waits for that taxi, and is matched again
    with everybody else until then, since a taxi never has two bookings.
    """

    policy: Policy
    forecast: Forecast | None = None
    advice: Advice = field(default_factory=Advice)

    def pairs(self, known: Snapshot) -> Iterable[Pair]:
        states = dict(zip(known.taxi_ids, known.taxis["state"].tolist(), strict=True))
        for offer in match(known, self.policy).offers:
            if states[offer.taxis[0]] == State.VACANT:
                yield offer.booking, offer.taxis[0]

    def hints(self, known: Snapshot, idle: Collection[str], bound: Mapping[str, int]) -> Iterable[Hint]:
        if self.forecast is None:
            return ()
        return hints(known, self.forecast.at(known.now + AHEAD), idle, bound, self.advice)


Maker = Callable[[float, Forecast], Way]


def _matcher(speed: float, forecast: Forecast | None, clear_s: float) -> Matcher:
    policy = Policy(way=Straight(speed))
    return Matcher(replace(policy, limits=replace(policy.limits, clear_s=clear_s)), forecast)


CLEAR_S, NEAR_S = Limits().clear_s, 900.0
WAYS: dict[str, Maker] = {
    "nearest": lambda speed, forecast: NearestFirst(speed),
    "near": lambda speed, forecast: NearestFirst(speed, Limits(reach_s=NEAR_S)),
    "matched": lambda speed, forecast: _matcher(speed, None, 0.0),
    "clearing": lambda speed, forecast: _matcher(speed, None, CLEAR_S),
    "taxihub": lambda speed, forecast: _matcher(speed, forecast, CLEAR_S),
}
"""By name: nearest first; the same within a quarter of an hour, by which nobody drives far and some are not served; the
matcher alone; with soon-to-clear taxis; with these and hints."""
