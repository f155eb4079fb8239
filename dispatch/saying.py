"""What is said to a taxi about an order, in the commands of the gateway.

Terminals of JT/T 905 have messages for orders (905.2-2014, tables 48-53). Others are asked a question (JT/T 808,
0x8302) and told the rest as texts. An offer names a rough place only: everybody who is asked reads it. The
passenger's number is never said; the driver who has won calls back through the centre.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from datetime import timedelta

from dispatch.booking import Booking
from dispatch.clock import CITY
from gateway.command import Ask, AwardOrder, CancelOrder, Command, OfferOrder, RefuseOrder, SendText

HOUSE = re.compile(r"\s*\d+\s*(?:号(?!线)|弄|栋|幢|单元|室)")
"""Where a Chinese address becomes exact."""
SHORT = 12
ANSWERS = ("接单", "不接")
"""What a driver chooses from where a terminal has no screen for orders; numbered from 1."""
COMES, PRESENT = ("能到", "不能到"), ("在岗", "不在岗")
TAKES = 1


class Saying(enum.StrEnum):
    OFFER = "offer"
    ASSIGN = "assign"  # by the desk: the terminal takes it without being asked
    AWARD = "award"
    REFUSE = "refuse"
    CANCEL = "cancel"
    HINT = "hint"  # this one and the next three in words of their own
    CALL = "call"  # to a muster: a question
    ROLL = "roll"  # at its roll-call: a question
    TELL = "tell"  # about a muster


LASTS: Mapping[Saying, timedelta] = {
    Saying.OFFER: timedelta(seconds=60),
    Saying.ASSIGN: timedelta(seconds=60),
    Saying.AWARD: timedelta(minutes=3),
    Saying.REFUSE: timedelta(minutes=2),
    Saying.CANCEL: timedelta(hours=1),
    Saying.HINT: timedelta(minutes=5),
    Saying.CALL: timedelta(seconds=90),
    Saying.ROLL: timedelta(minutes=3),
    Saying.TELL: timedelta(minutes=30),
}
"""How long it means something to a driver who cannot be reached."""


def command(saying: Saying, taxi: str, order: int, booking: Booking | None, call_back: str) -> Command | None:
    """How it is said; None when nothing is known of the order that would have to be told."""
    if booking is None and saying not in (Saying.REFUSE, Saying.CANCEL):
        return None
    say = _on_screen if has_order_screen(taxi) else _in_words
    return say(saying, taxi, order, booking, call_back)


def free(saying: Saying, taxi: str, words: str) -> Command:
    """What has words of its own."""
    if saying in (Saying.CALL, Saying.ROLL):
        return Ask(terminal=taxi, question=words, answers=COMES if saying is Saying.CALL else PRESENT)
    return SendText(terminal=taxi, text=words, urgent=saying is Saying.TELL)


def has_order_screen(taxi: str) -> bool:
    return taxi.startswith(("jt905/", "mqtt/"))


def _on_screen(saying: Saying, taxi: str, order: int, booking: Booking | None, call_back: str) -> Command:
    if saying is Saying.REFUSE:
        return RefuseOrder(terminal=taxi, order=order)
    if saying is Saying.CANCEL or booking is None:
        return CancelOrder(terminal=taxi, order=order)
    kind = "immediate" if booking.wanted is None else "booking"
    if saying is Saying.AWARD:
        goal = booking.destination
        return AwardOrder(
            terminal=taxi, order=order, kind=kind, description=_door(booking), phone=call_back,
            lat=booking.pick_up.lat, lon=booking.pick_up.lon, wanted=booking.wanted,
            destination_lat=goal.lat if goal else 0, destination_lon=goal.lon if goal else 0,
        )  # fmt: skip
    kind = "assigned" if saying is Saying.ASSIGN else kind
    return OfferOrder(terminal=taxi, order=order, kind=kind, description=_rough(booking), wanted=booking.wanted)


def _in_words(saying: Saying, taxi: str, order: int, booking: Booking | None, call_back: str) -> Command:
    if saying is Saying.REFUSE:
        return SendText(terminal=taxi, text=f"电召{order}已由其他车辆承接")
    if saying is Saying.CANCEL or booking is None:
        return SendText(terminal=taxi, text=f"电召{order}已取消，请勿前往", urgent=True)
    when = f"{booking.wanted.astimezone(CITY):%d日%H:%M}" if booking.wanted else "现在"
    if saying is Saying.OFFER:
        return Ask(terminal=taxi, question=f"电召{order}：{_rough(booking)}，{when}用车，接单吗？", answers=ANSWERS)
    text = f"电召{order}由您承接：{when}，{_door(booking)}。联系乘客请拨{call_back}"
    return SendText(terminal=taxi, text=text, urgent=True)


def _rough(booking: Booking) -> str:
    """The road or the landmark, and how many. Door, goal and rider are for the driver who has won: nobody picks."""
    name = booking.pick_up.name.strip()
    many = f" {booking.passengers}人" if booking.passengers > 1 else ""
    return (HOUSE.split(name, maxsplit=1)[0] or name)[:SHORT] + many


def _door(booking: Booking) -> str:
    """What the driver who has won must know, the most needed first: a terminal shows sixty bytes."""
    goal = f"→{booking.destination.name}" if booking.destination else ""
    parts = (booking.pick_up.name, booking.pick_up.note, booking.rider, goal, booking.note)
    return " ".join(part.strip() for part in parts if part.strip())
