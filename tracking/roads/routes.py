"""The pipeline's step from trips to roads: occupied trips that are over get their matched route, once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from gateway.report import micros, moment
from tracking.roads.engine import Engine
from tracking.roads.lines import gap_told, kmh
from tracking.roads.match import Match, Section, driven, match
from tracking.roads.speeding import speeding
from tracking.trips import store
from tracking.trips.fixes import Fixes, ordered
from tracking.trips.store import Connection

AT_ONCE = 200


def match_trips(db: Connection, engine: Engine, most: int = AT_ONCE) -> int:
    """Match up to `most` trips, the newest first; returns how many were. Each in its own transaction."""
    with db.transaction():
        waiting = store.unmatched(db, most)
    for vehicle, start, finish in waiting:
        with db.transaction():
            fixes, _ = ordered(store.fixes(db, vehicle, start, finish))
            fixes = fixes.at(np.flatnonzero((fixes.time >= micros(start)) & (fixes.time <= micros(finish))))
            store.keep_match(db, vehicle, start, finish, engine.network.sha256, _values(fixes, match(fixes, engine)))
    return len(waiting)


def _values(fixes: Fixes, found: Match) -> Mapping[str, Any]:
    """Columns of a trip: metres, km/h as on the sign, times in ISO 8601."""
    return {
        "matched": found.length, "confidence": found.confidence,
        "gaps": [gap_told(gap, _when(fixes, gap.first), _when(fixes, gap.last)) for gap in found.gaps],
        "free_flow": sum(float(np.ptp(section.free_flow)) for section in found.sections),
        "ways": [way for section in found.sections for way in _ways(fixes, section)],
        "speeding": list(_speeding(fixes, found)),
    }  # fmt: skip


def _ways(fixes: Fixes, section: Section) -> Iterator[dict[str, Any]]:
    """With the seconds spent on each; a way's end is passed between two fixes, at an even speed."""
    ways = list(driven(section))
    ends = np.cumsum([0.0, *(metres for _, metres in ways)])
    took = np.diff(np.interp(ends, section.trace.at, fixes.time[section.numbers] / 1e6)).tolist()
    for (edge, metres), seconds in zip(ways, took, strict=True):
        yield {
            "way": edge.way, "length_m": round(metres, 1), "seconds": round(seconds, 1),
            "speed_limit_kmh": kmh(edge.limit),
        }  # fmt: skip


def _speeding(fixes: Fixes, found: Match) -> Iterator[dict[str, Any]]:
    for section in found.sections:
        for one in speeding(section, fixes.speed):
            yield {
                "way": one.way, "speed_limit_kmh": kmh(one.limit), "highest_kmh": round(one.highest * 3.6, 1),
                "from": _when(fixes, one.first), "to": _when(fixes, one.last), "fixes": one.fixes,
            }  # fmt: skip


def _when(fixes: Fixes, number: int) -> str:
    return moment(int(fixes.time[number])).isoformat()
