"""Hints to vacant taxis, when the desk wants them: every few minutes, from pick-ups of former days of the same kind.

A hint is said once, and means nothing any more after some minutes. Offers come before: whoever has one, is tired, or
stands in a rank's queue is left in peace.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import numpy as np
import structlog

from dispatch import hints, places
from dispatch.clock import CITY, LONG_AGO
from dispatch.forecast import Forecast
from dispatch.match.exclusion import Reason, of_taxis
from dispatch.match.snapshot import Snapshot, State
from dispatch.places import Named
from dispatch.reposition import Advice, Hint
from dispatch.reposition import hints as advised
from dispatch.scene import Scene
from dispatch.sphere import distance_m
from tracking.database import Connection

log = structlog.get_logger()
AHEAD = timedelta(minutes=10)
"""Hints look so far into the forecast: that is when a taxi that follows one is there."""
HISTORY = timedelta(days=28)
WEEKEND = frozenset({6, 7})
"""Days of the week on which people go elsewhere, Monday 1."""
NEAR_M = 1500.0
"""A place that is farther from where passengers are expected does not name it."""


@dataclass
class Hinting:
    """every: so often;  again: a taxi that got one is left in peace so long;  bound: it may be on its way so long."""

    scene: Scene
    advice: Advice = field(default_factory=Advice)
    every: timedelta = timedelta(minutes=2)
    again: timedelta = timedelta(minutes=20)
    bound: timedelta = timedelta(minutes=10)
    spare_s: float = 1800.0
    _given: datetime = LONG_AGO
    _made: date | None = None
    _forecast: Forecast | None = None
    _places: Sequence[Named] = ()

    async def turn(self, db: Connection, now: datetime) -> int:
        """What is due; returns how many taxis were given a hint."""
        if now - self._given < self.every:
            return 0
        self._given = now
        if not (switch := await hints.switch(db)) or not switch.on:
            return 0
        if (forecast := await self._known(db, now)) is None:
            return 0
        known = await self.scene.snapshot(db, [], now)
        lately = await hints.lately(db, now - self.again)
        bound = {taxi: cell for taxi, (at, cell) in lately.items() if now - at < self.bound}
        idle = [taxi for taxi in self._idle(known) if taxi not in lately]
        found = await asyncio.to_thread(advised, known, forecast.at(now + AHEAD), idle, bound, self.advice)
        for hint in found:
            await hints.give(db, hint, self._words(hint), now)
        return len(found)

    def _idle(self, known: Snapshot) -> list[str]:
        taxis = known.taxis
        free = (of_taxis(known, self.scene.rules.policy.limits) == Reason.NONE) & (taxis["state"] == State.VACANT)
        free &= (taxis["rank"] < 0) & (np.minimum(taxis["shift_left_s"], taxis["hours_left_s"]) > self.spare_s)
        return [known.taxi_ids[n] for n in np.flatnonzero(free)]

    async def _known(self, db: Connection, now: datetime) -> Forecast | None:
        """Of days like today, made once a day."""
        today = now.astimezone(CITY).date()
        if self._made != today:
            week = WEEKEND if today.isoweekday() in WEEKEND else frozenset(range(1, 8)) - WEEKEND
            past, days = await hints.pick_ups(db, today, HISTORY, week)
            self._forecast = await asyncio.to_thread(Forecast.of, past, days) if days else None
            self._places, self._made = await places.every(db), today
            if self._forecast is None:
                log.warning("no hints: the history knows no day like today", today=today.isoformat())
        return self._forecast

    def _words(self, hint: Hint) -> str:
        """For a driver; nothing in it is about any one passenger."""
        far = [(distance_m(hint.lat, hint.lon, one.lat, one.lon), one.name) for one in self._places]
        metres, name = min(far, default=(np.inf, ""))
        where = f"{name}附近" if metres <= NEAR_M else f"北纬{hint.lat:.3f}东经{hint.lon:.3f}一带"
        return f"建议前往{where}候客：约{hint.metres / 1000:.1f}公里，预计一刻钟内{max(1, round(hint.pick_ups))}人用车"
