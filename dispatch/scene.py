"""What the matcher is to know at one moment, put together: bookings that wait, taxis, and who must not meet."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from dispatch import equipment, lock_out, lookout
from dispatch.clock import LONG_AGO
from dispatch.lookout import Duty
from dispatch.match.snapshot import BOOKING, Rows, Snapshot, State
from dispatch.queries import Standing
from dispatch.rules import Rules
from dispatch.sphere import distance_m
from dispatch.supply import Supply
from dispatch.zones import Area, Ranks, zone_of
from tracking.database import Connection

PHONE = "mqtt/"
REFUSALS_EVERY = timedelta(minutes=1)


@dataclass
class Scene:
    """areas: zones of `rules.policy` in their order, with where they are."""

    supply: Supply
    rules: Rules
    areas: Sequence[Area]
    ranks: Ranks = field(init=False)
    _refusals: Mapping[str, float] = field(default_factory=dict)
    _looked: datetime = LONG_AGO

    def __post_init__(self) -> None:
        self.ranks = Ranks(self.areas)

    async def snapshot(self, db: Connection, waiting: Sequence[Standing], now: datetime) -> Snapshot:
        duties = await lookout.duties(db, now)
        ids, rows = await self._taxis(db, now, duties.keys())
        _on_duty(ids, rows, duties, self.rules, now)
        ordered = sorted(waiting, key=lambda one: str(one.id))
        refused = set(await lookout.refused(db, [one.id for one in ordered], now - self.rules.again))
        drivers = {taxi: duty.driver for taxi, duty in duties.items()}
        refused |= set(_unwanted(ordered, drivers))
        vacant = {
            taxi for taxi, row in zip(ids, rows, strict=True) if row["state"] == State.VACANT and not row["locked"]
        }
        refused |= set(_preferred(ordered, drivers, vacant, refused))
        return Snapshot(
            now, tuple(str(one.id) for one in ordered), self._bookings(ordered, now), ids, rows, frozenset(refused)
        )

    def line_up(self, now: datetime) -> None:
        """Let taxis queue at ranks in the order in which they come, whether anybody waits or not."""
        self.ranks.line_up(*self.supply.taxis(now))

    async def _taxis(self, db: Connection, now: datetime, driven: Collection[str]) -> tuple[tuple[str, ...], Rows]:
        """Of all that can be asked at all, with everything but their drivers. driven: terminals that know theirs."""
        asked, busy, locked = await lookout.taxis(db), await lookout.busy(db), await lock_out.running(db, now)
        able = {key for key in asked if key in driven or not key.startswith(PHONE)}
        ids, rows = self.supply.taxis(now)
        chosen = np.array([key in able for key in ids], bool)
        ids, rows = tuple(key for key in ids if key in able), rows[chosen]
        known, vain, goals = await equipment.known(db), await self._refused(db, now), await lookout.clearing(db)
        for taxi, row in zip(ids, rows, strict=True):
            row["locked"] |= taxi in locked
            row["refusal"] = vain.get(taxi, 0.0)
            has = known.get(taxi, equipment.Equipment())
            row["seats"], row["has"] = has.seats, int(has.has)
            if taxi in busy:
                self._bound(row, goals.get(taxi))
        self.ranks.line_up(ids, rows)
        return ids, rows

    def _bound(self, row: np.void, goal: tuple[float, float] | None) -> None:
        """It has a booking, or an order on its screen; one that brings its passenger will be free at the goal."""
        if goal is None or row["state"] == State.VACANT:
            row["state"] = State.BOOKED
            return
        row["state"] = State.OCCUPIED
        row["clear_s"] = distance_m(float(row["lat"]), float(row["lon"]), *goal) / self.rules.street_m_s
        row["lat"], row["lon"] = goal

    async def _refused(self, db: Connection, now: datetime) -> Mapping[str, float]:
        if now - self._looked > REFUSALS_EVERY:
            self._refusals, self._looked = await lookout.refusals(db, now - self.rules.window), now
        return self._refusals

    def _bookings(self, waiting: Sequence[Standing], now: datetime) -> Rows:
        names = {area.zone.name: n for n, area in enumerate(self.areas)}
        rows = np.zeros(len(waiting), BOOKING)
        for row, one in zip(rows, waiting, strict=True):
            asked, door = one.asked, one.asked.pick_up
            row["lat"], row["lon"], row["wait_s"] = door.lat, door.lon, asked.wait_s(now)
            row["needs"], row["passengers"] = int(asked.needs), min(asked.passengers, 255)
            row["priority"] = min(asked.priority, 255)
            row["zone"] = names.get(asked.zone, zone_of(self.areas, door.lat, door.lon))
            if (goal := asked.destination) is not None:
                row["trip_s"] = distance_m(door.lat, door.lon, goal.lat, goal.lon) / self.rules.street_m_s
        return rows


def _on_duty(ids: Sequence[str], rows: Rows, duties: Mapping[str, Duty], rules: Rules, now: datetime) -> None:
    """What is known of drivers by their sign-ins: one that is older than a shift says nothing of its end."""
    for taxi, row in zip(ids, rows, strict=True):
        if (duty := duties.get(taxi)) is None:
            continue
        worked = now - duty.since
        if (left := rules.shifts.left(duty.since, now)) is not None:
            row["shift_left_s"] = left.total_seconds()
        drove = (now - duty.wheel).total_seconds()
        row["hours_left_s"] = max(row["hours_left_s"], rules.hours.driving.total_seconds() - drove)
        if worked > rules.settled and duty.taken is not None:
            row["income"] = duty.taken / (worked / timedelta(hours=1))


def _unwanted(waiting: Iterable[Standing], drivers: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    """Taxis whose driver the passenger does not want to see again."""
    for one in waiting:
        if one.asked.refused_drivers:
            yield from ((str(one.id), taxi) for taxi, driver in drivers.items() if driver in one.asked.refused_drivers)


def _preferred(
    waiting: Iterable[Standing], drivers: Mapping[str, str], vacant: set[str], refused: set[tuple[str, str]]
) -> Iterable[tuple[str, str]]:  # fmt: skip
    """Everybody but the driver whom a passenger asked for, as long as he is there to be asked: once."""
    for one in waiting:
        wished = {taxi for taxi in vacant if drivers.get(taxi) == one.asked.preferred_driver}
        if one.asked.preferred_driver and any((str(one.id), taxi) not in refused for taxi in wished):
            yield from ((str(one.id), taxi) for taxi in vacant - wished)
