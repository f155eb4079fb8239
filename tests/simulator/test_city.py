"""The generated city: the same bytes for the same seed, named streets, waters crossed by bridges only."""

from collections import Counter
from itertools import pairwise
from pathlib import Path

import osmium
import pytest

from simulator.city.generate import CITY_FILE, PLACES_FILE, generate
from simulator.city.plan import load_plan
from simulator.plane import along, at

Way = tuple[dict[str, str], list[int]]


@pytest.fixture(scope="module")
def nodes(city: Path) -> dict[int, tuple[float, float]]:
    reader = osmium.FileProcessor(city / CITY_FILE, osmium.osm.NODE)
    return {node.id: (node.lat, node.lon) for node in reader}


@pytest.fixture(scope="module")
def ways(city: Path) -> list[Way]:
    reader = osmium.FileProcessor(city / CITY_FILE, osmium.osm.WAY)
    return [(dict(way.tags), [n.ref for n in way.nodes]) for way in reader]


def test_one_seed_gives_the_same_bytes(city: Path, tmp_path: Path):
    generate(tmp_path)
    for name in (CITY_FILE, PLACES_FILE):
        assert (tmp_path / name).read_bytes() == (city / name).read_bytes()


def test_another_seed_gives_another_city(city: Path, tmp_path: Path):
    generate(tmp_path, seed=7)
    assert (tmp_path / CITY_FILE).read_bytes() != (city / CITY_FILE).read_bytes()


def test_it_lies_in_its_box(nodes: dict[int, tuple[float, float]]):
    assert all(31.10 < lat < 31.55 and 120.79 < lon < 121.17 for lat, lon in nodes.values())


def test_roads_of_every_class_have_names_and_limits(ways: list[Way]):
    roads = [tags for tags, _ in ways if "highway" in tags]
    classes = Counter(tags["highway"] for tags in roads)
    plain = {"motorway", "trunk", "primary", "secondary", "tertiary", "unclassified", "residential"}
    assert set(classes) >= plain | {"motorway_link", "trunk_link"}
    assert all("maxspeed" in tags for tags in roads)
    streets = [tags for tags in roads if not tags["highway"].endswith("_link") and tags.get("junction") != "roundabout"]
    assert all(tags["name"] and tags["name:en"] for tags in streets)
    assert {"前进西路", "前进中路", "前进东路", "中环快速路", "京沪高速"} <= {tags.get("name") for tags in roads}


def test_the_map_has_waters_rails_parks_land_use_and_towns(city: Path, ways: list[Way]):
    assert {"娄江", "吴淞江", "青阳港", "杨林塘"} <= {t.get("name") for t, _ in ways if t.get("waterway") == "river"}
    for key, value in (("natural", "water"), ("railway", "rail"), ("leisure", "park"), ("landuse", "residential")):
        assert any(tags.get(key) == value for tags, _ in ways), (key, value)
    spots = [dict(node.tags) for node in osmium.FileProcessor(city / CITY_FILE, osmium.osm.NODE) if node.tags]
    assert {"玉山镇", "周庄镇", "花桥镇"} <= {tags["name"] for tags in spots if tags.get("place") in ("city", "town")}
    assert sum(tags.get("highway") == "traffic_signals" for tags in spots) > 500


def test_rivers_are_crossed_by_bridges_only(nodes: dict[int, tuple[float, float]], ways: list[Way]):
    plan = load_plan()
    crossings = 0
    for tags, refs in ways:
        if "highway" not in tags:
            continue
        points = [plan.plane.point(*nodes[ref]) for ref in refs]
        for river in plan.rivers:
            for a, b in pairwise(points):
                if abs(at(river.points, along(river.points, (a + b) / 2)) - (a + b) / 2) < river.width_m / 2:
                    crossings += 1
                    assert tags.get("bridge") == "yes", (tags, river.name)
    assert crossings > 100


def test_ways_end_at_signals_and_turn_restrictions_name_ways_that_meet(city: Path, ways: list[Way]):
    signals = {
        node.id
        for node in osmium.FileProcessor(city / CITY_FILE, osmium.osm.NODE)
        if node.tags.get("highway") == "traffic_signals"
    }
    ends = {}
    for number, (tags, refs) in enumerate(ways, 1):
        if "highway" in tags:
            ends[number] = {refs[0], refs[-1]}
            assert not signals & set(refs[1:-1])
    kinds: Counter[str] = Counter()
    for relation in osmium.FileProcessor(city / CITY_FILE, osmium.osm.RELATION):
        role = {member.role: member.ref for member in relation.members}
        assert role["via"] in ends[role["from"]] & ends[role["to"]]
        kinds[relation.tags["restriction"]] += 1
    assert kinds["no_left_turn"] > 100
    assert kinds["no_u_turn"] > 20
