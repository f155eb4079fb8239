"""An ISU's screen and keys for orders: what it shows, what its driver presses (JT/T 905.2-2014, tables 48-53)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any

from gateway.framed import OK
from gateway.wire.message import Header
from simulator.terminal.car import Dropped, GivenUp, Lost, Offered, Pressed, Won
from simulator.terminal.conversation import Handler
from simulator.terminal.framed import FramedTerminal
from simulator.terminal.task import ASSIGNED, State, Task

RESULT_S = 90.0
"""How long a grab that was received waits for its result."""
GRAB, FINISHED, CANCELLED = 0x0B01, 0x0B07, 0x0B08
OTHER = 2
"""Reason of a cancellation that is neither an accident nor a jam."""


@dataclass
class Orders:
    """ready: whether a driver is signed in, and whether the car is vacant."""

    isu: FramedTerminal
    ready: Callable[[], tuple[bool, bool]]
    task: Task = field(default_factory=Task)
    fee: Decimal = Decimal(0)

    def handlers(self) -> Mapping[int, Handler]:
        return {0x8B00: self._offered, 0x8B01: self._decided, 0x8B09: self._cancelled}

    # from the centre

    def _offered(self, header: Header, fields: Mapping[str, Any], now: float) -> None:
        """Receipt is confirmed even where nothing is shown: it is no interest."""
        signed_in, vacant = self.ready()
        order = fields["order"]
        shown = self.task.offered(order, fields["type"], signed_in=signed_in, vacant=vacant)
        self.isu.confirm(header)
        if not shown:
            return
        self.task.step("told")
        self.isu.cabin.note("order shown", order=order, text=fields["description"])
        if fields["type"] == ASSIGNED:
            self._press(Pressed(order, True), now)
        else:
            self.isu.cabin.car.tell(Offered(order))

    def _decided(self, header: Header, fields: Mapping[str, Any], _now: float) -> None:
        order, won = fields["order"], "type" in fields
        heard = self.task.decided(order, won=won)
        self.isu.confirm(header)
        if not heard:
            return
        if not won:
            self._tell("order lost", Lost(order))
            return
        self.task.step("told")
        self.fee = fields["fee"]
        pick_up = _place(fields["passenger_lat"], fields["passenger_lon"])
        goal = _place(fields["destination_lat"], fields["destination_lon"])
        self._tell("order won", Won(order, pick_up, goal, fields["time"]), text=fields["description"])

    def _cancelled(self, header: Header, _fields: Mapping[str, Any], _now: float) -> None:
        """Whatever the order that it names: firmware resets without comparing."""
        order, cancelled = self.task.order, self.task.step("cancel")
        self.isu.confirm(header)
        if cancelled:
            self.task.step("told")
            self.task.step("clear")
            self.isu.letters.withdraw(GRAB)
            self._tell("order cancelled by the centre", Dropped(order))

    # from the driver

    def pressed(self, answer: Pressed, now: float) -> None:
        self.isu.later(now + answer.after_s, partial(self._press, answer))

    def _press(self, answer: Pressed, _now: float) -> None:
        """Nothing comes of it when another order is shown by now."""
        if self.task.order != answer.order:
            return
        if answer.grab and self.task.step("grab"):
            self.isu.post(GRAB, {"order": answer.order})
        elif not answer.grab:
            self.task.step("dropped")

    def given_up(self, wish: GivenUp, now: float) -> None:
        self.isu.later(now + wish.after_s, partial(self._give_up, wish))

    def _give_up(self, wish: GivenUp, _now: float) -> None:
        """Not with the passenger aboard."""
        if self.task.order == wish.order and self.ready()[1] and self.task.step("give_up"):
            self.isu.post(CANCELLED, {"order": wish.order, "reason": wish.reason})
            self._tell("order cancelled by the driver", Dropped(wish.order))

    def finish(self) -> None:
        """The driver confirms that it is done."""
        order = self.task.order
        if self.task.step("finish"):
            self.isu.post(FINISHED, {"order": order})

    def switched_off(self) -> None:
        """What is no order yet is forgotten; one that was won is given back."""
        self.isu.letters.withdraw(GRAB)
        self._give_up(GivenUp(self.task.order, OTHER), 0.0)

    # answers

    def delivered(self, message_id: int, result: int, now: float) -> None:
        match message_id:
            case 0x0B01 if result == OK:
                self.task.step("answered")
                self.isu.later(now + RESULT_S, partial(self._wait_no_longer, self.task.order))
            case 0x0B01:
                self._drop(self.task.order)
            case 0x0B07 | 0x0B08:
                self.task.step("answered")
                self.task.step("clear")

    def _wait_no_longer(self, order: int, _now: float) -> None:
        if self.task.state is State.GRAB_ACK and self.task.order == order:
            self._drop(order)

    def _drop(self, order: int) -> None:
        if self.task.step("dropped"):
            self._tell("order came to nothing", Lost(order))

    def _tell(self, what: str, event: Won | Lost | Dropped, **more: Any) -> None:
        self.isu.cabin.note(what, order=event.order, **more)
        self.isu.cabin.car.tell(event)


def _place(lat: float, lon: float) -> tuple[float, float] | None:
    """Noughts stand for no place."""
    return (lat, lon) if lat or lon else None
