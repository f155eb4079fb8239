"""Two connections of one terminal: which one stays.

Mobile networks drop connections without a word, so a second one is mostly the terminal itself, back
under another address. It may also be somebody who knows the terminal's number. The rule:

- It takes the place when it has shown the code that the terminal has been using (JT/T 808).
- Else (JT/T 905 has no log-in, and in JT/T 808 anybody who knows a number can register and be given a
  fresh code) it takes the place when it comes from the same address, or when the former connection has
  been silent for a while. Otherwise the terminal that is being heard stays, and the newer connection is
  closed; a terminal that really moved is back as soon as the old line is silent.

Either way it is reported as a `TakeOver`, for whoever watches over the fleet.
"""

from __future__ import annotations

SILENT_S = 20.0
"""Longer than terminals pause between two fixes while they drive."""


def replaces(*, proved: bool, same_address: bool, silent_s: float) -> bool:
    """Whether the newer connection takes the place of the former one, which was not heard for `silent_s`."""
    return proved or same_address or silent_s >= SILENT_S
