"""The gateway's flags back into a protocol's word of bits."""

from __future__ import annotations

import enum
from collections.abc import Mapping


def word(flags: enum.IntFlag, bits: Mapping[int, str]) -> int:
    """bits: bit number -> its name in the protocol's table. Names that the flags do not know stay 0."""
    known = type(flags).__members__
    return sum(1 << bit for bit, name in bits.items() if name.upper() in known and known[name.upper()] in flags)
