"""Trials to be judged: a small town at a load that keeps everybody busy, with dispatch killed at random moments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

import numpy as np

from dispatch.forecast import Forecast, PickUp
from simulator.meter import Tariff
from simulator.riders import Riders, Traffic
from simulator.temper import Roving, Temper
from simulator.trial.compare import START
from simulator.trial.desk import Desk
from simulator.trial.outcome import Span, riders_of
from simulator.trial.run import Scene, Trial
from simulator.trial.town import PLANE, TOWNS
from simulator.trial.ways import WAYS
from tests.bookings.checker import Verdict, Witness, check

RUDE = Temper(grabbed=0.6, refused=0.2, cancelled=0.15)
UNSTEADY = Roving(silent=0.05)
"""Drivers and terminals worse than anywhere, so that everything happens often."""


@dataclass(frozen=True)
class Job:
    """taxis, per_h: of a town of that size; hours: for which riders come; kills: of dispatch."""

    seed: int
    taxis: int = 300
    per_h: float = 850.0
    hours: float = 4.0
    kills: int = 2

    def run(self, look: Callable[[Desk], None] = lambda desk: None) -> Verdict:
        """look: at the desk in the end."""
        scene = _scene(self.taxis)
        riders = riders_of(scene.riders, scene.town, self.per_h, START, Span(last=self.hours), (self.seed, 15))
        rng = np.random.default_rng((self.seed, 16))
        witness = Witness(WAYS["taxihub"](scene.traffic.crow_m_s, _forecast(self.per_h)))
        trial = Trial(scene, riders, witness, self.seed)
        witness.written = lambda: len(trial.desk.journal)
        trial.run(kills=sorted(rng.uniform(0, 3600 * self.hours, self.kills)))
        look(trial.desk)
        callers = {n for n, rider in enumerate(riders) if not rider.waves}
        return check(trial.desk.journal, callers, witness.batches, START)


@cache
def _scene(taxis: int) -> Scene:
    return Scene(START, taxis, TOWNS["crowded"](), Riders(), RUDE, UNSTEADY, Traffic(), Tariff())


@cache
def _forecast(per_h: float) -> Forecast:
    scene = _scene(1)
    days = [riders_of(scene.riders, scene.town, per_h, START, Span(), (day, 17)) for day in range(5)]
    return Forecast.of(
        (
            PickUp(*PLANE.degrees(rider.start), START + timedelta(seconds=rider.at_s))
            for riders in days for rider in riders
        ), len(days),
    )  # fmt: skip
