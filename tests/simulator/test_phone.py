"""A simulated driver's phone: shows what it is told once, acknowledges it always, and answers as its driver presses."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.command import Ask, AwardOrder, CancelOrder, OfferOrder, RefuseOrder, SendText
from gateway.protocols.mqtt.phone import heard, told
from gateway.report import OrderAnswer, Position
from gateway.session import Said
from simulator.crew import crew
from simulator.terminal.car import (
    Car,
    Dropped,
    GivenUp,
    Lost,
    Offered,
    Paid,
    Pressed,
    ShiftBegun,
    ShiftEnded,
    Told,
    Won,
)
from simulator.terminal.phone import Phone

KEY, ORDER = "mqtt/kunshan-0001", 7001
HERE = Position(terminal=KEY, time=datetime(2026, 11, 27, tzinfo=UTC), lat=31.38, lon=120.95)
OFFER = OfferOrder(terminal=KEY, order=ORDER, kind="immediate", description="昆山南站")
AWARD = AwardOrder(
    terminal=KEY, order=ORDER, kind="immediate", description="昆山南站北广场", phone="05125700000", lat=31.36,
    lon=120.94,
)  # fmt: skip


def at_once(_after_s: float, do: Callable[[], None]) -> None:
    do()


class Driven:
    """A phone, and what its driver sees; `tells` says something to it."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.phone = Phone(Car(lambda: HERE, self.events.append, lambda _q, answers: (max(answers), 0.0)), at_once)
        self.serial = 0

    def tells(self, wanted: Any, *, again: bool = False) -> None:
        self.serial += not again
        self.phone.hear(told(wanted, self.serial))

    def said(self) -> list[dict[str, Any]]:
        """Since the last look; the gateway can read all of it."""
        letters, self.phone.letters = list(self.phone.letters), type(self.phone.letters)()
        for letter in letters:
            heard(KEY, letter)
        return [{k: v for k, v in json.loads(letter).items() if k != "v"} for letter in letters]


@pytest.fixture
def driven() -> Driven:
    return Driven()


def test_an_order_is_shown_once_and_acknowledged_as_often_as_it_comes(driven: Driven):
    driven.tells(OFFER)
    driven.tells(OFFER, again=True)
    assert driven.events == [Offered(ORDER)]
    assert driven.said() == [{"kind": "ack", "serial": 1}] * 2


def test_an_order_is_grabbed_won_and_finished(driven: Driven):
    driven.tells(OFFER)
    driven.phone.occurred(Pressed(ORDER, True))
    driven.tells(AWARD)
    assert driven.events[-1] == Won(ORDER, (31.36, 120.94), None, None)
    driven.phone.occurred(Paid(HERE))
    orders = [one for one in driven.said() if one["kind"] == "order"]
    assert orders == [
        {"kind": "order", "order": ORDER, "does": "grab"}, {"kind": "order", "order": ORDER, "does": "finish"},
    ]  # fmt: skip
    assert driven.phone.order == 0


def test_an_order_is_refused_lost_cancelled_or_given_up(driven: Driven):
    driven.tells(OFFER)
    driven.phone.occurred(Pressed(ORDER, False))
    assert driven.said()[-1] == {"kind": "order", "order": ORDER, "does": "refuse"}
    driven.tells(OFFER)
    driven.phone.occurred(Pressed(ORDER, True))
    driven.tells(RefuseOrder(terminal=KEY, order=ORDER))
    assert driven.events[-1] == Lost(ORDER)
    driven.tells(AWARD)
    driven.tells(CancelOrder(terminal=KEY, order=ORDER))
    assert driven.events[-1] == Dropped(ORDER)
    driven.tells(AWARD)
    driven.phone.occurred(GivenUp(ORDER, 1))
    assert driven.said()[-1] == {"kind": "order", "order": ORDER, "does": "cancel", "reason": "jam"}


def test_words_are_read_and_questions_answered_by_number(driven: Driven):
    driven.tells(SendText(terminal=KEY, text="请到昆山南站"))
    driven.tells(Ask(terminal=KEY, question="能到吗？", answers=["能到", "不能到"]))
    assert driven.events == [Told("请到昆山南站")]
    assert driven.said() == [{"kind": "ack", "serial": 1}, {"kind": "answer", "serial": 2, "answer": 2}]


def test_who_drives_is_said_when_he_begins_and_after_every_connection(driven: Driven):
    driver = crew("kunshan-0001")[0]
    driven.phone.begin()
    driven.phone.occurred(ShiftBegun(driver, HERE))
    driven.phone.begin()
    driven.phone.occurred(ShiftEnded(HERE))
    kinds = [one["kind"] for one in driven.said()]
    assert kinds == ["hello", "hello", "sign_in", "sign_in", "sign_out"]


def test_what_it_says_of_an_order_is_what_an_isu_would_say():
    held = heard(KEY, b'{"v":1,"kind":"order","order":7,"does":"cancel","reason":"jam"}')
    assert held is not None
    assert isinstance(held.content, Said)
    assert held.content.message == "order_cancelled"
    assert held.content.reports == [OrderAnswer(terminal=KEY, order=7, answer="cancelled", reason="jam")]


def test_what_the_desk_assigns_is_taken_without_asking_the_driver(driven: Driven):
    driven.tells(replace(OFFER, kind="assigned"))
    assert driven.events == []
    assert driven.said()[-1] == {"kind": "order", "order": ORDER, "does": "grab"}


def test_an_order_that_is_repeated_under_another_number_is_shown_once(driven: Driven):
    driven.tells(OFFER)
    driven.tells(OFFER)
    driven.tells(AWARD)
    driven.tells(AWARD)
    assert [type(event) for event in driven.events] == [Offered, Won]
