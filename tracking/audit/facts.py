"""A matched trip and the road network -> what the rules are told."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gateway.report import moment
from tracking.audit.finding import Trip
from tracking.roads.match import Match
from tracking.roads.port import Basis, Place, Roads
from tracking.trips.fixes import Fixes
from tracking.trips.plausible import believed, lengths


def facts(fixes: Fixes, found: Match, roads: Roads, metered: float | None = None) -> Trip:
    """Of a trip's fixes in order (at least two) and their match.

    metered  metres by the taximeter
    """
    good = fixes.at(np.flatnonzero(believed(fixes)))
    used = [int(number) for section in found.sections for number in section.numbers]
    return Trip(
        start=moment(int(fixes.time[0])), matched=found.length, track=float(lengths(good)[0].sum()),
        confidence=found.confidence, longest_gap=float(np.diff(good.time).max(initial=0)) / 1e6,
        unbridged=sum(gap.straight for gap in found.gaps if not gap.bridged), options=_options(found, roads),
        metered=metered, fixes=[moment(int(fixes.time[number])) for number in used],
    )  # fmt: skip


def _options(found: Match, roads: Roads) -> Sequence[float]:
    """Lengths of the sensible ways between the ends of the matched route; none where the network has none."""
    if not found.sections:
        return ()
    first, last = found.sections[0].trace, found.sections[-1].trace
    start, goal = Place(float(first.lat[0]), float(first.lon[0])), Place(float(last.lat[-1]), float(last.lon[-1]))
    ways = [*roads.routes(start, goal), *roads.routes(start, goal, shortest=True)]
    return [way.length for way in ways if way.basis is Basis.ROADS]
