"""Service levels: what a handful of calls come to, by hand, and how unequal incomes are."""

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.booking import State
from dispatch.levels import ELDERLY, Call, Earned, empty_share, fleet, gini, level, levels

RANG = datetime(2026, 11, 25, 23, 50, tzinfo=UTC)
"""07:50 by the city's clock."""


def call(minutes: float = 0, confirm: float | None = None, met: float | None = None, **given_: object) -> Call:
    """Asked so many minutes after RANG; seconds until a taxi was confirmed and at the door."""
    asked = RANG + timedelta(minutes=minutes)
    moments = {
        name: None if after is None else asked + timedelta(seconds=after)
        for name, after in (("confirmed", confirm), ("met", met))
    }
    return Call(asked, **({"state": State.COMPLETED if met is not None else State.NO_CAR} | moments | given_))


def test_calls_come_to_a_level():
    calls = [call(confirm=10, met=300), call(confirm=30, met=500), call(confirm=20), call()]
    found = level(calls)
    assert (found.calls, found.success) == (4, 0.5)
    assert (found.confirm_s, found.door_s) == (20, 400)
    assert found.door_p95_s == pytest.approx(490)


def test_a_passenger_who_does_not_come_was_served_and_one_who_gave_up_was_not():
    came, gone = call(met=200, state=State.NO_SHOW), call(confirm=5, state=State.CANCELLED_BY_PASSENGER)
    assert level([came, gone]).success == 0.5


@pytest.mark.parametrize("state", [State.WAITING, State.EN_ROUTE, State.ON_BOARD, State.CANCELLED_BY_CENTRE])
def test_what_is_open_or_was_taken_back_says_nothing(state: State):
    assert level([call(confirm=1, met=2, state=state), call(met=60)]).calls == 1


def test_no_calls_have_no_level():
    found = level([])
    assert found.calls == 0
    assert math.isnan(found.success)
    assert math.isnan(found.door_p95_s)


def test_calls_are_told_apart_by_the_citys_hour_channel_group_and_zone():
    calls = [
        call(0, met=60, zone="玉山", group=ELDERLY),
        call(15, zone="花桥", channel="online"),
        call(20, met=60, zone="花桥", channel="online"),
    ]
    assert {hour: found.success for hour, found in levels(calls, "hour").items()} == {"07": 1, "08": 0.5}
    assert {zone: found.calls for zone, found in levels(calls, "zone").items()} == {"玉山": 1, "花桥": 2}
    assert list(levels(calls, "channel")) == ["online", "phone"]
    assert levels(calls, "group")[ELDERLY].success == 1
    with pytest.raises(KeyError):
        levels(calls, "plate")


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.1, 1e3))
def test_inequality_is_a_share_and_the_same_in_any_currency(incomes: list[float], rate: float):
    found = gini(incomes)
    assert -1e-9 <= found < 1
    assert gini([income * rate for income in reversed(incomes)]) == pytest.approx(found, abs=1e-6)


def test_inequality_of_known_incomes():
    assert gini([5, 5, 5, 5]) == pytest.approx(0)
    assert gini([0, 0, 0, 1]) == pytest.approx(0.75)
    assert gini([1, 3]) == pytest.approx(0.25)
    assert gini([]) == gini([0, 0]) == 0


def test_the_empty_part_of_the_way():
    assert empty_share(30, 70) == 0.3
    assert math.isnan(empty_share(0, 0))


def test_a_fleets_fairness_is_of_incomes_an_hour_of_those_who_worked_long_enough():
    hour = timedelta(hours=1)
    earned = [Earned("1", 8 * hour, 240.0), Earned("2", 4 * hour, 360.0), Earned("3", 0.5 * hour, 500.0)]
    found = fleet(earned, hour, 30_000, 70_000)
    assert (found.drivers, found.gini) == (2, pytest.approx(gini([30, 90])))
    assert (found.empty_share, found.empty_km, found.paid_km) == (0.3, 30, 70)


def test_a_fleet_that_did_nothing_has_no_fairness():
    found = fleet([], timedelta(hours=1), 0, 0)
    assert found.drivers == 0
    assert math.isnan(found.gini)
    assert math.isnan(found.empty_share)
