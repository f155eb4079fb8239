"""Live supply: what each taxi is doing now and where, from the feed of fixes, in columns.

Pure of any bus or clock: batches and `now` come in, answers go out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from dispatch.cells import CellIndex
from dispatch.match.snapshot import TAXI, Rows, State
from dispatch.sphere import distances_m
from dispatch.wheel import STILL_M_S, Hours, Wheels
from gateway.report import FixBatch, Status, micros
from tracking.vehicle import URGENT, Vehicle

STALE = timedelta(seconds=120)
"""A vacant taxi whose last fix is older is no longer offered."""
LIVE = np.dtype([("time", "<i8"), ("lat", "<f8"), ("lon", "<f8"), ("state", "<u1"), ("alarmed", "?")])
"""Newest fix of a taxi: microseconds since 1970, degrees, State, an urgent alarm."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A vacant taxi near a place. `age_s` is that of its fix."""

    terminal: str
    lat: float
    lon: float
    distance_m: float
    age_s: float


class Supply:
    def __init__(self, hours: Hours | None = None) -> None:
        """hours: that drivers may drive without a rest; None: they are not counted."""
        self._wheels = Wheels(hours) if hours else None
        self._vacant = CellIndex()
        self._slots: dict[str, int] = {}
        self._terminals: list[str] = []
        self._live: Rows = np.zeros(0, LIVE)

    def start_with(self, vehicles: Iterable[Vehicle], now: datetime) -> None:
        """Last states as stored, for the time before the first fixes come."""
        known = [(v.terminal, v.last) for v in vehicles if v.terminal and v.last]
        rows = np.zeros(len(known), LIVE)
        for row, (_, last) in zip(rows, known, strict=True):
            states = states_of(np.array([last.alarms], "u8"), np.array([last.status], "u4"))
            row["time"], row["lat"], row["lon"] = micros(last.time), last.lat, last.lon
            row["state"], row["alarmed"] = states[0][0], states[1][0]
        self._take(self._slots_of([terminal for terminal, _ in known]), rows)
        self.forget_stale(now)

    def drove(self, terminals: Sequence[str], time: NDArray[np.int64], moves: NDArray[np.bool_]) -> None:
        """What different cars did before this process began, the oldest first of several calls."""
        if self._wheels is not None:
            self._wheels.see(self._slots_of(terminals), time, moves)

    def apply(self, batch: FixBatch, now: datetime) -> None:
        """Fixes of the live feed; older ones than already known change nothing."""
        fixes = batch.rows[batch.newest()]
        rows = np.zeros(len(fixes), LIVE)
        for name in ("time", "lat", "lon"):
            rows[name] = fixes[name]
        rows["state"], rows["alarmed"] = states_of(fixes["alarms"], fixes["status"])
        slots = self._slots_of(batch.terminals)[fixes["terminal"]]
        if self._wheels is not None:
            self._wheels.see(slots, rows["time"], self._moves(slots, rows, fixes["speed"]))
        self._take(slots, rows)

    def _moves(self, slots: NDArray[np.intp], rows: Rows, speed: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Whether cars drive, from where they were before if a terminal does not tell its speed."""
        before = self._live[slots]
        metres = distances_m(before["lat"], before["lon"], rows["lat"], rows["lon"])
        seconds = np.maximum(rows["time"] - before["time"], 1) / 1e6
        known = before["time"] > 0
        moves: NDArray[np.bool_] = np.where(np.isnan(speed), known & (metres / seconds > STILL_M_S), speed > STILL_M_S)
        return moves

    def _slots_of(self, terminals: Iterable[str]) -> NDArray[np.intp]:
        slots = np.array([self._slots.setdefault(key, len(self._slots)) for key in terminals], np.intp)
        if len(self._slots) > len(self._terminals):
            self._terminals = list(self._slots)
        if (more := len(self._slots) - len(self._live)) > 0:
            self._live = np.concatenate([self._live, np.zeros(max(more, len(self._live)), LIVE)])
        return slots

    def _take(self, slots: NDArray[np.intp], rows: Rows) -> None:
        newer = rows["time"] >= self._live["time"][slots]
        slots, rows = slots[newer], rows[newer]
        self._live[slots] = rows
        vacant = (rows["state"] == State.VACANT) & ~rows["alarmed"]
        self._vacant.remove_all(slots[~vacant])
        self._vacant.put_all(slots[vacant], rows["lat"][vacant], rows["lon"][vacant])

    def forget_stale(self, now: datetime) -> int:
        """Take taxis that went silent out of the index; returns how many."""
        old = np.flatnonzero(self._live["time"][: len(self._slots)] < micros(now - STALE))
        before = len(self._vacant)
        self._vacant.remove_all(old)
        return before - len(self._vacant)

    def nearest(self, lat: float, lon: float, count: int, now: datetime) -> list[Candidate]:
        """The nearest vacant taxis in a straight line, nearest first."""
        return [self._candidate(slot, metres, now) for metres, slot in self._vacant.nearest(lat, lon, count)]

    def _candidate(self, slot: int, metres: float, now: datetime) -> Candidate:
        live = self._live[slot]
        age_s = (micros(now) - int(live["time"])) / 1e6
        return Candidate(self._terminals[slot], float(live["lat"]), float(live["lon"]), metres, age_s)

    def cells(self) -> dict[int, int]:
        """Vacant taxis by H3 cell."""
        return self._vacant.counts()

    def taxis(self, now: datetime) -> tuple[tuple[str, ...], Rows]:
        """Every taxi ever heard, by terminal in order, as the matcher's snapshot holds it.

        What fixes do not tell (shift, income, abilities, ranks) has its default. A taxi with an urgent
        alarm is locked. `clear_s` of an occupied one is not known.
        """
        order = np.array(sorted(range(len(self._terminals)), key=self._terminals.__getitem__), np.intp)
        live, rows = self._live[order], np.zeros(len(order), TAXI)
        rows["lat"], rows["lon"], rows["state"], rows["locked"] = (live[n] for n in ("lat", "lon", "state", "alarmed"))
        rows["fix_age_s"] = np.maximum(0, micros(now) - live["time"]) / 1e6
        rows["clear_s"] = np.where(live["state"] == State.VACANT, 0.0, np.nan)
        rows["shift_left_s"] = np.inf
        rows["hours_left_s"] = np.inf if self._wheels is None else self._wheels.left_s(order, micros(now))
        rows["income"], rows["seats"], rows["rank"] = np.nan, 4, -1
        return tuple(self._terminals[n] for n in order.tolist()), rows

    def __len__(self) -> int:
        """Vacant taxis."""
        return len(self._vacant)


def states_of(alarms: NDArray[np.uint64], status: NDArray[np.uint32]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """State by status flags, and whether an urgent alarm is on. A passenger aboard counts before anything else."""
    has = {flag: (status & np.uint32(flag)) != 0 for flag in (Status.OCCUPIED, Status.OUT_OF_SERVICE, Status.BOOKED)}
    state = np.select(list(has.values()), [State.OCCUPIED, State.OFF, State.BOOKED], State.VACANT)
    return state.astype(np.uint8), (alarms & np.uint64(URGENT)) != 0
