"""Whether a taxi has arrived, from its fixes: JT/T 905 has no message for it.

Arrived is: stopped inside the pick-up's fence for a while. One slow fix at a traffic light beside the door
is not enough; a fence that is left in between begins anew. The desk may confirm what the fixes do not show.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from dispatch.booking import Place
from dispatch.sphere import distance_m


@dataclass(frozen=True, slots=True)
class Sight:
    """A fix, as far as it matters here. speed: m/s, None = not reported, which is judged by the way made."""

    time: datetime
    lat: float
    lon: float
    speed: float | None


@dataclass(frozen=True, slots=True)
class Fence:
    """radius_m around the pick-up; slow_m_s: what still counts as stopped; still: how long it must stand."""

    radius_m: float = 60.0
    slow_m_s: float = 1.5
    still: timedelta = timedelta(seconds=10)


def arrived(sights: Iterable[Sight], door: Place, fence: Fence) -> datetime | None:
    """When the taxi stopped at the door, None while it has not. Sights are in order of time."""
    since: datetime | None = None
    before: Sight | None = None
    for sight in sights:
        inside = distance_m(sight.lat, sight.lon, door.lat, door.lon) <= fence.radius_m
        if inside and _speed(sight, before) <= fence.slow_m_s:
            since = since or sight.time
            if sight.time - since >= fence.still:
                return since
        else:
            since = None
        before = sight
    return None


def _speed(sight: Sight, before: Sight | None) -> float:
    """m/s; without a report from the way since the sight before, endless for the first."""
    if sight.speed is not None:
        return sight.speed
    passed_s = (sight.time - before.time).total_seconds() if before else 0.0
    if before is None or passed_s <= 0:
        return float("inf")
    return distance_m(before.lat, before.lon, sight.lat, sight.lon) / passed_s
