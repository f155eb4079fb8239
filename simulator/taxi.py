"""A taxi on the road: its driver lives, its receiver measures, and its terminal is told what happens.

Everything goes through `look`, in the order in which it happened: a passenger who got in between two
reports is aboard, and on the meter, before the second one is made.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import numpy as np

from gateway.report import Alarm, Position, Status
from gateway.wire.clocks import CHINA
from simulator.crew import Person, crew
from simulator.danger import Fate
from simulator.driver import Driver
from simulator.duty import FREE, Call, Duty, Turn
from simulator.errand import Town, cancelled, dismissed, is_order, is_roll_call
from simulator.meter import SLOW
from simulator.receiver import Receiver, with_edges
from simulator.riders import comes
from simulator.roll import Cab
from simulator.scenario import Reporting
from simulator.temper import OTHER, Answer, Temper, rating
from simulator.terminal.car import (
    Aboard,
    AlarmSeen,
    Car,
    Choice,
    Dropped,
    Event,
    GivenUp,
    Lost,
    Offered,
    Paid,
    Pressed,
    ShiftBegun,
    ShiftEnded,
    SwitchedOff,
    Told,
    Tracked,
    Won,
)
from simulator.terminal.outfit import Speaker

DAY_FROM, DAY_TO = 6, 16
"""Hours at which the day's driver may begin a shift; other shifts are the night's."""
AT_ONCE_S = 0.1


def now_s() -> datetime:
    """This second, as terminals keep time."""
    return datetime.now(UTC).replace(microsecond=0)


@dataclass
class Taxi:
    """speaker: its terminal, once it is fitted; occupied: what the last report said of the meter.

    town   what the driver knows of it;  no_show  share of passengers who do not come to the door
    clock  this second, by which everything in the car goes
    stir   set when the next report is due earlier than it was
    """

    cab: Cab
    driver: Driver
    receiver: Receiver
    report: Reporting
    temper: Temper
    fate: Fate
    rng: np.random.Generator
    town: Town
    no_show: float = 0.0
    clock: Callable[[], datetime] = now_s
    occupied: bool = False
    stir: asyncio.Event = field(default_factory=asyncio.Event)
    speaker: Speaker = field(init=False)
    _boarded: datetime = field(init=False)
    _slow_s: float = 0.0
    _errand: int = 0
    _alarms: Alarm = field(default_factory=lambda: Alarm(0))

    @property
    def car(self) -> Car:
        """What the terminal knows of it."""
        return Car(self.sense, self.hear, self._choose)

    def sense(self) -> Position:
        """Where it is now."""
        return self.look(self.clock())

    def look(self, now: datetime) -> Position:
        """Where it is at `now`, after the terminal was told what has happened until then."""
        self.driver.advance(now)
        for turn in self.driver.take_turns():
            self._turned(turn)
        return replace(self.receiver.fix(self.driver.read(now), now), alarms=self._alarms)

    # what happens

    def switch_on(self) -> None:
        """Power comes, in the middle of the day: somebody drives, and somebody else may be aboard.

        What happened before is nothing that the terminal could know of.
        """
        self.driver.advance(self.clock())
        self.driver.take_turns()
        position = self.sense()
        if self.driver.leg.duty is not Duty.HANDOVER:
            self._sign_in(position)
        if self.driver.leg.duty in (Duty.OCCUPIED, Duty.ALIGHTING):
            self._board(position)

    def switch_off(self) -> None:
        self.speaker.occurred(SwitchedOff(self.sense()))

    def _turned(self, turn: Turn) -> None:
        match (turn.leg.duty, turn.reading.duty):
            case (Duty.HANDOVER, _):
                self._sign_in(self._at(turn))
            case (_, Duty.HANDOVER):
                self.speaker.occurred(ShiftEnded(self._at(turn)))
            case (Duty.BOARDING, Duty.CRUISING) if self._errand:
                self.speaker.occurred(GivenUp(self._errand, OTHER))
                self._errand = 0
            case (_, Duty.OCCUPIED):
                self._board(with_edges(self._at(turn), was_occupied=False))
            case (Duty.OCCUPIED, _) if turn.leg.journey:
                self._slow_s = turn.leg.journey.slower_than(SLOW)
            case (Duty.ALIGHTING, _):
                self._pay(with_edges(self._at(turn), was_occupied=True))

    def _sign_in(self, position: Position) -> None:
        self.speaker.occurred(ShiftBegun(on_duty(crew(self.cab.number), position.time), position))

    def _board(self, position: Position) -> None:
        self._boarded, self._slow_s, self._errand = position.time, 0.0, 0
        self.speaker.occurred(Aboard(position))

    def _pay(self, position: Position) -> None:
        aboard_s = (position.time - self._boarded).total_seconds()
        self.speaker.occurred(Paid(position, min(self._slow_s, aboard_s), rating(self.rng)))

    def _at(self, turn: Turn) -> Position:
        return self.receiver.fix(turn.reading, turn.at.replace(microsecond=0))

    # orders

    def hear(self, event: Event) -> None:
        """What the terminal shows or says."""
        match event:
            case Offered(order):
                self._consider(order)
            case Won():
                self._go_for(event)
            case Lost():
                self.driver.engaged = False
            case Told(text):
                self._read(text)
            case Dropped():
                self._drop()
            case AlarmSeen():
                self.fate.calm()
        if isinstance(event, Won | Dropped | Tracked | Told):
            self.stir.set()

    def _consider(self, order: int) -> None:
        """A passenger at the kerb goes before one on the telephone."""
        answer, after_s = self.temper.decide(self.rng)
        if self.driver.leg.duty in FREE and answer is not Answer.IGNORE:
            self.driver.engaged = answer is Answer.GRAB
            self.speaker.occurred(Pressed(order, answer is Answer.GRAB, after_s))

    def _read(self, text: str) -> None:
        """Words are all that some terminals have for orders."""
        if (errand := self.town.errand(text)) is not None:
            self._go_for(Won(errand.order, errand.pick_up, errand.goal, None))
        elif (order := cancelled(text)) is not None and order == self._errand:
            self._drop()
        elif (place := self.town.muster(text)) is not None:
            self.driver.fetch(Call(self.driver.plane.point(*place), stays=True), self.clock())
        elif dismissed(text) and not self._errand:
            self.driver.let_go(self.clock())

    def _drop(self) -> None:
        self._errand = 0
        self.driver.let_go(self.clock())

    def _go_for(self, won: Won) -> None:
        plane, now = self.driver.plane, self.clock()
        here = self.driver.read(now)
        pick_up = won.pick_up or (here.lat, here.lon)
        goal, shows = plane.point(*won.goal) if won.goal else None, comes(*pick_up, self.no_show)
        call = Call(plane.point(*pick_up), goal, won.wanted, shows)
        self._errand = won.order
        if not self.driver.fetch(call, now):
            self.speaker.occurred(GivenUp(won.order, OTHER))
        elif (mind := self.temper.change_of_mind(self.rng)) is not None:
            self.speaker.occurred(GivenUp(won.order, *mind))

    def _choose(self, question: str, answers: Mapping[int, str]) -> Choice:
        """To an order the first answer is yes and the last one no."""
        numbers = sorted(answers)
        if is_roll_call(question):
            return numbers[0], 0.0
        if not is_order(question):
            return int(self.rng.choice(numbers)), 0.0
        answer, after_s = self.temper.decide(self.rng)
        if self.driver.leg.duty not in FREE or answer is Answer.IGNORE:
            return None, 0.0
        self.driver.engaged = answer is Answer.GRAB
        return numbers[0] if answer is Answer.GRAB else numbers[-1], after_s

    # reports

    def tell(self) -> float:
        """Make the report that is due; seconds until the next one: at once when the meter goes on or off."""
        now = self.clock()
        self._alarms, hazard = self.fate.look(self.driver.read(now), now)
        position = with_edges(self.look(now), self.occupied)
        self.occupied = Status.OCCUPIED in position.status
        self.speaker.record(position, hazard)
        wait = self.speaker.interval_s(position, self._interval(position))
        if self.driver.leg.duty in (Duty.BOARDING, Duty.ALIGHTING):
            flips = (self.driver.leg.end - position.time).total_seconds()
            wait = min(wait, max(1.0, math.ceil(flips)))
        return max(AT_ONCE_S, wait)

    async def stirred(self, within_s: float) -> None:
        """Until the next report is due."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self.stir.wait()
        self.stir.clear()

    def _interval(self, position: Position) -> float:
        if self.occupied:
            return self.report.occupied_s
        return self.report.vacant_s if Status.ACC_ON in position.status else self.report.parked_s


def on_duty(people: tuple[Person, Person], begin: datetime) -> Person:
    """Whose shift begins then: the first drives by day, the second by night."""
    return people[0 if DAY_FROM <= begin.astimezone(CHINA).hour < DAY_TO else 1]
