"""What must not be, and why: taxis that get no offers now, and pairs that must not meet."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dispatch.match.snapshot import Ability, Snapshot, State

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
Reasons = NDArray[np.uint8]


class Reason(enum.IntEnum):
    """NONE is no exclusion. The first that applies is told."""

    NONE = 0
    OFF_DUTY = 1
    OCCUPIED = 2
    BOOKED = 3
    STALE_FIX = 4
    LOCKED_OUT = 5
    SHIFT_ENDS = 6
    HOURS_USED = 7
    REFUSED = 8
    SEATS = 9
    ABILITY = 10
    TOO_FAR = 11


WORDS: dict[Reason, tuple[str, str]] = {
    Reason.OFF_DUTY: ("未营运", "off duty"),
    Reason.OCCUPIED: ("载客中", "with a passenger"),
    Reason.BOOKED: ("已有电召任务", "on its way to a passenger"),
    Reason.STALE_FIX: ("定位过期", "its last position is too old"),
    Reason.LOCKED_OUT: ("暂停派单", "locked out of offers"),
    Reason.SHIFT_ENDS: ("临近交接班", "its shift ends too soon"),
    Reason.HOURS_USED: ("驾驶时间将满", "its driver's hours are used up"),
    Reason.REFUSED: ("乘客或司机已拒绝", "passenger or driver refused the other"),
    Reason.SEATS: ("座位不足", "too few seats"),
    Reason.ABILITY: ("不满足乘客需求", "lacks what the passenger needs"),
    Reason.TOO_FAR: ("距离过远", "too far away"),
}
"""What a dispatcher reads, Chinese and English."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Where exclusion begins.

    stale_s    age of a fix;  clear_s  how soon an occupied taxi must be free to be offered, 0 = never
    reach_s    longest way to a passenger;  spare_s  what must be left of shift and hours after a journey
    """

    stale_s: float = 120.0
    clear_s: float = 180.0
    reach_s: float = 1800.0
    spare_s: float = 300.0


def of_taxis(snapshot: Snapshot, limits: Limits) -> Reasons:
    """Why each taxi gets no offer at all; NONE for those that may."""
    taxis = snapshot.taxis
    state, clear = taxis["state"], taxis["clear_s"]
    clears_soon = (clear <= limits.clear_s) & (limits.clear_s > 0)  # NaN is not soon
    return np.select(
        [
            state == State.OFF,
            (state == State.OCCUPIED) & ~clears_soon,
            state == State.BOOKED,
            ~(taxis["fix_age_s"] <= limits.stale_s),
            taxis["locked"],
            taxis["shift_left_s"] < limits.spare_s,
            taxis["hours_left_s"] < limits.spare_s,
        ],
        [
            Reason.OFF_DUTY, Reason.OCCUPIED, Reason.BOOKED, Reason.STALE_FIX, Reason.LOCKED_OUT,
            Reason.SHIFT_ENDS, Reason.HOURS_USED,
        ],
        Reason.NONE,
    ).astype(np.uint8)  # fmt: skip


def of_pairs(snapshot: Snapshot, limits: Limits, bookings: Indices, taxis: Indices, way_s: Floats) -> Reasons:
    """Why a taxi is not for a booking, for pairs by two indices that broadcast. way_s: until it is at the door."""
    b, t = snapshot.bookings[bookings], snapshot.taxis[taxis]
    busy = way_s + b["trip_s"] + limits.spare_s
    pair = bookings * len(snapshot.taxis) + taxis
    return np.select(
        [
            np.isin(pair, snapshot.refused_pairs),
            t["seats"] < b["passengers"],
            (b["needs"] & ~t["has"]) != 0,
            ~(way_s <= limits.reach_s) | np.isinf(way_s),
            t["shift_left_s"] < busy,
            t["hours_left_s"] < busy,
        ],
        [Reason.REFUSED, Reason.SEATS, Reason.ABILITY, Reason.TOO_FAR, Reason.SHIFT_ENDS, Reason.HOURS_USED],
        Reason.NONE,
    ).astype(np.uint8)


def lacking(snapshot: Snapshot, booking: int, taxi: int) -> Ability:
    """What this booking needs and this taxi has not."""
    return Ability(int(snapshot.bookings["needs"][booking]) & ~int(snapshot.taxis["has"][taxi]))
