"""What a taxi that has a booking does, told from its fixes: JT/T 905 has messages for neither departure nor arrival.

Pure: fixes and what is known come in, events go out, in the order in which they happen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dispatch.arrival import Sight, arrived
from dispatch.booking import Event, Place, State
from dispatch.rules import Rules
from dispatch.sphere import distance_m


@dataclass(frozen=True, slots=True)
class Seen:
    """A fix. occupied: its meter runs."""

    sight: Sight
    occupied: bool


@dataclass(frozen=True, slots=True)
class Ride:
    """A booking that a taxi has. since: it has been in this state; fixes: since the taxi got it, in order of time.

    start  where the taxi was then, as (lat, lon);  heard  when anything last came from it
    """

    booking: int
    taxi: str
    state: State
    since: datetime
    pick_up: Place
    fixes: Sequence[Seen]
    start: tuple[float, float] | None
    heard: datetime | None


@dataclass(frozen=True, slots=True)
class Happening:
    event: Event
    at: datetime
    reason: str = ""


def happening(ride: Ride, rules: Rules, now: datetime) -> Happening | None:
    """The next that happened to a booking, None as long as nothing did.

    now: up to which fixes of the whole fleet are known, so that a stopped clock of ours loses nobody.
    """
    if ride.state is State.ON_BOARD:
        return _set_down(ride)
    if (metered := next((fix for fix in ride.fixes if fix.occupied), None)) is not None:
        return _metered(ride, rules, metered)
    if ride.state is not State.ARRIVED:
        if (at := arrived((fix.sight for fix in ride.fixes), ride.pick_up, rules.fence)) is not None:
            return Happening(Event.ARRIVE, at)
        if (departed := _departed(ride, rules)) is not None:
            return Happening(Event.DEPART, departed)
        last = max(ride.since, ride.heard or ride.since)
        if now - last > rules.silent:
            return Happening(Event.LOSE, now, f"no fix since {last:%H:%M:%S} UTC")
    return None


def _set_down(ride: Ride) -> Happening | None:
    """The meter was on, and is off: by fixes in their order, since those of before it was on may come late."""
    on = next((n for n, fix in enumerate(ride.fixes) if fix.occupied), 0)
    off = next((fix for fix in ride.fixes[on:] if not fix.occupied), None)
    return Happening(Event.COMPLETE, off.sight.time) if off else None


def _metered(ride: Ride, rules: Rules, fix: Seen) -> Happening:
    away = distance_m(fix.sight.lat, fix.sight.lon, ride.pick_up.lat, ride.pick_up.lon)
    if away <= rules.board_m:
        return Happening(Event.BOARD, fix.sight.time)
    if ride.state is State.ARRIVED:  # its fix at the door may have been missed
        return Happening(Event.BOARD, fix.sight.time)
    return Happening(Event.LOSE, fix.sight.time, f"meter on {away:.0f} m from the pick-up")


def _departed(ride: Ride, rules: Rules) -> datetime | None:
    if ride.state is not State.ACCEPTED or ride.start is None:
        return None
    for fix in ride.fixes:
        if distance_m(*ride.start, fix.sight.lat, fix.sight.lon) > rules.moved_m:
            return fix.sight.time
    return None
