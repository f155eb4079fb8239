"""A fleet on the road: drivers live, receivers measure, terminals report, until it is told to stop."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import structlog

from gateway.report import Position, Status
from simulator.demand import Demand
from simulator.driver import Driver
from simulator.duty import Duty
from simulator.receiver import Receiver, with_edges
from simulator.roads.route import Roads
from simulator.roll import Cab
from simulator.scenario import Reporting, Scenario
from simulator.terminal.framed import Timing
from simulator.terminal.outfit import Outfitter, Speaker

log = structlog.get_logger()
STARTED_S = 5.0  # over which terminals are switched on
STATUS_S = 60.0
STOP_S = 1.8
LIVED = timedelta(minutes=20)  # before the start, so that the fleet is found in the middle of its day


def now_s() -> datetime:
    """This second, as terminals keep time."""
    return datetime.now(UTC).replace(microsecond=0)


@dataclass
class Taxi:
    cab: Cab
    driver: Driver
    receiver: Receiver
    report: Reporting
    occupied: bool = False

    def sense(self) -> Position:
        """Where it is now."""
        now = now_s()
        return self.receiver.fix(self.driver.read(now), now)

    def next_report(self) -> tuple[Position, float]:
        """The report that is due, and seconds until the next one: at once when the meter goes on or off."""
        position = with_edges(self.sense(), self.occupied)
        self.occupied = Status.OCCUPIED in position.status
        wait = self._interval(position)
        if self.driver.leg.duty in (Duty.BOARDING, Duty.ALIGHTING):
            flips = (self.driver.leg.end - position.time).total_seconds()
            wait = min(wait, max(1.0, math.ceil(flips)))
        return position, wait

    def _interval(self, position: Position) -> float:
        if self.occupied:
            return self.report.occupied_s
        return self.report.vacant_s if Status.ACC_ON in position.status else self.report.parked_s


def taxis(scenario: Scenario, cabs: Sequence[Cab], roads: Roads, demand: Demand, now: datetime) -> list[Taxi]:
    """Taxis that have lived for some minutes already."""
    fleet = []
    for number, cab in enumerate(cabs):
        rng = np.random.default_rng([scenario.seed, number])
        home = roads.nearest(complex(demand.points[int(rng.integers(len(demand.points)))]))
        driver = Driver(roads, demand, home, now - LIVED * rng.uniform(0.3, 1.0), rng)
        driver.advance(now)
        fleet.append(Taxi(cab, driver, Receiver(cab.key, rng), scenario.report))
    return fleet


def timing(scenario: Scenario) -> Timing:
    habits = scenario.terminal
    return Timing(habits.heartbeat_s, habits.answer_s, habits.retries, kept=habits.kept)


async def drive(fleet: Sequence[Taxi], outfitter: Outfitter, seed: int, stop: asyncio.Event) -> None:
    """Run all terminals until `stop`; then put them away. Raises StateError at the start only."""
    rng = np.random.default_rng([seed, 0xC0FFEE])
    speakers = {
        taxi.cab: outfitter.fit(taxi.cab, taxi.sense, np.random.default_rng(rng.integers(1 << 60))) for taxi in fleet
    }
    running = asyncio.create_task(_run(fleet, speakers, rng), name="fleet")
    stopping = asyncio.create_task(stop.wait(), name="stop")
    await asyncio.wait((running, stopping), return_when=asyncio.FIRST_COMPLETED)
    running.cancel()
    stopping.cancel()
    await asyncio.wait((running, stopping), timeout=STOP_S)
    for cab, speaker in speakers.items():
        outfitter.put_away(cab, speaker)
    if running.done() and not running.cancelled():
        running.result()
    log.info("stopped", terminals=len(fleet), unacknowledged=sum(len(s.store) for s in speakers.values()))


async def _run(fleet: Sequence[Taxi], speakers: Mapping[Cab, Speaker], rng: np.random.Generator) -> None:
    async with asyncio.TaskGroup() as tasks:
        for taxi in fleet:
            speaker, delay = speakers[taxi.cab], float(rng.uniform(0, STARTED_S))
            tasks.create_task(_connect(speaker, delay), name=f"{taxi.cab.key} connection")
            tasks.create_task(_report(taxi, speaker, delay), name=f"{taxi.cab.key} reports")
        tasks.create_task(_tell(fleet, speakers), name="status")


async def _connect(speaker: Speaker, delay: float) -> None:
    await asyncio.sleep(delay)
    await speaker.run()


async def _report(taxi: Taxi, speaker: Speaker, delay: float) -> None:
    await asyncio.sleep(delay)
    while True:
        position, wait = taxi.next_report()
        speaker.record(position)
        await asyncio.sleep(wait)


async def _tell(fleet: Sequence[Taxi], speakers: Mapping[Cab, Speaker]) -> None:
    """Now and then, how the fleet is."""
    while True:
        await asyncio.sleep(STATUS_S)
        duties = Counter(taxi.driver.leg.duty.value for taxi in fleet)
        waiting = sum(len(speaker.store) for speaker in speakers.values())
        log.info("on the road", taxis=len(fleet), unacknowledged=waiting, **duties)
