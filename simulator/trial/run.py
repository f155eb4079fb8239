"""A trial: riders, drivers and one way of dispatch, event by event in simulated time.

Seeded and deterministic. What dispatch knows is what it would know: where taxis are, whether they are
occupied, and the end of a journey only where the caller said where he wants to go.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from heapq import heappop, heappush

import numpy as np

from dispatch.booking import Actor, Event, State
from dispatch.match.snapshot import BOOKING, TAXI, Snapshot
from dispatch.match.snapshot import State as Taxi
from simulator.meter import Tariff
from simulator.riders import Rider, Riders, Town, Traffic
from simulator.temper import Answer, Roving, Temper
from simulator.trial.cars import Cars, Doing
from simulator.trial.desk import NOBODY, Desk, Order
from simulator.trial.town import PLANE
from simulator.trial.ways import Way

BATCH_S, ADVISE_S, HINT_AGAIN_S = 5.0, 120.0, 600.0
LONGEST_S = 6 * 3600.0
"""Within which everything is over after the last rider has come."""
DOWN_S = 20.0
"""From a kill of dispatch until it is back."""
OFFER_S = 15.0
"""How long an order stands on a screen."""
SEEN_M = 250.0
"""How far a vacant taxi sees somebody who waves."""
BOARD_S, AT_DOOR_S, LOCKED_S, OVERDUE_S = (20.0, 60.0), 300.0, 600.0, 20.0
ALIKE = 8.0
"""How alike drivers are in taking orders: the strength of the beta distribution around their mean."""
SEEN_AS = np.array([Taxi.VACANT, Taxi.BOOKED, Taxi.BOOKED, Taxi.OCCUPIED, Taxi.OFF], np.uint8)
"""Taxi's state by what it is doing."""
UNPROMISED = frozenset({State.WAITING, State.OFFERED})
UNMET = UNPROMISED | {State.ACCEPTED, State.EN_ROUTE}
Work = Callable[[float], None]


@dataclass(frozen=True)
class Scene:
    """Everything but the riders. start: the moment from which seconds count."""

    start: datetime
    taxis: int
    town: Town
    riders: Riders
    temper: Temper
    roving: Roving
    traffic: Traffic
    tariff: Tariff


class Trial:
    """desk, cars: as they stand when `run` has ended."""

    def __init__(self, scene: Scene, riders: Sequence[Rider], way: Way, seed: int) -> None:
        self.scene, self.riders, self.way = scene, riders, way
        self._rng = np.random.default_rng((seed, 1))
        hour = scene.start.hour
        self.cars = Cars(
            np.array([scene.town.origin(hour, self._rng) for _ in range(scene.taxis)]), scene.traffic.detour
        )
        self.desk = Desk()
        self.ids = tuple(f"t{n:06}" for n in range(scene.taxis))
        self._tempers = [_temper(scene.temper, self._rng) for _ in range(scene.taxis)]
        self._queue: list[tuple[float, int, Work]] = []
        self._count = 0
        self._kerb: list[int] = []
        self._bound: dict[int, tuple[int, int]] = {}  # taxi -> its turn then, cell
        self._kills, self._back_s = 0, 0.0

    def run(self, marks: Sequence[float] = (), mark: Work = lambda now: None, kills: Sequence[float] = ()) -> None:
        """Until the last rider has come and nothing is open; `mark` is called at the moments of `marks`.

        kills: moments at which dispatch is killed, to come back with nothing but its journal
        """
        for number, rider in enumerate(self.riders):
            self._at(rider.at_s, partial(self._appear, number))
        for car in range(len(self.cars)):
            self._rove(car, 0.0)
        for moment in marks:
            self._at(moment, mark)
        for moment in kills:
            self._at(moment, self._kill)
        self._at(0.0, self._batch)
        self._at(ADVISE_S, self._advise)
        last = max([*marks, *(rider.at_s for rider in self.riders)], default=0.0)
        while self._queue[0][0] <= last or (self.desk.open and self._queue[0][0] <= last + LONGEST_S):
            now, _, work = heappop(self._queue)
            if now < self._back_s:
                self._at(self._back_s, work)  # calls ring on, and what terminals say is kept for dispatch
            else:
                work(now)

    def _at(self, moment: float, work: Work) -> None:
        self._count += 1
        heappush(self._queue, (moment, self._count, work))

    def _unless_changed(self, order: Order, moment: float, work: Callable[[Order, float], None]) -> None:
        booking, turn = order.booking, order.turn

        def due(now: float) -> None:
            order = self.desk.orders[booking]
            if order.turn == turn:
                work(order, now)

        self._at(moment, due)

    def _unless_killed(self, work: Callable[[Order, float], None]) -> Callable[[Order, float], None]:
        kills = self._kills
        return lambda order, now: work(order, now) if self._kills == kills else None

    def _unless_busy(self, car: int, moment: float, work: Callable[[int, float], None]) -> None:
        turn = self.cars.turn[car]
        self._at(moment, lambda now: work(car, now) if self.cars.turn[car] == turn else None)

    def _kill(self, now: float) -> None:
        self._kills += 1
        self._back_s = now + DOWN_S
        self._at(self._back_s, self._come_back)

    def _come_back(self, now: float) -> None:
        """Whoever was asked before is not heard any more: his order lapses."""
        self.desk = Desk.restored(self.desk.journal)
        for order in self.desk.orders:
            if order.state is State.OFFERED:
                self._unless_changed(order, now + OFFER_S, partial(self._decline, Actor.SYSTEM))

    # riders

    def _appear(self, number: int, now: float) -> None:
        rider = self.riders[number]
        if rider.waves:
            self._kerb.append(number)
            return
        order = self.desk.take(number, now)
        for states, times in ((UNPROMISED, 1.0), (UNMET, self.scene.riders.door_times)):
            self._at(now + times * rider.patience_s, partial(self._lose_patience, order.booking, states))

    def _lose_patience(self, booking: int, states: Collection[State], now: float) -> None:
        order = self.desk.orders[booking]
        if order.state in states:
            car = order.taxi
            self.desk.do(order, Event.CANCEL, Actor.PASSENGER, now)
            if car != NOBODY:
                self._free(car, now)

    def _wave(self, now: float) -> None:
        """Who stands in the street gets into a vacant taxi that comes by, or goes away."""
        patience_s = self.scene.riders.kerb_s
        self._kerb = [n for n in self._kerb if now - self.riders[n].at_s <= patience_s]
        vacant = np.flatnonzero(self.cars.doing == Doing.VACANT)
        if not self._kerb or not vacant.size:
            return
        away = np.abs(self.cars.places(now)[vacant] - np.array([self.riders[n].start for n in self._kerb])[:, None])
        for row, number in enumerate(list(self._kerb)):
            best = int(away[row].argmin())
            if away[row, best] <= SEEN_M:
                away[:, best] = np.inf
                self._kerb.remove(number)
                self._carry(int(vacant[best]), number, now, None)

    # dispatch

    def _batch(self, now: float) -> None:
        self._at(now + BATCH_S, self._batch)
        self._wave(now)
        if not self.desk.waiting:
            return
        for booking, taxi in self.way.pairs(self.known(now)):
            self._ask(self.desk.orders[int(booking)], int(taxi[1:]), now)

    def known(self, now: float) -> Snapshot:
        """What dispatch sees."""
        waiting = [self.desk.waiting[booking] for booking in sorted(self.desk.waiting)]
        ids = tuple(f"{order.booking:07}" for order in waiting)
        declined = frozenset(
            (key, self.ids[car]) for key, order in zip(ids, waiting, strict=True) for car in order.declined
        )
        return Snapshot(self._moment(now), ids, self._bookings(waiting, now), self.ids, self._taxis(now), declined)

    def _moment(self, now: float) -> datetime:
        return self.scene.start + timedelta(seconds=now)

    def _bookings(self, waiting: Sequence[Order], now: float) -> np.ndarray[tuple[int], np.dtype[np.void]]:
        rows = np.zeros(len(waiting), BOOKING)
        riders = [self.riders[order.rider] for order in waiting]
        starts = np.array([rider.start for rider in riders], complex)
        rows["lat"], rows["lon"] = PLANE.lat0 + starts.imag / PLANE.north, PLANE.lon0 + starts.real / PLANE.east
        rows["wait_s"] = [now - order.asked_s for order in waiting]
        rows["priority"] = [rider.elderly for rider in riders]
        rows["passengers"], rows["zone"] = 1, -1
        return rows

    def _taxis(self, now: float) -> np.ndarray[tuple[int], np.dtype[np.void]]:
        cars, rows = self.cars, np.zeros(len(self.cars), TAXI)
        places = np.where(np.isnan(cars.clear_s), cars.places(now), cars.goal)
        rows["lat"], rows["lon"] = PLANE.lat0 + places.imag / PLANE.north, PLANE.lon0 + places.real / PLANE.east
        rows["state"] = SEEN_AS[cars.doing]
        left = np.where(np.isnan(cars.clear_s), np.nan, np.maximum(cars.clear_s - now, OVERDUE_S))
        rows["clear_s"] = np.where(cars.doing == Doing.OCCUPIED, left, 0.0)
        rows["income"] = cars.income * 3600 / now if now > 0 else np.nan
        rows["refusal"], rows["locked"] = cars.refusal(), cars.locked_s > now
        rows["shift_left_s"] = rows["hours_left_s"] = np.inf
        rows["seats"], rows["rank"] = 4, -1
        return rows

    def _advise(self, now: float) -> None:
        self._at(now + ADVISE_S, self._advise)
        cars = self.cars
        self._bound = {car: kept for car, kept in self._bound.items() if cars.turn[car] == kept[0]}
        idle = np.flatnonzero((cars.doing == Doing.VACANT) & (cars.hinted_s < now - HINT_AGAIN_S))
        bound = {self.ids[car]: cell for car, (_, cell) in self._bound.items()}
        free = {self.ids[car] for car in idle.tolist() if car not in self._bound}
        for hint in self.way.hints(self.known(now), free, bound):
            car = int(hint.taxi[1:])
            cars.hinted_s[car] = now
            if self._rng.random() < self.scene.roving.obeys:
                there = self._go(car, Doing.VACANT, PLANE.point(hint.lat, hint.lon), now)
                self._bound[car] = (cars.turn[car], hint.cell)
                self._unless_busy(car, there + self._rng.exponential(self.scene.roving.kerb_s), self._rove)

    # drivers

    def _ask(self, order: Order, car: int, now: float) -> None:
        self.desk.do(order, Event.OFFER, Actor.SYSTEM, now, car)
        self.cars.stop(car, Doing.ASKED, now)
        self.cars.asked[car] += 1
        answer, after_s = self._tempers[car].decide(self._rng)
        if answer is Answer.GRAB:
            self._unless_changed(order, now + after_s, self._unless_killed(self._accept))
        elif answer is Answer.REFUSE:
            self._unless_changed(order, now + after_s, self._unless_killed(partial(self._decline, Actor.DRIVER)))
        else:
            self._unless_changed(order, now + OFFER_S, partial(self._decline, Actor.SYSTEM))

    def _decline(self, actor: Actor, order: Order, now: float) -> None:
        car = order.taxi
        self.cars.declined[car] += 1
        self.desk.do(order, Event.PASS, actor, now)
        self._free(car, now)

    def _accept(self, order: Order, now: float) -> None:
        car = order.taxi
        self.desk.do(order, Event.ACCEPT, Actor.DRIVER, now)
        self.desk.do(order, Event.DEPART, Actor.SYSTEM, now)
        there = self._go(car, Doing.CALLED, self.riders[order.rider].start, now)
        self._unless_changed(order, there, self._arrive)
        if (mind := self._tempers[car].change_of_mind(self._rng)) is not None:
            self._unless_changed(order, now + mind[1], self._drop)
        if self._rng.random() < self.scene.roving.silent:
            self._unless_changed(order, now + self._rng.uniform(0, there - now), self._fall_silent)

    def _drop(self, order: Order, now: float) -> None:
        car = order.taxi
        self.cars.locked_s[car] = now + LOCKED_S
        self.desk.do(order, Event.DROP, Actor.DRIVER, now, reason="the driver changed his mind")
        self._free(car, now)

    def _fall_silent(self, order: Order, now: float) -> None:
        car = order.taxi
        self.desk.do(order, Event.LOSE, Actor.SYSTEM, now, reason="nothing is heard of the terminal")
        self.cars.stop(car, Doing.SILENT, now)
        self._unless_busy(car, now + self.scene.roving.silent_s, self._free)

    def _arrive(self, order: Order, now: float) -> None:
        self.desk.do(order, Event.ARRIVE, Actor.SYSTEM, now)
        if self.riders[order.rider].comes:
            self._unless_changed(order, now + self._rng.uniform(*BOARD_S), self._board)
        else:
            self._unless_changed(order, now + AT_DOOR_S, self._miss)

    def _miss(self, order: Order, now: float) -> None:
        car = order.taxi
        self.desk.do(order, Event.MISS, Actor.DRIVER, now, reason="nobody came to the taxi")
        self._free(car, now)

    def _board(self, order: Order, now: float) -> None:
        self.desk.do(order, Event.BOARD, Actor.SYSTEM, now)
        self._carry(order.taxi, order.rider, now, order)

    def _carry(self, car: int, number: int, now: float, order: Order | None) -> None:
        rider = self.riders[number]
        there = self._go(car, Doing.OCCUPIED, rider.goal, now)
        if order is not None and rider.tells:
            self.cars.clear_s[car] = now + abs(rider.goal - rider.start) / self.scene.traffic.crow_m_s
        self._unless_busy(car, there, partial(self._set_down, rider, None if order is None else order.booking))

    def _set_down(self, rider: Rider, booking: int | None, car: int, now: float) -> None:
        if booking is not None:
            self.desk.do(self.desk.orders[booking], Event.COMPLETE, Actor.SYSTEM, now)
        self.cars.income[car] += self._fare(rider)
        self.cars.fares[car] += 1
        self._free(car, now)

    def _fare(self, rider: Rider) -> float:
        tariff, km = self.scene.tariff, abs(rider.goal - rider.start) * self.scene.traffic.detour / 1000
        return float(tariff.flag_fall_yuan) + max(0.0, km - float(tariff.flag_fall_km)) * float(tariff.per_km_yuan)

    def _free(self, car: int, now: float) -> None:
        self.cars.stop(car, Doing.VACANT, now)
        self._rove(car, now)

    def _rove(self, car: int, now: float) -> None:
        """Look for passengers, by own habit."""
        habit, rng = self.scene.roving, self._rng
        if rng.random() < habit.cruises:
            place = self.cars.place(car, now)
            goal = self.scene.town.hunting_ground(place, self._moment(now).hour, rng)
            self._unless_busy(car, self._go(car, Doing.VACANT, goal, now), self._rove)
        else:
            self._unless_busy(car, now + rng.exponential(habit.kerb_s), self._rove)

    def _go(self, car: int, doing: Doing, goal: complex, now: float) -> float:
        """When it is there."""
        way_s = abs(goal - self.cars.place(car, now)) / self.scene.traffic.crow_m_s
        way_s *= self.scene.traffic.luck(self._rng)
        self.cars.send(car, doing, goal, now, way_s)
        return now + way_s


def _temper(mean: Temper, rng: np.random.Generator) -> Temper:
    """One driver's: some take nearly every order, some few; where all take all of them, or none, so does he."""
    if not 0 < mean.grabbed < 1:
        return mean
    grabbed = float(rng.beta(ALIKE * mean.grabbed, ALIKE * (1 - mean.grabbed)))
    return replace(mean, grabbed=grabbed, refused=mean.refused * (1 - grabbed) / (1 - mean.grabbed))
