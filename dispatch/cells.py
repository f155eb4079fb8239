"""Cars by H3 cell: updated by every fix, asked for the nearest ones.

Cars are small whole numbers, their places stand in columns. A car moves in the index only when it
changes its cell. The search takes rings around the place until they hold enough cars, then as many more
as could hold a nearer one: it is exact for straight distances.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import h3.api.basic_int as h3
import numpy as np
from numpy.typing import NDArray

from dispatch.sphere import distances_m

RESOLUTION = 8
"""Cells with an edge of about 0.53 km: a town's vacant taxis lie in a few rings."""
SHORTEST_EDGE = 0.7
"""H3's cells differ in size: no edge near the middle latitudes is shorter than this part of the average."""
NOWHERE = 0
"""No cell of H3 has this number."""

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]


class CellIndex:
    """Where cars are, by cell."""

    def __init__(self, resolution: int = RESOLUTION) -> None:
        self.resolution = resolution
        edge_m = h3.average_hexagon_edge_length(resolution, unit="m")
        self._ring_m = 1.5 * edge_m * SHORTEST_EDGE  # a ring farther is at least so much farther away
        self._slack_m = 2 * edge_m / SHORTEST_EDGE
        self._lat: Floats = np.zeros(0)
        self._lon: Floats = np.zeros(0)
        self._cell: NDArray[np.uint64] = np.zeros(0, np.uint64)
        self._cells: dict[int, set[int]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, car: int) -> bool:
        return 0 <= car < len(self._cell) and self._cell[car] != NOWHERE

    def put(self, car: int, lat: float, lon: float) -> None:
        """The car is here now. Degrees."""
        self.put_all(np.array([car]), np.array([lat]), np.array([lon]))

    def put_all(self, cars: Indices, lat: Floats, lon: Floats) -> None:
        """Each of these different cars is there now."""
        if not cars.size:
            return
        self._grow(int(cars.max()) + 1)
        self._lat[cars], self._lon[cars] = lat, lon
        resolution, cell_of = self.resolution, h3.latlng_to_cell
        cells = np.array([cell_of(*place, resolution) for place in zip(lat.tolist(), lon.tolist(), strict=True)], "u8")
        moved = np.flatnonzero(cells != self._cell[cars])
        before = self._cell[cars[moved]]
        self._cell[cars[moved]] = cells[moved]
        for car, old, new in zip(cars[moved].tolist(), before.tolist(), cells[moved].tolist(), strict=True):
            self._leave(car, old)
            self._cells.setdefault(new, set()).add(car)
        self._count += int((before == NOWHERE).sum())

    def remove(self, car: int) -> None:
        """The car is no longer to be found; nothing happens when it was not."""
        self.remove_all(np.array([car]))

    def remove_all(self, cars: Indices) -> None:
        known = cars[cars < len(self._cell)]
        known = known[self._cell[known] != NOWHERE]
        for car, cell in zip(known.tolist(), self._cell[known].tolist(), strict=True):
            self._leave(car, cell)
        self._cell[known] = NOWHERE
        self._count -= len(known)

    def _leave(self, car: int, cell: int) -> None:
        if cell != NOWHERE:
            cars = self._cells[cell]
            cars.remove(car)
            if not cars:
                del self._cells[cell]

    def _grow(self, size: int) -> None:
        if size > (old := len(self._cell)):
            more = np.zeros(max(size, 2 * old) - old)
            self._lat, self._lon = np.concatenate([self._lat, more]), np.concatenate([self._lon, more])
            self._cell = np.concatenate([self._cell, more.astype(np.uint64)])

    def counts(self) -> dict[int, int]:
        """Cars in each cell that holds any."""
        return {cell: len(cars) for cell, cars in self._cells.items()}

    def nearest(self, lat: float, lon: float, count: int, within_m: float = math.inf) -> list[tuple[float, int]]:
        """(metres, car) of the `count` nearest cars in a straight line, nearest first, of equals the lowest."""
        origin = h3.latlng_to_cell(lat, lon, self.resolution)
        found: list[int] = []
        ring, farthest = 0, self._reached(within_m)
        while len(found) < min(count, self._count) and ring <= farthest:
            if 6 * ring > max(len(self._cells), 6):
                return self._sorted(lat, lon, list(np.flatnonzero(self._cell != NOWHERE)), count, within_m)
            found += self._ring(origin, ring)
            ring += 1
        near = self._sorted(lat, lon, found, count, within_m)
        last = self._reached(near[count - 1][0] if len(near) >= count else within_m)
        if ring > last or len(found) == self._count:
            return near
        if 3 * last * last > len(self._cells):
            return self._sorted(lat, lon, list(np.flatnonzero(self._cell != NOWHERE)), count, within_m)
        for further in range(ring, int(last) + 1):
            found += self._ring(origin, further)
        return self._sorted(lat, lon, found, count, within_m)

    def _reached(self, metres: float) -> float:
        """The farthest ring that can hold anything so near."""
        return math.inf if metres == math.inf else (metres + self._slack_m) // self._ring_m

    def _ring(self, origin: int, ring: int) -> list[int]:
        return [car for cell in h3.grid_ring(origin, ring) if cell in self._cells for car in self._cells[cell]]

    def _sorted(
        self, lat: float, lon: float, found: Sequence[int], count: int, within_m: float
    ) -> list[tuple[float, int]]:
        cars = np.array(found, np.intp)
        metres = distances_m(lat, lon, self._lat[cars], self._lon[cars])
        if len(cars) > 4 * count:
            some = np.flatnonzero(metres <= np.partition(metres, count - 1)[count - 1])
            cars, metres = cars[some], metres[some]
        order = np.lexsort((cars, metres))[:count]
        order = order[metres[order] <= within_m]
        return list(zip(metres[order].tolist(), cars[order].tolist(), strict=True))
