"""The clock on the wall of the city: hours of tariffs, of bookings and of what is said to callers."""

from __future__ import annotations

from zoneinfo import ZoneInfo

CITY = ZoneInfo("Asia/Shanghai")
