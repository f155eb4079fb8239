"""A muster (应急运力): so many taxis are called to one place. What may happen to each of them, and who is asked. Pure.

More drivers are asked than are wanted, since not all will come; who says yes when enough come is told so.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from dispatch.booking import Place
from dispatch.errors import MusterError
from dispatch.intake import Finding
from dispatch.match.exclusion import Limits, Reason, of_taxis
from dispatch.match.snapshot import BOOKING, Snapshot, State
from dispatch.match.terms import PickUp
from dispatch.sphere import distances_m

MOST = 200
RESERVE = 0.5
"""So many more are asked than are lacking, as a part of these."""
SHORT_LIST = 200
THERE_M, AWAY_M = 200.0, 1000.0
"""Nearer than that a taxi is there; farther than that one that was there has left."""


class Part(enum.StrEnum):
    ASKED = "asked"
    COMING = "coming"
    THERE = "there"
    REFUSED = "refused"
    LAPSED = "lapsed"  # no answer, or it could not be asked
    LEFT = "left"
    RELEASED = "released"


class Turn(enum.StrEnum):
    """What happens to a member."""

    YES = "yes"
    NO = "no"
    LAPSE = "lapse"
    ARRIVE = "arrive"
    LEAVE = "leave"
    RELEASE = "release"


COUNTED = frozenset({Part.COMING, Part.THERE})
BOUND = COUNTED | {Part.ASKED}
TABLE: dict[tuple[Part, Turn], Part] = {
    (Part.ASKED, Turn.YES): Part.COMING,
    (Part.ASKED, Turn.NO): Part.REFUSED,
    (Part.ASKED, Turn.LAPSE): Part.LAPSED,
    (Part.ASKED, Turn.RELEASE): Part.RELEASED,
    (Part.LAPSED, Turn.YES): Part.COMING,
    (Part.LAPSED, Turn.NO): Part.REFUSED,
    (Part.COMING, Turn.ARRIVE): Part.THERE,
    (Part.COMING, Turn.LEAVE): Part.LEFT,
    (Part.COMING, Turn.RELEASE): Part.RELEASED,
    (Part.THERE, Turn.LEAVE): Part.LEFT,
    (Part.THERE, Turn.RELEASE): Part.RELEASED,
}


def after(part: Part, turn: Turn) -> Part:
    """The next part. Raises MusterError where that cannot happen."""
    if (found := TABLE.get((part, turn))) is None:
        raise MusterError(f"a taxi that is {part} knows no {turn}")
    return found


def review(place: Place, cars: int) -> Iterator[Finding]:
    """What speaks against a muster, in words for the one who calls it."""
    if not place.name.strip():
        yield Finding("no_place", True, "请填写集结地点。", "To which place? Its name is missing.")
    if not 1 <= cars <= MOST:
        yield Finding(
            "bad_cars",
            True,
            f"集结车辆应为1至{MOST}辆，不是{cars}辆。",
            f"1 to {MOST} taxis can be called, not {cars}.",
        )
    if (place.lat, place.lon) == (0.0, 0.0):  # what a form without a place sends
        yield Finding(
            "no_degrees",
            True,
            f"“{place.name}”没有坐标，请从列表中选择。",
            f"{place.name}: pick it from the list, please.",
        )


def to_ask(
    known: Snapshot, place: Place, lacking: int, asked: int, before: frozenset[str], way: PickUp, limits: Limits
) -> list[str]:
    """Taxis to ask now, the quickest first. Those that were asked `before` are not asked again.

    lacking  how many more must come;  asked  how many are thinking about it;  known  without bookings
    """
    many = math.ceil(lacking * (1 + RESERVE)) - asked
    taxis = known.taxis
    free = (of_taxis(known, limits) == Reason.NONE) & (taxis["state"] == State.VACANT)
    free &= np.array([taxi not in before for taxi in known.taxi_ids], bool)
    some = np.flatnonzero(free)
    if lacking <= 0 or many <= 0 or not some.size:
        return []
    metres = distances_m(place.lat, place.lon, taxis["lat"][some], taxis["lon"][some])
    some = some[np.lexsort((some, metres))][: max(SHORT_LIST, 2 * many)]
    rows = np.zeros(1, BOOKING)
    rows["lat"], rows["lon"] = place.lat, place.lon
    seconds = way.seconds(replace(known, booking_ids=("muster",), bookings=rows), np.zeros(len(some), np.intp), some)
    order = np.lexsort((some, seconds))[:many]
    return [known.taxi_ids[n] for n in some[order[np.isfinite(seconds[order])]].tolist()]
