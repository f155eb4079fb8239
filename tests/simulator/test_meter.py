"""Taximeters: fares as the tariff says, sums that agree with their trips, for any day that is driven."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.wire.clocks import CHINA
from simulator.meter import Counts, Meter, Tariff, night, packed

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=CHINA)
NO_FEE = Decimal(0)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


@pytest.mark.parametrize(
    ("hour", "km", "waiting_min", "yuan"),
    [
        (12, "0.4", 0, 12),  # flag fall
        (12, "3.0", 0, 12),
        (12, "3.1", 0, 12),  # 12.24, to whole yuan
        (12, "10.0", 0, 29),  # 12 + 7 x 2.4 = 28.8
        (12, "10.0", 6, 32),  # and 6 minutes of 0.5
        (23, "10.0", 0, 35),  # 28.8 x 1.2 = 34.56
        (3, "3.0", 0, 14),  # 12 x 1.2 = 14.4
        (5, "3.0", 0, 12),  # the night ends at five
    ],
)
def test_fares(hour: int, km: str, waiting_min: int, yuan: int):
    on = NOON.replace(hour=hour)
    assert Tariff().fare(on, on + minutes(20), Decimal(km), waiting_min) == yuan


def test_half_a_yuan_is_a_yuan():
    assert Tariff(per_km_yuan=Decimal("2.5")).fare(NOON, NOON + minutes(9), Decimal("4.0"), 0) == 15  # 14.5


@pytest.mark.parametrize(
    ("on", "off", "share"),
    [((22, 50), (23, 10), "0.5"), ((4, 59), (5, 1), "0.5"), ((12, 0), (12, 30), "0"), ((1, 0), (1, 0), "1")],
)
def test_the_share_of_the_night(on: tuple[int, int], off: tuple[int, int], share: str):
    begin, end = (NOON.replace(hour=h, minute=m) for h, m in (on, off))
    assert night(begin, end) == Decimal(share)


def test_packed_times_are_those_of_captured_records():
    assert packed(datetime(2023, 8, 1, 20, 1, tzinfo=CHINA)) == 0x36034040


legs = st.lists(
    st.tuples(st.floats(0, 30_000), st.floats(1, 60), st.floats(0, 40_000), st.floats(1, 90), st.floats(0, 900)),
    min_size=1, max_size=20,
)  # fmt: skip


@given(legs, st.decimals(0, 20, places=1))
def test_the_sums_of_a_shift_are_those_of_its_trips(driven: list[tuple[float, ...]], fee: Decimal):
    meter, now, odometer = Meter(Tariff()), NOON, 1234.5
    meter.open("L", now, odometer)
    trips = []
    for empty_m, empty_min, metres, ride_min, slow_s in driven:
        now, odometer = now + minutes(empty_min), odometer + empty_m
        meter.down(now, odometer, 0)
        now, odometer = now + minutes(ride_min), odometer + metres
        trips.append(meter.up(now, odometer, slow_s, fee))
    shift = meter.close(now, odometer)
    assert shift is not None
    assert shift.trips == len(trips) == meter.counts.trips
    assert [trip.number for trip in trips] == list(range(1, len(trips) + 1))
    assert shift.amount == sum(trip.amount for trip in trips)
    assert shift.waiting_min == sum(trip.waiting_min for trip in trips)
    assert shift.metres == pytest.approx(odometer - 1234.5, abs=0.01)
    assert shift.occupied_m == pytest.approx(sum(leg[2] for leg in driven), abs=0.01)
    for trip, (empty_m, _, metres, _, _) in zip(trips, driven, strict=True):
        assert metres - 100 < trip.metres + 0.01
        assert trip.metres <= metres + 0.01
        assert trip.empty_m == pytest.approx(empty_m, abs=1.01)
        km = Decimal(trip.metres) / 1000
        assert trip.amount == fee + Tariff().fare(trip.on, trip.off, km, trip.waiting_min)
        assert trip.surcharge == fee


def test_the_way_between_shifts_is_told_with_the_next_one():
    meter = Meter(Tariff())
    meter.open("A", NOON, 0)
    meter.close(NOON + minutes(60), 10_000)
    shift = meter.open("B", NOON + minutes(90), 13_000)
    assert (shift.between_m, shift.metres) == (3000, 0)
    assert meter.counts.total_m == 13_000


def test_a_meter_goes_on_from_what_it_kept():
    first = Meter(Tariff(), Counts(trips=41, total_m=5e6))
    first.open("A", NOON, 100.0)
    again = Meter(Tariff(), first.counts)
    again.down(NOON + minutes(5), 7.0, 9)
    assert (again.running, again.order) == (True, 9)
    trip = again.up(NOON + minutes(15), 5007.0, 0, NO_FEE)
    assert trip is not None
    assert (trip.number, trip.metres, trip.order) == (42, 5000, 9)
    assert again.counts.shift is not None
    assert again.counts.shift.driver == "A"


def test_nobody_aboard_pays_nothing():
    meter = Meter(Tariff())
    assert meter.up(NOON, 0, 0, NO_FEE) is None
    assert meter.close(NOON, 0) is None
