"""Valhalla under the ports: routes and matrices for dispatch, traces for matching. One actor for each thread.

An actor shared by threads hangs. Answers outside what the network covers are straight lines and say so.
"""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray
from valhalla import Actor

from tracking import ground
from tracking.roads.build import TILES, Network, config
from tracking.roads.port import Basis, Closure, Place, RoadsError, Way
from tracking.roads.straight import Straight, straight
from tracking.roads.trace import SEARCH_M, Edge, Floats, Trace

FARTHEST_M = 400.0
"""A place further from any road than this is not covered."""
TURN_PENALTY = 200
"""Of Valhalla's matcher (`turn_penalty_factor`): a way with fewer turns is likelier. On the generated city it takes
0.3 to 1 % of the length from wrong roads."""
ATTRIBUTES = (
    "edge.way_id", "edge.speed_limit", "edge.speed", "edge.begin_shape_index", "edge.end_shape_index",
    "edge.source_percent_along", "edge.target_percent_along", "matched.point", "matched.type", "matched.edge_index",
    "matched.distance_along_edge", "matched.distance_from_trace_point", "matched.begin_route_discontinuity", "shape",
)  # fmt: skip
LENGTHS = {"kilometers": 1000.0}
Pace = Callable[[int | None], float]
"""Hour of the week -> seconds driven in a second of free flow."""


class Engine:
    """Implements `port.Roads` and `trace.Tracer` on a network's directory.

    pace      corrects the engine's free-flow times by what the fleet drove then; None: nothing is learned yet
    closures  roads that cannot be driven now

    Both may be replaced at any time.
    """

    def __init__(self, directory: Path, *, pace: Pace | None = None, closures: Sequence[Closure] = ()) -> None:
        """Raises RoadsError where the directory holds no network."""
        self.network = Network.read(directory)
        self._settings = config(directory / TILES)
        self.pace, self.closures = pace, closures
        self._mine = threading.local()

    # dispatch

    def matrix(self, sources: Sequence[Place], targets: Sequence[Place], hour: int | None = None) -> list[list[Way]]:
        """As `port.Roads`; a source or target off the network gets straight lines."""
        ways = Straight().matrix(sources, targets, hour)
        rows = [i for i, place in enumerate(sources) if self.network.covers(place)]
        columns = [j for j, place in enumerate(targets) if self.network.covers(place)]
        if not rows or not columns:
            return ways
        asked = {"sources": [sources[i] for i in rows], "targets": [targets[j] for j in columns]}
        answer = self._ask("matrix", {k: [_location(p) for p in places] for k, places in asked.items()})
        if answer is None:
            return ways
        near = {k: [_is_near(p, at) for p, at in zip(places, answer[k], strict=True)] for k, places in asked.items()}
        for i, from_here, start_near in zip(rows, answer["sources_to_targets"], near["sources"], strict=True):
            for j, cell, goal_near in zip(columns, from_here, near["targets"], strict=True):
                if start_near and goal_near and cell["time"] is not None:
                    ways[i][j] = self._way(cell["distance"] * 1000, cell["time"], hour)
        return ways

    def routes(self, start: Place, goal: Place, hour: int | None = None, *, shortest: bool = False) -> list[Way]:
        """As `port.Roads`; one straight line where the network does not cover both places."""
        if not (self.network.covers(start) and self.network.covers(goal)):
            return [straight(start, goal)]
        options = {"auto": {"shortest": shortest}}
        request = {
            "locations": [_location(start), _location(goal)], "alternates": 0 if shortest else 2,
            "directions_type": "none", "costing_options": options,
        }  # fmt: skip
        answer = self._ask("route", request)
        if answer is None:
            return [straight(start, goal)]
        found = [
            self._route(trip, hour) for trip in (answer["trip"], *(a["trip"] for a in answer.get("alternates", ())))
        ]
        ends = (found[0].line[0], found[0].line[-1])
        covered = _metres(start, ends[0]) <= FARTHEST_M and _metres(goal, ends[1]) <= FARTHEST_M
        return found if covered else [straight(start, goal)]

    def _route(self, trip: Mapping[str, Any], hour: int | None) -> Way:
        lat, lon = decode("".join(trip["legs"][0]["shape"]))
        line = [Place(*place) for place in zip(lat.tolist(), lon.tolist(), strict=True)]
        return self._way(trip["summary"]["length"] * 1000, trip["summary"]["time"], hour, line)

    def _way(self, length: float, seconds: float, hour: int | None, line: Sequence[Place] = ()) -> Way:
        slower = 1.0 if self.pace is None else self.pace(hour)
        return Way(length, seconds * slower, Basis.ROADS, line, learned=self.pace is not None)

    # matching

    def trace(self, seconds: Floats, lat: Floats, lon: Floats) -> Trace | None:
        """As `trace.Tracer`."""
        fixes = zip(seconds.tolist(), lat.tolist(), lon.tolist(), strict=True)
        request = {
            "shape": [{"lat": y, "lon": x, "time": t} for t, y, x in fixes], "shape_match": "map_snap",
            "trace_options": {"turn_penalty_factor": TURN_PENALTY, "search_radius": SEARCH_M},
            "filters": {"action": "include", "attributes": ATTRIBUTES},
        }  # fmt: skip
        answer = self._ask("trace_attributes", request, closed=False)
        return None if answer is None else _trace(answer)

    def offsets(self, lat: Floats, lon: Floats) -> Floats:
        """As `trace.Tracer`."""
        away = np.full(len(lat), np.inf)
        places = [Place(*place) for place in zip(lat.tolist(), lon.tolist(), strict=True)]
        inside = [i for i, place in enumerate(places) if self.network.covers(place)]
        if not inside:
            return away
        answer = self._ask("locate", {"locations": [_location(places[i]) for i in inside]}, closed=False) or []
        for i, found in zip(inside, answer, strict=False):
            ways = [Place(e["correlated_lat"], e["correlated_lon"]) for e in found.get("edges") or ()]
            away[i] = min((_metres(places[i], place) for place in ways), default=np.inf)
        return away

    # the engine itself

    def _ask(self, what: str, request: dict[str, Any], *, closed: bool = True) -> Any:
        """The engine's answer; None where it has none. Its errors are one type with a text each."""
        request["costing"] = "auto"
        if closed and self.closures:
            request["exclude_locations"] = [_location(closure.place) for closure in self.closures]
        try:
            return orjson.loads(
                getattr(self._actor(), what)(orjson.dumps(request, option=orjson.OPT_SERIALIZE_NUMPY).decode())
            )
        except RuntimeError:
            return None

    def _actor(self) -> Actor:
        """This thread's own. It reads its settings from a file, once."""
        if not hasattr(self._mine, "actor"):
            with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
                json.dump(self._settings, file)
                file.flush()
                try:
                    self._mine.actor = Actor(file.name)
                except (RuntimeError, OSError, ValueError) as error:
                    raise RoadsError(f"the road network cannot be opened: {error}") from error
        actor: Actor = self._mine.actor
        return actor


def _location(place: Place) -> dict[str, float]:
    return {"lat": place.lat, "lon": place.lon}


def _is_near(place: Place, found: Mapping[str, float] | None) -> bool:
    return found is not None and _metres(place, Place(found["lat"], found["lon"])) <= FARTHEST_M


def _metres(a: Place, b: Place) -> float:
    return ground.metres(a.lat, a.lon, b.lat, b.lon)


def _trace(answer: Mapping[str, Any]) -> Trace:
    lat, lon = decode(answer["shape"])
    edges = [_edge(edge) for edge in answer["edges"]]
    points = answer["matched_points"]
    numbers = np.array([_number(point, len(edges)) for point in points], np.int64)
    off = np.array([p.get("distance_from_trace_point", np.inf) for p in points], np.float64)
    found = Trace(lat, lon, edges, np.full(len(points), np.nan), off, numbers, _break(points, edges, numbers))
    found.at[:] = _along(answer["edges"], points, numbers, found.lengths)
    return found


def _number(point: Mapping[str, Any], edges: int) -> int:
    """Of a fix's edge; where the way breaks off, the engine tells 2**64 - 1."""
    number = int(point.get("edge_index", edges))
    return number if point["type"] != "unmatched" and number < edges else -1


def _break(points: Sequence[Mapping[str, Any]], edges: Sequence[Edge], numbers: NDArray[np.int64]) -> int | None:
    """The first fix without a road, or behind a point where the way breaks off, or behind a seam between edges."""
    seam = next((k for k, (a, b) in enumerate(pairwise(edges), 1) if a.last != b.first), len(edges))
    off = (numbers < 0) | (numbers >= seam)
    off[1:] |= [bool(point.get("begin_route_discontinuity")) for point in points[:-1]]
    return int(off.argmax()) if off.any() else None


def _edge(edge: Mapping[str, Any]) -> Edge:
    limit = edge.get("speed_limit")  # "unlimited" on some motorways
    return Edge(
        edge["way_id"], edge["begin_shape_index"], edge["end_shape_index"],
        limit / 3.6 if isinstance(limit, int | float) and limit > 0 else None, max(edge.get("speed") or 0, 5) / 3.6,
    )  # fmt: skip


def _along(
    edges: Sequence[Mapping[str, Any]], points: Sequence[Mapping[str, Any]], numbers: NDArray[np.int64], lengths: Floats
) -> Floats:
    """Metres to each point. The engine tells its share of the whole edge; the first and last are driven in part."""
    starts = np.concatenate(([0.0], np.cumsum(lengths)))
    at = np.full(len(points), np.nan)
    for i, (point, number) in enumerate(zip(points, numbers.tolist(), strict=True)):
        if number >= 0:
            first = edges[number].get("source_percent_along", 0.0)
            last = edges[number].get("target_percent_along", 1.0)
            share = (point.get("distance_along_edge", 0.0) - first) / max(last - first, 1e-6)
            at[i] = starts[number] + min(max(share, 0.0), 1.0) * lengths[number]
    return at


def decode(text: str) -> tuple[Floats, Floats]:
    """A polyline of six digits -> (lat, lon), shape (n,) each.

    Google's encoded polyline algorithm: differences, zigzag, five bits a letter, the lowest first, 32 for "more".
    """
    letters = np.frombuffer(text.encode("ascii"), np.uint8).astype(np.int64) - 63
    if not letters.size:
        return np.empty(0), np.empty(0)
    last = np.flatnonzero(letters < 32)
    starts = np.concatenate(([0], last[:-1] + 1))
    place = np.arange(letters.size) - np.repeat(starts, last - starts + 1)
    values = np.add.reduceat((letters & 31) << (5 * place), starts)
    steps = np.where(values & 1, ~(values >> 1), values >> 1).reshape(-1, 2)
    lat, lon = np.cumsum(steps, axis=0).T / 1e6
    return lat, lon
