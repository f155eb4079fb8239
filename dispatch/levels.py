"""Service levels: from the ring to a confirmed taxi and to the door, 电召成功率, and how fair and how empty it is.

Pure measures over calls, whether they stand in the database or were simulated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from dispatch.booking import OPEN, State
from dispatch.clock import CITY

ELDERLY, OTHERS = "elderly", "others"
WITHDRAWN = frozenset({State.CANCELLED_BY_CENTRE})
"""Bookings that the centre took back say nothing about its service."""


@dataclass(frozen=True, slots=True)
class Call:
    """A booking as its passenger knew it.

    asked      when it was due: the ring, or for a pre-booking when the search began
    confirmed  when the taxi that came was bound to it, or the last one that was;  met  when a taxi stood at the door
    group      age group: ELDERLY or OTHERS
    """

    asked: datetime
    state: State
    confirmed: datetime | None = None
    met: datetime | None = None
    zone: str = ""
    channel: str = "phone"
    group: str = OTHERS


@dataclass(frozen=True, slots=True)
class Level:
    """success: share of the calls to which a taxi came; seconds from the ring, NaN where there was nothing to measure.

    confirm_s  mean until a taxi was confirmed;  door_s, door_p95_s  mean and 95th percentile until it was at the door
    """

    calls: int
    success: float
    confirm_s: float
    confirm_p95_s: float
    door_s: float
    door_p95_s: float


def level(calls: Iterable[Call]) -> Level:
    """Of all calls together. Those that are still open, or that the centre took back, are left out."""
    over = [call for call in calls if call.state not in OPEN | WITHDRAWN]
    confirm = [(call.confirmed - call.asked).total_seconds() for call in over if call.confirmed]
    door = [(call.met - call.asked).total_seconds() for call in over if call.met]
    success = len(door) / len(over) if over else np.nan
    return Level(len(over), success, _mean(confirm), _p95(confirm), _mean(door), _p95(door))


@dataclass(frozen=True, slots=True)
class Earned:
    """What a driver took by the meter while he was signed in."""

    driver: str
    worked: timedelta
    yuan: float


@dataclass(frozen=True, slots=True)
class Fleet:
    """How fair and how empty it was; NaN where there was nothing to measure.

    drivers  whose income says something;  gini  of their incomes an hour;  empty_share  空驶率
    """

    drivers: int
    gini: float
    empty_share: float
    empty_km: float
    paid_km: float


def fleet(earned: Iterable[Earned], settled: timedelta, empty_m: float, paid_m: float) -> Fleet:
    """settled: who has worked less says nothing about fairness."""
    hourly = [one.yuan / (one.worked / timedelta(hours=1)) for one in earned if one.worked >= settled]
    share, fair = empty_share(empty_m, paid_m), gini(hourly) if hourly else np.nan
    return Fleet(len(hourly), fair, share, empty_m / 1000, paid_m / 1000)


Key = Callable[[Call], str]
BY: dict[str, Key] = {
    "hour": lambda call: f"{call.asked.astimezone(CITY):%H}",
    "zone": lambda call: call.zone,
    "channel": lambda call: call.channel,
    "group": lambda call: call.group,
}
"""What calls are told apart by."""


def levels(calls: Sequence[Call], by: str) -> dict[str, Level]:
    """Level of each hour of the city's clock, zone, channel or group, in order. Raises KeyError for another `by`."""
    key, parts = BY[by], dict[str, list[Call]]()
    for call in calls:
        parts.setdefault(key(call), []).append(call)
    return {name: level(parts[name]) for name in sorted(parts)}


def gini(incomes: Iterable[float]) -> float:
    """Inequality of incomes that are zero or more: 0 where all are equal, nearly 1 where one has everything."""
    sorted_: NDArray[np.float64] = np.sort(np.fromiter(incomes, np.float64))
    count, total = len(sorted_), sorted_.sum()
    if not total > 0:
        return 0.0
    return float((2 * np.arange(1, count + 1) - count - 1) @ sorted_ / (count * total))


def empty_share(empty_m: float, paid_m: float) -> float:
    """空驶率: the part of the way that was driven without a passenger; NaN where nobody drove."""
    return empty_m / (empty_m + paid_m) if empty_m + paid_m else np.nan


def _mean(seconds: Sequence[float]) -> float:
    return float(np.mean(seconds)) if seconds else np.nan


def _p95(seconds: Sequence[float]) -> float:
    return float(np.percentile(seconds, 95)) if seconds else np.nan
