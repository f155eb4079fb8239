"""Riders: who calls a taxi or waves for one, when, from where to where, and how long they bear to wait.

Drawn ahead of a trial and the same for everybody who is to serve them: nothing that dispatch does
changes who calls.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from simulator.demand import BUSY

RIDER = np.dtype(
    [
        ("at_s", "<f8"),  # when he calls or comes to the kerb
        ("start", "<c16"),
        ("goal", "<c16"),
        ("waves", "?"),  # in the street, instead of calling
        ("elderly", "?"),
        ("online", "?"),  # books by phone otherwise
        ("tells", "?"),  # says where he wants to go when he books
        ("patience_s", "<f8"),  # until a taxi is promised
        ("comes", "?"),  # to the taxi at the door
    ]
)


class Rider(NamedTuple):
    """A RIDER row as plain values."""

    at_s: float
    start: complex
    goal: complex
    waves: bool
    elderly: bool
    online: bool
    tells: bool
    patience_s: float
    comes: bool


SPREAD = 0.5
"""Of the logarithm of patience."""
ELDERLY_ONLINE, OTHERS_ONLINE = 0.05, 0.6


def comes(lat: float, lon: float, no_show: float) -> bool:
    """Whether the one who is to be picked up there comes to the door.

    It follows from the place alone, to a ten-thousandth of a degree: the passenger and the driver, who are of
    different processes, know it without a word between them.
    """
    return crc32(f"{lat:.4f} {lon:.4f}".encode()) >= no_show * 2**32


class Town(Protocol):
    """Where people are and where they go; points are of a plane, in metres."""

    def origin(self, hour: int, rng: np.random.Generator) -> complex: ...
    def destination(self, point: complex, hour: int, rng: np.random.Generator) -> complex: ...
    def hunting_ground(self, point: complex, hour: int, rng: np.random.Generator) -> complex: ...


@dataclass(frozen=True, slots=True)
class Riders:
    """low_per_h, middle_per_h, high_per_h: riders in the busiest hour, at three loads. Shares of them:

    waved     stop a taxi in the street;  elderly  call first of all by phone;  tells  say where they want to go
    no_show   do not come to the door
    patience_s  median wait for a promise, after which they look for something else; for the taxi at the door they wait
                `door_times` as long;  kerb_s  how long they stand in the street
    """

    low_per_h: float = 180.0
    middle_per_h: float = 360.0
    high_per_h: float = 540.0
    waved: float = 0.25
    elderly: float = 0.2
    tells: float = 0.8
    no_show: float = 0.03
    patience_s: float = 480.0
    door_times: float = 4.0
    kerb_s: float = 300.0

    def per_h(self, load: str) -> float:
        """Raises AttributeError for a load that is none of low, middle, high."""
        return float(getattr(self, f"{load}_per_h"))


@dataclass(frozen=True, slots=True)
class Traffic:
    """How long the way is for each metre in a straight line, how fast one gets on, and how much luck spreads it."""

    detour: float = 1.35
    speed_kmh: float = 25.0
    spread: float = 0.15

    @property
    def crow_m_s(self) -> float:
        """In a straight line."""
        return self.speed_kmh / 3.6 / self.detour

    def luck(self, rng: np.random.Generator) -> float:
        """What a way takes for each second that is expected of it."""
        return float(rng.lognormal(0.0, self.spread))


def draw(riders: Riders, town: Town, per_h: float, hours: tuple[float, float], rng: np.random.Generator) -> list[Rider]:
    """In the order of time, `at_s` from the first of the two hours of the day on."""
    first, last = hours
    marks = np.append(np.arange(np.floor(first), last), last).clip(first, last)
    counts = [rng.poisson(per_h * BUSY[int(hour) % 24] * (marks[n + 1] - hour)) for n, hour in enumerate(marks[:-1])]
    spans = list(zip(marks[:-1], marks[1:], counts, strict=True))
    at_s = np.sort(np.concatenate([3600 * (rng.uniform(a, b, n) - first) for a, b, n in spans]))
    rows = _people(riders, len(at_s), rng)
    rows["at_s"] = at_s
    for row in rows:
        hour = int(first + row["at_s"] / 3600) % 24
        row["start"] = town.origin(hour, rng)
        row["goal"] = town.destination(complex(row["start"]), hour, rng)
    return [Rider(*row) for row in rows.tolist()]


def _people(riders: Riders, count: int, rng: np.random.Generator) -> NDArray[np.void]:
    rows = np.zeros(count, RIDER)
    shares: dict[str, Any] = {"waves": riders.waved, "elderly": riders.elderly, "tells": riders.tells}
    for name, share in (shares | {"comes": 1 - riders.no_show}).items():
        rows[name] = rng.random(count) < share
    rows["online"] = rng.random(count) < np.where(rows["elderly"], ELDERLY_ONLINE, OTHERS_ONLINE)
    rows["patience_s"] = riders.patience_s * rng.lognormal(0.0, SPREAD, count)
    return rows
