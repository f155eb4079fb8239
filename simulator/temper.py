"""How drivers take orders: grab them, refuse them or let them pass, and now and then cancel one that they had won.

And what they do of their own accord while nobody calls.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np

ACCIDENT, JAM, OTHER = range(3)
"""Reasons of a cancellation (JT/T 905.2-2014, table 52)."""
RATED = (0.75, 0.2, 0.03, 0.015, 0.005)
"""Shares of passengers who say nothing, satisfied, average, unsatisfied, complaint."""


class Answer(enum.Enum):
    GRAB = "grab"
    REFUSE = "refuse"
    IGNORE = "ignore"


@dataclass(frozen=True, slots=True)
class Temper:
    """Shares of the orders that are shown: grabbed, refused; the others are left unanswered.

    cancelled    share of those won that the driver cancels on his way
    patience_s   within which he does
    quickest_s   and slowest_s: between these he presses a key
    """

    grabbed: float = 0.7
    refused: float = 0.15
    cancelled: float = 0.04
    patience_s: float = 180.0
    quickest_s: float = 2.0
    slowest_s: float = 12.0

    def decide(self, rng: np.random.Generator) -> tuple[Answer, float]:
        """What a driver does about an order, and after how many seconds."""
        drawn, after_s = rng.random(), float(rng.uniform(self.quickest_s, max(self.quickest_s, self.slowest_s)))
        if drawn < self.grabbed:
            return Answer.GRAB, after_s
        return Answer.REFUSE if drawn < self.grabbed + self.refused else Answer.IGNORE, after_s

    def change_of_mind(self, rng: np.random.Generator) -> tuple[int, float] | None:
        """Reason and seconds after which an order that was won is cancelled; None for most."""
        if rng.random() >= self.cancelled:
            return None
        return int(rng.choice((ACCIDENT, JAM, OTHER), p=(0.1, 0.5, 0.4))), float(rng.uniform(0, self.patience_s))


@dataclass(frozen=True, slots=True)
class Roving:
    """What drivers do between fares, and what happens to their terminals.

    cruises   share of times at which a vacant taxi drives to a hunting ground of its driver's own choice; else it waits
    kerb_s    mean time for which it waits
    obeys     share of hints that a driver follows
    silent    share of orders during which the terminal is lost, for silent_s
    detours   share of passengers who are driven a long way round, for the money
    """

    cruises: float = 0.35
    kerb_s: float = 420.0
    obeys: float = 0.7
    silent: float = 0.005
    silent_s: float = 900.0
    detours: float = 0.0


def rating(rng: np.random.Generator) -> int:
    """What a passenger says when he has paid; 0 is nothing (table 56)."""
    return int(rng.choice(len(RATED), p=RATED))
