"""How long a driver's shift still lasts: by when he signed in, and by the hours at which taxis change hands. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from dispatch.clock import CITY


@dataclass(frozen=True, slots=True)
class Shifts:
    """longest: from the sign-in;  handovers: times of the city's clock at which taxis change hands (交接班).

    window  who signed in so soon before a handover has taken over already
    """

    longest: timedelta = timedelta(hours=12)
    handovers: Sequence[time] = ()
    window: timedelta = timedelta(minutes=45)

    def left(self, since: datetime, now: datetime) -> timedelta | None:
        """Of a driver who signed in at `since`; None when that is too long ago to say anything of its end."""
        worked = now - since
        if worked >= self.longest:
            return None
        return min(self.longest - worked, *(at - now for at in self._ahead(since, now)))

    def _ahead(self, since: datetime, now: datetime) -> list[datetime]:
        """The next handover that is his."""
        today = now.astimezone(CITY).date()
        times = sorted(
            datetime.combine(today + timedelta(days=day), at, CITY) for day in (0, 1) for at in self.handovers
        )
        his = [at for at in times if at >= now and since < at - self.window]
        return his[:1] or [now + self.longest]


def handovers(text: str) -> tuple[time, ...]:
    """ "07:00,17:00" -> times. Raises ValueError."""
    return tuple(time.fromisoformat(part.strip()) for part in text.split(",") if part.strip())
