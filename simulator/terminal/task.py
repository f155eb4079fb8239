"""The one order that an ISU holds (JT/T 905.2-2014, tables 48-53), with the states of real firmware.

    IDLE --offer--> BRIEF --told--> BRIEF_ACK --grab--> GRAB --answered--> GRAB_ACK
    GRAB_ACK --won--> DETAIL --told--> DETAIL_ACK --finish--> COMPLETE --answered--> COMPLETE_ACK --clear--> IDLE
    BRIEF_ACK, GRAB, GRAB_ACK --lost, dropped--> IDLE
    DETAIL_ACK --give_up--> ISU_CANCEL --answered--> ISU_CANCEL_ACK --clear--> IDLE
    whatever is going on --cancel--> SERVER_CANCEL --told--> SERVER_CANCEL_ACK --clear--> IDLE

Where no transition is named, nothing happens: details that come before the grab was answered with
0x8001 are passed over, though their receipt is acknowledged like that of any message.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

NO_ORDER = 0
IMMEDIATE, BOOKING, ASSIGNED = range(3)


class State(enum.StrEnum):
    IDLE = "idle"
    BRIEF = "brief"  # 0x8B00 has come
    BRIEF_ACK = "brief_ack"  # shown, and its receipt confirmed
    GRAB = "grab"  # 0x0B01 is on its way
    GRAB_ACK = "grab_ack"  # and was answered with 0x8001: now a result is listened to
    DETAIL = "detail"  # 0x8B01 with the details has come
    DETAIL_ACK = "detail_ack"  # on the way to the passenger, or with him
    COMPLETE = "complete"  # 0x0B07 is on its way
    COMPLETE_ACK = "complete_ack"
    ISU_CANCEL = "isu_cancel"  # 0x0B08 is on its way
    ISU_CANCEL_ACK = "isu_cancel_ack"
    SERVER_CANCEL = "server_cancel"  # 0x8B09 has come
    SERVER_CANCEL_ACK = "server_cancel_ack"


S = State
TRANSITIONS: Mapping[tuple[State, str], State] = {
    (S.IDLE, "offer"): S.BRIEF,
    (S.BRIEF, "told"): S.BRIEF_ACK,
    (S.BRIEF_ACK, "offer"): S.BRIEF,  # the new one takes the place of the one that is shown
    (S.BRIEF_ACK, "grab"): S.GRAB,
    (S.GRAB, "answered"): S.GRAB_ACK,
    (S.GRAB_ACK, "won"): S.DETAIL,
    (S.DETAIL, "told"): S.DETAIL_ACK,
    (S.DETAIL_ACK, "finish"): S.COMPLETE,
    (S.COMPLETE, "answered"): S.COMPLETE_ACK,
    (S.COMPLETE_ACK, "clear"): S.IDLE,
    (S.DETAIL_ACK, "give_up"): S.ISU_CANCEL,
    (S.ISU_CANCEL, "answered"): S.ISU_CANCEL_ACK,
    (S.ISU_CANCEL_ACK, "clear"): S.IDLE,
    **{(state, event): S.IDLE for state in (S.BRIEF_ACK, S.GRAB, S.GRAB_ACK) for event in ("lost", "dropped")},
    **{
        (state, "cancel"): S.SERVER_CANCEL
        for state in (S.BRIEF_ACK, S.GRAB, S.GRAB_ACK, S.DETAIL_ACK, S.COMPLETE, S.ISU_CANCEL)
    },
    (S.SERVER_CANCEL, "told"): S.SERVER_CANCEL_ACK,
    (S.SERVER_CANCEL_ACK, "clear"): S.IDLE,
}
"""(state, what happens) -> state.

From the centre: offer, won, lost, cancel, and answered = its 0x8001. From the driver: grab, finish, give_up, and
dropped = refused or left unanswered. In the ISU: told = 0x0001 was sent, clear = the screen is empty again.
"""
CALLED = {S.DETAIL, S.DETAIL_ACK}
OPEN = CALLED | {S.GRAB, S.GRAB_ACK}


@dataclass
class Task:
    """order: the one that is held, 0 for none; kind: its type as in 0x8B00."""

    state: State = State.IDLE
    order: int = NO_ORDER
    kind: int = IMMEDIATE

    @property
    def on_call(self) -> bool:
        """Whether the car is a "task car": status bit 4."""
        return self.state in CALLED

    def step(self, event: str) -> bool:
        """Let something happen; whether it had a place."""
        following = TRANSITIONS.get((self.state, event))
        if following is None:
            return False
        self.state = following
        if following is State.IDLE:
            self.order, self.kind = NO_ORDER, IMMEDIATE
        return True

    def offered(self, order: int, kind: int, *, signed_in: bool, vacant: bool) -> bool:
        """0x8B00 has come: whether it is shown, which it is to a driver who is signed in and vacant.

        On a call only a booking is shown, and the record stays that of the call.
        """
        if not signed_in:
            return False
        if self.on_call:
            return kind == BOOKING
        if not vacant or not self.step("offer"):
            return False
        self.order, self.kind = order, kind
        return True

    def decided(self, order: int, *, won: bool) -> bool:
        """0x8B01 has come: whether it is listened to."""
        return order == self.order and self.step("won" if won else "lost")
