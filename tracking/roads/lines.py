"""Trips to be matched, and matched ones, as JSON lines.

In: {"id", "fixes": [{"time", "lat", "lon"}]}. Out: {"id", "length_m", "confidence", "geometry": [[lon, lat], ...],
"edges": [{"way", "length_m", "speed_limit_kmh"}], "gaps": [{"from", "to", "cause", "straight_m", "bridged"}],
"outliers": [time, ...]} and, where nothing could be matched, "problem". Times are given back as they came.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from tracking import instant
from tracking.roads.match import Gap, Match, driven
from tracking.trips.fixes import Fixes, ordered

LIMITS = {"lat": 90.0, "lon": 180.0}


@dataclass(frozen=True, slots=True)
class Asked:
    """A line. `times[i]` is the time of fix i as it stood."""

    id: Any
    fixes: Fixes
    times: Sequence[Any]


def parse(line: bytes) -> Asked:
    """Raises ValueError that says what is wrong and at which fix."""
    try:
        trip = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"column {error.colno}: no JSON: {error.msg}") from error
    if not isinstance(trip, dict) or "id" not in trip or not isinstance(trip.get("fixes"), list):
        raise ValueError('no trip: {"id", "fixes": [{"time", "lat", "lon"}]} is expected')
    rows = [_fix(number, fix) for number, fix in enumerate(trip["fixes"])]
    seconds, lat, lon = np.array(rows, np.float64).reshape(-1, 3).T
    count = len(rows)
    fixes, order = ordered(
        Fixes(
            np.zeros(count, np.int64), np.round(seconds * 1e6).astype(np.int64), lat, lon, np.zeros(count, np.int8),
            np.full(count, np.nan),
        )
    )  # fmt: skip
    return Asked(trip["id"], fixes, [trip["fixes"][i]["time"] for i in order.tolist()])


def _fix(number: int, fix: object) -> tuple[float, float, float]:
    """(seconds, lat, lon)"""
    if not isinstance(fix, Mapping):
        raise ValueError(f"fixes[{number}] is no object")
    if missing := [name for name in ("time", "lat", "lon") if fix.get(name) is None]:
        raise ValueError(f"fixes[{number}] has no {missing[0]}")
    try:
        seconds = instant.seconds(str(fix["time"]))
    except ValueError as error:
        raise ValueError(f"fixes[{number}].time: {str(fix['time'])[:60]!r} {error}") from error
    return seconds, _degrees(number, fix, "lat"), _degrees(number, fix, "lon")


def _degrees(number: int, fix: Mapping[str, Any], name: str) -> float:
    value = fix[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"fixes[{number}].{name}: {str(value)[:60]!r} is no number")
    if not abs(value) <= LIMITS[name]:
        raise ValueError(f"fixes[{number}].{name}: {value} is beyond {LIMITS[name]:g} degrees")
    return float(value)


def write(asked: Asked, found: Match) -> bytes:
    """The answer to a line, without the line's end."""
    answer = {
        "id": asked.id,
        "length_m": round(found.length, 1),
        "confidence": round(found.confidence, 3),
        "geometry": list(_geometry(found)),
        "edges": [
            {"way": edge.way, "length_m": round(metres, 1), "speed_limit_kmh": kmh(edge.limit)}
            for section in found.sections
            for edge, metres in driven(section)
        ],
        "gaps": [gap_told(gap, asked.times[gap.first], asked.times[gap.last]) for gap in found.gaps],
        "outliers": [asked.times[number] for number in found.outliers],
    }
    if not found.sections:
        answer["problem"] = _problem(asked)
    return orjson.dumps(answer)


def kmh(limit: float | None) -> int | None:
    """m/s -> km/h, as it stands on the sign."""
    return None if limit is None else round(limit * 3.6)


def _geometry(found: Match) -> Iterator[tuple[float, float]]:
    for section in found.sections:
        yield from zip(section.trace.lon.tolist(), section.trace.lat.tolist(), strict=True)


def gap_told(gap: Gap, begin: Any, end: Any) -> dict[str, Any]:
    """A gap as JSON values, with the times of its two fixes."""
    return {
        "from": begin, "to": end, "cause": gap.cause.value, "straight_m": round(gap.straight, 1),
        "bridged": gap.bridged,
    }  # fmt: skip


def _problem(asked: Asked) -> str:
    if len(asked.fixes) < 2:
        return f"{len(asked.fixes)} fixes are no trip: two at different times are needed"
    return "the road network does not cover this trip"
