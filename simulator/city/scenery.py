"""What a base map shows beside the roads: waters, land use, parks, railways, towns and places."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

import numpy as np

from simulator.city.curve import offset
from simulator.city.density import URBAN, Density
from simulator.city.faces import Chain
from simulator.city.lines import clipped
from simulator.city.names import Names
from simulator.city.plan import CityPlan, Railway, Water
from simulator.gazetteer import Place
from simulator.plane import Points, along, at

Tags = dict[str, str]
PARK_SHARE = 0.035
SHOP_SHARE = 0.08
PLACE_TAGS: dict[str, Tags] = {
    "station": {"railway": "station", "public_transport": "station"},
    "metro": {"railway": "station", "station": "subway"},
    "coach": {"amenity": "bus_station"},
    "hospital": {"amenity": "hospital"},
    "government": {"amenity": "townhall"},
    "college": {"amenity": "university"},
    "school": {"amenity": "school"},
    "mall": {"shop": "mall"},
    "market": {"amenity": "marketplace"},
    "hotel": {"tourism": "hotel"},
    "park": {"leisure": "park"},
    "scenic": {"tourism": "attraction"},
    "culture": {"amenity": "arts_centre"},
    "sports": {"leisure": "sports_centre"},
    "community": {"place": "neighbourhood"},
    "works": {"man_made": "works"},
    "office": {"office": "company"},
    "rank": {"amenity": "taxi"},
    "other": {"office": "yes"},
}


@dataclass(frozen=True, slots=True)
class Shape:
    """A way of its own: points in metres (closed when the first is also the last), or nodes of the network."""

    tags: Tags
    points: Sequence[complex] = ()
    nodes: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Spot:
    """A node with tags."""

    tags: Tags
    point: complex


def named(name: str, name_en: str, **tags: str) -> Tags:
    return {"name": name, "name:zh": name, "name:en": name_en, **tags}


def waters(plan: CityPlan) -> Iterator[Shape]:
    """Rivers as lines and as areas, lakes as areas."""
    for river in plan.rivers:
        for middle in clipped(plan, river.points):
            yield Shape(named(river.name, river.name_en, waterway="river"), list(middle))
            sides = (offset(middle, river.width_m / 2), offset(middle, -river.width_m / 2)[::-1])
            yield Shape(
                named(river.name, river.name_en, natural="water", water="river"), _closed(np.concatenate(sides))
            )
    for lake in plan.lakes:
        yield Shape(named(lake.name, lake.name_en, natural="water", water="lake"), _closed(_held(plan, lake.points)))


def _closed(points: Points) -> list[complex]:
    return [*points.tolist(), complex(points[0])]


def _held(plan: CityPlan, points: Points) -> Points:
    """Points pushed onto the edge of the map where they lie beyond it."""
    box = plan.box
    return np.clip(points.real, box.west, box.east) + 1j * np.clip(points.imag, box.south, box.north)


def railways(plan: CityPlan) -> Iterator[Shape]:
    for rail in plan.railways:
        tags = named(rail.name, rail.name_en, railway="rail", electrified="contact_line", gauge="1435")
        for points in clipped(plan, rail.points):
            for bridge, nodes in _spans(plan.rivers, rail, points):
                yield Shape(tags | ({"bridge": "yes", "layer": "2" if rail.viaduct else "1"} if bridge else {}), nodes)


def _spans(rivers: Sequence[Water], rail: Railway, points: Points) -> Iterator[tuple[bool, list[complex]]]:
    """The track in pieces, those over rivers marked as bridges; a viaduct is one bridge."""
    if rail.viaduct:
        yield True, points.tolist()
        return
    over = [any(_over(river, (a + b) / 2) for river in rivers) for a, b in pairwise(points)]
    start = 0
    for bridge, run in groupby(over):
        end = start + len(list(run))
        yield bridge, points[start : end + 1].tolist()
        start = end


def _over(river: Water, point: complex) -> bool:
    return abs(at(river.points, along(river.points, point)) - point) < river.width_m / 2 + 90


def land(
    points: Sequence[complex], blocks: Iterable[Chain], density: Density, names: Names, rng: np.random.Generator
) -> Iterator[Shape]:
    """What blocks in towns are used for; some are parks."""
    for block in blocks:
        centre = complex(np.mean([points[n] for n in block]))
        town, weight = density.town(centre)
        if weight <= URBAN or len(block) > 200:
            continue
        nodes = [*block, block[0]]
        draw = rng.random()
        if draw < PARK_SHARE:
            zh, en = names.stem()
            yield Shape(named(f"{zh}公园", f"{en} Park", leisure="park"), nodes=nodes)
        elif draw < PARK_SHARE + town.industry:
            yield Shape({"landuse": "industrial"}, nodes=nodes)
        elif draw < PARK_SHARE + town.industry + SHOP_SHARE * weight:
            yield Shape({"landuse": "commercial"}, nodes=nodes)
        else:
            yield Shape({"landuse": "residential"}, nodes=nodes)


def spots(plan: CityPlan, places: Iterable[Place]) -> Iterator[Spot]:
    """Towns and the places of the gazetteer."""
    for town in plan.towns:
        yield Spot(named(town.name, town.name_en, place=town.place), town.at)
    for place in places:
        tags = named(place.name, place.name_en, **PLACE_TAGS[place.kind]) | {"addr:full": place.address}
        if place.aliases:
            tags["alt_name"] = ";".join(place.aliases)
        yield Spot(tags, plan.plane.point(place.lat, place.lon))
