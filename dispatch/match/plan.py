"""Snapshot in, offers out: who is offered which booking, by the mode of the booking's zone.

Nothing is drawn at random and no clock is read: the same snapshot and policy give the same plan. The
order of the steps is the order of claims on a taxi:

1. rank queue   bookings at a rank go to the queue's first taxi that may; without one they join step 2
2. assign       all others but broadcasts: most served, then least cost
3. cascade      the same taxi first, then those to ask when it refuses or lets pass
4. broadcast    to the nearest that nobody else was given, who grab it (抢单)
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dispatch.match.assignment import assign
from dispatch.match.costs import UNIT, Costs, Mirrored, cheapest
from dispatch.match.exclusion import Limits, Reason, Reasons, of_taxis
from dispatch.match.snapshot import Snapshot, State
from dispatch.match.terms import EVERYDAY, PickUp, Straight, Term

Indices = NDArray[np.intp]


class Mode(enum.StrEnum):
    """How a booking is offered. QUEUE: by the order of a rank."""

    ASSIGN = "assign"
    CASCADE = "cascade"
    BROADCAST = "broadcast"
    QUEUE = "queue"


@dataclass(frozen=True, slots=True)
class Zone:
    """A part of the city with its way of offering.

    depth      taxis of a cascade, the first included
    listeners  taxis that hear a broadcast;  hears  broadcasts that one taxi may hear at once
    """

    name: str
    mode: Mode = Mode.ASSIGN
    depth: int = 3
    listeners: int = 8
    hears: int = 2


@dataclass(frozen=True, slots=True)
class Policy:
    """What a city decides about matching. Bookings without a known zone are offered as in `elsewhere`."""

    way: PickUp = field(default_factory=Straight)
    terms: tuple[Term, ...] = EVERYDAY
    limits: Limits = field(default_factory=Limits)
    zones: tuple[Zone, ...] = ()
    elsewhere: Zone = Zone("")

    def zone(self, index: int) -> Zone:
        return self.zones[index] if 0 <= index < len(self.zones) else self.elsewhere


@dataclass(frozen=True, slots=True)
class Offer:
    """taxis: one to ask; of a cascade one after the other, of a broadcast all at once. cost_s: of the first."""

    booking: str
    mode: Mode
    taxis: tuple[str, ...]
    cost_s: float


@dataclass(frozen=True, eq=False)
class Plan:
    """offers in the order of bookings' ids.

    chosen  taxi by booking, both by index: who was given to whom; broadcasts give nobody
    barred  why each taxi gets no offer at all, by index
    """

    snapshot: Snapshot
    policy: Policy
    offers: tuple[Offer, ...]
    unserved: tuple[str, ...]
    chosen: Mapping[int, int]
    barred: Reasons


def match(snapshot: Snapshot, policy: Policy) -> Plan:
    """What to offer now. Bookings for whom nobody is left are unserved and wait."""
    barred = of_taxis(snapshot, policy.limits)
    modes = [policy.zone(int(zone)).mode for zone in snapshot.bookings["zone"]]
    chosen = _from_ranks(snapshot, policy, barred, modes)
    ranked = set(chosen)
    waiting = [n for n, mode in enumerate(modes) if mode != Mode.BROADCAST and n not in chosen]
    free = _free(barred, chosen)
    chosen |= pairs(Costs(snapshot, np.array(waiting, np.intp), free, policy.way, policy.terms, policy.limits))
    spare = Costs(
        snapshot, np.arange(len(modes)), _free(barred, chosen), policy.way, policy.terms, policy.limits
    )  # fmt: skip
    offers = {n: _offer(spare, n, taxi, policy, n in ranked) for n, taxi in chosen.items()}
    offers |= _broadcasts(spare, policy, [n for n, mode in enumerate(modes) if mode == Mode.BROADCAST])
    unserved = tuple(key for n, key in enumerate(snapshot.booking_ids) if n not in offers)
    return Plan(snapshot, policy, tuple(offers[n] for n in sorted(offers)), unserved, chosen, barred)


def pairs(costs: Costs) -> dict[int, int]:
    """The best assignment: taxi by booking, by index of the snapshot, in the order of bookings."""
    if costs.rows <= costs.columns:
        columns = assign(costs)
        rows = np.flatnonzero(columns >= 0)
        columns = columns[rows]
    else:
        taken = assign(Mirrored(costs))
        columns = np.flatnonzero(taken >= 0)
        rows = taken[columns]
    order = np.argsort(rows)
    found = zip(costs.bookings[rows[order]].tolist(), costs.taxis[columns[order]].tolist(), strict=True)
    return dict(found)


def urgency(snapshot: Snapshot, bookings: list[int]) -> list[int]:
    """Highest priority first, then longest wait, then id."""
    rows = snapshot.bookings
    return sorted(bookings, key=lambda n: (-int(rows["priority"][n]), -float(rows["wait_s"][n]), n))


def _free(barred: Reasons, chosen: Mapping[int, int]) -> Indices:
    free = barred == Reason.NONE
    free[list(chosen.values())] = False
    return np.flatnonzero(free)


def _from_ranks(snapshot: Snapshot, policy: Policy, barred: Reasons, modes: list[Mode]) -> dict[int, int]:
    """Bookings at ranks -> the first in the queue who may."""
    at_ranks = [n for n, mode in enumerate(modes) if mode == Mode.QUEUE]
    if not at_ranks:
        return {}
    may = (barred == Reason.NONE) & (snapshot.taxis["state"] == State.VACANT)
    costs = Costs(snapshot, np.arange(len(modes)), np.flatnonzero(may), policy.way, policy.terms, policy.limits)
    turn = np.argsort(snapshot.taxis["turn"], kind="stable")
    chosen: dict[int, int] = {}
    for booking in urgency(snapshot, at_ranks):
        queue = turn[may[turn] & (snapshot.taxis["rank"][turn] == snapshot.bookings["zone"][booking])]
        suits = queue[costs.reasons(np.array([booking]), queue) == Reason.NONE]
        if suits.size:
            chosen[booking] = int(suits[0])
            may[suits[0]] = False
    return chosen


def _offer(spare: Costs, booking: int, taxi: int, policy: Policy, from_rank: bool) -> Offer:
    known, zone = spare.snapshot, policy.zone(int(spare.snapshot.bookings["zone"][booking]))
    mode = Mode.QUEUE if from_rank else Mode.CASCADE if zone.mode == Mode.CASCADE else Mode.ASSIGN
    after = [t for t, _ in cheapest(spare, booking, zone.depth - 1)] if mode == Mode.CASCADE else []
    taxis = tuple(known.taxi_ids[t] for t in (taxi, *after))
    return Offer(known.booking_ids[booking], mode, taxis, sum(spare.rows_of(booking, taxi).values()))


def _broadcasts(spare: Costs, policy: Policy, bookings: list[int]) -> dict[int, Offer]:
    """The most urgent first; a taxi hears only so many, since its terminal shows one order at a time."""
    heard = np.zeros(len(spare.snapshot.taxis), int)
    offers = {}
    for booking in urgency(spare.snapshot, bookings):
        zone = policy.zone(int(spare.snapshot.bookings["zone"][booking]))
        near = cheapest(spare, booking, zone.listeners + int((heard >= zone.hears).sum()))
        ears = [(t, cost) for t, cost in near if heard[t] < zone.hears][: zone.listeners]
        if ears:
            heard[[t for t, _ in ears]] += 1
            taxis = tuple(spare.snapshot.taxi_ids[t] for t, _ in ears)
            offers[booking] = Offer(
                spare.snapshot.booking_ids[booking], Mode.BROADCAST, taxis, ears[0][1] / UNIT
            )  # fmt: skip
    return offers
