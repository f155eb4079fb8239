"""Bookings and real terminals: gateway, writer, bus, database and dispatch as processes, taxis over sockets."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dispatch import lock_out, queries
from dispatch.booking import Event, State
from dispatch.lookout import duties
from tests import stack
from tests.dispatch.bureau import CANCEL, DOOR, DROPPED, FINISHED, GOAL, Bureau, Isu, bureau, number
from tracking.database import Connection

Start = Callable[..., AbstractContextManager[Bureau]]
QUICK = "1"


@pytest.fixture
def start(tmp_path: Path, database: str) -> Start:
    return lambda taxis, **settings: bureau(tmp_path, database, taxis, **settings)


@pytest.fixture
def two(start: Start) -> Iterator[Bureau]:
    """Two taxis, and offers that lapse soon."""
    with start(2, answer_s=QUICK) as told:
        yield told


def test_from_a_call_to_the_end_of_the_journey(start: Start):
    with start(1) as office:
        taxi = office.taxi(number(1), metres=800)
        order = office.book()
        shown = taxi.shown().fields
        assert (shown["order"], shown["type"], shown["description"]) == (order, 0, "前进中路")
        taxi.grab(order)
        won = taxi.won(order)
        assert won["phone"] == "00000095128"
        assert "急诊门口" in won["description"]
        assert abs(won["passenger_lat"] - DOOR.lat) < 1e-5
        assert office.becomes(order, State.ACCEPTED).taxi == taxi.key
        _drive(office, taxi, order)
        assert [event for event, _ in office.past(order)] == [
            "create", "place", "offer", "accept", "depart", "arrive", "board", "complete",
        ]  # fmt: skip
        (decision,) = office.desk(lambda db: queries.decisions(db, order))
        assert decision["offered"] == [taxi.key]
        assert taxi.hears_nothing()


def _drive(office: Bureau, taxi: Isu, order: int) -> None:
    """To the door, and with the passenger to the goal, as fixes tell it."""
    taxi.by(DOOR, 800, in_s=1)
    taxi.by(DOOR, 500, kmh=40, in_s=20)
    office.becomes(order, State.EN_ROUTE)
    taxi.by(DOOR, 40, kmh=3, in_s=60)  # a red light beside the door
    taxi.by(DOOR, 45, kmh=12, in_s=65)
    taxi.by(DOOR, 5, in_s=70)
    taxi.by(DOOR, 5, in_s=82)
    office.becomes(order, State.ARRIVED)
    taxi.by(DOOR, 2, occupied=True, in_s=100)
    taxi.by(GOAL, 900, kmh=45, occupied=True, in_s=400)
    office.becomes(order, State.ON_BOARD)
    taxi.by(GOAL, in_s=460)
    assert office.becomes(order, State.COMPLETED).taxi is None


def test_an_offer_that_is_let_pass_goes_to_the_next(two: Bureau):
    near, far = two.taxi(number(1), metres=200), two.taxi(number(2), metres=1500)
    order = two.book()
    assert near.shown().fields["order"] == order
    assert far.takes(order)
    assert two.becomes(order, State.ACCEPTED).taxi == far.key
    near.grab(order)
    near.lost(order)
    assert [taxi for event, taxi in two.past(order) if event == "pass"] == [near.key]


def test_who_grabs_after_his_time_gets_it_when_nobody_else_has(start: Start):
    with start(1, answer_s=QUICK) as office:
        taxi = office.taxi(number(1), metres=200)
        order = office.book()
        taxi.shown()
        office.becomes(order, State.WAITING)
        taxi.grab(order)
        taxi.won(order)
        assert office.becomes(order, State.ACCEPTED).taxi == taxi.key


def test_a_driver_who_gives_it_back_is_locked_out_and_the_passenger_waits_on_with_his_age(two: Bureau):
    first = two.taxi(number(1), metres=200)
    order = two.book()
    first.takes(order)
    created = two.becomes(order, State.ACCEPTED).asked.created
    assert first.result(DROPPED, {"order": order, "reason": 1}) == 0
    second = two.taxi(number(2), metres=3000)
    second.takes(order)
    known = two.becomes(order, State.ACCEPTED)
    assert (known.taxi, known.asked.due) == (second.key, created)
    assert first.key in two.desk(lambda db: lock_out.running(db, datetime.now(UTC)))
    (reason,) = [step.reason for step in two.desk(lambda db: queries.past(db, order)) if step.event == "drop"]
    assert "jam" in reason


def test_a_passenger_who_cancels_frees_the_taxi_for_the_next(start: Start):
    with start(1) as office:
        taxi = office.taxi(number(1), metres=200)
        order = office.book()
        taxi.takes(order)
        office.becomes(order, State.ACCEPTED)
        assert office.do(order, Event.CANCEL) is State.CANCELLED_BY_PASSENGER
        assert taxi.hears(CANCEL).fields == {"order": order}
        assert taxi.takes(office.book("call 2"))


def test_cancelling_while_a_driver_thinks_clears_his_screen_and_a_grab_gets_nothing(start: Start):
    with start(1) as office:
        taxi = office.taxi(number(1), metres=200)
        order = office.book()
        taxi.shown()
        office.do(order, Event.CANCEL)
        assert taxi.hears(CANCEL).fields == {"order": order}
        taxi.grab(order)
        taxi.lost(order)


def test_what_the_desk_assigns_is_taken_by_the_terminal_and_told_in_full(two: Bureau):
    near, far = two.taxi(number(1), metres=200), two.taxi(number(2), metres=3000)
    order = two.book()
    near.shown()
    two.do(order, Event.ASSIGN, taxi=far.key)
    shown = far.shown().fields
    assert (shown["order"], shown["type"]) == (order, 2)
    assert near.hears(CANCEL).fields == {"order": order}
    far.grab(order)
    assert "急诊门口" in far.won(order)["description"]
    assert two.booking(order).taxi == far.key


def test_a_meter_that_starts_far_away_means_another_passenger(two: Bureau):
    thief, honest = two.taxi(number(1), metres=3000), two.taxi(number(2), metres=6000)
    order = two.book()
    thief.takes(order)
    thief.by(DOOR, 2900, occupied=True, in_s=30)
    honest.takes(order)
    (reason,) = [step.reason for step in two.desk(lambda db: queries.past(db, order)) if step.event == "lose"]
    assert "meter on 2900 m from the pick-up" in reason


def test_the_driver_may_say_that_it_is_done(start: Start):
    with start(1) as office:
        taxi = office.taxi(number(1), metres=200)
        order = office.book()
        taxi.takes(order)
        assert taxi.result(FINISHED, {"order": order}) == 0
        office.becomes(order, State.COMPLETED)


def test_an_order_that_nobody_knows_is_refused(start: Start):
    with start(1) as office:
        taxi = office.taxi(number(1))
        taxi.grab(4_000_000_001)
        taxi.lost(4_000_000_001)


def test_a_pre_booked_ride_waits_for_its_time_and_says_when(start: Start):
    with start(1) as office:
        taxi = office.taxi(number(1))
        wanted = (datetime.now(UTC) + timedelta(minutes=30)).replace(microsecond=0)
        later = office.book("later", wanted=wanted)
        soon = office.book("soon", wanted=wanted, lead=timedelta(minutes=45))
        shown = taxi.shown().fields
        assert (shown["order"], shown["type"], shown["time"]) == (soon, 1, wanted)
        assert office.booking(later).state is State.WAITING


def test_dispatch_killed_between_an_offer_and_its_answer_loses_nothing(start: Start):
    with start(1) as office:
        taxi = office.taxi(number(1), metres=200)
        order = office.book()
        taxi.shown()
        office.dispatch.kill()
        taxi.grab(order)
        office.start()
        taxi.won(order)
        office.becomes(order, State.ACCEPTED)
        assert [event for event, _ in office.past(order)] == ["create", "place", "offer", "accept"]


def test_a_second_dispatch_stands_by_and_takes_over(start: Start):
    with start(1) as office:
        first = office.dispatch
        stack.eventually(lambda: "dispatch leads" in first.said(), "the first one leads")
        office.start()
        stack.eventually(lambda: "stands by" in first.said(), "the second one stands by")  # they share a log
        taxi = office.taxi(number(1), metres=200)
        first_order = office.book()
        taxi.takes(first_order)
        taxi.result(FINISHED, {"order": first_order})
        office.becomes(first_order, State.COMPLETED)
        first.kill()
        taxi.takes(office.book("call 2"))


def test_a_terminal_without_an_order_screen_is_asked_and_told_in_words(start: Start):
    with start(0) as office:
        taxi = office.tracker()
        order = office.book()
        question = taxi.asked()
        assert "前进中路" in question.fields["question"]
        assert "168" not in question.fields["question"]
        assert "昆山南站" not in question.fields["question"]
        assert [answer["text"] for answer in question.fields["answers"]] == ["接单", "不接"]
        taxi.chooses(question, 1)
        text = taxi.told()
        assert "急诊门口" in text
        assert "00000095128" in text
        assert office.becomes(order, State.ACCEPTED).taxi == taxi.key
        office.do(order, Event.CANCEL)
        assert "已取消" in taxi.told()


def test_a_driver_who_chooses_no_is_not_asked_again_about_it(start: Start):
    with start(1) as office:
        taxi = office.tracker()
        order = office.book()
        taxi.chooses(taxi.asked(), 2)
        other = office.taxi(number(1), metres=4000)
        other.takes(order)
        assert ("pass", taxi.key) in office.past(order)


def test_a_terminal_that_knows_no_questions_costs_no_time(start: Start):
    with start(1) as office:
        office.tracker(edition=2019)
        order = office.book()
        other = office.taxi(number(1), metres=4000)
        other.takes(order)


def test_who_was_at_the_wheel_for_four_hours_gets_no_offer_until_another_drives(start: Start):
    with start(1) as office:
        taxi = office.taxi(number(1))
        for minutes in range(250, 0, -10):
            taxi.at(DOOR.lat, DOOR.lon + minutes * 1e-3, kmh=30, in_s=-60 * minutes)
        taxi.by(DOOR, kmh=30, in_s=1)
        stack.eventually(lambda: office.desk(fixes) == 27, "all fixes are stored")
        office.dispatch.kill()
        office.start()
        order = office.book()
        (tired,) = office.decided(order)[0]["excluded"]
        assert (tired["taxi"], tired["reason"]) == (taxi.key, "hours_used")
        taxi.signs_in("3205830001")
        assert taxi.takes(order)


def test_signing_out_and_in_again_is_no_rest(start: Start):
    with start(1) as office:
        taxi = office.taxi(number(1))
        for hours, driver in ((6, "3205830002"), (5, "3205830001"), (1, "3205830001")):
            taxi.signs_in(driver)
            ago = timedelta(hours=hours)
            stack.eventually(lambda ago=ago: office.desk(lambda db: backdate(db, ago)), "the sign-in is stored")
        now = datetime.now(UTC)
        duty = office.desk(lambda db: duties(db, now))[taxi.key]
        assert duty.driver == "3205830001"
        assert (now - duty.since) // timedelta(hours=1) == 1
        assert (now - duty.wheel) // timedelta(hours=1) == 5


async def fixes(db: Connection) -> int:
    row = await (await db.execute("SELECT count(*) FROM position")).fetchone()
    return row[0] if row else 0


async def backdate(db: Connection, ago: timedelta) -> bool:
    """The newest message came so long ago; False as long as it is not stored."""
    change = "UPDATE message SET received = now() - %s WHERE received > now() - interval '30 minutes'"
    return (await db.execute(change, (ago,))).rowcount > 0
