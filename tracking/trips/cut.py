"""Fixes -> spans of one kind: what a vehicle was doing from when to when, without holes between spans.

Every hop between two fixes of a vehicle has one kind; a span is a run of hops of one kind. An occupied span
therefore begins with the first occupied fix and ends with the first fix that is no longer occupied, as in the
published method (TransBigData's `taxigps_to_od`, doi:10.21105/joss.04021, after `clean_taxi_status`).
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracking.trips.fixes import Bools, Fixes, Floats, Index, State, ordered
from tracking.trips.plausible import LIMITS, Limits, believed, lengths


class Kind(enum.IntEnum):
    """What a vehicle does in a span."""

    HAIL = 0  # occupied, by passengers from the street
    BOOKED = 1  # occupied, by passengers who had ordered
    APPROACH = 2  # empty, on the way to who has ordered
    CRUISING = 3
    PARKED = 4
    OFF_DUTY = 5


OCCUPIED = (Kind.HAIL, Kind.BOOKED)


@dataclass(frozen=True, slots=True)
class Rules:
    """flicker_s  a single fix between two of the other state is no change within this time between those two
    parked_s   standing for so long is parking
    silent_s   an empty car that tells nothing for so long is off duty
    """

    flicker_s: float = math.inf
    parked_s: float = 300.0
    silent_s: float = 1800.0


RULES = Rules()
SPAN = np.dtype(
    [
        ("vehicle", "<i8"), ("kind", "<i1"), ("start", "<i8"), ("end", "<i8"), ("start_lat", "<f8"),
        ("start_lon", "<f8"), ("end_lat", "<f8"), ("end_lon", "<f8"), ("length", "<f8"), ("fixes", "<i8"),
        ("longest_gap", "<i8"), ("open_start", "?"), ("open_end", "?"), ("first", "<i8"), ("last", "<i8"),
    ]
)  # fmt: skip
"""A span. Times and `longest_gap` (between two fixes) in microseconds, `length` in metres between believed fixes,
`fixes` believed ones, both ends included; places NaN where none is believed. `first` and `last` are the rows, as
they came, of its fixes at both ends. Open: it reaches to the end of the vehicle's fixes, and may go on beyond."""


def spans(fixes: Fixes, rules: Rules = RULES, limits: Limits = LIMITS) -> NDArray[np.void]:
    """Spans (SPAN) of all vehicles, by vehicle and time. Any order of the fixes, and repeats, give the same."""
    fixes, rows = ordered(fixes)
    steady = _steady(fixes, rules)
    if not steady.all():
        fixes, rows = fixes.at(np.flatnonzero(steady)), rows[steady]
    if len(fixes) < 2:
        return np.empty(0, SPAN)
    good = believed(fixes, limits)
    hop_m, hop_stood = _hops(fixes, good, limits)
    same = fixes.vehicle[1:] == fixes.vehicle[:-1]
    kind = _kinds(fixes, hop_stood, same, rules)
    change = np.flatnonzero((kind[1:] != kind[:-1]) | ~same[1:] | ~same[:-1]) + 1
    starts = np.concatenate(([0], change))
    ends = np.concatenate((change, [len(kind)]))
    within = same[starts]
    return _rows(fixes, rows, good, hop_m, kind, starts[within], ends[within])


def occupied(found: NDArray[np.void], *, whole: bool = True) -> NDArray[np.void]:
    """The trips with passengers among spans; only those seen from their beginning to their end if `whole`."""
    chosen = np.isin(found["kind"], OCCUPIED)
    if whole:
        chosen &= ~found["open_start"] & ~found["open_end"]
    return found[chosen]


def _steady(fixes: Fixes, rules: Rules) -> Bools:
    """False for single fixes whose state of the meter is another than that of both neighbours, which agree."""
    steady = np.ones(len(fixes), bool)
    if len(fixes) < 3:
        return steady
    on, vehicle = fixes.state & State.OCCUPIED, fixes.vehicle
    lone = (on[2:] == on[:-2]) & (on[1:-1] != on[:-2]) & (vehicle[2:] == vehicle[:-2])
    lone &= (fixes.state[1:-1] & State.EDGE) == 0
    if math.isfinite(rules.flicker_s):
        lone &= fixes.time[2:] - fixes.time[:-2] <= rules.flicker_s * 1e6
    steady[1:-1] = ~lone
    return steady


def _hops(fixes: Fixes, good: Bools, limits: Limits) -> tuple[Floats, Bools]:
    """Metres of hops between all fixes, and whether the car stood; shapes (n - 1,).

    The way over fixes that are not believed counts in the first hop to them.
    """
    metres, stood = np.zeros(len(fixes) - 1), np.zeros(len(fixes) - 1, bool)
    placed = np.flatnonzero(good)
    if placed.size < 2:
        return metres, stood
    part = fixes if placed.size == len(fixes) else fixes.at(placed)
    way, still = lengths(part, limits)
    same = part.vehicle[1:] == part.vehicle[:-1]
    metres[placed[:-1]] = np.where(same, way, 0.0)
    over = np.diff(placed)
    stood[placed[0] : placed[-1]] = np.repeat(same & still, over)
    return metres, stood


def _kinds(fixes: Fixes, stood: Bools, same: Bools, rules: Rules) -> NDArray[np.int8]:
    """Kind of each hop, shape (n - 1,)."""
    state, took = fixes.state[:-1], np.diff(fixes.time)
    on = (state & State.OCCUPIED) != 0
    kind = np.full(len(state), Kind.CRUISING, np.int8)
    kind[_long(stood & same & ~on, took, rules.parked_s)] = Kind.PARKED
    kind[(state & State.BOOKED) != 0] = Kind.APPROACH
    kind[((state & State.OUT_OF_SERVICE) != 0) | (took > rules.silent_s * 1e6)] = Kind.OFF_DUTY
    kind[on] = Kind.HAIL
    kind[_booked(on & same, (state & State.BOOKED) != 0, same)] = Kind.BOOKED
    return kind


def _runs(member: Bools) -> tuple[Index, Index]:
    """Starts and ends of runs of members."""
    edges = np.diff(np.concatenate(([False], member, [False])).astype(np.int8))
    return np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)


def _long(member: Bools, took: NDArray[np.int64], least_s: float) -> Index:
    """The hops of those runs that last long enough."""
    starts, ends = _runs(member)
    clock = np.concatenate(([0], np.cumsum(took)))
    lasting = clock[ends] - clock[starts] >= least_s * 1e6
    return _hops_of(starts[lasting], ends[lasting])


def _booked(on: Bools, ordered_by: Bools, same: Bools) -> Index:
    """The occupied hops of passengers who had ordered: so said at some fix of the run, or at the one before it."""
    starts, ends = _runs(on)
    said = np.concatenate(([0], np.cumsum(ordered_by)))
    before = (starts > 0) & ordered_by[starts - 1] & same[starts - 1]
    chosen = before | (said[ends] > said[starts])
    return _hops_of(starts[chosen], ends[chosen])


def _hops_of(starts: Index, ends: Index) -> Index:
    """Numbers of all hops in runs."""
    sizes = ends - starts
    return np.repeat(starts - np.concatenate(([0], np.cumsum(sizes)[:-1])), sizes) + np.arange(sizes.sum())


def _rows(
    fixes: Fixes, rows: Index, good: Bools, metres: Floats, kind: NDArray[np.int8], starts: Index, ends: Index
) -> NDArray[np.void]:
    """Spans from the fix numbers at their ends."""
    found = np.empty(len(starts), SPAN)
    found["vehicle"], found["kind"] = fixes.vehicle[starts], kind[starts]
    found["start"], found["end"] = fixes.time[starts], fixes.time[ends]
    found["first"], found["last"] = rows[starts], rows[ends]
    counted = np.concatenate(([0], np.cumsum(good)))
    found["fixes"] = counted[ends + 1] - counted[starts]
    if not len(found):
        return found
    found["length"] = np.add.reduceat(metres, starts)  # hops from vehicle to vehicle count nothing
    took = np.where(fixes.vehicle[1:] == fixes.vehicle[:-1], np.diff(fixes.time), 0)
    found["longest_gap"] = np.maximum.reduceat(took, starts)
    first, last = _believed_ends(good, starts, ends)
    for name, at in (("start", first), ("end", last)):
        for axis, values in (("lat", fixes.lat), ("lon", fixes.lon)):
            found[f"{name}_{axis}"] = np.where(good[at], values[at], np.nan)
    found["open_start"] = (starts == 0) | (fixes.vehicle[starts] != fixes.vehicle[starts - 1])
    following = np.minimum(ends + 1, len(fixes) - 1)
    last_of_all = (following == ends) | (fixes.vehicle[ends] != fixes.vehicle[following])
    still_on = (fixes.state[ends] & State.OCCUPIED) != 0
    found["open_end"] = last_of_all & (still_on == np.isin(found["kind"], OCCUPIED))
    return found


def _believed_ends(good: Bools, starts: Index, ends: Index) -> tuple[Index, Index]:
    """The first and the last believed fix of each span; its ends themselves where there is none."""
    numbers = np.arange(len(good))
    after = np.minimum.accumulate(np.where(good, numbers, len(good))[::-1])[::-1][starts]
    before = np.maximum.accumulate(np.where(good, numbers, -1))[ends]
    return np.where(after <= ends, after, starts), np.where(before >= starts, before, ends)
