"""Hours at the wheel: four hours without a rest of twenty minutes, however often and in whatever pieces one looks."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.wheel import Hours, Wheels
from gateway.report import micros

NOON = datetime(2026, 11, 27, 4, 0, tzinfo=UTC)
CAR = np.array([3])
FULL_S = 4 * 3600.0


def drive(wheels: Wheels, minutes: float, moves: bool, every_s: int = 15, start: datetime = NOON) -> datetime:
    """Fixes of so many minutes; the time after the last one."""
    for second in range(0, int(minutes * 60) + 1, every_s):
        wheels.see(CAR, np.array([micros(start) + second * 1_000_000]), np.array([moves]))
    return start + timedelta(minutes=minutes)


def left_s(wheels: Wheels, now: datetime) -> float:
    return float(wheels.left_s(CAR, micros(now))[0])


def test_a_car_that_nobody_has_seen_has_all_its_hours():
    assert left_s(Wheels(Hours()), NOON) == FULL_S


def test_driving_counts_and_red_lights_are_no_rest():
    wheels, now = Wheels(Hours()), NOON
    for _ in range(10):
        now = drive(wheels, 10, True, start=now)
        now = drive(wheels, 5, False, start=now)
    assert left_s(wheels, now) == FULL_S - 150 * 60


def test_twenty_minutes_at_a_stand_are_a_rest_and_nineteen_are_not():
    for minutes, rested in ((19, False), (20.5, True)):  # he stands since the first fix that says so
        wheels = Wheels(Hours())
        now = drive(wheels, minutes, False, start=drive(wheels, 180, True))
        assert (left_s(wheels, now) == FULL_S) is rested
        later = drive(wheels, 10, True, start=now)
        driven = 10 if rested else 180 + minutes + 10
        assert left_s(wheels, later) == pytest.approx(FULL_S - 60 * driven, abs=15)


def test_a_silence_of_twenty_minutes_is_a_rest():
    wheels = Wheels(Hours())
    now = drive(wheels, 180, True)
    assert left_s(wheels, now + timedelta(minutes=19)) == FULL_S - 199 * 60
    assert left_s(wheels, now + timedelta(minutes=20)) == FULL_S
    later = drive(wheels, 1, True, start=now + timedelta(minutes=25))
    assert left_s(wheels, later) == FULL_S - 60


def test_more_than_four_hours_leave_less_than_nothing():
    wheels = Wheels(Hours())
    assert left_s(wheels, drive(wheels, 300, True)) == -3600


def test_older_fixes_change_nothing():
    wheels = Wheels(Hours())
    now = drive(wheels, 60, True)
    drive(wheels, 30, False, start=NOON)
    assert left_s(wheels, now) == FULL_S - 3600


@given(st.lists(st.integers(1, 18) | st.integers(22, 60), min_size=1, max_size=12))
def test_how_often_one_looks_changes_it_by_no_more_than_that(parts: list[int]):
    """Driving and standing by turns, none of it a rest by a hair."""
    often, seldom, now = Wheels(Hours()), Wheels(Hours()), NOON
    for n, minutes in enumerate(parts):
        drive(often, minutes, n % 2 == 0, 5, now)
        now = drive(seldom, minutes, n % 2 == 0, 60, now)
    assert abs(left_s(often, now) - left_s(seldom, now)) <= 60 * len(parts)
