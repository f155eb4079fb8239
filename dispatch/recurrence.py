"""Bookings that come again: a rule of RFC 5545 (RRULE) on the clock on the wall.

Of the standard's rules those are taken that a passenger may mean: daily, weekly and monthly, on days of the
week or the month, ended by a number or a date.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from itertools import islice, takewhile

from dateutil.rrule import rrulestr

from dispatch.clock import CITY
from dispatch.errors import InputError

MOST = 400
"""Occurrences that are made out at once: more than a year of days."""
_DAY = r"(?:[+-]?[1-5])?(?:MO|TU|WE|TH|FR|SA|SU)"
_DATE = r"-?(?:[1-9]|[12]\d|3[01])"
_PART = rf"INTERVAL=[1-9]\d?|COUNT=[1-9]\d{{0,3}}|UNTIL=\d{{8}}(?:T\d{{6}}Z?)?|BYDAY={_DAY}(?:,{_DAY})*"
_RULE = re.compile(rf"FREQ=(?:DAILY|WEEKLY|MONTHLY)(?:;(?:{_PART}|BYMONTHDAY={_DATE}(?:,{_DATE})*|WKST={_DAY}))*")


def occurrences(rule: str, first: datetime, since: datetime, until: datetime) -> list[datetime]:
    """Times from `since` to `until`, the last not included, of "FREQ=WEEKLY;BYDAY=MO,FR" begun at `first`.

    The hour is that of `first` on the city's clock. Raises InputError on any other rule.
    """
    if until - since > timedelta(days=MOST):
        raise InputError(f"a recurring booking is made out for {MOST} days at most, not until {until:%Y-%m-%d}")
    if not _RULE.fullmatch(rule):
        raise InputError(f"{rule!r} is no rule of recurrence like FREQ=WEEKLY;BYDAY=MO,FR;UNTIL=20271231")
    try:
        made = rrulestr(rule, dtstart=first.astimezone(CITY).replace(tzinfo=None), ignoretz=True)
    except (ValueError, TypeError) as error:
        raise InputError(f"{rule!r} is no rule of recurrence: {error}") from error
    moments = takewhile(lambda moment: moment < until, (moment.replace(tzinfo=CITY) for moment in made))
    return list(islice((moment for moment in moments if moment >= since), MOST))
