"""When a shift ends: twelve hours after the sign-in, or when taxis change hands, whatever comes first."""

from datetime import datetime, time, timedelta

import pytest

from dispatch.clock import CITY
from dispatch.shift import Shifts, handovers

TWICE = Shifts(handovers=(time(7), time(17)))
HOUR = timedelta(hours=1)


def at(hour: float, day: int = 27) -> datetime:
    return datetime(2026, 11, day, tzinfo=CITY) + hour * HOUR


def test_without_hours_of_handover_it_is_twelve_hours_from_the_sign_in():
    assert Shifts().left(at(6), at(10)) == 8 * HOUR
    assert Shifts().left(at(6), at(18)) is None


def test_a_handover_ends_it_earlier():
    assert TWICE.left(at(8), at(16)) == HOUR
    assert TWICE.left(at(18), at(23)) == 7 * HOUR
    assert TWICE.left(at(18), at(1, 28)) == 5 * HOUR


def test_who_took_over_a_little_early_is_not_sent_home_by_that_handover():
    assert TWICE.left(at(16.5), at(16.75)) == 11.75 * HOUR
    assert TWICE.left(at(16), at(16.75)) == 0.25 * HOUR


def test_during_the_handover_itself_nothing_is_left():
    assert TWICE.left(at(8), at(17)) == timedelta()
    assert TWICE.left(at(8), at(17.1)) == pytest.approx(2.9 * HOUR, abs=timedelta(seconds=1))


def test_hours_are_read_from_a_setting():
    assert handovers("07:00, 17:30") == (time(7), time(17, 30))
    assert handovers("") == ()
    with pytest.raises(ValueError, match="hour"):
        handovers("25:00")
