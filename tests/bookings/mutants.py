"""Planted bugs in how the matcher is used, each of which the checker must catch.

Each is put over the real code for the time of one trial.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from dispatch.booking import Event, State
from dispatch.errors import BookingError
from dispatch.match.plan import match
from dispatch.match.snapshot import Snapshot
from simulator.trial import run
from simulator.trial.cars import Cars, Doing
from simulator.trial.desk import NOBODY, Desk, Entry, Order
from simulator.trial.run import Trial
from simulator.trial.ways import Matcher, Pair

Patch = pytest.MonkeyPatch


def offers_every_booking_to_one_taxi(patch: Patch) -> None:
    pairs = Matcher.pairs

    def greedy(self: Matcher, known: Snapshot) -> Iterable[Pair]:
        found = list(pairs(self, known))
        return [(booking, found[0][1]) for booking, _ in found]

    patch.setattr(Matcher, "pairs", greedy)


def offers_one_booking_to_two_taxis(patch: Patch) -> None:
    pairs = Matcher.pairs

    def doubled(self: Matcher, known: Snapshot) -> Iterable[Pair]:
        found = list(pairs(self, known))
        return [*found, *((found[0][0], taxi) for _, taxi in found[1:2])]

    patch.setattr(Matcher, "pairs", doubled)


def asks_taxis_that_still_carry_somebody(patch: Patch) -> None:
    def hasty(self: Matcher, known: Snapshot) -> Iterable[Pair]:
        return [(offer.booking, offer.taxis[0]) for offer in match(known, self.policy).offers]

    patch.setattr(Matcher, "pairs", hasty)


def matches_by_an_old_snapshot(patch: Patch) -> None:
    pairs, old = Matcher.pairs, list[Snapshot]()

    def late(self: Matcher, known: Snapshot) -> Iterable[Pair]:
        old.append(known)
        return pairs(self, old[max(0, len(old) - 4)])

    patch.setattr(Matcher, "pairs", late)


def forgets_a_booking_that_was_passed(patch: Patch) -> None:
    note = Desk._note

    def forgetful(self: Desk, order: Order, now: float) -> None:
        note(self, order, now)
        if self.journal[-1].event is Event.PASS:
            self.waiting.pop(order.booking, None)

    patch.setattr(Desk, "_note", forgetful)


def forgets_who_declined(patch: Patch) -> None:
    known = Trial.known
    patch.setattr(Trial, "known", lambda self, now: replace(known(self, now), refused=frozenset()))


def keeps_the_taxi_of_a_dropped_order(patch: Patch) -> None:
    def keeping(self: Desk, entry: Entry) -> None:
        if entry.event is Event.DROP:
            entry = replace(entry, taxi=self.orders[entry.booking].taxi)
        apply(self, entry)

    apply = Desk._apply
    patch.setattr(Desk, "_apply", keeping)


def begins_a_dropped_order_anew(patch: Patch) -> None:
    drop = Trial._drop

    def anew(self: Trial, order: Order, now: float) -> None:
        drop(self, order, now)
        order.asked_s = now

    patch.setattr(Trial, "_drop", anew)


def frees_the_taxi_at_the_door(patch: Patch) -> None:
    arrive = Trial._arrive

    def hasty(self: Trial, order: Order, now: float) -> None:
        arrive(self, order, now)
        self.cars.stop(order.taxi, Doing.VACANT, now)

    patch.setattr(Trial, "_arrive", hasty)


def frees_the_taxi_and_leaves_the_booking(patch: Patch) -> None:
    def half(self: Trial, booking: int, states: Any, now: float) -> None:
        order = self.desk.orders[booking]
        if order.state in states and order.taxi != NOBODY:
            self._free(order.taxi, now)

    patch.setattr(Trial, "_lose_patience", half)


def hears_answers_that_come_too_late(patch: Patch) -> None:
    def always(self: Trial, order: Order, moment: float, work: Callable[[Order, float], None]) -> None:
        self._at(moment, lambda now: work(self.desk.orders[order.booking], now))

    patch.setattr(Trial, "_unless_changed", always)


def hears_no_calls_while_it_is_down(patch: Patch) -> None:
    appear, kill, killed = Trial._appear, Trial._kill, list[float]()

    def noted(self: Trial, now: float) -> None:
        killed.append(now + run.DOWN_S)
        kill(self, now)

    def deaf(self: Trial, number: int, now: float) -> None:
        if now not in killed:
            appear(self, number, now)

    patch.setattr(Trial, "_kill", noted)
    patch.setattr(Trial, "_appear", deaf)


def writes_a_call_down_twice(patch: Patch) -> None:
    appear = Trial._appear

    def twice(self: Trial, number: int, now: float) -> None:
        appear(self, number, now)
        if number % 20 == 0 and not self.riders[number].waves:
            appear(self, number, now)

    patch.setattr(Trial, "_appear", twice)


def comes_back_from_an_old_copy(patch: Patch) -> None:
    restored = Desk.restored
    patch.setattr(Desk, "restored", lambda journal: restored(journal[:-3]))


def comes_back_with_orders_on_no_screen(patch: Patch) -> None:
    restored = Desk.restored

    def without(journal: Any) -> Desk:
        desk = restored(journal)
        for order in desk.orders:
            if order.state is State.OFFERED:
                order.state, order.taxi = State.WAITING, NOBODY
                desk.waiting[order.booking] = order
        return desk

    patch.setattr(Desk, "restored", without)


def comes_back_and_leaves_orders_on_screens(patch: Patch) -> None:
    patch.setattr(Trial, "_come_back", lambda self, now: setattr(self, "desk", Desk.restored(self.desk.journal)))
    patch.setattr(Trial, "_lose_patience", lambda self, booking, states, now: None)


def comes_back_with_every_taxi_vacant(patch: Patch) -> None:
    come_back = Trial._come_back

    def all_vacant(self: Trial, now: float) -> None:
        come_back(self, now)
        self.cars.doing[:] = Doing.VACANT

    patch.setattr(Trial, "_come_back", all_vacant)


def takes_taxis_on_their_way_for_vacant(patch: Patch) -> None:
    stop = Cars.stop

    def blind(self: Cars, car: int, doing: Doing, now: float) -> None:
        stop(self, car, Doing.VACANT if doing is Doing.CALLED else doing, now)

    patch.setattr(Cars, "stop", blind)


@dataclass(frozen=True)
class Mutant:
    """by: what the checker must find, among other things; refused: what stops the trial before."""

    plant: Callable[[Patch], None]
    by: tuple[str, ...] = ()
    refused: type[Exception] | None = None


MUTANTS = {
    mutant.plant.__name__: mutant
    for mutant in (
        Mutant(offers_every_booking_to_one_taxi, ("two_bookings",)),
        Mutant(offers_one_booking_to_two_taxis, refused=BookingError),
        Mutant(asks_taxis_that_still_carry_somebody, ("unfit", "two_bookings")),
        Mutant(matches_by_an_old_snapshot, refused=BookingError),
        Mutant(forgets_a_booking_that_was_passed, ("unseen",)),
        Mutant(forgets_who_declined, ("again",)),
        Mutant(keeps_the_taxi_of_a_dropped_order, ("unheld", "two_taxis")),
        Mutant(begins_a_dropped_order_anew, ("younger",)),
        Mutant(frees_the_taxi_at_the_door, ("two_bookings",)),
        Mutant(frees_the_taxi_and_leaves_the_booking, ("open", "two_bookings")),
        Mutant(hears_answers_that_come_too_late, refused=BookingError),
        Mutant(hears_no_calls_while_it_is_down, ("lost",)),
        Mutant(writes_a_call_down_twice, ("twice",)),
        Mutant(comes_back_from_an_old_copy, refused=BookingError),
        Mutant(comes_back_with_orders_on_no_screen, ("astray", "ghosts")),
        Mutant(comes_back_and_leaves_orders_on_screens, ("open",)),
        Mutant(comes_back_with_every_taxi_vacant, ("two_bookings",)),
        Mutant(takes_taxis_on_their_way_for_vacant, ("two_bookings",)),
    )
}
