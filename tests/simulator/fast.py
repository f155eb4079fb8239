"""A taxi whose day goes by in minutes: the driver, the car and its terminal are real, their clock is fast."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from simulator.danger import Dangers, Fate
from simulator.demand import Demand
from simulator.driver import Driver
from simulator.errand import Town
from simulator.receiver import Receiver
from simulator.roads.route import Roads
from simulator.roll import Cab
from simulator.scenario import Reporting
from simulator.taxi import Taxi
from simulator.temper import Temper
from simulator.terminal.jt905 import Jt905Terminal
from simulator.terminal.link import Link
from simulator.terminal.outfit import Outfitter

EAGER = Temper(grabbed=1, refused=0, cancelled=0, quickest_s=0, slowest_s=0)


@dataclass
class FastClock:
    """Begins at `start` and goes `speed` times as fast as the real one."""

    start: datetime
    speed: float
    began: float = field(default_factory=time.monotonic)

    def __call__(self) -> datetime:
        gone = timedelta(seconds=self.speed * (time.monotonic() - self.began))
        return (self.start + gone).replace(microsecond=0)


@dataclass
class FastTaxi:
    taxi: Taxi
    link: Link
    speed: float

    @property
    def isu(self) -> Jt905Terminal:
        assert isinstance(self.link.terminal, Jt905Terminal)
        return self.link.terminal

    async def drive(self) -> None:
        while True:
            await self.taxi.stirred(self.taxi.tell() / self.speed)

    @asynccontextmanager
    async def on_the_road(self) -> AsyncIterator[FastTaxi]:
        self.taxi.switch_on()
        tasks = [asyncio.create_task(self.link.run()), asyncio.create_task(self.drive())]
        try:
            yield self
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(result, asyncio.CancelledError) for result in ended), ended


def driver(roads: Roads, demand: Demand, seed: int, start: datetime, home: tuple[float, float] | None = None) -> Driver:
    """home: degrees; without it, some place of the city."""
    rng = np.random.default_rng(seed)
    place = complex(demand.points[int(rng.integers(len(demand.points)))])
    return Driver(roads, demand, roads.nearest(roads.plane.point(*home) if home else place), start, rng)


def fast_taxi(
    cab: Cab, who: Driver, start: datetime, outfitter: Outfitter, temper: Temper = EAGER, speed: float = 60.0
) -> FastTaxi:
    """A taxi with its terminal, ready to be switched on."""
    rng = np.random.default_rng(1)
    fate = Fate(Dangers(), rng)
    taxi = Taxi(
        cab, who, Receiver(cab.key, rng), Reporting(), temper, fate, rng, Town(()), clock=FastClock(start, speed)
    )
    link = outfitter.link(cab, taxi.car, rng)
    taxi.speaker = link
    return FastTaxi(taxi, link, speed)
