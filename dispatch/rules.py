"""What a city decides about how bookings are worked off. Times are the usual ones of telephone dispatch in China."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from dispatch.arrival import Fence
from dispatch.keeping import Keep
from dispatch.match.plan import Policy
from dispatch.shift import Shifts
from dispatch.wheel import Hours


@dataclass(frozen=True, slots=True)
class Rules:
    """
    batch        bookings are matched together at most so often
    answer       how long a driver may think about an offer;  grace  for answers that are on their way by then
    again        after which a driver who let an offer pass may be asked about it again
    give_up      search for a taxi, from when it was due;  drafted  life of a booking that was never placed
    silent       of a taxi under way: then its passenger gets another one
    obey         within which a terminal must take an order that the desk gave to it
    moved_m      from where a taxi stood: then it has departed
    board_m      from the pick-up: a meter that starts farther away carries somebody else
    dropped      how long a driver who dropped an order gets no offers
    window       in which drivers' share of refusals is counted
    shifts       when drivers' shifts end;  settled  after which a driver's income an hour says something
    hours        at the wheel, and the rest that ends them;  driving of 0: they are not counted
    street_m_s   how fast a passenger comes nearer to his goal in a straight line
    keep         what is forgotten after a time
    retold       after which it is told again why a booking waits
    """

    policy: Policy = field(default_factory=Policy)
    fence: Fence = field(default_factory=Fence)
    batch: timedelta = timedelta(seconds=2)
    answer: timedelta = timedelta(seconds=20)
    grace: timedelta = timedelta(seconds=3)
    again: timedelta = timedelta(minutes=3)
    give_up: timedelta = timedelta(minutes=30)
    drafted: timedelta = timedelta(hours=1)
    silent: timedelta = timedelta(minutes=3)
    obey: timedelta = timedelta(seconds=90)
    moved_m: float = 100.0
    board_m: float = 500.0
    dropped: timedelta = timedelta(minutes=10)
    window: timedelta = timedelta(days=30)
    shifts: Shifts = field(default_factory=Shifts)
    settled: timedelta = timedelta(hours=1)
    hours: Hours = field(default_factory=Hours)
    street_m_s: float = 7.0
    keep: Keep = field(default_factory=Keep)
    retold: timedelta = timedelta(minutes=1)
