"""The generated city's road network, built once; and its roads as the simulator knows them."""

from pathlib import Path

import pytest

from simulator.city.generate import CITY_FILE, generate
from simulator.roads.route import Roads
from tracking.roads.build import build
from tracking.roads.engine import Engine


@pytest.fixture(scope="session")
def extract(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The city as an `.osm.pbf`."""
    directory = tmp_path_factory.mktemp("extract")
    generate(directory)
    return directory / CITY_FILE


@pytest.fixture(scope="session")
def network(extract: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Directory of the network."""
    directory = tmp_path_factory.mktemp("network") / "roads"
    build(extract, directory)
    return directory


@pytest.fixture(scope="session")
def engine(network: Path) -> Engine:
    return Engine(network)


@pytest.fixture(scope="session")
def driven_roads(extract: Path) -> Roads:
    return Roads.load(extract)
