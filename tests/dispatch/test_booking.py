"""What may happen to a booking, when its search begins, when its taxi has arrived, and when it comes again."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.arrival import Fence, Sight, arrived
from dispatch.booking import OPEN, TABLE, WITH_TAXI, Actor, Booking, Event, Place, State, after
from dispatch.errors import BookingError, InputError
from dispatch.recurrence import occurrences

NOW = datetime(2026, 11, 25, 8, tzinfo=UTC)
DOOR = Place("昆山南站北广场", 31.351, 120.956)
CITY = ZoneInfo("Asia/Shanghai")


def test_the_usual_way():
    state = State.DRAFTED
    for event, actor in (
        (Event.PLACE, Actor.CALL_TAKER), (Event.OFFER, Actor.SYSTEM), (Event.PASS, Actor.SYSTEM),
        (Event.OFFER, Actor.SYSTEM), (Event.ACCEPT, Actor.DRIVER), (Event.DEPART, Actor.SYSTEM),
        (Event.ARRIVE, Actor.SYSTEM), (Event.BOARD, Actor.SYSTEM), (Event.COMPLETE, Actor.SYSTEM),
    ):  # fmt: skip
        state = after(state, event, actor)
    assert state is State.COMPLETED


@given(st.sampled_from(list(State)), st.sampled_from(list(Event)), st.sampled_from(list(Actor)), st.sampled_from("ab "))
def test_what_the_table_does_not_say_cannot_happen(state: State, event: Event, actor: Actor, reason: str):
    rule = TABLE.get((state, event))
    if rule and actor in rule.who and (not rule.reason or reason.strip()):
        assert after(state, event, actor, reason) is rule.to
    else:
        with pytest.raises(BookingError, match=str(event)):
            after(state, event, actor, reason)


def test_every_state_is_reached_and_every_open_one_can_end():
    reached, more = {State.DRAFTED}, True
    while more:
        found = {rule.to for (state, _), rule in TABLE.items() if state in reached}
        more = not found <= reached
        reached |= found
    assert reached == set(State)
    assert {state for state, _ in TABLE} == OPEN
    ends = {state for state in State if state not in OPEN}
    while more := {s for (s, _), rule in TABLE.items() if rule.to in ends} - ends:
        ends |= more
    assert ends == set(State)


def test_the_centre_and_the_driver_say_why():
    for (state, event), rule in TABLE.items():
        if event in (Event.WITHDRAW, Event.DROP, Event.LOSE, Event.MISS, Event.BREAK_OFF):
            assert rule.reason, (state, event)
    with pytest.raises(BookingError, match="needs a reason"):
        after(State.ACCEPTED, Event.DROP, Actor.DRIVER)


def test_a_passenger_never_acts_for_the_desk_and_nobody_takes_a_taxi_without_an_offer():
    by_passenger = {event for (_, event), rule in TABLE.items() if Actor.PASSENGER in rule.who}
    assert by_passenger == {Event.PLACE, Event.CANCEL}
    into = {(state, event) for (state, event), rule in TABLE.items() if rule.to in WITH_TAXI and state not in WITH_TAXI}
    assert into == {
        (State.OFFERED, Event.ACCEPT), (State.OFFERED, Event.ASSIGN), (State.WAITING, Event.ASSIGN),
    }  # fmt: skip


def test_a_lost_taxi_leaves_the_booking_its_age():
    booking = Booking(key="k", created=NOW, pick_up=DOOR)
    assert after(State.EN_ROUTE, Event.LOSE, Actor.SYSTEM, "silent for 3 min") is State.WAITING
    assert booking.wait_s(NOW + timedelta(minutes=9)) == 540


def test_a_pre_booking_waits_for_its_lead_time():
    wanted = NOW + timedelta(hours=3)
    booking = Booking(key="k", created=NOW, pick_up=DOOR, wanted=wanted, lead=timedelta(minutes=20))
    assert booking.due == wanted - timedelta(minutes=20)
    assert booking.wait_s(NOW + timedelta(hours=1)) == 0
    soon = Booking(key="k", created=NOW, pick_up=DOOR, wanted=NOW + timedelta(minutes=5))
    assert soon.due == NOW


# arrival


def sights(*rows: tuple[float, float, float | None]) -> list[Sight]:
    """Seconds, metres south of the door, m/s."""
    return [Sight(NOW + timedelta(seconds=s), DOOR.lat - m / 111_195, DOOR.lon, v) for s, m, v in rows]


@pytest.mark.parametrize(
    ("rows", "at_s"),
    [
        ([(0, 400, 9.0), (10, 200, 9.0), (20, 30, 0.5), (30, 28, 0.0)], 20),
        ([(0, 30, 0.5)], None),
        ([(0, 30, 0.0), (10, 25, 8.0), (15, 20, 0.0)], None),
        ([(0, 30, 0.0), (5, 300, 9.0), (20, 30, 0.0), (30, 30, 0.0)], 20),
        ([(0, 300, 0.0), (60, 300, 0.0)], None),
        ([(0, 90, None), (10, 40, None), (20, 39, None), (30, 38, None)], 20),
        ([(0, 40, None), (0, 40, None)], None),
        ([], None),
    ],
    ids=["stops", "one fix", "drives on", "leaves and returns", "far", "no speed", "same time", "nothing"],
)
def test_arrived_is_stopped_inside_the_fence_for_a_while(rows: list, at_s: float | None):
    expected = None if at_s is None else NOW + timedelta(seconds=at_s)
    assert arrived(sights(*rows), DOOR, Fence()) == expected


# recurrence


def test_mondays_and_fridays_at_seven_on_the_wall():
    first = datetime(2026, 11, 27, 7, tzinfo=CITY)
    found = occurrences("FREQ=WEEKLY;BYDAY=MO,FR", first, NOW, NOW + timedelta(days=14))
    assert [f"{t:%a %d %H:%M}" for t in found] == ["Fri 27 07:00", "Mon 30 07:00", "Fri 04 07:00", "Mon 07 07:00"]
    assert all(t.utcoffset() == timedelta(hours=8) for t in found)
    assert occurrences("FREQ=DAILY;COUNT=2", first, NOW, NOW + timedelta(days=30)) == [
        first, first + timedelta(days=1),
    ]  # fmt: skip
    ended = occurrences("FREQ=DAILY;UNTIL=20261129T000000Z", first, NOW, NOW + timedelta(days=30))
    assert [t.day for t in ended] == [27, 28]


def test_a_rule_whose_start_lies_back_goes_on_and_one_that_is_over_gives_nothing():
    first = datetime(2026, 1, 5, 23, 30, tzinfo=UTC)  # 07:30 of the next day in the city
    found = occurrences("FREQ=DAILY", first, NOW, NOW + timedelta(days=2))
    assert [f"{t:%H:%M}" for t in found] == ["07:30", "07:30"]
    assert occurrences("FREQ=DAILY;COUNT=3", first, NOW, NOW + timedelta(days=2)) == []


@pytest.mark.parametrize(
    "rule",
    [
        "", "daily", "FREQ=HOURLY", "FREQ=DAILY;BYDAY=XX", "FREQ=DAILY;COUNT=many", "\n", "FREQ=DAILY;INTERVAL=0",
        "FREQ=MONTHLY;BYMONTHDAY=32", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "FREQ=DAILY;UNTIL=20261399",
        "RRULE:FREQ=DAILY\nRRULE:FREQ=WEEKLY", "FREQ=DAILY;BYHOUR=1,2",
    ],
)  # fmt: skip
def test_a_rule_that_is_none_is_refused(rule: str):
    with pytest.raises(InputError, match="is no rule of recurrence"):
        occurrences(rule, NOW, NOW, NOW + timedelta(days=7))


def test_nobody_makes_out_centuries():
    with pytest.raises(InputError, match="400 days"):
        occurrences("FREQ=DAILY", NOW, NOW, NOW + timedelta(days=500))
