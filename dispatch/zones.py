"""Parts of the city with a way of offering of their own, and ranks with queues, from a GeoJSON file.

Each feature is a Polygon with the properties `name`, `mode` (assign, cascade, broadcast, queue), and where they
differ from the usual `depth`, `listeners`, `hears`. The first that holds a place counts. In a zone whose mode is
"queue", vacant taxis queue in the order in which they came.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from dispatch.errors import InputError
from dispatch.intake import Ring, inside
from dispatch.match.plan import Mode, Zone
from dispatch.match.snapshot import Rows, State

HEARS = 1
"""Broadcasts that a taxi hears at once: a terminal shows one order, and the next one hides it."""
NUMBERS = ("depth", "listeners", "hears")


@dataclass(frozen=True, slots=True)
class Area:
    zone: Zone
    ring: Ring


def read(path: Path) -> tuple[Area, ...]:
    """Raises InputError that names the feature, and OSError."""
    try:
        content = orjson.loads(path.read_bytes())
        features = content["features"]
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path}: a GeoJSON FeatureCollection is expected") from error
    areas = tuple(_area(f"{path}: feature {n}", feature) for n, feature in enumerate(features, 1))
    names = [area.zone.name for area in areas]
    if twice := {name for name in names if names.count(name) > 1}:
        raise InputError(f"{path}: there are two zones {', '.join(sorted(twice))}")
    return areas


def _area(where: str, feature: Any) -> Area:
    try:
        properties, geometry = feature["properties"], feature["geometry"]
        name, mode, kind = properties["name"], Mode(properties.get("mode", Mode.ASSIGN)), geometry["type"]
        if kind != "Polygon":
            raise InputError(f"{where}: a Polygon is expected, not a {kind}")
        ring = tuple((float(lat), float(lon)) for lon, lat in geometry["coordinates"][0])
        numbers = {key: int(properties[key]) for key in NUMBERS if key in properties}
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(f"{where}: name, mode and a Polygon are expected: {error!r}") from error
    if not isinstance(name, str) or not name:
        raise InputError(f"{where}: name: a text is expected")
    if any(not (-90 <= lat <= 90 and -180 <= lon <= 180) for lat, lon in ring) or len(ring) < 4:
        raise InputError(f"{where}: a closed ring of [lon, lat] in degrees is expected")
    if any(number < 1 for number in numbers.values()):
        raise InputError(f"{where}: {', '.join(NUMBERS)} are 1 or more")
    return Area(Zone(name, mode, **({"hears": HEARS} | numbers)), ring)


def zone_of(areas: Sequence[Area], lat: float, lon: float) -> int:
    """Number of the first area that holds a place, -1 where none does."""
    return next((n for n, area in enumerate(areas) if inside(lat, lon, area.ring)), -1)


@dataclass
class Ranks:
    """Who queues where, and since when."""

    areas: Sequence[Area]
    _since: dict[str, tuple[int, int]] = field(default_factory=dict)  # taxi -> (rank, ticket)
    _tickets: int = 0

    def line_up(self, ids: Sequence[str], rows: Rows) -> None:
        """Set `rank` and `turn` of these taxis. Who leaves or gets an order begins at the end when he comes back."""
        ranks = self._ranks(rows)
        here: dict[str, tuple[int, int]] = {}
        for taxi, rank in zip(ids, ranks.tolist(), strict=True):
            if rank >= 0:
                before = self._since.get(taxi)
                here[taxi] = before if before and before[0] == rank else (rank, self._ticket())
        self._since = here
        rows["rank"] = ranks
        rows["turn"] = [here[taxi][1] if taxi in here else 0 for taxi in ids]

    def _ticket(self) -> int:
        self._tickets += 1
        return self._tickets

    def _ranks(self, rows: Rows) -> NDArray[np.int16]:
        ranks = np.full(len(rows), -1, np.int16)
        for number, area in enumerate(self.areas):
            if area.zone.mode is Mode.QUEUE:
                for n in np.flatnonzero((rows["state"] == State.VACANT) & (ranks < 0) & _near(rows, area.ring)):
                    if inside(float(rows["lat"][n]), float(rows["lon"][n]), area.ring):
                        ranks[n] = number
        return ranks


def _near(rows: Rows, ring: Ring) -> NDArray[np.bool_]:
    """Inside the box around an area."""
    low, high = np.min(ring, axis=0), np.max(ring, axis=0)
    places = np.column_stack((rows["lat"], rows["lon"]))
    within: NDArray[np.bool_] = ((places >= low) & (places <= high)).all(axis=1)
    return within
