"""The clock on the wall of the city: hours of tariffs, of bookings and of what is said to callers."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

CITY = ZoneInfo("Asia/Shanghai")
LONG_AGO = datetime.min.replace(tzinfo=UTC)
"""Before anything was looked at."""
