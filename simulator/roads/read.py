"""Ways for cars, signals and turn restrictions out of an OpenStreetMap extract."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import osmium

DEFAULT_KMH = {
    "motorway": 100, "trunk": 80, "primary": 60, "secondary": 50, "tertiary": 40, "unclassified": 40, "residential": 30,
    "living_street": 15, "service": 15, "road": 30, "motorway_link": 50, "trunk_link": 50, "primary_link": 40,
    "secondary_link": 40, "tertiary_link": 30,
}  # fmt: skip
"""Classes that cars drive on, with the limit where none is tagged."""
CLOSED = {"no", "private", "agricultural", "forestry"}
MPH = 1.609344


class RoadsError(Exception):
    """A file does not give a road network; the message says why."""


@dataclass(frozen=True, slots=True)
class Way:
    """A way for cars. `forward` and `backward` say in which directions of its nodes it may be driven."""

    id: int
    nodes: Sequence[int]
    highway: str
    name: str
    limit: float  # m/s
    forward: bool
    backward: bool


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn restriction at a node. `only`: no other turn from this way is allowed there."""

    from_way: int
    via: int
    to_way: int
    only: bool


@dataclass
class Extract:
    """places: node -> (lat, lon), degrees, of all nodes of the ways."""

    places: dict[int, tuple[float, float]] = field(default_factory=dict)
    ways: list[Way] = field(default_factory=list)
    signals: set[int] = field(default_factory=set)
    turns: list[Turn] = field(default_factory=list)


def read(path: Path) -> Extract:
    """Raises RoadsError when the file cannot be read or has no roads for cars."""
    extract = Extract()
    try:
        for thing in osmium.FileProcessor(path).with_locations().with_filter(osmium.filter.EmptyTagFilter()):
            _take(extract, thing)
    except (OSError, RuntimeError, osmium.InvalidLocationError) as error:
        raise RoadsError(f"cannot read roads from {path}: {error}") from error
    if not extract.ways:
        raise RoadsError(f"no road for cars in {path}")
    return extract


def _take(extract: Extract, thing: object) -> None:
    match thing:
        case osmium.osm.Node():
            if thing.tags.get("highway") == "traffic_signals":
                extract.signals.add(thing.id)
        case osmium.osm.Way():
            _take_way(extract, thing)
        case osmium.osm.Relation():
            if thing.tags.get("type") == "restriction":
                extract.turns += _turn(thing)


def _take_way(extract: Extract, way: osmium.osm.Way) -> None:
    highway = str(way.tags.get("highway", ""))
    if highway not in DEFAULT_KMH or len(way.nodes) < 2 or way.tags.get("area") == "yes":
        return
    if {way.tags.get("access"), way.tags.get("motor_vehicle"), way.tags.get("vehicle")} & CLOSED:
        return
    forward, backward = _directions(highway, way.tags)
    limit = (parse_kmh(str(way.tags.get("maxspeed", ""))) or DEFAULT_KMH[highway]) / 3.6
    extract.places.update((node.ref, (node.lat, node.lon)) for node in way.nodes)
    nodes = [node.ref for node in way.nodes]
    extract.ways.append(Way(way.id, nodes, highway, str(way.tags.get("name", "")), limit, forward, backward))


def _directions(highway: str, tags: osmium.osm.TagList) -> tuple[bool, bool]:
    """(along the nodes, against them)"""
    oneway = tags.get("oneway", "")
    if oneway in ("-1", "reverse"):
        return False, True
    if oneway in ("yes", "true", "1"):
        return True, False
    implied = highway == "motorway" or tags.get("junction") in ("roundabout", "circular")
    return True, not implied or oneway == "no"


def parse_kmh(text: str) -> float | None:
    """A `maxspeed` value -> km/h; None for what is no number ("none", "CN:urban")."""
    number, _, unit = text.strip().partition(" ")
    if number.endswith("mph"):
        number, unit = number.removesuffix("mph"), "mph"
    try:
        value = float(number)
    except ValueError:
        return None
    return (value * MPH if unit.strip() == "mph" else value) if value > 0 else None


def _turn(relation: osmium.osm.Relation) -> list[Turn]:
    """A restriction with a node between its ways. Turning back needs none: nobody does it at junctions."""
    kind = str(relation.tags.get("restriction", ""))
    members = {member.role: member for member in relation.members}
    if not kind.startswith(("no_", "only_")) or not {"from", "via", "to"} <= set(members) or members["via"].type != "n":
        return []
    if kind == "no_u_turn":
        return []
    return [Turn(members["from"].ref, members["via"].ref, members["to"].ref, kind.startswith("only_"))]
