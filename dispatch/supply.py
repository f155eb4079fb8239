"""Live supply: which taxis are vacant now and where, from the feed of fixes.

Pure of any bus or clock: batches and `now` come in, answers go out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from dispatch.cells import CellIndex
from gateway.report import Alarm, FixBatch, Status, moment
from tracking.vehicle import Condition, Vehicle, condition

STALE = timedelta(seconds=120)
"""A vacant taxi whose last fix is older is no longer offered."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A vacant taxi near a place. `age_s` is that of its fix."""

    terminal: str
    lat: float
    lon: float
    distance_m: float
    age_s: float


@dataclass(frozen=True, slots=True)
class _Fix:
    time: datetime
    lat: float
    lon: float


class Supply:
    def __init__(self) -> None:
        self._vacant: CellIndex[str] = CellIndex()
        self._fixes: dict[str, _Fix] = {}

    def start_with(self, vehicles: Iterable[Vehicle], now: datetime) -> None:
        """Last states as stored, for the time before the first fixes come."""
        for vehicle in vehicles:
            if vehicle.terminal and vehicle.last:
                last = vehicle.last
                fix = _Fix(last.time, last.lat, last.lon)
                self._take(vehicle.terminal, fix, vehicle.condition(now) is Condition.VACANT)

    def apply(self, batch: FixBatch, now: datetime) -> None:
        """Fixes of the live feed; older ones than already known change nothing."""
        for row in batch.rows[batch.newest()]:
            state = condition(Alarm(int(row["alarms"])), Status(int(row["status"])), now, now)
            fix = _Fix(moment(row["time"]), float(row["lat"]), float(row["lon"]))
            self._take(batch.terminals[row["terminal"]], fix, state is Condition.VACANT)

    def _take(self, terminal: str, fix: _Fix, vacant: bool) -> None:
        known = self._fixes.get(terminal)
        if known is not None and known.time > fix.time:
            return
        self._fixes[terminal] = fix
        if vacant:
            self._vacant.put(terminal, fix.lat, fix.lon)
        else:
            self._vacant.remove(terminal)

    def forget_stale(self, now: datetime) -> int:
        """Take taxis that went silent out of the index; returns how many."""
        stale = [t for t, fix in self._fixes.items() if t in self._vacant and now - fix.time > STALE]
        for terminal in stale:
            self._vacant.remove(terminal)
        return len(stale)

    def nearest(self, lat: float, lon: float, count: int, now: datetime) -> list[Candidate]:
        """The nearest vacant taxis in a straight line, nearest first."""
        return [
            Candidate(t, (fix := self._fixes[t]).lat, fix.lon, metres, (now - fix.time).total_seconds())
            for metres, t in self._vacant.nearest(lat, lon, count)
        ]

    def cells(self) -> dict[int, int]:
        """Vacant taxis by H3 cell."""
        return self._vacant.counts()

    def __len__(self) -> int:
        """Vacant taxis."""
        return len(self._vacant)
