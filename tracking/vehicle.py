"""Vehicles, their condition and their route: tracking's published language."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from gateway.report import Alarm, Flag, Status

OFFLINE_AFTER = timedelta(minutes=5)
"""Silence after which a vehicle counts as offline; parked terminals report every few minutes."""

URGENT = (
    Alarm.EMERGENCY
    | Alarm.OVERSPEED
    | Alarm.FATIGUE
    | Alarm.DANGER_WARNING
    | Alarm.DANGEROUS_DRIVING
    | Alarm.FORBIDDEN_HOURS
    | Alarm.DAILY_DRIVING_EXCEEDED
    | Alarm.STOLEN
    | Alarm.ILLEGAL_IGNITION
    | Alarm.ILLEGAL_DISPLACEMENT
    | Alarm.COLLISION
    | Alarm.ROLLOVER
    | Alarm.ILLEGAL_DOOR
)
"""Alarms that turn a vehicle red on the map; faults of equipment and warnings ahead of time do not."""


class Condition(enum.StrEnum):
    """What a vehicle is doing, as the map colours it."""

    VACANT = "vacant"
    OCCUPIED = "occupied"
    BOOKED = "booked"
    OFF_DUTY = "off_duty"
    OFFLINE = "offline"
    ALARM = "alarm"


def condition(alarms: Alarm, status: Status, heard: datetime | None, now: datetime) -> Condition:
    """An SOS outlives the connection; any other alarm of a silent vehicle is history."""
    silent = heard is None or now - heard > OFFLINE_AFTER
    if alarms & (Alarm.EMERGENCY if silent else URGENT):
        return Condition.ALARM
    if silent:
        return Condition.OFFLINE
    if status & Status.OCCUPIED:
        return Condition.OCCUPIED
    if status & Status.OUT_OF_SERVICE:
        return Condition.OFF_DUTY
    return Condition.BOOKED if status & Status.BOOKED else Condition.VACANT


@dataclass(frozen=True, slots=True, kw_only=True)
class LastState:
    """Newest good live fix of a vehicle's terminal. Degrees (WGS-84), m/s, m; None = not reported."""

    time: datetime
    lat: float
    lon: float
    speed: float | None
    course: float | None
    altitude: float | None
    odometer: float | None
    alarms: Alarm
    status: Status
    satellites: int | None
    signal: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Vehicle:
    """A vehicle with the terminal that stands in it now.

    heard   when any fix of it was last received, also a late or a flagged one
    last    None until a good live fix has come
    """

    id: int
    plate: str
    vehicle_class: str
    company: str
    terminal: str | None
    heard: datetime | None
    last: LastState | None

    def condition(self, now: datetime) -> Condition:
        if self.last is None:
            return Condition.OFFLINE
        return condition(self.last.alarms, self.last.status, self.heard, now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """One stored position of a vehicle's route. Units as in `LastState`."""

    time: datetime
    received: datetime
    lat: float
    lon: float
    speed: float | None
    course: float | None
    altitude: float | None
    odometer: float | None
    alarms: Alarm
    status: Status
    flags: Flag
    satellites: int | None
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Route:
    """Fixes of one vehicle in order of their time; `truncated` when more lie in the interval."""

    vehicle_id: int
    start: datetime
    end: datetime
    fixes: Sequence[Fix]
    truncated: bool


@dataclass(frozen=True, slots=True)
class Day:
    """A day of some time zone on which a vehicle has fixes, and the times of its first and last one."""

    day: date
    fixes: int
    first: datetime
    last: datetime
