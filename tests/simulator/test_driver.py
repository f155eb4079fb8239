"""Drivers: on the roads, in a lawful order of duties, the same however often one looks."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.wire.clocks import CHINA
from simulator.city.generate import PLACES_FILE
from simulator.demand import WEIGHTS, Demand
from simulator.driver import Driver
from simulator.duty import Duty
from simulator.gazetteer import KINDS, parse
from simulator.roads.route import Roads

MORNING = datetime(2026, 3, 4, 9, 0, tzinfo=CHINA)
FOLLOWS = {
    Duty.CRUISING: {Duty.CRUISING, Duty.BOARDING, Duty.HOMEBOUND},
    Duty.BOARDING: {Duty.OCCUPIED},
    Duty.OCCUPIED: {Duty.ALIGHTING},
    Duty.ALIGHTING: {Duty.CRUISING, Duty.RESTING, Duty.HOMEBOUND},
    Duty.RESTING: {Duty.CRUISING},
    Duty.HOMEBOUND: {Duty.HANDOVER},
    Duty.HANDOVER: {Duty.CRUISING},
}
few = settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module")
def demand(city: Path, roads: Roads) -> Demand:
    places = parse((city / PLACES_FILE).read_text("utf-8"))
    return Demand(places, np.array([roads.plane.point(p.lat, p.lon) for p in places]))


def driver(roads: Roads, demand: Demand, seed: int, start: datetime = MORNING) -> Driver:
    rng = np.random.default_rng(seed)
    home = roads.nearest(complex(demand.points[int(rng.integers(len(demand.points)))]))
    return Driver(roads, demand, home, start, rng)


@few
@given(seed=st.integers(0, 10**6), hour=st.integers(0, 23))
def test_the_car_is_always_on_a_road_and_within_its_fastest_limit(roads: Roads, demand: Demand, seed: int, hour: int):
    car = driver(roads, demand, seed, MORNING.replace(hour=hour))
    fastest = max(edge.limit for edge in roads.edges)
    for minutes in range(0, 90, 2):
        reading = car.read(MORNING.replace(hour=hour) + timedelta(minutes=minutes, seconds=seed % 60))
        assert roads.distance(roads.plane.point(reading.lat, reading.lon)) < 8.0
        assert 0 <= reading.speed <= fastest


@few
@given(seed=st.integers(0, 10**6), seconds=st.lists(st.integers(1, 600), min_size=1, max_size=30))
def test_looking_more_often_changes_nothing(roads: Roads, demand: Demand, seed: int, seconds: list[int]):
    watched, alone = driver(roads, demand, seed), driver(roads, demand, seed)
    now = MORNING
    for step in seconds:
        now += timedelta(seconds=step)
        watched.read(now)
    assert watched.read(now) == alone.read(now)


@few
@given(seed=st.integers(0, 10**6))
def test_it_moves_no_faster_than_it_drives_and_the_odometer_counts_it(roads: Roads, demand: Demand, seed: int):
    car = driver(roads, demand, seed)
    before = car.read(MORNING)
    for second in range(10, 1800, 10):
        after = car.read(MORNING + timedelta(seconds=second))
        step = abs(roads.plane.point(after.lat, after.lon) - roads.plane.point(before.lat, before.lon))
        driven = after.odometer - before.odometer
        assert step <= driven + 1.0
        assert 0 <= driven <= 10 * 120 / 3.6
        before = after


def test_a_day_runs_through_all_duties_in_a_lawful_order(roads: Roads, demand: Demand):
    seen: set[Duty] = set()
    for seed in range(3):
        car, now = driver(roads, demand, seed), MORNING
        while now < MORNING + timedelta(hours=24):
            duty, now = car.leg.duty, car.leg.end
            car.advance(now)
            assert car.leg.duty in FOLLOWS[duty]
            assert car.leg.start == now
            seen.add(duty)
    assert seen == set(Duty) - {Duty.CALLED}


def test_shifts_change_around_seven_and_five(roads: Roads, demand: Demand):
    hours = []
    for seed in range(4):
        car, now = driver(roads, demand, seed), MORNING
        while now < MORNING + timedelta(hours=24):
            now = car.leg.end
            was = car.leg.duty
            car.advance(now)
            if car.leg.duty is Duty.HANDOVER and was is Duty.HOMEBOUND:
                hours.append(now.astimezone(CHINA).hour)
    assert len(hours) >= 8
    assert set(hours) <= {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 17, 18, 19}
    assert {16, 17, 18, 19} & set(hours)


def test_fares_have_the_length_of_taxi_rides(roads: Roads, demand: Demand):
    lengths = []
    for seed in range(4):
        car, now = driver(roads, demand, seed), MORNING
        while now < MORNING + timedelta(hours=6):
            now = car.leg.end
            car.advance(now)
            if car.leg.duty is Duty.OCCUPIED and car.leg.journey:
                lengths.append(car.leg.journey.length)
    assert len(lengths) > 20
    assert 2000 < float(np.median(lengths)) < 12_000
    assert min(lengths) >= 500


def test_every_kind_of_place_has_passengers():
    assert set(WEIGHTS) == set(KINDS)


def test_passengers_are_where_people_are_and_when_they_are_up(roads: Roads, demand: Demand):
    def mean_wait(point: complex, hour: int) -> float:
        rng = np.random.default_rng(3)
        return float(np.mean([demand.wait_s(point, hour, rng) for _ in range(400)]))

    station, fields = roads.plane.point(31.3940, 120.9502), roads.plane.point(31.53, 121.14)
    assert mean_wait(station, 9) * 4 < mean_wait(fields, 9)
    assert mean_wait(station, 9) * 2 < mean_wait(station, 3)


def test_nobody_takes_a_taxi_around_the_corner(roads: Roads, demand: Demand):
    rng, station = np.random.default_rng(4), roads.plane.point(31.3940, 120.9502)
    rides = [abs(demand.destination(station, 9, rng) - station) for _ in range(500)]
    assert min(rides) > 200
    assert 1500 < float(np.median(rides)) < 8000


def test_the_same_seed_drives_the_same_day(roads: Roads, demand: Demand):
    later = datetime(2026, 3, 4, 5, 0, tzinfo=UTC)
    assert driver(roads, demand, 11).read(later) == driver(roads, demand, 11).read(later)
    assert driver(roads, demand, 11).read(later) != driver(roads, demand, 12).read(later)
