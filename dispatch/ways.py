"""Driving times for the matcher from tracking's road network, by what the fleet drove at this hour.

Where there is no network, or where more wait than the roads can be asked about in time, ways are straight
lines, and each decision says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import psycopg
import structlog
from numpy.typing import NDArray

from dispatch.clock import CITY, LONG_AGO
from dispatch.match.terms import PickUp, Road, Straight
from tracking.roads.engine import Engine
from tracking.roads.learned import closures, hour_of_week, pace
from tracking.roads.port import Place, RoadsError

log = structlog.get_logger()
Floats = NDArray[np.float64]
MOST = 60
"""Callers whose roads are asked for in one round: an engine takes about 20 ms for each."""
FRESH = timedelta(minutes=10)


@dataclass
class Times:
    """Implements `RoadTimes` at one hour of the week. A pair is asked for once."""

    engine: Engine
    hour: int
    _known: dict[tuple[float, float, float, float], float] = field(default_factory=dict)

    def seconds(self, from_lat: Floats, from_lon: Floats, to_lat: Floats, to_lon: Floats) -> Floats:
        pairs = list(zip(*(x.tolist() for x in (from_lat, from_lon, to_lat, to_lon)), strict=True))
        lacking: dict[tuple[float, float], set[tuple[float, float]]] = {}
        for pair in pairs:
            if pair not in self._known:
                lacking.setdefault(pair[2:], set()).add(pair[:2])
        for goal, starts in lacking.items():
            ordered = sorted(starts)
            ways = self.engine.matrix([Place(*start) for start in ordered], [Place(*goal)], self.hour)
            self._known |= {(*start, *goal): row[0].seconds for start, row in zip(ordered, ways, strict=True)}
        return np.array([self._known[pair] for pair in pairs])


class Ways:
    """url: of the database that holds what was learned and which roads are closed."""

    def __init__(self, directory: Path, url: str) -> None:
        self._url, self._looked = url, LONG_AGO
        try:
            self._engine: Engine | None = Engine(directory)
        except RoadsError as error:
            log.warning("no roads: ways to passengers are straight lines", cause=str(error))
            self._engine = None

    def at(self, now: datetime, callers: int) -> PickUp:
        """For a round with so many callers. In a thread: it asks the database now and then. Raises psycopg.Error."""
        if self._engine is None or callers > MOST:
            return Straight()
        if now - self._looked > FRESH:
            with psycopg.connect(self._url) as db:
                self._engine.pace, self._engine.closures = pace(db), closures(db, now)
            self._looked = now
        return Road(Times(self._engine, hour_of_week(now, str(CITY))))
