"""What an engine says of one row of fixes: the roads under it, and where on them each fix lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tracking import ground

Floats = NDArray[np.float64]
SEARCH_M = 50.0
"""No road further from a fix than this is taken for the one that it was driven on."""


@dataclass(frozen=True, slots=True)
class Edge:
    """A piece of road between two junctions, as far as it was driven.

    first, last  points of the shape at its ends
    limit        m/s; None where no limit is mapped
    speed        m/s of free flow
    """

    way: int
    first: int
    last: int
    limit: float | None
    speed: float


@dataclass(frozen=True, slots=True)
class Trace:
    """lat, lon  of the shape, (p,) each
    edges     in the order driven
    at        metres from the start to where each fix lies, (n,); NaN where no road was found
    off       metres from each fix to its road, (n,)
    edge      number of each fix's edge, (n,); -1 where none
    broken    number of the first fix to which no way leads from those before; None where one leads through all
    """

    lat: Floats
    lon: Floats
    edges: Sequence[Edge]
    at: Floats
    off: Floats
    edge: NDArray[np.int64]
    broken: int | None

    @property
    def lengths(self) -> Floats:
        """Metres of each edge, (e,)."""
        along = np.concatenate(([0.0], np.cumsum(ground.hops(self.lat, self.lon))))
        ends = np.array([(edge.first, edge.last) for edge in self.edges], np.int64).reshape(-1, 2)
        return np.asarray(along[ends[:, 1]] - along[ends[:, 0]], np.float64)

    def free_flow(self, lengths: Floats) -> Floats:
        """Seconds from the start to each fix in free flow, (n,)."""
        metres = np.concatenate(([0.0], np.cumsum(lengths)))
        took = lengths / np.array([edge.speed for edge in self.edges])
        return np.interp(self.at, metres, np.concatenate(([0.0], np.cumsum(took))))


class Tracer(Protocol):
    """Puts fixes on roads. For one thread."""

    def trace(self, seconds: Floats, lat: Floats, lon: Floats) -> Trace | None:
        """Of at least two fixes in order of their times; None where there is no way through them at all."""

    def offsets(self, lat: Floats, lon: Floats) -> Floats:
        """Metres to the nearest road for cars, (n,); infinite where none is near."""
