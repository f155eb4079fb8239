"""A fleet on the road: drivers live, receivers measure, terminals report, until it is told to stop."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import structlog

from simulator.danger import Fate
from simulator.demand import Demand
from simulator.driver import Driver
from simulator.errand import Town
from simulator.receiver import Receiver
from simulator.roads.route import Roads
from simulator.roll import Cab
from simulator.scenario import Scenario
from simulator.taxi import Taxi
from simulator.terminal.conversation import Timing
from simulator.terminal.outfit import Outfitter

log = structlog.get_logger()
STARTED_S = 5.0  # over which terminals are switched on
STATUS_S = 60.0
STOP_S = 1.8
LIVED = timedelta(minutes=20)  # before the start, so that the fleet is found in the middle of its day


def taxis(
    scenario: Scenario, cabs: Sequence[Cab], roads: Roads, demand: Demand, town: Town, now: datetime
) -> list[Taxi]:
    """Taxis that have lived for some minutes already."""
    fleet = []
    for number, cab in enumerate(cabs):
        rng = np.random.default_rng([scenario.seed, number])
        home = roads.nearest(complex(demand.points[int(rng.integers(len(demand.points)))]))
        driver = Driver(roads, demand, home, now - LIVED * rng.uniform(0.3, 1.0), rng, scenario.roving.detours)
        driver.advance(now)
        driver.take_turns()
        mind, luck = (np.random.default_rng([scenario.seed, number, stream]) for stream in (1, 2))
        fate = Fate(scenario.dangers, luck)
        driver.haste = fate.haste
        receiver, no_show = Receiver(cab.key, rng), scenario.riders.no_show
        fleet.append(Taxi(cab, driver, receiver, scenario.report, scenario.orders, fate, mind, town, no_show))
    return fleet


def timing(scenario: Scenario) -> Timing:
    habits = scenario.terminal
    return Timing(habits.heartbeat_s, habits.answer_s, habits.retries, kept=habits.kept)


async def drive(fleet: Sequence[Taxi], outfitter: Outfitter, seed: int, stop: asyncio.Event) -> None:
    """Run all terminals until `stop`; then put them away. Raises StateError at the start only."""
    rng = np.random.default_rng([seed, 0xC0FFEE])
    for taxi in fleet:
        taxi.speaker = outfitter.fit(taxi.cab, taxi.car, np.random.default_rng(rng.integers(1 << 60)))
    for taxi in fleet:
        taxi.switch_on()
    running = asyncio.create_task(_run(fleet, rng), name="fleet")
    stopping = asyncio.create_task(stop.wait(), name="stop")
    await asyncio.wait((running, stopping), return_when=asyncio.FIRST_COMPLETED)
    running.cancel()
    stopping.cancel()
    await asyncio.wait((running, stopping), timeout=STOP_S)
    for taxi in fleet:
        taxi.switch_off()
        outfitter.put_away(taxi.cab, taxi.speaker)
    if running.done() and not running.cancelled():
        running.result()
    log.info("stopped", terminals=len(fleet), unacknowledged=_waiting(fleet))


async def _run(fleet: Sequence[Taxi], rng: np.random.Generator) -> None:
    async with asyncio.TaskGroup() as tasks:
        for taxi in fleet:
            delay = float(rng.uniform(0, STARTED_S))
            tasks.create_task(_connect(taxi, delay), name=f"{taxi.cab.key} connection")
            tasks.create_task(_report(taxi, delay), name=f"{taxi.cab.key} reports")
        tasks.create_task(_tell(fleet), name="status")


async def _connect(taxi: Taxi, delay: float) -> None:
    await asyncio.sleep(delay)
    await taxi.speaker.run()


async def _report(taxi: Taxi, delay: float) -> None:
    await asyncio.sleep(delay)
    while True:
        await taxi.stirred(taxi.tell())


async def _tell(fleet: Sequence[Taxi]) -> None:
    """Now and then, how the fleet is."""
    while True:
        await asyncio.sleep(STATUS_S)
        duties = Counter(taxi.driver.leg.duty.value for taxi in fleet)
        log.info("on the road", taxis=len(fleet), unacknowledged=_waiting(fleet), **duties)


def _waiting(fleet: Sequence[Taxi]) -> int:
    return sum(len(taxi.speaker.store) for taxi in fleet)
