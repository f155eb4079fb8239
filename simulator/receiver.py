"""What the box in the car makes of it: a position with the errors of a satellite receiver."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime

import numpy as np

from gateway.report import Position, Status
from simulator.duty import Reading
from simulator.plane import Plane

SIGMA_M, FARTHEST_M = 3.5, 14.0
MEMORY_S = 45.0
"""Errors of satellite positions change slowly: this is how long half of one lasts."""
STILL = 0.4  # m/s; below it a receiver says that it stands
ALTITUDE_M = 4.0


class Receiver:
    """Of one taxi. `terminal` is the key under which it reports."""

    def __init__(self, terminal: str, rng: np.random.Generator) -> None:
        self._terminal = terminal
        self._rng = rng
        self._error = complex(*rng.normal(0, SIGMA_M, 2))
        self._last: datetime | None = None
        self._signal = int(rng.integers(18, 31))

    def fix(self, reading: Reading, now: datetime) -> Position:
        """The reading as the terminal knows it at `now`, a whole second."""
        self._drift(now, moving=reading.speed > STILL)
        near = Plane(reading.lat, reading.lon)
        lat, lon = near.degrees(self._error)
        speed = max(0.0, reading.speed + self._rng.normal(0, 0.25)) if reading.speed > STILL else 0.0
        return Position(
            terminal=self._terminal,
            time=now,
            lat=lat,
            lon=lon,
            speed=speed,
            course=(reading.course + self._rng.normal(0, 2)) % 360 if speed else reading.course,
            altitude=ALTITUDE_M + round(self._rng.normal(0, 2)),
            recorder_speed=reading.speed,
            odometer=reading.odometer,
            satellites=int(self._rng.integers(8, 16)),
            signal=self._signal,
            status=_status(reading),
        )

    def _drift(self, now: datetime, *, moving: bool) -> None:
        """The error wanders while the car moves; a standing receiver holds its position."""
        elapsed = MEMORY_S if self._last is None else (now - self._last).total_seconds()
        self._last = now
        if not moving:
            return
        keep = math.exp(-elapsed / MEMORY_S)
        spread = SIGMA_M * math.sqrt(1 - keep**2)
        self._error = keep * self._error + complex(*self._rng.normal(0, spread, 2))
        if abs(self._error) > FARTHEST_M:
            self._error *= FARTHEST_M / abs(self._error)
        self._signal = int(np.clip(self._signal + self._rng.integers(-1, 2), 12, 31))


def _status(reading: Reading) -> Status:
    status = Status.POSITIONED | Status.GPS_USED | Status.BEIDOU_USED
    if reading.ignition:
        status |= Status.ACC_ON
    if reading.occupied:
        status |= Status.OCCUPIED
    if not reading.in_service:
        status |= Status.OUT_OF_SERVICE
    return status


def with_edges(position: Position, was_occupied: bool) -> Position:
    """Marks the first report after the meter went on or off, that one only."""
    occupied = Status.OCCUPIED in position.status
    if occupied == was_occupied:
        return position
    return replace(position, status=position.status | (Status.PICK_UP_EDGE if occupied else Status.DROP_OFF_EDGE))
