"""What a driver's phone does with orders: shows them, answers, and says who drives (docs/phone.md).

Pure: messages in, messages out; who carries them repeats what the broker has not acknowledged.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from gateway.framed import OK
from gateway.wire.jsonfix import load, obj
from simulator.terminal.car import (
    Car,
    Dropped,
    GivenUp,
    Lost,
    Occurrence,
    Offered,
    Paid,
    Pressed,
    ShiftBegun,
    ShiftEnded,
    Told,
    Won,
)

VERSION = 1
REASONS = {0: "accident", 1: "jam"}
Later = Callable[[float, Callable[[], None]], None]


@dataclass
class Phone:
    """later: has something done after so many seconds. What the desk gives to it is taken without asking.

    letters   what is to be said, oldest first;  order  the one that is shown or driven for, 0 for none
    """

    car: Car
    later: Later
    letters: deque[bytes] = field(default_factory=deque)
    order: int = 0
    won: bool = False
    _driver: str = ""
    _heard: deque[int] = field(default_factory=lambda: deque(maxlen=64))

    def begin(self) -> None:
        """It listens now: say so, and who drives."""
        self.letters.appendleft(_said("hello"))
        if self._driver:
            self.say("sign_in", driver=self._driver)

    def say(self, kind: str, **more: Any) -> None:
        self.letters.append(_said(kind, **more))

    def hear(self, payload: bytes) -> None:
        """What was told; a repeat is acknowledged again, and shown once."""
        told = obj(load(payload))
        serial = int(told["serial"])
        if told["kind"] != "question":
            self.say("ack", serial=serial)
        if serial not in self._heard:
            self._heard.append(serial)
            self._show(told, serial)

    def _show(self, told: Mapping[str, Any], serial: int) -> None:
        order = told.get("order", 0)
        match told["kind"]:
            case "offer" if told["urgency"] == "assigned":
                self.order = order
                self.say("order", order=order, does="grab")
            case "offer" if not self.won and order != self.order:
                self.order = order
                self.car.tell(Offered(order))
            case "award" if not (self.won and order == self.order):
                self.order, self.won = order, True
                when = datetime.fromisoformat(told["when"]) if told["when"] else None
                self.car.tell(Won(order, _place(told["pick_up"]), _place(told["destination"]), when))
            case "lost" if order == self.order and not self.won:
                self._clear()
                self.car.tell(Lost(order))
            case "cancelled" if order == self.order:
                self._clear()
                self.car.tell(Dropped(order))
            case "text":
                self.car.tell(Told(told["text"]))
            case "question":
                chosen, after_s = self.car.choose(told["text"], dict(enumerate(told["answers"], 1)))
                if chosen is not None:
                    self.later(after_s, lambda: self.say("answer", serial=serial, answer=chosen))

    def _clear(self) -> None:
        self.order, self.won = OK, False

    def occurred(self, what: Occurrence) -> None:
        match what:
            case ShiftBegun(driver, _):
                self._driver = driver.licence
                self.say("sign_in", driver=self._driver)
            case ShiftEnded() if self._driver:
                self.say("sign_out", driver=self._driver)
                self._driver = ""
            case Pressed(order, grab, after_s):
                self.later(after_s, lambda: self._press(order, grab))
            case GivenUp(order, reason, after_s):
                self.later(after_s, lambda: self._give_up(order, REASONS.get(reason, "other")))
            case Paid() if self.won:
                self.say("order", order=self.order, does="finish")
                self._clear()

    def _press(self, order: int, grab: bool) -> None:
        if order == self.order and not self.won:
            self.say("order", order=order, does="grab" if grab else "refuse")
            if not grab:
                self._clear()

    def _give_up(self, order: int, reason: str) -> None:
        if order == self.order and self.won:
            self.say("order", order=order, does="cancel", reason=reason)
            self._clear()


def _said(kind: str, **more: Any) -> bytes:
    return orjson.dumps({"v": VERSION, "kind": kind, **more})


def _place(place: Mapping[str, float] | None) -> tuple[float, float] | None:
    return (place["lat"], place["lon"]) if place else None
