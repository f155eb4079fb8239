"""A generated city for all tests of the simulator: made once, read by many."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from simulator.city.generate import CITY_FILE, PLACES_FILE, generate
from simulator.demand import Demand
from simulator.gazetteer import parse
from simulator.roads.route import Roads

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Directory with `city.osm.pbf` and `places.csv` of the default seed."""
    directory = tmp_path_factory.mktemp("city")
    generate(directory)
    return directory


@pytest.fixture(scope="session")
def roads(city: Path) -> Roads:
    return Roads.load(city / CITY_FILE)


@pytest.fixture(scope="session")
def demand(city: Path, roads: Roads) -> Demand:
    places = parse((city / PLACES_FILE).read_text("utf-8"))
    return Demand(places, np.array([roads.plane.point(p.lat, p.lon) for p in places]))
