"""Ways of dispatch against each other: the same riders at three loads, in two towns, over several seeds.

What is said of two ways is said of pairs of trials with the same riders: the mean of their differences, and
whether it is more than twice its standard error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dispatch.clock import CITY
from dispatch.forecast import Forecast, PickUp
from simulator.scenario import Scenario
from simulator.trial.outcome import Span, observe, riders_of
from simulator.trial.run import Scene
from simulator.trial.town import PLANE, TOWNS
from simulator.trial.ways import WAYS

LOADS = ("low", "middle", "high")
BASELINE, NEAR, OURS = "nearest", "near", "taxihub"
START = datetime(2026, 11, 25, 16, tzinfo=CITY)
"""A Wednesday: riders leave works and schools, then go home and out, so that flows turn around."""
DAYS = 14
"""Of history, from which the forecast is made; none of them is among the trials."""
SPAN = Span()
HISTORY, RIDERS = 1, 2
"""What the seeds of random numbers begin with."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """A town at a load: measures by way, each a row of values by seed."""

    town: str
    load: str
    per_h: float
    found: Mapping[str, Mapping[str, Floats]]

    def mean(self, way: str, measure: str) -> float:
        """NaN where no trial had anything to measure."""
        known = self.found[way][measure][~np.isnan(self.found[way][measure])]
        return float(known.mean()) if known.size else np.nan

    def change(self, measure: str, way: str = OURS, than: str = BASELINE) -> float:
        """Of the mean, as a part of the other way's."""
        return self.mean(way, measure) / self.mean(than, measure) - 1

    def more(self, measure: str, way: str = OURS, than: str = BASELINE) -> tuple[float, float]:
        """Mean difference seed by seed, and its standard error."""
        return _paired(self.found[way][measure] - self.found[than][measure])

    @property
    def elderly_longer(self) -> tuple[float, float]:
        """How much longer the elderly wait than others with us, s, and its standard error."""
        return _paired(self.found[OURS]["elderly_s"] - self.found[OURS]["others_s"])


@dataclass(frozen=True)
class Comparison:
    """What is run. seeds: numbers of the trials; ways: by name, nearest and taxihub among them."""

    scenario: Scenario
    seeds: Sequence[int]
    loads: Sequence[str] = LOADS
    towns: Sequence[str] = tuple(TOWNS)
    ways: Sequence[str] = (BASELINE, NEAR, OURS)
    span: Span = SPAN

    def cases(self) -> Iterable[Case]:
        """One after the other, as they are done."""
        for town in self.towns:
            for load in self.loads:
                yield self._case(town, load)

    def _case(self, town: str, load: str) -> Case:
        scene, per_h = self._scenes[town], self.scenario.riders.per_h(load)
        forecast = self._forecast(scene, per_h)
        found: dict[str, dict[str, list[float]]] = {way: {} for way in self.ways}
        for seed in self.seeds:
            riders = riders_of(scene.riders, scene.town, per_h, START, self.span, self._seed(RIDERS, seed))
            for way, measures in found.items():
                made = WAYS[way](scene.traffic.crow_m_s, forecast)
                for name, value in observe(scene, riders, made, seed, self.span).measures().items():
                    measures.setdefault(name, []).append(value)
        return Case(
            town, load, per_h, {way: {k: np.array(v) for k, v in rows.items()} for way, rows in found.items()}
        )  # fmt: skip

    def _seed(self, what: int, number: int) -> tuple[int, int, int]:
        return self.scenario.seed, what, number

    @cached_property
    def _scenes(self) -> dict[str, Scene]:
        s = self.scenario
        return {
            town: Scene(START, s.taxis, TOWNS[town](), s.riders, s.orders, s.roving, s.traffic, s.tariff)
            for town in self.towns
        }

    def _forecast(self, scene: Scene, per_h: float) -> Forecast:
        """From other days of the same town."""
        history = []
        for day in range(DAYS):
            for rider in riders_of(scene.riders, scene.town, per_h, START, self.span, self._seed(HISTORY, day)):
                lat, lon = PLANE.degrees(rider.start)
                history.append(PickUp(lat, lon, START + timedelta(seconds=rider.at_s)))
        return Forecast.of(history, DAYS)


def _paired(differences: Floats) -> tuple[float, float]:
    known = differences[~np.isnan(differences)]
    if not known.size:
        return np.nan, np.nan
    return float(known.mean()), float(known.std(ddof=1) / np.sqrt(len(known))) if len(known) > 1 else np.inf
