"""What came of a trial: the calls of a span in its middle as service levels, and what drivers earned and drove."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from dispatch.levels import ELDERLY, OTHERS, Call, empty_share, gini, level, levels
from simulator.riders import Rider, Riders, Town, draw
from simulator.trial.desk import Order
from simulator.trial.run import Scene, Trial
from simulator.trial.ways import Way


@dataclass(frozen=True, slots=True)
class Span:
    """Hours from the trial's start: riders come until `last`, what is measured lies between `first` and `until`."""

    first: float = 1.0
    until: float = 3.25
    last: float = 3.5


@dataclass(frozen=True)
class Outcome:
    """incomes: yuan by taxi; empty_m, paid_m: of all; fares: passengers who were set down, called or waved."""

    calls: Sequence[Call]
    incomes: Sequence[float]
    empty_m: float
    paid_m: float
    fares: int

    def measures(self) -> dict[str, float]:
        """By name, as MEASURES has them."""
        everybody, by_age = level(self.calls), levels(self.calls, "group")
        elderly, others = (by_age.get(group, level(())) for group in (ELDERLY, OTHERS))
        return {
            "wait_s": everybody.door_s,
            "p95_s": everybody.door_p95_s,
            "confirm_s": everybody.confirm_s,
            "answered": everybody.success,
            "elderly_s": elderly.door_s,
            "others_s": others.door_s,
            "elderly_answered": elderly.success,
            "others_answered": others.success,
            "empty_km": self.empty_m / 1000 / max(1, self.fares),
            "empty_share": empty_share(self.empty_m, self.paid_m),
            "gini": gini(self.incomes),
            "calls": float(everybody.calls),
        }


def riders_of(
    riders: Riders, town: Town, per_h: float, start: datetime, span: Span, seed: Sequence[int]
) -> list[Rider]:
    """The same for every way of dispatch."""
    hours = (start.hour, start.hour + span.last)
    return draw(riders, town, per_h, hours, np.random.default_rng(seed))


def observe(scene: Scene, riders: Sequence[Rider], way: Way, seed: int, span: Span) -> Outcome:
    """Run a trial and measure it."""
    trial = Trial(scene, riders, way, seed)
    seen: list[dict[str, Any]] = []
    hours = (span.first, span.until)
    trial.run([3600 * hour for hour in hours], lambda now: seen.append(trial.cars.totals()))
    grown = {name: seen[1][name] - seen[0][name] for name in seen[0]}
    first, until = (3600 * hour for hour in hours)
    calls = [_call(trial, order) for order in trial.desk.orders if first <= order.asked_s < until]
    return Outcome(
        calls, grown["income"].tolist(), float(grown["empty_m"].sum()), float(grown["paid_m"].sum()),
        int(grown["fares"].sum()),
    )  # fmt: skip


def _call(trial: Trial, order: Order) -> Call:
    rider, moment = trial.riders[order.rider], _clock(trial.scene.start)
    return Call(
        moment(order.asked_s) or trial.scene.start, order.state, moment(order.confirmed_s), moment(order.met_s), "",
        "online" if rider.online else "phone", ELDERLY if rider.elderly else OTHERS,
    )  # fmt: skip


def _clock(start: datetime) -> Callable[[float | None], datetime | None]:
    return lambda seconds: None if seconds is None else start + timedelta(seconds=seconds)
