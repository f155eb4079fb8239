"""The one order of an ISU: what it shows, what it listens to, and that it never gets stuck."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.terminal.task import ASSIGNED, BOOKING, IMMEDIATE, NO_ORDER, TRANSITIONS, State, Task

EVENTS = sorted({event for _, event in TRANSITIONS})
WON = ("told", "grab", "answered")
"""What lies between an offer and its result."""


def task(*events: str, order: int = 7) -> Task:
    one = Task()
    assert one.offered(order, IMMEDIATE, signed_in=True, vacant=True)
    for event in events:
        assert one.step(event), event
    return one


def test_a_won_order_runs_through_to_its_end():
    one = task(*WON)
    assert one.decided(7, won=True)
    for event, on_call in (("told", True), ("finish", False), ("answered", False), ("clear", False)):
        assert one.step(event)
        assert one.on_call is on_call
    assert (one.state, one.order) == (State.IDLE, NO_ORDER)


@pytest.mark.parametrize(("signed_in", "vacant"), [(False, True), (True, False), (False, False)])
def test_who_is_off_duty_or_has_a_passenger_is_shown_nothing(signed_in: bool, vacant: bool):
    one = Task()
    assert not one.offered(7, IMMEDIATE, signed_in=signed_in, vacant=vacant)
    assert one == Task()


@pytest.mark.parametrize(("kind", "shown"), [(IMMEDIATE, False), (BOOKING, True), (ASSIGNED, False)])
def test_on_a_call_only_a_booking_is_shown_and_the_call_is_kept(kind: int, shown: bool):
    one = task(*WON, "won", "told")
    assert one.offered(8, kind, signed_in=True, vacant=True) is shown
    assert (one.order, one.state) == (7, State.DETAIL_ACK)


def test_a_new_order_takes_the_place_of_the_one_that_is_shown():
    one = task("told")
    assert one.offered(8, BOOKING, signed_in=True, vacant=True)
    assert (one.order, one.kind, one.state) == (8, BOOKING, State.BRIEF)


@pytest.mark.parametrize("before", [(), ("told",), ("told", "grab")])
@pytest.mark.parametrize("won", [True, False])
def test_a_result_before_the_grab_was_answered_wins_nothing(before: tuple[str, ...], won: bool):
    one = task(*before)
    state = one.state
    heard = one.decided(7, won=won)
    assert one.state is (State.IDLE if heard else state)
    assert not (won and heard)


def test_the_result_of_another_order_is_not_listened_to():
    one = task(*WON)
    assert not one.decided(8, won=True)
    assert one.decided(7, won=False)
    assert one.state is State.IDLE


@pytest.mark.parametrize("events", [("told",), ("told", "grab"), WON, (*WON, "won", "told")])
def test_the_centre_may_cancel_at_any_time(events: tuple[str, ...]):
    one = task(*events)
    for event in ("cancel", "told", "clear"):
        assert one.step(event)
    assert one == Task()


@given(st.lists(st.sampled_from(EVENTS), max_size=40))
def test_whatever_happens_an_order_is_held_exactly_when_there_is_a_task(events: list[str]):
    one = task()
    for event in events:
        before, had = one.state, (one.state, event) in TRANSITIONS
        assert one.step(event) is had
        assert had or one.state is before
        if event != "offer":
            assert (one.order == NO_ORDER) >= (one.state is State.IDLE)


def test_every_state_is_reached_and_left():
    reached = set(TRANSITIONS.values())
    assert reached == set(State) == {state for state, _ in TRANSITIONS}
    for state in State:
        seen, front = {state}, [state]
        while front:
            here = front.pop()
            fresh = {after for (before, _), after in TRANSITIONS.items() if before is here} - seen
            seen |= fresh
            front += fresh
        assert State.IDLE in seen, f"{state} is a dead end"
