"""The order handshake with one ISU (JT/T 905.2-2014, tables 48-53), from the centre's side.

    0x8B00 offer -> 0x0B01 grab -> 0x8001 -> 0x8B01 with the details (won) or the number alone (lost)
    won -> 0x0B07 finished | 0x0B08 cancelled by the driver | 0x8B09 cancelled by the centre

An ISU listens to 0x8B01 only after its grab was acknowledged, so a result before the grab is refused.
A grab that comes again, because our answer was lost, gets the same result again.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.command import AwardOrder, CancelOrder, OfferOrder, RefuseOrder
from gateway.errors import ProtocolError
from gateway.report import OrderAnswer

OrderCommand = OfferOrder | AwardOrder | RefuseOrder | CancelOrder
KEPT = 16
"""Orders that are remembered per terminal; the oldest is forgotten."""


class State(enum.StrEnum):
    UNKNOWN = "unknown"  # nothing was said of it on this connection
    OFFERED = "offered"
    GRABBED = "grabbed"
    WON = "won"
    LOST = "lost"
    FINISHED = "finished"
    CANCELLED = "cancelled"


S = State
TRANSITIONS: Mapping[tuple[State, str], State] = {
    (S.UNKNOWN, "offer"): S.OFFERED,
    (S.OFFERED, "offer"): S.OFFERED,
    (S.LOST, "offer"): S.OFFERED,
    (S.UNKNOWN, "grab"): S.GRABBED,  # offered on an earlier connection
    (S.OFFERED, "grab"): S.GRABBED,
    (S.GRABBED, "grab"): S.GRABBED,
    (S.WON, "grab"): S.WON,
    (S.LOST, "grab"): S.LOST,
    (S.FINISHED, "grab"): S.FINISHED,
    (S.CANCELLED, "grab"): S.CANCELLED,
    (S.UNKNOWN, "award"): S.WON,
    (S.GRABBED, "award"): S.WON,
    (S.WON, "award"): S.WON,
    (S.UNKNOWN, "refuse"): S.LOST,
    (S.GRABBED, "refuse"): S.LOST,
    (S.LOST, "refuse"): S.LOST,
    (S.UNKNOWN, "finished"): S.FINISHED,
    (S.WON, "finished"): S.FINISHED,
    (S.FINISHED, "finished"): S.FINISHED,
    (S.UNKNOWN, "cancelled"): S.CANCELLED,
    (S.OFFERED, "cancelled"): S.CANCELLED,
    (S.GRABBED, "cancelled"): S.CANCELLED,
    (S.WON, "cancelled"): S.CANCELLED,
    (S.CANCELLED, "cancelled"): S.CANCELLED,
    (S.UNKNOWN, "cancel"): S.CANCELLED,
    (S.OFFERED, "cancel"): S.CANCELLED,
    (S.GRABBED, "cancel"): S.CANCELLED,
    (S.WON, "cancel"): S.CANCELLED,
    (S.CANCELLED, "cancel"): S.CANCELLED,
}
"""(state, what is said) -> state. From the centre: offer, award, refuse, cancel; from the ISU: the others."""
CENTRE: Mapping[type, str] = {OfferOrder: "offer", AwardOrder: "award", RefuseOrder: "refuse", CancelOrder: "cancel"}
DECIDED = {S.WON, S.LOST, S.FINISHED, S.CANCELLED}


@dataclass(slots=True)
class _Order:
    state: State = S.UNKNOWN
    result: bytes = b""


class OrderDialog:
    def __init__(self) -> None:
        self._orders: dict[int, _Order] = {}

    def state(self, order: int) -> State:
        return self._orders[order].state if order in self._orders else S.UNKNOWN

    def say(self, command: OrderCommand, body: bytes) -> None:
        """The centre is about to say this. Raises ProtocolError "order_state" when the ISU would not listen."""
        one, event = self._of(command.order), CENTRE[type(command)]
        if (one.state, event) not in TRANSITIONS:
            raise ProtocolError("order_state", f"order {command.order} is {one.state}: {event} has no place")
        one.state = TRANSITIONS[one.state, event]
        if event in ("award", "refuse"):
            one.result = body

    def heard(self, report: OrderAnswer) -> bytes | None:
        """The ISU has said this and was acknowledged; a body of 0x8B01 where the result has to be told again."""
        one = self._of(report.order)
        before = one.state
        one.state = TRANSITIONS.get((before, report.answer), before)
        if report.answer != "grab" or before not in DECIDED:
            return None
        return one.result if before is S.WON and one.result else report.order.to_bytes(4, "big")

    def _of(self, order: int) -> _Order:
        if order not in self._orders:
            while len(self._orders) >= KEPT:
                del self._orders[next(iter(self._orders))]
            self._orders[order] = _Order()
        return self._orders[order]
