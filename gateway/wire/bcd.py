"""BCD in columns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

DAY_US = 86_400_000_000
INVALID = np.iinfo(np.int64).min
"""Time of a row whose BCD is no date."""


def times(bcd: NDArray[np.uint8]) -> NDArray[np.int64]:
    """BCD[6] YYMMDDhhmmss in GMT+8 -> microseconds since the epoch, UTC.

    bcd  shape (n, 6). Rows that are no date (nibble above 9, month 13, 31 June, hour 24) give INVALID.
    """
    high, low = bcd >> 4, bcd & 15
    year, month, day, hour, minute, second = (high.astype(np.int64) * 10 + low).T
    ok = ((high < 10) & (low < 10)).all(axis=1)
    ok &= (month >= 1) & (month <= 12) & (day >= 1) & (hour < 24) & (minute < 60) & (second < 60)
    months = (year + 30) * 12 + np.where(ok, month, 1) - 1
    first = months.astype("M8[M]").astype("M8[D]")
    length = (months + 1).astype("M8[M]").astype("M8[D]") - first
    ok &= day <= length.astype(np.int64)
    days = first.astype(np.int64) + day - 1
    seconds = (hour - 8) * 3600 + minute * 60 + second
    return np.where(ok, days * DAY_US + seconds * 1_000_000, INVALID)
