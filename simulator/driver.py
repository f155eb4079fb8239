"""One taxi and those who drive it: cruise, hail, call, fare, drop-off, breaks, change of shift.

    CRUISING --hailed--> BOARDING --> OCCUPIED --arrived--> ALIGHTING --> CRUISING
        |                   ^   +--nobody comes--> CRUISING         |
        +--called--> CALLED-+                                   +--meal, rest--> RESTING --> CRUISING
        |                                                       |
        +-------------------07:00, 17:00, at night--------------+--> HOMEBOUND --> HANDOVER --> CRUISING

Time comes in from outside and chance from the generator of each taxi. Every leg begins exactly where
and when the one before ended, however seldom one looks, so the same seed drives the same day.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta

import numpy as np

from gateway.wire.clocks import CHINA
from simulator.demand import Demand
from simulator.duty import FREE, Call, Duty, Leg, Reading, Turn
from simulator.journey import plan
from simulator.plane import Plane
from simulator.roads.route import Roads, Spot

HANDOVERS = (time(7), time(17))
MEALS = (time(11, 30), time(18, 30))
AT_WHEEL_S = (3.0 * 3600, 3.7 * 3600)
"""After which a driver looks for a rest: the law gives him four hours."""
NIGHT, MORNING = time(0, 30), time(5, 30)
RUSH = (7, 8, 17, 18)
RUSH_PACE = 0.78
RED_SHARE = 0.5
TRIES = 6
SHORTEST_FARE_M = 700.0
PATIENCE = timedelta(minutes=30)
"""How long a driver waits for a passenger who wanted him later."""
READY_S = 4 * 3600.0
"""How long he stands ready at a muster."""
NO_SHOW_S = 480.0
"""How long he stands at the door of one who does not come."""


class Driver:
    """Roads and demand are shared; the generator is this taxi's own.

    turns    changes of duty since somebody took them away
    engaged  whether he stops for nobody in the street, because he waits to be called
    detours  share of passengers whom he drives a long way round
    haste    share of a road's limit that the next journey's pace is multiplied by
    """

    def __init__(
        self, roads: Roads, demand: Demand, home: Spot, now: datetime, rng: np.random.Generator,
        detours: float = 0.0,
    ) -> None:  # fmt: skip
        self._roads, self._demand, self._home, self._rng = roads, demand, home, rng
        self._detours = detours
        self._pace = rng.uniform(0.74, 0.94)
        self._late = timedelta(minutes=rng.uniform(-45, 45))
        self._odometer = rng.uniform(20e6, 380e6)
        self._sleeps = rng.random() < 0.6
        self._handover_due = _next(HANDOVERS, now, self._late)
        self._meal_due = _next(MEALS, now, self._late)
        self._rest_due = now + timedelta(seconds=rng.uniform(0, AT_WHEEL_S[0]))
        self.turns: list[Turn] = []
        self.engaged = False
        self.haste: Callable[[], float] = lambda: 1.0
        self._call: Call | None = None
        self._next: dict[Duty, Callable[[Leg], Leg]] = {
            Duty.CRUISING: self._after_cruising,
            Duty.CALLED: self._await_passenger,
            Duty.BOARDING: self._after_boarding,
            Duty.OCCUPIED: lambda leg: self._stand(Duty.ALIGHTING, leg, 15, 60),
            Duty.ALIGHTING: self._after_fare,
            Duty.RESTING: self._rested,
            Duty.HOMEBOUND: self._hand_over,
            Duty.HANDOVER: self._rested,
        }
        self.leg = self._cruise(Leg(Duty.HANDOVER, now, now, home, None))

    @property
    def plane(self) -> Plane:
        """That of the roads."""
        return self._roads.plane

    def advance(self, now: datetime) -> None:
        """Live on until `now`."""
        while self.leg.end <= now:
            if self.leg.journey:
                self._odometer += self.leg.journey.length
            self._begin(self._next[self.leg.duty](self.leg))

    def _begin(self, leg: Leg) -> None:
        ended, self.leg = self.leg, leg
        if ended.duty is not leg.duty:
            self.turns.append(Turn(leg.start, ended, self._standing(ended.spot, leg.duty)))

    def take_turns(self) -> list[Turn]:
        """What has changed since the last call, oldest first."""
        turns, self.turns = self.turns, []
        return turns

    def read(self, now: datetime) -> Reading:
        """The taxi at `now`, which must not lie before the last `advance`."""
        self.advance(now)
        leg, plane = self.leg, self._roads.plane
        if leg.journey is None:
            return self._standing(leg.spot, leg.duty)
        motion = leg.journey.at((now - leg.start).total_seconds())
        lat, lon = plane.degrees(motion.point)
        driven = self._odometer + motion.driven
        return Reading(lat, lon, motion.speed, motion.course, driven, leg.duty, motion.limit)

    def _standing(self, spot: Spot, duty: Duty) -> Reading:
        lat, lon = self._roads.plane.degrees(self._roads.point(spot))
        return Reading(lat, lon, 0.0, self._roads.course(spot), self._odometer, duty)

    # calls

    def fetch(self, call: Call, now: datetime) -> bool:
        """Drive to a passenger who has called; False when that cannot be, because another one is there."""
        self.advance(now)
        if self.leg.duty not in FREE:
            return False
        self._call, self.engaged = call, False
        entry = self.leg.journey.at((now - self.leg.start).total_seconds()).speed if self.leg.journey else 0.0
        self._begin(self._go(Duty.CALLED, self._cut(now), self._roads.nearest(call.pick_up), entry=entry))
        return True

    def let_go(self, now: datetime) -> bool:
        """The call is over before anybody got in: look for other passengers. False when there was none."""
        self.advance(now)
        self.engaged = False
        if self._call is None or self.leg.duty not in (Duty.CALLED, Duty.BOARDING):
            return False
        self._call = None
        self._begin(self._cruise(self._cut(now)))
        return True

    def _cut(self, now: datetime) -> Leg:
        """The leg as far as it has come, as if that were its end."""
        leg = self.leg
        if leg.journey is None:
            return replace(leg, end=now)
        driven = leg.journey.at((now - leg.start).total_seconds()).driven
        self._odometer += driven
        self.leg = replace(leg, end=now, spot=self._roads.on_path(leg.path, leg.along + driven), journey=None)
        return self.leg

    def _await_passenger(self, leg: Leg) -> Leg:
        """He comes to the car, not before the time for which he wanted it, or never."""
        if self._call is not None and self._call.stays:
            return self._stand(Duty.BOARDING, leg, READY_S, READY_S)
        if self._call is not None and not self._call.comes:
            return self._stand(Duty.BOARDING, leg, NO_SHOW_S, NO_SHOW_S)
        stand = self._stand(Duty.BOARDING, leg, 8, 35)
        wanted = self._call.wanted if self._call else None
        return stand if wanted is None else replace(stand, end=max(stand.end, min(wanted, leg.end + PATIENCE)))

    # what comes after what

    def _after_cruising(self, leg: Leg) -> Leg:
        if leg.hailed and not self.engaged:
            return self._stand(Duty.BOARDING, leg, 8, 35)
        if self._is_over(leg.end):
            return self._go(Duty.HOMEBOUND, leg, self._home)
        if leg.end >= self._rest_due:
            return self._rest(leg)
        if leg.journey is not None and self._rng.random() < 0.35:
            return self._wait_at_kerb(leg)
        return self._cruise(leg)

    def _after_fare(self, leg: Leg) -> Leg:
        if self._is_over(leg.end):
            return self._go(Duty.HOMEBOUND, leg, self._home)
        if leg.end >= min(self._meal_due, self._rest_due):
            return self._rest(leg)
        return self._cruise(leg)

    def _rest(self, leg: Leg) -> Leg:
        if leg.end >= self._meal_due:
            self._meal_due = _next(MEALS, leg.end, self._late)
        return self._stand(Duty.RESTING, leg, 1260, 2400)

    def _rested(self, leg: Leg) -> Leg:
        self._rest_due = leg.end + timedelta(seconds=self._rng.uniform(*AT_WHEEL_S))
        return self._cruise(leg)

    def _is_over(self, now: datetime) -> bool:
        """Whether the shift is; who sleeps at night ends it then."""
        return now >= self._handover_due or (self._sleeps and _asleep(now - self._late))

    def _hand_over(self, leg: Leg) -> Leg:
        if self._sleeps and _asleep(leg.end - self._late):
            morning = _next((MORNING,), leg.end, self._late)
            return Leg(Duty.HANDOVER, leg.end, morning, leg.spot, None)
        self._handover_due = _next(HANDOVERS, leg.end, self._late)
        return self._stand(Duty.HANDOVER, leg, 480, 1200)

    def _cruise(self, leg: Leg) -> Leg:
        """Drive to where passengers may be; stop on the way for one who waves."""
        point, hour = self._roads.point(leg.spot), leg.end.astimezone(CHINA).hour
        drive = self._go(Duty.CRUISING, leg, self._roads.nearest(self._demand.hunting_ground(point, hour, self._rng)))
        wait = self._demand.wait_s(point, hour, self._rng)
        if drive.journey is None or wait >= drive.journey.duration:
            return drive
        along = drive.along + drive.journey.at(wait).driven
        return self._go(Duty.CRUISING, leg, self._roads.on_path(drive.path, along), hailed=True)

    def _wait_at_kerb(self, leg: Leg) -> Leg:
        patience = self._rng.uniform(60, 420)
        wait = self._demand.wait_s(self._roads.point(leg.spot), leg.end.astimezone(CHINA).hour, self._rng)
        end = leg.end + timedelta(seconds=min(wait, patience))
        return Leg(Duty.CRUISING, leg.end, end, leg.spot, None, hailed=wait < patience)

    def _after_boarding(self, leg: Leg) -> Leg:
        call, self._call = self._call, None
        empty = call is not None and (call.stays or not call.comes)
        return self._cruise(leg) if empty else self._carry(leg, call)

    def _carry(self, leg: Leg, call: Call | None) -> Leg:
        """Drive the passenger to where he wants to go, or round about."""
        fare = self._fare(leg, call)
        return self._round_about(leg, fare) if self._detours and self._rng.random() < self._detours else fare

    def _fare(self, leg: Leg, call: Call | None) -> Leg:
        if call is not None and call.goal is not None:
            return self._go(Duty.OCCUPIED, leg, self._roads.nearest(call.goal))
        point, hour = self._roads.point(leg.spot), leg.end.astimezone(CHINA).hour
        for _ in range(TRIES):
            fare = self._go(Duty.OCCUPIED, leg, self._roads.nearest(self._demand.destination(point, hour, self._rng)))
            if fare.journey is not None and fare.journey.length >= SHORTEST_FARE_M:
                break
        return fare

    def _round_about(self, leg: Leg, fare: Leg) -> Leg:
        """By a place as far to the left as half of the way ahead."""
        start, goal = self._roads.point(leg.spot), self._roads.point(fare.spot)
        by = self._roads.nearest((start + goal) / 2 + 0.5j * (goal - start))
        if by.edge in (leg.spot.edge, fare.spot.edge):
            return fare
        path = [*self._roads.route(leg.spot, by)[:-1], *self._roads.route(by, fare.spot)]
        return self._drive(Duty.OCCUPIED, leg, fare.spot, path)

    def _stand(self, duty: Duty, leg: Leg, least_s: float, most_s: float) -> Leg:
        end = leg.end + timedelta(seconds=self._rng.uniform(least_s, most_s))
        return Leg(duty, leg.end, end, leg.spot, None)

    def _go(self, duty: Duty, leg: Leg, goal: Spot, *, hailed: bool = False, entry: float = 0.0) -> Leg:
        return self._drive(duty, leg, goal, self._roads.route(leg.spot, goal), hailed=hailed, entry=entry)

    def _drive(
        self, duty: Duty, leg: Leg, goal: Spot, path: Sequence[int], *, hailed: bool = False, entry: float = 0.0
    ) -> Leg:
        edges = [self._roads.edges[number] for number in path]
        rush = RUSH_PACE if leg.end.astimezone(CHINA).hour in RUSH else 1.0
        journey = plan(edges, leg.spot.along, goal.along, self._pace * rush * self.haste(), self._red_light, entry)
        end = leg.end + timedelta(seconds=journey.duration)
        return Leg(duty, leg.end, end, goal, journey, hailed, path, leg.spot.along)

    def _red_light(self) -> float:
        return float(self._rng.uniform(5, 60)) if self._rng.random() < RED_SHARE else 0.0


def _next(times: tuple[time, ...], now: datetime, late: timedelta) -> datetime:
    """The next of these times of day (in China) after `now`, each shifted by `late`."""
    today = now.astimezone(CHINA).date()
    days = (today + timedelta(days=k) for k in (-1, 0, 1, 2))
    return next(moment for day in days for at in times if (moment := datetime.combine(day, at, CHINA) + late) > now)


def _asleep(now: datetime) -> bool:
    return NIGHT <= now.astimezone(CHINA).time() < MORNING
