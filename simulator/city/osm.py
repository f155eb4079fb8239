"""Writes the city as OpenStreetMap data. The same city gives the same bytes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import osmium
from osmium.io import Header
from osmium.osm import mutable

from simulator.city.scenery import Shape, Spot, Tags
from simulator.city.streets import Network, Road
from simulator.plane import Plane

GENERATOR = "taxihub simulator"


def write(path: Path, plane: Plane, network: Network, shapes: Iterable[Shape], spots: Iterable[Spot]) -> None:
    """Nodes, ways and turn restrictions, each with ids from 1 in the order given. Replaces the file."""
    shapes = list(shapes)
    points = list(network.points)
    chains = [list(road.nodes) for road in network.roads]
    for shape in shapes:
        chains.append(list(shape.nodes) or _added(points, shape.points))
    tags: dict[int, Tags] = {node: {"highway": "traffic_signals"} for node in sorted(network.signals)}
    for spot in spots:
        tags[len(points)] = spot.tags
        points.append(spot.point)
    used = sorted({node for chain in chains for node in chain} | set(tags))
    number = {node: i + 1 for i, node in enumerate(used)}
    header = Header()
    header.set("generator", GENERATOR)
    with osmium.SimpleWriter(path, header=header, overwrite=True) as writer:
        for node in used:
            lat, lon = plane.degrees(points[node])
            writer.add_node(mutable.Node(id=number[node], version=1, location=(lon, lat), tags=tags.get(node, {})))
        _write_ways(writer, network, shapes, [[number[n] for n in chain] for chain in chains])
        _write_restrictions(writer, network, number)


def _added(points: list[complex], shape: Sequence[complex]) -> list[int]:
    """New nodes for a shape; a closed one comes back to its first node."""
    closed = len(shape) > 2 and shape[0] == shape[-1]
    first = len(points)
    points += shape[:-1] if closed else shape
    nodes = list(range(first, len(points)))
    return [*nodes, first] if closed else nodes


def _write_ways(
    writer: osmium.SimpleWriter, network: Network, shapes: Sequence[Shape], chains: Sequence[Sequence[int]]
) -> None:
    tags = [road_tags(road) for road in network.roads] + [shape.tags for shape in shapes]
    for i, (chain, tag) in enumerate(zip(chains, tags, strict=True)):
        writer.add_way(mutable.Way(id=i + 1, version=1, nodes=chain, tags=tag))


def _write_restrictions(writer: osmium.SimpleWriter, network: Network, number: dict[int, int]) -> None:
    for i, turn in enumerate(network.restrictions):
        members = [
            ("w", turn.from_road + 1, "from"), ("n", number[turn.via], "via"), ("w", turn.to_road + 1, "to"),
        ]  # fmt: skip
        tags = {"type": "restriction", "restriction": turn.kind}
        writer.add_relation(mutable.Relation(id=i + 1, version=1, members=members, tags=tags))


def road_tags(road: Road) -> Tags:
    """Tags of a road as OpenStreetMap writes them."""
    street = road.street
    tags = {
        "highway": street.rank.highway, "maxspeed": str(street.limit_kmh),
        "lanes": str(max(1, street.rank.lanes // 2) if street.oneway and street.rank.order < 8 else street.rank.lanes),
    }  # fmt: skip
    if street.name:
        tags |= {"name": street.name, "name:zh": street.name, "name:en": street.name_en}
    if street.ref:
        tags["ref"] = street.ref
    if street.oneway:
        tags["oneway"] = "yes"
    if street.roundabout:
        tags["junction"] = "roundabout"
    if road.bridge:
        tags |= {"bridge": "yes", "layer": str(max(1, street.layer))}
    return tags
