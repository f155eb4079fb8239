"""Two connections of one terminal: which one stays.

Mobile networks drop connections without a word, so a second one is mostly the terminal itself, back
under another address. It may also be somebody who knows the terminal's number. The rule:

- Where terminals log in (JT/T 808), the newer one has shown the terminal's code: it takes the place.
- Where they do not (JT/T 905), it takes the place when it comes from the same address, or when the
  former connection has been silent for a while. Otherwise the terminal that is being heard stays, and
  the newer connection is closed; a terminal that really moved is back as soon as the old line is silent.

Either way it is reported as a `TakeOver`, for whoever watches over the fleet.
"""

from __future__ import annotations

SILENT_S = 20.0
"""Longer than terminals pause between two fixes while they drive."""


def replaces(*, logged_in: bool, same_address: bool, silent_s: float) -> bool:
    """Whether the newer connection takes the place of the former one, which was not heard for `silent_s`."""
    return logged_in or same_address or silent_s >= SILENT_S
