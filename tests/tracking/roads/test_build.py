"""`roads build`: any extract, whole or not at all."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tracking.roads.build import Network, build
from tracking.roads.engine import Engine
from tracking.roads.port import Basis, Place, RoadsError

CENTRE, STATION = Place(31.385, 120.955), Place(31.39, 121.0)


def files(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file()
    }


def test_the_command_builds_and_says_what(extract: Path, tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-m", "tracking", "roads", "build", str(extract), "--out", str(tmp_path / "deep" / "roads")],
        capture_output=True, text=True, timeout=100, check=True, cwd=tmp_path,
    )  # fmt: skip
    assert "ways for cars from city.osm.pbf, 31.1" in done.stdout
    assert {path.name for path in tmp_path.iterdir()} == {"deep"}, "nothing is left where it ran"
    assert {path.name for path in (tmp_path / "deep").iterdir()} == {"roads"}


def test_a_network_is_the_same_each_time_and_may_be_moved(extract: Path, network: Path, tmp_path: Path):
    build(extract, tmp_path / "again")
    assert files(tmp_path / "again") == files(network)
    shutil.move(tmp_path / "again", tmp_path / "moved")
    (way, *_) = Engine(tmp_path / "moved").routes(CENTRE, STATION)
    assert way.basis is Basis.ROADS


@pytest.mark.parametrize("name", ["monaco", "andorra", "shanghai-centre"])
def test_real_extracts_are_built(shared: Path, tmp_path: Path, name: str):
    found = build(shared / "data" / "osm" / f"{name}.osm.pbf", tmp_path / "roads")
    assert found == Network.read(tmp_path / "roads")
    middle = Place((found.south + found.north) / 2, (found.west + found.east) / 2)
    assert found.covers(middle)
    corner = Place(found.south + 0.4 * (found.north - found.south), found.west + 0.4 * (found.east - found.west))
    ways = Engine(tmp_path / "roads").routes(corner, middle)
    assert all(way.length > 0 and way.seconds > 0 for way in ways)


def test_a_new_network_takes_the_place_of_the_former(shared: Path, extract: Path, tmp_path: Path):
    build(shared / "data" / "osm" / "monaco.osm.pbf", tmp_path / "roads")
    build(extract, tmp_path / "roads")
    assert Network.read(tmp_path / "roads").source == "city.osm.pbf"
    assert [path.name for path in tmp_path.iterdir()] == ["roads"]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("none.osm.pbf", None, "cannot read roads from .*none"),
        ("text.osm.pbf", b"no map at all", "cannot read roads from .*text"),
        ("sea.osm", b'<osm version="0.6"><node id="1" version="1" lat="31" lon="121"/></osm>', "no road for cars in"),
    ],
)
def test_what_is_no_extract_is_refused_and_leaves_nothing(tmp_path: Path, name: str, content: bytes | None, told: str):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(RoadsError, match=told):
        build(tmp_path / name, tmp_path / "roads")
    assert not (tmp_path / "roads").exists()


def test_a_directory_that_is_something_else_is_never_replaced(extract: Path, tmp_path: Path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "one.jpg").write_bytes(b"dear")
    with pytest.raises(RoadsError, match="photos holds no road network"):
        build(extract, tmp_path / "photos")
    assert (tmp_path / "photos" / "one.jpg").read_bytes() == b"dear"


@pytest.mark.parametrize(
    ("content", "told"), [(None, "roads build FILE"), ("{", "cannot be read"), ("{}", "cannot be")]
)
def test_a_directory_without_a_network_cannot_be_opened(tmp_path: Path, content: str | None, told: str):
    if content is not None:
        (tmp_path / "network.json").write_text(content)
    with pytest.raises(RoadsError, match=told):
        Engine(tmp_path)
