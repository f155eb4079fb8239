"""The plan of the city: what `plan.toml` says, in metres. Nothing here is drawn by chance."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np

from simulator.city.curve import smooth
from simulator.plane import Plane, Points

STEP_M = 150.0


@dataclass(frozen=True, slots=True)
class Box:
    """Edges of the map, in metres of the plan's plane."""

    west: float
    south: float
    east: float
    north: float

    def outline(self, inset: float = 0.0) -> Points:
        """Counter-clockwise from the south-west corner, closed."""
        west, east, south, north = self.west + inset, self.east - inset, self.south + inset, self.north - inset
        corners = ((west, south), (east, south), (east, north), (west, north), (west, south))
        return np.array([complex(x, y) for x, y in corners])


@dataclass(frozen=True, slots=True)
class Town:
    """A built-up place: `bearing` (radians from east) turns its streets, `industry` is the share of works."""

    name: str
    name_en: str
    place: str
    at: complex
    radius_m: float
    bearing: float
    industry: float


@dataclass(frozen=True, slots=True)
class Water:
    """A river (a line with a width) or a lake (a closed outline, width 0)."""

    name: str
    name_en: str
    points: Points
    width_m: float = 0.0


@dataclass(frozen=True, slots=True)
class Railway:
    """A railway. One on a viaduct is no obstacle to roads."""

    name: str
    name_en: str
    points: Points
    viaduct: bool


@dataclass(frozen=True, slots=True)
class Motorway:
    """The centre line of a motorway; `exits` are the names of the arterials that it has ramps to."""

    name: str
    name_en: str
    ref: str
    maxspeed_kmh: int
    exits: Sequence[str]
    points: Points


@dataclass(frozen=True, slots=True)
class Ring:
    """An elevated expressway in a closed line, with a road of its own below."""

    name: str
    name_en: str
    ground: str
    ground_en: str
    points: Points


@dataclass(frozen=True, slots=True)
class Arterial:
    name: str
    name_en: str
    rank: str
    points: Points
    dual: bool
    parts: str


@dataclass(frozen=True, slots=True)
class CityPlan:
    plane: Plane
    box: Box
    towns: Sequence[Town]
    rivers: Sequence[Water]
    lakes: Sequence[Water]
    railways: Sequence[Railway]
    motorways: Sequence[Motorway]
    ring: Ring
    arterials: Sequence[Arterial]

    @property
    def centre(self) -> complex:
        return self.towns[0].at


def load_plan() -> CityPlan:
    """The plan that is shipped with the package."""
    text = files("simulator.city").joinpath("plan.toml").read_text("utf-8")
    return parse_plan(tomllib.loads(text))


def parse_plan(data: Mapping[str, Any]) -> CityPlan:
    """Tables of a plan -> the plan, lines smoothed to a point every 150 m."""
    edges = data["box"]
    plane = Plane((edges["south"] + edges["north"]) / 2, (edges["west"] + edges["east"]) / 2)
    low, high = plane.point(edges["south"], edges["west"]), plane.point(edges["north"], edges["east"])

    def line(row: Mapping[str, Any], *, closed: bool = False) -> Points:
        corners = np.array([plane.point(lat, lon) for lat, lon in row["points"]])
        return smooth(corners, STEP_M, closed=closed)

    ring = data["ring"]
    return CityPlan(
        plane=plane,
        box=Box(low.real, low.imag, high.real, high.imag),
        towns=[_town(row, plane) for row in data["town"]],
        rivers=[Water(r["name"], r["name_en"], line(r), r["width_m"]) for r in data["river"]],
        lakes=[Water(r["name"], r["name_en"], line(r, closed=True)) for r in data["lake"]],
        railways=[Railway(r["name"], r["name_en"], line(r), r["viaduct"]) for r in data["railway"]],
        motorways=[
            Motorway(r["name"], r["name_en"], r["ref"], r["maxspeed_kmh"], r["exits"], line(r))
            for r in data["motorway"]
        ],
        ring=Ring(ring["name"], ring["name_en"], ring["ground"], ring["ground_en"], line(ring, closed=True)),
        arterials=[
            Arterial(r["name"], r["name_en"], r["rank"], line(r), r.get("dual", False), r.get("parts", ""))
            for r in data["road"]
        ],
    )


def _town(row: Mapping[str, Any], plane: Plane) -> Town:
    return Town(
        row["name"], row["name_en"], row["place"], plane.point(*row["at"]), row["radius_m"],
        math.radians(row["bearing_deg"]), row["industry"],
    )  # fmt: skip
