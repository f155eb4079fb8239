"""Map matching: the roads that a car drove on, from its fixes, with what is not known marked as a gap.

The engine's matcher (a hidden Markov model after Newson and Krumm 2009) has no notion of a fix that is simply wrong.
So fixes are held out: those that cost most are left out, alone or with a neighbour, and stay out if the way without
them is far likelier and the way over them takes longer than the car had.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tracking import ground
from tracking.roads.trace import SEARCH_M, Edge, Floats, Trace, Tracer
from tracking.trips.fixes import Fixes, Index
from tracking.trips.plausible import believed

SILENT_S = 60.0
"""A longer silence is a gap: which way was taken in it is a guess."""
LONGEST_GUESS_S = 600.0
"""Over a longer one no way is guessed."""
SIGMA_M, BETA_M = 10.0, 15.0
"""How far fixes scatter, and by how much a way differs from the straight line, for what a fix costs."""
DOUBTFUL, GONE = 5.0, 5.0
"""Cost (log-likelihood) from which on a fix is held out, and what the way must gain without it."""
UNREACHED = 50.0
"""What a piece costs through which no way leads."""
ROUNDS, APART, AROUND = 6, 2, 4
"""How often doubtful fixes are looked for, how many fixes lie between two that are tried at once, and how many to
each side the way is tried over."""
STEP_M = 20.0
"""Fixes that are nearer to the one before say nothing about the way."""
FEW = 3
"""From so many fixes in a row off all roads on, the network has a gap there."""
CLOSE_M = 30.0
"""A fix so far from its road is worth exp(-1/2) of one that lies on it."""


class Cause(enum.StrEnum):
    """Why nothing, or nothing certain, is known of a part of a trip."""

    SILENT = "silent"  # no fix for a while; the way is guessed if bridged
    NO_ROAD = "no_road"  # the network has no road there
    NO_WAY = "no_way"  # no way leads from one fix to the next


@dataclass(frozen=True, slots=True)
class Gap:
    """Between two fixes, by their numbers. `straight` metres; bridged: a way over it was taken, and counted."""

    first: int
    last: int
    straight: float
    cause: Cause
    bridged: bool


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a trip without unbridged gaps.

    numbers  of the fixes that were put on roads
    near     of those that stood for nothing new, so near were they to the one before
    """

    trace: Trace
    numbers: Index
    near: Index

    @property
    def free_flow(self) -> Floats:
        """Seconds from the start to each of the fixes on roads, in free flow."""
        return self.trace.free_flow(self.trace.lengths)

    @property
    def used(self) -> Index:
        return np.union1d(self.numbers, self.near)


@dataclass(frozen=True, slots=True)
class Match:
    """sections    in order of time
    gaps        in order of time
    outliers    numbers of the fixes that were taken for wrong, or stood alone between gaps
    confidence  0 to 1: the share of fixes that fit, how closely, and of the length that is no guess
    length      metres on roads, those over bridged gaps included
    """

    sections: Sequence[Section] = ()
    gaps: Sequence[Gap] = ()
    outliers: Sequence[int] = ()
    confidence: float = 0.0
    length: float = 0.0


def match(fixes: Fixes, tracer: Tracer) -> Match:
    """Fixes of one vehicle in order of time; speeds and states are not looked at."""
    chosen = np.flatnonzero(believed(fixes))
    sections: list[Section] = []
    gaps: list[Gap] = []
    for part in _between_silences(fixes, chosen, gaps):
        sections += _sections(fixes, part, tracer, gaps)
    sections.sort(key=lambda section: int(section.numbers[0]))
    gaps += _guessed(fixes, sections)
    gaps.sort(key=lambda gap: gap.first)
    outliers = _outliers(fixes, sections, gaps)
    length = float(sum(section.trace.lengths.sum() for section in sections))
    return Match(sections, gaps, outliers, _confidence(len(fixes), sections, gaps), length)


def _gap(fixes: Fixes, first: int, last: int, cause: Cause, *, bridged: bool = False) -> Gap:
    ends = np.array([first, last])
    return Gap(first, last, float(ground.hops(fixes.lat[ends], fixes.lon[ends])[0]), cause, bridged)


def _between_silences(fixes: Fixes, chosen: Index, gaps: list[Gap]) -> Iterator[Index]:
    """Parts between silences that are too long to guess over."""
    cuts = np.flatnonzero(np.diff(fixes.time[chosen]) > LONGEST_GUESS_S * 1e6)
    gaps += [_gap(fixes, int(chosen[cut]), int(chosen[cut + 1]), Cause.SILENT) for cut in cuts]
    yield from (part for part in np.split(chosen, cuts + 1) if part.size > 1)


def _sections(fixes: Fixes, part: Index, tracer: Tracer, gaps: list[Gap]) -> Iterator[Section]:
    """Sections of a part, cut where there is no road and where no way leads on."""
    sparse = _sparse(fixes, part)
    near = np.setdiff1d(part, sparse)
    waiting = [sparse]
    while waiting:
        part = waiting.pop()
        trace = _traced(fixes, part, tracer)
        if trace is not None and trace.broken is None:
            yield _without_outliers(fixes, Section(trace, part, _standing(near, sparse, part)), tracer)
            continue
        pieces = _on_roads(fixes, part, tracer, gaps)
        if len(pieces) == 1 and pieces[0].size == part.size:
            pieces = _broken(fixes, part, trace, tracer, gaps)
        waiting += [piece for piece in pieces if piece.size > 1]


def _sparse(fixes: Fixes, part: Index) -> Index:
    """Without fixes that are nearer to the last one kept than fixes scatter: of a car that stands, all but one.

    Where the matcher is given them, it sees the car driving to and fro.
    """
    kept = [0]
    lat, lon = fixes.lat[part], fixes.lon[part]
    for i in range(1, len(part)):
        last = kept[-1]
        if ground.metres(lat[last], lon[last], lat[i], lon[i]) >= STEP_M:
            kept.append(i)
    if len(kept) == 1:
        kept.append(len(part) - 1)
    return np.asarray(part[kept], np.intp)


def _standing(near: Index, sparse: Index, part: Index) -> Index:
    """Those of the near fixes that stand behind the fixes of a part."""
    end = np.searchsorted(sparse, part[-1], "right")
    following = sparse[end] if end < len(sparse) else near.max(initial=0) + 1
    return np.asarray(near[(near > part[0]) & (near < following)], np.intp)


def _traced(fixes: Fixes, numbers: Index, tracer: Tracer) -> Trace | None:
    return tracer.trace(fixes.time[numbers] / 1e6, fixes.lat[numbers], fixes.lon[numbers])


def _on_roads(fixes: Fixes, part: Index, tracer: Tracer, gaps: list[Gap]) -> list[Index]:
    """Pieces with a road within reach of every fix. A few fixes off all roads are outliers, more are a gap."""
    far = tracer.offsets(fixes.lat[part], fixes.lon[part]) > SEARCH_M
    edges = np.diff(np.concatenate(([False], far, [False])).astype(np.int8))
    pieces, begin = [], 0
    for start, end in zip(np.flatnonzero(edges == 1).tolist(), np.flatnonzero(edges == -1).tolist(), strict=True):
        if end - start < FEW and start > 0 and end < len(part):
            continue
        first, last = int(part[max(0, start - 1)]), int(part[min(end, len(part) - 1)])
        gaps.append(_gap(fixes, first, last, Cause.NO_ROAD))
        pieces.append(part[begin:start])
        begin = end
    pieces.append(part[begin:])
    near = set(part[~far].tolist())
    return [piece[[number in near for number in piece.tolist()]] for piece in pieces if piece.size]


def _broken(fixes: Fixes, part: Index, trace: Trace | None, tracer: Tracer, gaps: list[Gap]) -> list[Index]:
    """A part through which no way leads: without a fix at the break if that mends it, else cut there."""
    cut = trace.broken if trace is not None else None
    if not cut:
        cut = int(ground.hops(fixes.lat[part], fixes.lon[part]).argmax()) + 1
    for wrong in (cut, cut - 1):
        less = np.delete(part, wrong)
        if less.size > 1 and _retraced(fixes, less, tracer):
            return [less]
    gaps.append(_gap(fixes, int(part[cut - 1]), int(part[cut]), Cause.NO_WAY))
    return [part[:cut], part[cut:]]


# fixes that are wrong


def _without_outliers(fixes: Fixes, section: Section, tracer: Tracer) -> Section:
    """The section without the fixes whose leaving out makes its way far likelier."""
    cleared: set[int] = set()
    for _ in range(ROUNDS):
        settled = [i for i, number in enumerate(section.numbers.tolist()) if number in cleared]
        settled += _in_time(fixes, section)
        doubtful = _doubtful(_costs(fixes, section), settled)
        if not doubtful:
            break
        wrong = [_wrong_around(fixes, section.numbers, i, tracer) for i in doubtful]
        gone = sorted({number for found in wrong for number in found})
        kept = _retraced(fixes, np.setdiff1d(section.numbers, gone), tracer) if gone else None
        cleared.update(
            int(section.numbers[i]) for i, found in zip(doubtful, wrong, strict=True) if not (found and kept)
        )
        section = replace(kept, near=section.near) if kept else section
    return section


def _doubtful(costs: Floats, cleared: Sequence[int]) -> list[int]:
    """The fixes that cost much, the costliest first, no two of them near each other."""
    free = np.ones(len(costs), bool)
    free[cleared] = False
    chosen: list[int] = []
    for i in np.argsort(-costs, kind="stable").tolist():
        if costs[i] > DOUBTFUL and free[i]:
            chosen.append(i)
            free[max(0, i - APART) : i + APART + 1] = False
    return chosen


def _wrong_around(fixes: Fixes, numbers: Index, doubtful: int, tracer: Tracer) -> list[int]:
    """Numbers of the fixes at a doubtful one that are wrong: it alone, a neighbour, or it and a neighbour.

    Each is tried on a short piece of the trip; that wins without which the way gains most.
    """
    begin = max(0, doubtful - AROUND)
    piece = numbers[begin : doubtful + AROUND + 1]
    whole, i = _retraced(fixes, piece, tracer), doubtful - begin
    best, wrong = 0.0, list[int]()
    for held in ([i], [i - 1], [i + 1], [i - 1, i], [i, i + 1]):
        if held[0] < 0 or held[-1] >= len(piece) or len(piece) - len(held) < 2:
            continue
        less = _retraced(fixes, np.delete(piece, held), tracer)
        if less is None or (whole is not None and not _too_long(fixes, whole, held)):
            continue
        before = _total(fixes, whole) if whole is not None else UNREACHED
        gain = before - _total(fixes, less) - GONE * len(held)
        if gain > best:
            best, wrong = gain, piece[held].tolist()
    return wrong


def _too_long(fixes: Fixes, section: Section, held: Sequence[int]) -> bool:
    """Whether the way over these fixes would have taken longer in free flow than the car had."""
    a, b = max(0, held[0] - 1), min(held[-1] + 1, len(section.numbers) - 1)
    free = section.free_flow
    had = (fixes.time[section.numbers[b]] - fixes.time[section.numbers[a]]) / 1e6
    return bool(free[b] - free[a] > had)


def _in_time(fixes: Fixes, section: Section) -> list[int]:
    """Fixes to which and from which the car had time enough, by either hop."""
    free = section.free_flow
    late = np.diff(free) > np.diff(fixes.time[section.numbers]) / 1e6
    around = np.concatenate(([False], late)) | np.concatenate((late, [False]))
    return [int(i) for i in np.flatnonzero(~around)]


def _retraced(fixes: Fixes, numbers: Index, tracer: Tracer) -> Section | None:
    """The section over fewer fixes; None if it breaks."""
    trace = _traced(fixes, numbers, tracer)
    return Section(trace, numbers, numbers[:0]) if trace is not None and trace.broken is None else None


def _costs(fixes: Fixes, section: Section) -> Floats:
    """What each fix costs: how far it lies from its road, and how much longer the ways to and from it are than
    straight lines. Shape (n,)."""
    on, hop = _emissions(section), _transitions(fixes, section)
    on[:-1] += hop
    on[1:] += hop
    return on


def _emissions(section: Section) -> Floats:
    return np.asarray((section.trace.off / SIGMA_M) ** 2 / 2, np.float64)


def _transitions(fixes: Fixes, section: Section) -> Floats:
    """Of each hop from fix to fix, (n - 1,)."""
    straight = ground.hops(fixes.lat[section.numbers], fixes.lon[section.numbers])
    return np.asarray(np.abs(np.diff(section.trace.at) - straight) / BETA_M, np.float64)


def _total(fixes: Fixes, section: Section) -> float:
    return float(_emissions(section).sum() + _transitions(fixes, section).sum())


# what is known of it


def _guessed(fixes: Fixes, sections: Sequence[Section]) -> Iterator[Gap]:
    """Silences over which a way was taken all the same."""
    for section in sections:
        used = section.used
        for i in np.flatnonzero(np.diff(fixes.time[used]) > SILENT_S * 1e6).tolist():
            first, last = int(used[i]), int(used[i + 1])
            yield _gap(fixes, first, last, Cause.SILENT, bridged=True)


def _outliers(fixes: Fixes, sections: Sequence[Section], gaps: Sequence[Gap]) -> list[int]:
    """Fixes that no section rests on and no gap explains."""
    explained = np.zeros(len(fixes), bool)
    for section in sections:
        explained[section.used] = True
    for gap in gaps:
        if gap.cause is Cause.NO_ROAD:
            explained[gap.first : gap.last + 1] = True
    return [int(number) for number in np.flatnonzero(~explained)] if sections else []


def _confidence(count: int, sections: Sequence[Section], gaps: Sequence[Gap]) -> float:
    """The share of fixes that a section rests on, times how closely they lie, times the share of the way that
    neither lies in a gap nor is guessed over one."""
    if not sections:
        return 0.0
    off = np.concatenate([section.trace.off for section in sections])
    known = sum(float(section.trace.lengths.sum()) for section in sections)
    missing = sum(gap.straight for gap in gaps if not gap.bridged)
    guessed = min(known, sum(gap.straight for gap in gaps if gap.bridged))
    sure = (known - guessed) / (known + missing) if known + missing > 0 else 1.0
    close = float(np.exp(-((off / CLOSE_M) ** 2) / 2).mean())
    used = sum(len(section.used) for section in sections)
    return min(1.0, used / count * close * sure)


def driven(section: Section) -> list[tuple[Edge, float]]:
    """Edges with their metres, pieces of one road with one limit joined."""
    joined: list[tuple[Edge, float]] = []
    for edge, metres in zip(section.trace.edges, section.trace.lengths.tolist(), strict=True):
        if joined and (joined[-1][0].way, joined[-1][0].limit) == (edge.way, edge.limit):
            joined[-1] = (joined[-1][0], joined[-1][1] + metres)
        else:
            joined.append((edge, metres))
    return joined
