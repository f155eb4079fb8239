"""How a terminal has shown who it is."""

from __future__ import annotations

import enum


class Proof(enum.IntEnum):
    NONE = 0
    ISSUED = 1
    """By a code that was given out and not used before."""
    OWN = 2
    """By the code that it has been using."""
