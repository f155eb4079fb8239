"""Judges a trial by what was written down: the journal of its bookings, and what dispatch was shown and asked for.

Nothing of the trial's own state is looked at, so that a bug in it cannot hide itself.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from dispatch.booking import OPEN, TABLE, WITH_TAXI, Event, State
from dispatch.match.snapshot import Snapshot
from dispatch.match.snapshot import State as Taxi
from dispatch.reposition import Hint
from simulator.trial.desk import NOBODY, Entry
from simulator.trial.ways import Pair, Way

DECLINES = frozenset({Event.PASS, Event.DROP})


@dataclass(frozen=True)
class Batch:
    """What dispatch was shown and what it asked for. written: entries of the journal by then."""

    written: int
    now: datetime
    booking_ids: tuple[str, ...]
    wait_s: NDArray[np.float64]
    vacant: frozenset[str]
    pairs: tuple[Pair, ...]


@dataclass
class Witness:
    """A way of dispatch that writes down what it is shown and what it says. written: how long the journal is."""

    way: Way
    written: Callable[[], int] = lambda: 0
    batches: list[Batch] = field(default_factory=list)

    def pairs(self, known: Snapshot) -> Iterable[Pair]:
        pairs = tuple(self.way.pairs(known))
        free = (known.taxis["state"] == Taxi.VACANT) & ~known.taxis["locked"]
        vacant = frozenset(known.taxi_ids[n] for n in np.flatnonzero(free).tolist())
        self.batches.append(
            Batch(self.written(), known.now, known.booking_ids, known.bookings["wait_s"].copy(), vacant, pairs)
        )
        return pairs

    def hints(self, known: Snapshot, idle: Collection[str], bound: Mapping[str, int]) -> Iterable[Hint]:
        return self.way.hints(known, idle, bound)


@dataclass
class Verdict:
    """Bookings by number; taxis by number.

    lost         riders who called and have no booking;  twice  who have two
    open         bookings that never came to an end
    two_taxis    bookings that had a second taxi beside the first
    two_bookings (taxi, booking) where a taxi was bound, or asked, while it had another booking or order
    astray       transitions that the table does not know, or that do not begin where the last one ended
    unheld       bookings that have a taxi in a state without one, or none in a state with one
    unseen       bookings that waited and were not shown to dispatch;  ghosts  shown and not waiting
    younger      bookings that were shown with another age than they had
    again        (booking, taxi) that was asked after it had declined;  unfit  pairs with a taxi that was not vacant
    """

    bookings: int = 0
    lost: set[int] = field(default_factory=set)
    twice: set[int] = field(default_factory=set)
    open: set[int] = field(default_factory=set)
    two_taxis: set[int] = field(default_factory=set)
    two_bookings: set[tuple[int, int]] = field(default_factory=set)
    astray: set[int] = field(default_factory=set)
    unheld: set[int] = field(default_factory=set)
    unseen: set[int] = field(default_factory=set)
    ghosts: set[int] = field(default_factory=set)
    younger: set[int] = field(default_factory=set)
    again: set[tuple[int, int]] = field(default_factory=set)
    unfit: set[Pair] = field(default_factory=set)

    @property
    def found(self) -> dict[str, int]:
        """What is wrong, and how often."""
        counts = {f.name: len(getattr(self, f.name)) for f in fields(self) if f.name != "bookings"}
        return {name: count for name, count in counts.items() if count}


def check(journal: Sequence[Entry], callers: Collection[int], batches: Sequence[Batch], start: datetime) -> Verdict:
    """callers: riders who called, by number; start: the moment from which the journal's seconds count."""
    verdict = Verdict()
    made = Counter(entry.rider for entry in journal if entry.before is None)
    verdict.bookings = made.total()
    verdict.lost = set(callers) - set(made)
    verdict.twice = {rider for rider, count in made.items() if count > 1}
    _Replay(verdict, start).run(journal, batches)
    return verdict


class _Replay:
    """The journal once more, entry by entry, with every batch at its moment."""

    def __init__(self, verdict: Verdict, start: datetime) -> None:
        self.verdict, self.start = verdict, start
        self.states: dict[int, State] = {}
        self.asked_s: dict[int, float] = {}
        self.taxis: dict[int, int] = {}
        self.busy: dict[int, int] = {}  # taxi -> booking that it has or is asked about
        self.declined: dict[int, set[int]] = {}
        self.waiting: set[int] = set()

    def run(self, journal: Sequence[Entry], batches: Sequence[Batch]) -> None:
        pending = deque(batches)
        for number, entry in enumerate(journal):
            while pending and pending[0].written <= number:
                self._see(pending.popleft())
            self._take(entry)
        self.verdict.open = {booking for booking, state in self.states.items() if state in OPEN}

    def _see(self, batch: Batch) -> None:
        shown = {int(key): wait for key, wait in zip(batch.booking_ids, batch.wait_s.tolist(), strict=True)}
        now = (batch.now - self.start).total_seconds()
        self.verdict.unseen |= self.waiting - set(shown)
        self.verdict.ghosts |= set(shown) - self.waiting
        known = shown.keys() & self.asked_s.keys()
        self.verdict.younger |= {b for b in known if abs(shown[b] - (now - self.asked_s[b])) > 1e-3}
        self.verdict.unfit |= {pair for pair in batch.pairs if pair[1] not in batch.vacant}

    def _take(self, entry: Entry) -> None:
        booking, taxi = entry.booking, entry.taxi
        if entry.before is None:
            self.asked_s[booking] = entry.at_s
        elif entry.before != self.states.get(booking) or not self._tabled(entry):
            self.verdict.astray.add(booking)
        if (taxi != NOBODY) != (entry.after in WITH_TAXI | {State.OFFERED}):
            self.verdict.unheld.add(booking)
        if entry.event in DECLINES:
            self.declined.setdefault(booking, set()).add(self.taxis.get(booking, NOBODY))
        if entry.event is Event.OFFER and taxi in self.declined.get(booking, ()):
            self.verdict.again.add((booking, taxi))
        self._bind(entry)
        self.states[booking] = entry.after
        (self.waiting.add if entry.after is State.WAITING else self.waiting.discard)(booking)

    def _tabled(self, entry: Entry) -> bool:
        rule = TABLE.get((entry.before, entry.event)) if entry.before else None
        return rule is not None and rule.to is entry.after

    def _bind(self, entry: Entry) -> None:
        booking, taxi = entry.booking, entry.taxi
        had = self.taxis.get(booking, NOBODY)
        if had not in (NOBODY, taxi):
            if taxi != NOBODY:
                self.verdict.two_taxis.add(booking)
            if self.busy.get(had) == booking:
                del self.busy[had]
        if taxi != NOBODY and self.busy.setdefault(taxi, booking) != booking:
            self.verdict.two_bookings.add((taxi, booking))
        self.taxis[booking] = taxi
