"""The whole city from one seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from simulator import gazetteer
from simulator.city import access, bridges, expressways, lines, osm, scenery, skeleton, traffic
from simulator.city.connected import drop_unreachable
from simulator.city.density import Density
from simulator.city.names import Names
from simulator.city.plan import CityPlan, load_plan
from simulator.city.streets import Network
from simulator.gazetteer import Place

SEED = 320583
"""Kunshan's code in GB/T 2260."""
CITY_FILE, PLACES_FILE = "city.osm.pbf", "places.csv"


def generate(directory: Path, seed: int = SEED) -> Network:
    """Write `city.osm.pbf` and `places.csv` into the directory; returns the network that was written."""
    plan = load_plan()
    places = [place for place in gazetteer.load() if _in_box(plan, place)]
    rng = np.random.default_rng(seed)
    points = np.array([plan.plane.point(place.lat, place.lon) for place in places])
    density = Density(plan.towns, points)
    bones = skeleton.build(plan, density, rng)
    network = bones.network
    expressways.build(network, plan)
    bridges.span(network, lines.obstacles(plan))
    access.reach(network, [(p.name, p.name_en, point) for p, point in zip(places, points.tolist(), strict=True)])
    _rules(network, plan, density, rng)
    shapes = [
        *scenery.waters(plan), *scenery.railways(plan),
        *scenery.land(network.points, bones.blocks, density, Names(rng), rng),
    ]  # fmt: skip
    directory.mkdir(parents=True, exist_ok=True)
    osm.write(directory / CITY_FILE, plan.plane, network, shapes, scenery.spots(plan, places))
    (directory / PLACES_FILE).write_text(gazetteer.to_csv(places), "utf-8")
    return network


def _rules(network: Network, plan: CityPlan, density: Density, rng: np.random.Generator) -> None:
    traffic.one_ways(network, rng)
    drop_unreachable(network)
    traffic.roundabouts(network, density, rng)
    traffic.signals(network, density, rng)
    traffic.split_roads(network, plan.centre)
    traffic.restrict_turns(network, rng)


def _in_box(plan: CityPlan, place: Place) -> bool:
    point, box = plan.plane.point(place.lat, place.lon), plan.box
    return box.west < point.real < box.east and box.south < point.imag < box.north
