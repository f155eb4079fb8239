"""What goes wrong on the road, as rarely as a scenario says: haste, tired drivers, emergencies, what cameras see.

Pure: time comes in from outside and chance from a generator. Everything is off unless a scenario wants it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType

import numpy as np

from gateway.report import Alarm
from simulator.duty import Reading

HURRIED = 1.6
"""How much faster a driver in a hurry is than he usually is."""
TOLERATED = 1.1
"""Share of the limit above which a terminal calls it overspeed."""
SEEN_FROM = 30 / 3.6
"""m/s from which on the cameras of driver assistance watch."""
LONG: Mapping[Alarm, timedelta] = MappingProxyType(
    {Alarm.FATIGUE: timedelta(minutes=10), Alarm.EMERGENCY: timedelta(minutes=3)}
)
"""How long an alarm lasts that nobody ends."""
FORWARD, DRIVER = 0x64, 0x65
HAZARDS = ((FORWARD, 1), (FORWARD, 2), (FORWARD, 3), (DRIVER, 1), (DRIVER, 2), (DRIVER, 3))
"""(device, type of alarm): collision ahead, lane departure, too near; fatigue, telephone, smoking (T/JSATL 12-2017)."""


@dataclass(frozen=True, slots=True)
class Dangers:
    """overspeed: share of journeys that are driven in a hurry; the others: how often per taxi and hour."""

    overspeed: float = 0.0
    fatigue: float = 0.0
    emergency: float = 0.0
    safety: float = 0.0


@dataclass(frozen=True, slots=True)
class Hazard:
    """What a camera has seen. device, kind: as in T/JSATL 12-2017, tables 4-16 and 4-18; level: 1 or 2."""

    device: int
    kind: int
    level: int


@dataclass
class Fate:
    """Of one taxi."""

    dangers: Dangers
    rng: np.random.Generator
    _until: dict[Alarm, datetime] = field(default_factory=dict)
    _looked: datetime | None = None

    def haste(self) -> float:
        """What the next journey's pace is multiplied by."""
        return HURRIED if self.dangers.overspeed and self.rng.random() < self.dangers.overspeed else 1.0

    def look(self, reading: Reading, now: datetime) -> tuple[Alarm, Hazard | None]:
        """Alarms that hold at `now`, and what a camera has seen since the last look."""
        hours = (now - self._looked).total_seconds() / 3600 if self._looked else 0.0
        self._looked = now
        alarms = Alarm.OVERSPEED if reading.speed > TOLERATED * reading.limit else Alarm(0)
        for alarm, often in ((Alarm.FATIGUE, self.dangers.fatigue), (Alarm.EMERGENCY, self.dangers.emergency)):
            if self._comes(often, hours) and reading.ignition:
                self._until[alarm] = now + LONG[alarm]
            if now < self._until.get(alarm, now):
                alarms |= alarm
        seen = reading.speed >= SEEN_FROM and self._comes(self.dangers.safety, hours)
        return alarms, self._hazard() if seen else None

    def calm(self) -> None:
        """The centre has seen to the emergency."""
        self._until.pop(Alarm.EMERGENCY, None)

    def _comes(self, often: float, hours: float) -> bool:
        return bool(often) and self.rng.random() < often * hours

    def _hazard(self) -> Hazard:
        device, kind = HAZARDS[int(self.rng.integers(len(HAZARDS)))]
        return Hazard(device, kind, int(self.rng.integers(1, 3)))
