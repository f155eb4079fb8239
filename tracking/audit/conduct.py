"""Rules on what a vehicle does, beside the way it takes: its fixes and an edition of thresholds in, findings out. Pure.

Every rule gets the fixes of one vehicle in order (`tracking.trips.fixes.ordered`). Its findings name the fixes they
rest on; where fixes are missing, or stray, a rule says nothing rather than much.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.report import micros, moment
from tracking import ground
from tracking.audit.finding import Finding, Level, Rule
from tracking.audit.thresholds import Conduct, Edition
from tracking.trips.fixes import Bools, Fixes, Floats, Index, State
from tracking.trips.plausible import LIMITS, believed, lengths

Span = tuple[datetime, datetime]
Ring = Sequence[tuple[float, float]]
"""Corners of an area, (lat, lon) in degrees; the last one need not repeat the first."""
METRES_A_DEGREE = 111_195.0


def meter_off(fixes: Fixes, aboard: Sequence[Span], edition: Edition) -> Iterator[Finding]:
    """Driven far with the meter off while passengers are known to be aboard.

    aboard  from when to when, by others than the meter: an order between boarding and completion, a seat's sensor
    """
    placed = _placed(fixes)
    for start, finish in aboard:
        part = placed.at(np.flatnonzero((placed.time >= micros(start)) & (placed.time <= micros(finish))))
        if len(part) < 2:
            continue
        off = ((part.state[1:] | part.state[:-1]) & State.OCCUPIED) == 0
        metres = float(lengths(part)[0][off].sum())
        if metres > edition.conduct.meter_off_m:
            yield _finding(Rule.METER_OFF, metres, edition.conduct.meter_off_m, part, edition, "meter_off_m")


def meter_on_empty(fixes: Fixes, edition: Edition) -> Iterator[Finding]:
    """The meter runs for long, from on to off, while the car stays where it was."""
    limits = edition.conduct
    for start, end in _runs((fixes.state & State.OCCUPIED) != 0):
        part = _placed(fixes.at(np.arange(start, min(end + 1, len(fixes)))))
        if start == 0 or end == len(fixes) or len(part) < 2 or _longest_gap(part) > limits.gps_off_s:
            continue
        took = float(fixes.time[end] - fixes.time[start]) / 1e6
        reach = float(ground.distance(part.lat[:1], part.lon[:1], part.lat, part.lon).max())
        if took > limits.meter_on_empty_s and reach < limits.meter_on_empty_m:
            yield _finding(
                Rule.METER_ON_EMPTY,
                took,
                limits.meter_on_empty_s,
                part,
                edition,
                "meter_on_empty_s",
                "meter_on_empty_m",
            )


def out_of_area(fixes: Fixes, area: Ring, edition: Edition) -> Iterator[Finding]:
    """A hire that begins and ends well outside of the area of the licence. One that comes from it, or goes to it, is
    allowed."""
    least = edition.conduct.out_of_area_m
    for start, end in _runs((fixes.state & State.OCCUPIED) != 0):
        part = _placed(fixes.at(np.arange(start, min(end + 1, len(fixes)))))
        if start == 0 or end == len(fixes) or len(part) < 2:
            continue
        beyond = outside(part.lat, part.lon, area)
        if min(beyond[0], beyond[-1]) > least:
            yield _finding(Rule.OUT_OF_AREA, float(min(beyond[0], beyond[-1])), least, part, edition, "out_of_area_m")


def gps_off(fixes: Fixes, edition: Edition, known: Sequence[Span] = ()) -> Iterator[Finding]:
    """Without a place for long, and far away when there is one again.

    known  times in which silence has another cause: the gateway stood, the network of the area was down
    """
    limits, placed = edition.conduct, _placed(fixes)
    if len(placed) < 2:
        return
    took, metres = np.diff(placed.time) / 1e6, ground.hops(placed.lat, placed.lon)
    for at in np.flatnonzero((took > limits.gps_off_s) & (metres > limits.gps_off_m)):
        first, last = moment(int(placed.time[at])), moment(int(placed.time[at + 1]))
        if not any(start < last and finish > first for start, finish in known):
            part = placed.at(np.array([at, at + 1]))
            yield _finding(
                Rule.GPS_OFF, float(metres[at]), limits.gps_off_m, part, edition, "gps_off_s", "gps_off_m"
            )  # fmt: skip


def cloned_plate(fixes: Fixes, edition: Edition) -> Iterator[Finding]:
    """At two places by turns, too often and too far apart for a receiver that strays.

    A receiver's stray is a place among many; two cars are two tracks, each of which can be driven. So every fix goes
    to the track that it can belong to, and to neither where it fits into none.
    """
    limits, placed = edition.conduct, _present(fixes)
    tracks = _tracks(placed, limits)
    long = np.flatnonzero(np.bincount(tracks + 1, minlength=1) >= limits.cloned_turns) - 1
    driven = np.flatnonzero((tracks >= 0) & np.isin(tracks, long))
    before, after = driven[:-1], driven[1:]
    metres = ground.distance(placed.lat[before], placed.lon[before], placed.lat[after], placed.lon[after])
    took = (placed.time[after] - placed.time[before]) / 1e6
    turns = (tracks[before] != tracks[after]) & (metres > np.maximum(limits.cloned_m, limits.cloned_speed * took))
    if np.sum(turns) >= limits.cloned_turns:
        part = placed.at(np.union1d(before[turns], after[turns]))
        yield _finding(
            Rule.CLONED_PLATE, float(np.median(metres[turns])), limits.cloned_m, part, edition,
            "cloned_m", "cloned_speed", "cloned_turns", "cloned_silent_s",
        )  # fmt: skip


def hours(fixes: Fixes, edition: Edition, changes: Collection[datetime] = ()) -> Iterator[Finding]:
    """At the wheel for longer than allowed without a rest; a silence is a rest as long as it lasts, and a place that
    strays while the car tells no speed does not end one.

    changes  when another driver took the wheel
    """
    limits, placed = edition.conduct, _placed(fixes)
    if len(placed) < 2:
        return
    stood = lengths(placed)[1] | (np.diff(placed.time) > limits.rest_s * 1e6)
    stood |= np.maximum(placed.speed[1:], placed.speed[:-1]) < LIMITS.still_speed
    took = np.diff(placed.time) / 1e6
    resting = np.zeros(len(took), bool)
    for start, end in _runs(stood):
        resting[start:end] = took[start:end].sum() >= limits.rest_s
    for change in changes:
        resting[np.clip(np.searchsorted(placed.time, micros(change)) - 1, 0, len(took) - 1)] = True
    for start, end in _runs(~resting):
        driven = float(took[start:end].sum())
        if driven > limits.driving_s:
            yield _finding(
                Rule.HOURS,
                driven,
                limits.driving_s,
                placed.at(np.arange(start, end + 1)),
                edition,
                "driving_s",
                "rest_s",
            )


@dataclass(frozen=True, slots=True)
class Ban:
    """A road, by its OpenStreetMap way, that is closed to taxis between two times."""

    way: int
    start: datetime
    finish: datetime


def forbidden_road(
    trip: Span, ways: Sequence[Mapping[str, Any]], bans: Sequence[Ban], confidence: float, edition: Edition
) -> Iterator[Finding]:
    """Metres on closed roads. `ways` of a matched trip with `way`, `length_m` and `seconds`, in order."""
    if confidence < edition.evidence.confidence:
        return
    at, metres, times = micros(trip[0]), 0.0, list[datetime]()
    for way in ways:
        passed = moment(at)
        at += round(way["seconds"] * 1e6)
        if any(ban.way == way["way"] and ban.start <= passed < ban.finish for ban in bans):
            metres += way["length_m"]
            times.append(passed)
    if metres > edition.conduct.forbidden_m:
        yield Finding(
            rule=Rule.FORBIDDEN_ROAD, level=Level.LEAD, measured=metres, allowed=edition.conduct.forbidden_m,
            confidence=confidence, thresholds={"forbidden_m": edition.conduct.forbidden_m},
            edition=edition.since.isoformat(), fixes=times,
        )  # fmt: skip


def outside(lat: Floats, lon: Floats, area: Ring) -> Floats:
    """Metres from the area's border, 0 inside; shape (n,). The ring is taken as flat, which a city is."""
    corners = np.array(area, np.float64)
    scale = METRES_A_DEGREE * np.array([1.0, np.cos(np.radians(corners[:, 0].mean()))])
    a = corners * scale
    b = np.roll(a, -1, axis=0)
    points = np.stack([lat, lon], axis=1)[:, None, :] * scale
    side = b - a
    along = ((points - a) * side).sum(-1) / np.maximum((side * side).sum(-1), 1e-9)
    off = np.linalg.norm(points - (a + np.clip(along, 0, 1)[..., None] * side), axis=-1).min(axis=1)
    spans = (a[:, 0] > points[..., 0]) != (b[:, 0] > points[..., 0])
    rise = np.where(b[:, 0] == a[:, 0], 1.0, b[:, 0] - a[:, 0])
    crossed = spans & (points[..., 1] < a[:, 1] + (points[..., 0] - a[:, 0]) / rise * side[:, 1])
    return np.where(crossed.sum(axis=1) % 2 == 1, 0.0, off)


def _tracks(placed: Fixes, limits: Conduct) -> NDArray[np.int64]:
    """The track of each fix, numbered as they begin; -1 where it fits into none while two go on already."""
    tracks, alive, begun = np.full(len(placed), -1, np.int64), dict[int, int](), 0
    for at in range(len(placed)):
        oldest = placed.time[at] - limits.cloned_silent_s * 1e6
        alive = {track: last for track, last in alive.items() if placed.time[last] >= oldest}
        reached = [track for track, last in alive.items() if _drives(placed, last, at, limits.cloned_speed)]
        if not reached and len(alive) == 2:
            continue
        if not reached:
            reached, begun = [begun], begun + 1
        nearest = min(reached, key=lambda track: _metres(placed, alive.get(track, at), at))
        alive[nearest] = at
        tracks[at] = nearest
    return tracks


def _metres(placed: Fixes, a: int, b: int) -> float:
    return ground.metres(float(placed.lat[a]), float(placed.lon[a]), float(placed.lat[b]), float(placed.lon[b]))


def _drives(placed: Fixes, a: int, b: int, fastest: float) -> bool:
    return _metres(placed, a, b) <= fastest * float(placed.time[b] - placed.time[a]) / 1e6 + 150.0


def _placed(fixes: Fixes) -> Fixes:
    return fixes.at(np.flatnonzero(believed(fixes)))


def _present(fixes: Fixes) -> Fixes:
    """With a place at all, however strange."""
    there = np.isfinite(fixes.lat) & np.isfinite(fixes.lon) & ((fixes.lat != 0) | (fixes.lon != 0))
    return fixes.at(np.flatnonzero(there))


def _longest_gap(part: Fixes) -> float:
    return float(np.diff(part.time).max(initial=0)) / 1e6


def _runs(member: Bools) -> Iterator[tuple[int, int]]:
    """Start and end (behind) of each run of members."""
    edges: Index = np.flatnonzero(np.diff(np.concatenate(([False], member, [False])).astype(np.int8)))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def _finding(rule: Rule, measured: float, allowed: float, part: Fixes, edition: Edition, *names: str) -> Finding:
    """A lead: these rules alone never ask a driver for his account. Confidence: what part of the time fixes cover."""
    span = max(float(part.time[-1] - part.time[0]) / 1e6, 1.0)
    dark = float(np.maximum(np.diff(part.time) / 1e6 - edition.evidence.longest_gap_s, 0).sum())
    return Finding(
        rule=rule, level=Level.LEAD, measured=measured, allowed=allowed,
        confidence=0.5 if rule is Rule.GPS_OFF else 1 - dark / span,
        thresholds={name: float(getattr(edition.conduct, name)) for name in names},
        edition=edition.since.isoformat(), fixes=[moment(int(time)) for time in part.time],
    )  # fmt: skip
