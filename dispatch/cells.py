"""Vacant taxis by H3 cell: updated by every fix, asked for the nearest ones.

A car moves in the index only when it changes its cell. The search walks rings outwards and stops
when no farther ring could hold anything nearer, so it is exact for straight distances.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

import h3.api.basic_int as h3

EARTH_M = 6_371_008.8
"""Mean radius of the Earth (IUGG)."""
RESOLUTION = 8
"""Cells with an edge of about 0.53 km: a town's vacant taxis lie in a few rings."""
SHORTEST_EDGE = 0.7
"""H3's cells differ in size: no edge near the middle latitudes is shorter than this part of the average."""

Car = TypeVar("Car", bound=Hashable)


def distance_m(lat_1: float, lon_1: float, lat_2: float, lon_2: float) -> float:
    """Great circle between two points in degrees, by the haversine formula."""
    phi_1, phi_2 = math.radians(lat_1), math.radians(lat_2)
    half = math.sin((phi_2 - phi_1) / 2) ** 2
    half += math.cos(phi_1) * math.cos(phi_2) * math.sin(math.radians(lon_2 - lon_1) / 2) ** 2
    return 2 * EARTH_M * math.asin(math.sqrt(half))


class CellIndex(Generic[Car]):
    """Where cars are, by cell."""

    def __init__(self, resolution: int = RESOLUTION) -> None:
        self.resolution = resolution
        edge_m = h3.average_hexagon_edge_length(resolution, unit="m") * SHORTEST_EDGE
        self._ring_m = 1.5 * edge_m  # a ring farther is at least so much farther away
        self._slack_m = 2 * h3.average_hexagon_edge_length(resolution, unit="m") / SHORTEST_EDGE
        self._places: dict[Car, tuple[float, float, int]] = {}
        self._cells: dict[int, set[Car]] = {}

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, car: Car) -> bool:
        return car in self._places

    def put(self, car: Car, lat: float, lon: float) -> None:
        """The car is here now. Degrees."""
        cell = h3.latlng_to_cell(lat, lon, self.resolution)
        before = self._places.get(car)
        self._places[car] = (lat, lon, cell)
        if before is None or before[2] != cell:
            if before is not None:
                self._leave(car, before[2])
            self._cells.setdefault(cell, set()).add(car)

    def remove(self, car: Car) -> None:
        """The car is no longer to be found; nothing happens when it was not."""
        if (place := self._places.pop(car, None)) is not None:
            self._leave(car, place[2])

    def _leave(self, car: Car, cell: int) -> None:
        cars = self._cells[cell]
        cars.remove(car)
        if not cars:
            del self._cells[cell]

    def counts(self) -> dict[int, int]:
        """Cars in each cell that holds any."""
        return {cell: len(cars) for cell, cars in self._cells.items()}

    def nearest(self, lat: float, lon: float, count: int, within_m: float = math.inf) -> list[tuple[float, Car]]:
        """(metres, car) of the `count` nearest cars in a straight line, nearest first."""
        found: list[tuple[float, Car]] = []
        seen, wanted = 0, len(self._places)
        for ring, cars in enumerate(self._rings(h3.latlng_to_cell(lat, lon, self.resolution))):
            if seen == wanted:
                break
            reach = ring * self._ring_m - self._slack_m
            if reach > within_m or (len(found) >= count and reach > found[count - 1][0]):
                break
            seen += len(cars)
            near = ((distance_m(lat, lon, *self._places[car][:2]), car) for car in cars)
            found += [pair for pair in near if pair[0] <= within_m]
            found = heapq.nsmallest(count, found, key=lambda pair: pair[0])
        return found

    def _rings(self, origin: int) -> Iterator[list[Car]]:
        """Cars of the origin's cell, of the ring around it, and so on. Far out, cell by cell costs more than all."""
        ring = 0
        while 6 * ring <= max(len(self._cells), 6):
            yield [car for cell in h3.grid_ring(origin, ring) for car in self._cells.get(cell, ())]
            ring += 1
        inner = set(h3.grid_disk(origin, ring - 1))
        yield [car for cell, cars in self._cells.items() if cell not in inner for car in cars]
