"""The road network: connected, lawful, and good for real extracts too."""

from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.city.generate import CITY_FILE, PLACES_FILE
from simulator.gazetteer import parse
from simulator.roads.graph import build
from simulator.roads.read import Extract, RoadsError, parse_kmh, read
from simulator.roads.route import Roads, Spot


@pytest.fixture(scope="module")
def extract(city: Path) -> Extract:
    return read(city / CITY_FILE)


def test_nearly_every_road_node_can_reach_every_other(extract: Extract):
    uses = Counter(node for way in extract.ways for node in way.nodes)
    ends = {way.nodes[end] for way in extract.ways for end in (0, -1)}
    junctions = ends | {node for node, times in uses.items() if times > 1}
    kept = {node for edge in build(extract).edges for node in (edge.start, edge.end)}
    assert len(junctions & kept) >= 0.995 * len(junctions)


def test_no_edge_runs_against_a_one_way(extract: Extract, roads: Roads):
    one_ways = {way.id: way.nodes for way in extract.ways if not way.backward and way.nodes[0] != way.nodes[-1]}
    assert len(one_ways) > 500
    for edge in roads.edges:
        if nodes := one_ways.get(edge.way):
            assert nodes.index(edge.start) < nodes.index(edge.end)


def test_no_turn_breaks_a_restriction(extract: Extract, roads: Roads):
    banned = {(turn.from_way, turn.via, turn.to_way) for turn in extract.turns}
    assert len(banned) > 100
    starts, ends = roads.graph.costs.tocoo().coords
    for i, j in zip(starts.tolist(), ends.tolist(), strict=True):
        before, after = roads.edges[i], roads.edges[j]
        assert before.end == after.start
        assert (before.way, before.end, after.way) not in banned


def test_every_well_known_place_has_a_road_at_its_door(city: Path, roads: Roads):
    places = parse((city / PLACES_FILE).read_text("utf-8"))
    gaps = {place.name: roads.distance(roads.plane.point(place.lat, place.lon)) for place in places}
    assert len(gaps) > 300
    assert {name: gap for name, gap in gaps.items() if gap > 250} == {}


@given(st.data())
def test_a_route_follows_allowed_turns_from_start_to_goal(roads: Roads, data: st.DataObject):
    numbers = st.integers(0, len(roads.edges) - 1)
    start = Spot(data.draw(numbers), data.draw(st.floats(0, 5)))
    goal = Spot(data.draw(numbers), data.draw(st.floats(0, 5)))
    path = roads.route(start, goal)
    assert (path[0], path[-1]) == (start.edge, goal.edge)
    assert all(roads.graph.costs[a, b] > 0 for a, b in pairwise(path))


def test_a_goal_behind_on_the_same_edge_is_reached_by_going_around(roads: Roads):
    path = roads.route(Spot(0, 20.0), Spot(0, 1.0))
    assert path[0] == path[-1] == 0
    assert len(path) > 1


def test_the_nearest_spot_is_near(roads: Roads):
    for number in range(0, len(roads.edges), 997):
        point = roads.point(Spot(number, roads.edges[number].length / 3))
        spot = roads.nearest(point)
        assert abs(roads.point(spot) - point) < 8.0


@pytest.mark.parametrize(("name", "least"), [("monaco", 2000), ("andorra", 2000), ("shanghai-centre", 500)])
def test_real_extracts_give_networks_too(shared: Path, name: str, least: int):
    roads = Roads.load(shared / "data" / "osm" / f"{name}.osm.pbf")
    assert len(roads.edges) > least
    rng = np.random.default_rng(5)
    for a, b in rng.integers(len(roads.edges), size=(20, 2)).tolist():
        assert roads.route(Spot(a, 0.0), Spot(b, 0.0))[-1] == b


@pytest.mark.parametrize(
    ("text", "kmh"),
    [("60", 60.0), ("60 km/h", 60.0), ("30 mph", 48.28032), ("30mph", 48.28032), ("none", None), ("CN:urban", None),
     ("", None), ("0", None)],
)  # fmt: skip
def test_limits_are_read_as_tagged(text: str, kmh: float | None):
    assert parse_kmh(text) == kmh


def test_a_missing_or_foreign_file_is_refused_by_name(tmp_path: Path):
    with pytest.raises(RoadsError, match=r"cannot read roads from .*nothing\.osm\.pbf"):
        Roads.load(tmp_path / "nothing.osm.pbf")
    (tmp_path / "text.osm.pbf").write_text("no map at all")
    with pytest.raises(RoadsError, match=r"cannot read roads from .*text\.osm\.pbf"):
        Roads.load(tmp_path / "text.osm.pbf")


def one_way(directory: Path, tags: dict[str, str]) -> Path:
    """An OSM file with a single way between two nodes."""
    nodes = "".join(f'<node id="{i}" version="1" lat="31.{i}" lon="121.0"/>' for i in (1, 2))
    inner = "".join(f'<tag k="{key}" v="{value}"/>' for key, value in tags.items())
    path = directory / "one.osm"
    path.write_text(f'<osm version="0.6">{nodes}<way id="1" version="1"><nd ref="1"/><nd ref="2"/>{inner}</way></osm>')
    return path


@pytest.mark.parametrize(
    ("tags", "directions"),
    [
        ({}, (True, True)),
        ({"oneway": "yes"}, (True, False)),
        ({"oneway": "-1"}, (False, True)),
        ({"junction": "roundabout"}, (True, False)),
        ({"highway": "motorway"}, (True, False)),
        ({"highway": "motorway", "oneway": "no"}, (True, True)),
    ],
)
def test_directions_are_those_that_the_tags_mean(tmp_path: Path, tags: dict[str, str], directions: tuple[bool, bool]):
    (found,) = read(one_way(tmp_path, {"highway": "primary"} | tags)).ways
    assert (found.forward, found.backward) == directions


@pytest.mark.parametrize(
    "tags", [{"highway": "footway"}, {"access": "private"}, {"motor_vehicle": "no"}, {"area": "yes"}]
)
def test_what_is_closed_to_cars_is_no_road(tmp_path: Path, tags: dict[str, str]):
    with pytest.raises(RoadsError, match="no road for cars"):
        read(one_way(tmp_path, {"highway": "service"} | tags))
