"""The fleet as it is now: the last state of every vehicle in columns.

The rules are those of tracking's `last_state`: any fix moves `heard`, only good live ones (neither in
`gateway.report.BAD` nor uploaded late) that are newer than what is known move the rest. So a state read
from the database and one followed on the bus may be mixed in any order.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.report import BAD, Alarm, FixBatch, Flag, Status, micros, moment
from tracking.vehicle import OFFLINE_AFTER, URGENT, Condition, LastState, Vehicle

NEVER = np.iinfo(np.int64).min
CONDITIONS = tuple(Condition)
"""The code of a condition, in columns and on the wire, is its place here."""
CODE = {one: code for code, one in enumerate(CONDITIONS)}

STATE = np.dtype(
    [
        ("heard", "<i8"),  # receipt of the newest fix of any kind, microseconds since the epoch; NEVER = none
        ("time", "<i8"),  # of the newest good live fix, the same unit; NEVER = none
        ("lat", "<f8"),  # degrees, WGS-84
        ("lon", "<f8"),
        ("speed", "<f4"),  # m/s; NaN = not reported, here and below
        ("course", "<f4"),  # degrees
        ("altitude", "<f4"),  # m
        ("odometer", "<f8"),  # m
        ("alarms", "<u8"),  # gateway.report.Alarm
        ("status", "<u4"),  # gateway.report.Status
        ("satellites", "<i2"),  # -1 = not reported
        ("signal", "<i2"),
        ("condition", "u1"),  # code, as of the last `judge`
    ]
)
MOVED = ("time", "lat", "lon", "speed", "course", "altitude", "odometer", "alarms", "status", "satellites", "signal")
SILENT_US = int(OFFLINE_AFTER.total_seconds() * 1e6)


def conditions(state: NDArray[np.void], now_us: int) -> NDArray[np.uint8]:
    """`tracking.vehicle.condition` for many: STATE rows, shape (n,) -> codes, shape (n,)."""
    alarms, status = state["alarms"], state["status"]
    silent = (state["heard"] == NEVER) | (state["heard"] < now_us - SILENT_US)
    alarm = (alarms & np.where(silent, np.uint64(Alarm.EMERGENCY), np.uint64(URGENT))) != 0
    has = {one: (status & np.uint32(one)) != 0 for one in (Status.OCCUPIED, Status.OUT_OF_SERVICE, Status.BOOKED)}
    codes = np.select(
        [state["time"] == NEVER, alarm, silent, *has.values()],
        [CODE[c] for c in (
            Condition.OFFLINE, Condition.ALARM, Condition.OFFLINE, Condition.OCCUPIED, Condition.OFF_DUTY,
            Condition.BOOKED,
        )],
        CODE[Condition.VACANT],
    )  # fmt: skip
    return codes.astype(np.uint8)


class Fleet:
    """Vehicles and their last states; a vehicle keeps its row as long as the process lives."""

    def __init__(self) -> None:
        self.vehicles: dict[int, Vehicle] = {}
        self._row: dict[int, int] = {}
        self._row_of_terminal: dict[str, int] = {}
        self._ids = np.zeros(0, np.uint32)
        self._state = np.zeros(0, STATE)
        self._listed = np.zeros(0, bool)
        self._changed = np.zeros(0, bool)
        self._attributes: dict[int, bytes] = {}
        self.displaced = False
        """Some vehicle lost its place since this was last set to False: what changed does not tell that."""

    def __len__(self) -> int:
        return len(self.vehicles)

    @property
    def newest(self) -> datetime | None:
        """Time of the newest good live fix of any vehicle."""
        times = self._state["time"][self._listed]
        latest = int(times.max(initial=NEVER))
        return None if latest == NEVER else moment(latest)

    def load(self, vehicles: Iterable[Vehicle]) -> list[Vehicle]:
        """Take vehicles with their states from the database; returns those that are new or described otherwise."""
        changed = []
        for vehicle in vehicles:
            known = self.vehicles.get(vehicle.id)
            row = self._row_for(vehicle)
            if known is None or described(known) != described(vehicle):
                changed.append(vehicle)
                if known is not None and known.terminal != vehicle.terminal:
                    self._fit(row, known)
            self.vehicles[vehicle.id] = vehicle
            if vehicle.terminal:
                self._row_of_terminal[vehicle.terminal] = row
            self._take(row, vehicle)
        return changed

    def drop(self, present: Iterable[int]) -> list[int]:
        """Forget all vehicles but those present; returns the forgotten ones."""
        gone = sorted(self.vehicles.keys() - set(present))
        for vehicle_id in gone:
            row = self._row[vehicle_id]
            self._fit(row, self.vehicles.pop(vehicle_id))
            self._listed[row] = False
        return gone

    def apply(self, batch: FixBatch) -> None:
        """Follow fixes from the bus. Those of terminals that stand in no vehicle known here are passed over."""
        rows = np.array([self._row_of_terminal.get(t, -1) for t in batch.terminals], np.int64)
        at = rows[batch.rows["terminal"]]
        known = np.flatnonzero(at >= 0)
        if known.size:
            np.maximum.at(self._state["heard"], at[known], batch.rows["received"][known])
            self._move(at, known[(batch.rows["flags"][known] & np.uint16(BAD | Flag.BACKFILL)) == 0], batch)

    def judge(self, now: datetime) -> None:
        """Find out who fell silent or came back."""
        codes = conditions(self._state, micros(now))
        self._changed |= codes != self._state["condition"]
        self._state["condition"] = codes

    def taken(self) -> tuple[NDArray[np.uint32], NDArray[np.void]]:
        """Ids and STATE of what changed since the last call, without vehicles that never had a fix."""
        where = np.flatnonzero(self._changed & self._placed)
        self._changed[:] = False
        return self._ids[where], self._state[where]

    def all(self) -> tuple[NDArray[np.uint32], NDArray[np.void]]:
        """Ids and STATE of every vehicle that has a place."""
        where = np.flatnonzero(self._placed)
        return self._ids[where], self._state[where]

    def now(self, stored: Vehicle) -> tuple[Vehicle, dict[str, Any]]:
        """A vehicle as the database has it, brought up to what the bus said since, and its last attributes."""
        row = self._row.get(stored.id)
        known = self.vehicles.get(stored.id)
        if row is None or known is None or known.terminal != stored.terminal:
            return stored, {}
        state = self._state[row]
        heard, time = int(state["heard"]), int(state["time"])
        if heard != NEVER and (stored.heard is None or moment(heard) > stored.heard):
            stored = replace(stored, heard=moment(heard))
        if time == NEVER or (stored.last is not None and moment(time) < stored.last.time):
            return stored, {}
        return replace(stored, last=_last_state(state)), json.loads(self._attributes.get(row) or b"{}")

    @property
    def _placed(self) -> NDArray[np.bool_]:
        placed: NDArray[np.bool_] = self._listed & (self._state["time"] != NEVER)
        return placed

    def _move(self, at: NDArray[np.int64], good: NDArray[np.intp], batch: FixBatch) -> None:
        """Newest good fix of each vehicle -> its row, where it is newer than the row."""
        times = batch.rows["time"]
        order = good[np.lexsort((times[good], at[good]))]
        newest = order[np.flatnonzero(np.diff(at[order], append=-1))]
        newest = newest[times[newest] > self._state["time"][at[newest]]]
        to = at[newest]
        for name in MOVED:
            self._state[name][to] = batch.rows[name][newest]
        self._changed[to] = True
        for row, fix in zip(to.tolist(), newest.tolist(), strict=True):
            self._attributes[row] = batch.attributes[fix]

    def _row_for(self, vehicle: Vehicle) -> int:
        row = self._row.get(vehicle.id)
        if row is None:
            row = self._row[vehicle.id] = len(self._row)
            if row >= len(self._state):
                self._grow(max(256, 2 * row))
            self._ids[row] = vehicle.id
        self._listed[row] = True
        return row

    def _grow(self, rows: int) -> None:
        extra = rows - len(self._state)
        self._ids = np.concatenate([self._ids, np.zeros(extra, np.uint32)])
        self._state = np.concatenate([self._state, _blank(extra)])
        self._listed = np.concatenate([self._listed, np.zeros(extra, bool)])
        self._changed = np.concatenate([self._changed, np.zeros(extra, bool)])

    def _fit(self, row: int, former: Vehicle) -> None:
        """Another terminal stands in the vehicle, or none: what the former one said no longer counts."""
        if former.terminal and self._row_of_terminal.get(former.terminal) == row:
            del self._row_of_terminal[former.terminal]
        self.displaced |= bool(self._placed[row])
        self._state[row] = _blank(1)[0]
        self._attributes.pop(row, None)

    def _take(self, row: int, vehicle: Vehicle) -> None:
        state, last = self._state[row], vehicle.last
        if vehicle.heard is not None:
            state["heard"] = max(int(state["heard"]), micros(vehicle.heard))
        if last is None or micros(last.time) <= state["time"]:
            return
        state["time"] = micros(last.time)
        state["lat"], state["lon"] = last.lat, last.lon
        state["alarms"], state["status"] = int(last.alarms), int(last.status)
        for name in ("speed", "course", "altitude", "odometer"):
            value = getattr(last, name)
            state[name] = np.nan if value is None else value
        for name in ("satellites", "signal"):
            value = getattr(last, name)
            state[name] = -1 if value is None else value
        self._attributes.pop(row, None)
        self._changed[row] = True


def described(vehicle: Vehicle) -> tuple[str, str, str, str | None]:
    """What the console shows of a vehicle beside its state."""
    return vehicle.plate, vehicle.vehicle_class, vehicle.company, vehicle.terminal


def _blank(count: int) -> NDArray[np.void]:
    state = np.zeros(count, STATE)
    state["heard"] = state["time"] = NEVER
    state["condition"] = CODE[Condition.OFFLINE]
    state["satellites"] = state["signal"] = -1
    for name in ("speed", "course", "altitude", "odometer"):
        state[name] = np.nan
    return state


def _last_state(state: np.void) -> LastState:
    real = {n: None if np.isnan(state[n]) else float(state[n]) for n in ("speed", "course", "altitude", "odometer")}
    whole = {n: None if state[n] == -1 else int(state[n]) for n in ("satellites", "signal")}
    return LastState(
        time=moment(state["time"]), lat=float(state["lat"]), lon=float(state["lon"]), **real,
        alarms=Alarm(int(state["alarms"])), status=Status(int(state["status"])),
        satellites=whole["satellites"], signal=whole["signal"],
    )  # fmt: skip
