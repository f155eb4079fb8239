"""Drivers: on the roads, in a lawful order of duties, the same however often one looks."""

from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.wire.clocks import CHINA
from simulator.demand import WEIGHTS, Demand
from simulator.driver import NO_SHOW_S, PATIENCE, Driver
from simulator.duty import FREE, Call, Duty
from simulator.gazetteer import KINDS
from simulator.roads.route import Roads
from tests.simulator import fast

MORNING = datetime(2026, 3, 4, 9, 0, tzinfo=CHINA)
FOLLOWS = {
    Duty.CRUISING: {Duty.CRUISING, Duty.BOARDING, Duty.RESTING, Duty.HOMEBOUND},
    Duty.BOARDING: {Duty.OCCUPIED},
    Duty.OCCUPIED: {Duty.ALIGHTING},
    Duty.ALIGHTING: {Duty.CRUISING, Duty.RESTING, Duty.HOMEBOUND},
    Duty.RESTING: {Duty.CRUISING},
    Duty.HOMEBOUND: {Duty.HANDOVER},
    Duty.HANDOVER: {Duty.CRUISING},
}
few = settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])


def driver(roads: Roads, demand: Demand, seed: int, start: datetime = MORNING) -> Driver:
    return fast.driver(roads, demand, seed, start)


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


def test_nobody_drives_longer_without_a_rest_than_the_law_allows(roads: Roads, demand: Demand):
    for seed in range(3):
        car, now = driver(roads, demand, seed), MORNING
        rested = MORNING
        while now < MORNING + timedelta(hours=24):
            leg, now = car.leg, car.leg.end
            if leg.duty in (Duty.RESTING, Duty.HANDOVER):
                rested = now
            assert now - rested < timedelta(hours=4, minutes=30), leg
            car.advance(now)


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


# calls


def free(roads: Roads, demand: Demand, seed: int) -> tuple[Driver, datetime]:
    """A driver who cruises, and a moment at which he does."""
    car, now = driver(roads, demand, seed), MORNING
    while car.leg.duty is not Duty.CRUISING or car.leg.journey is None:
        now = car.leg.end
        car.advance(now)
    return car, car.leg.start + (car.leg.end - car.leg.start) / 2


@few
@given(seed=st.integers(0, 10**6), goal=st.booleans())
def test_a_called_car_drives_to_the_passenger_and_to_where_he_wants_to_go(
    roads: Roads, demand: Demand, seed: int, goal: bool
):
    car, now = free(roads, demand, seed)
    before = car.read(now)
    pick_up, to = roads.plane.point(31.3940, 120.9502), roads.plane.point(31.3800, 120.9800)
    car.take_turns()
    assert car.fetch(Call(pick_up, to if goal else None), now)
    after = car.read(now)
    assert abs(after.odometer - before.odometer) < 1.0
    assert abs(roads.plane.point(after.lat, after.lon) - roads.plane.point(before.lat, before.lon)) < 15.0
    while car.leg.duty is not Duty.ALIGHTING:
        car.advance(car.leg.end)
    turns = {turn.reading.duty: turn for turn in car.take_turns()}
    assert list(turns) == [Duty.CALLED, Duty.BOARDING, Duty.OCCUPIED, Duty.ALIGHTING]
    aboard, out = (turns[duty].reading for duty in (Duty.OCCUPIED, Duty.ALIGHTING))
    assert abs(roads.plane.point(aboard.lat, aboard.lon) - pick_up) < 150
    assert (abs(roads.plane.point(out.lat, out.lon) - to) < 150) or not goal


@few
@given(seed=st.integers(0, 10**6), share=st.floats(0, 0.99))
def test_a_car_that_is_let_go_looks_for_others_from_where_it_is(roads: Roads, demand: Demand, seed: int, share: float):
    car, now = free(roads, demand, seed)
    car.fetch(Call(roads.plane.point(31.3940, 120.9502)), now)
    now += (car.leg.end - now) * share
    before = car.read(now)
    assert car.let_go(now)
    after = car.read(now)
    assert car.leg.duty is Duty.CRUISING
    assert abs(roads.plane.point(after.lat, after.lon) - roads.plane.point(before.lat, before.lon)) < 15.0
    assert not car.let_go(now)


def test_who_has_a_passenger_is_not_called_away(roads: Roads, demand: Demand):
    car = driver(roads, demand, 1)
    while car.leg.duty is not Duty.OCCUPIED:
        car.advance(car.leg.end)
    leg = car.leg
    assert not car.fetch(Call(0j), leg.start)
    assert not car.let_go(leg.start)
    assert car.leg is leg


def test_who_waits_to_be_called_stops_for_nobody(roads: Roads, demand: Demand):
    car = driver(roads, demand, 3)
    car.engaged = True
    for _ in range(60):
        assert car.leg.duty not in (Duty.BOARDING, Duty.OCCUPIED, Duty.ALIGHTING)
        car.advance(car.leg.end)


def test_a_passenger_who_wants_the_car_later_is_waited_for_but_not_for_ever(roads: Roads, demand: Demand):
    for later, waits in ((timedelta(minutes=25), True), (timedelta(hours=6), False)):
        car, now = free(roads, demand, 4)
        car.fetch(Call(roads.plane.point(31.3940, 120.9502), None, now + later), now)
        arrived = car.leg.end
        assert arrived < now + timedelta(minutes=25)
        car.advance(arrived)
        assert car.leg.duty is Duty.BOARDING
        assert car.leg.end == (now + later if waits else arrived + PATIENCE)


def test_a_driver_waits_at_the_door_for_one_who_does_not_come_and_drives_on_empty(roads: Roads, demand: Demand):
    car, now = free(roads, demand, 5)
    door = complex(demand.points[0])
    assert car.fetch(Call(door, comes=False), now)
    duties = []
    while not duties or duties[-1] is not Duty.CRUISING:
        duties.append(car.leg.duty)
        if car.leg.duty is Duty.BOARDING:
            assert (car.leg.end - car.leg.start).total_seconds() == NO_SHOW_S
        car.advance(car.leg.end)
    assert duties == [Duty.CALLED, Duty.BOARDING, Duty.CRUISING]


def test_a_driver_who_cheats_brings_his_passengers_there_the_long_way_round(roads: Roads, demand: Demand):
    def fare(detours: float) -> tuple[float, complex]:
        rng = np.random.default_rng(3)
        home = roads.nearest(complex(demand.points[5]))
        car = Driver(roads, demand, home, MORNING, rng, detours)
        pick_up, goal = roads.plane.point(31.3940, 120.9502), roads.plane.point(31.3510, 120.9560)
        while car.leg.duty not in FREE:
            car.advance(car.leg.end)
        assert car.fetch(Call(pick_up, goal), car.leg.start)
        while car.leg.duty is not Duty.OCCUPIED:
            car.advance(car.leg.end)
        assert car.leg.journey is not None
        return car.leg.journey.length, roads.point(car.leg.spot)

    honest, cheated = fare(0.0), fare(1.0)
    assert cheated[0] > 1.2 * honest[0]
    assert cheated[1] == honest[1]
