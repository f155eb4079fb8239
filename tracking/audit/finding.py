"""What rules are told of a trip, and what they say."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime


class Rule(enum.StrEnum):
    DETOUR = "detour"  # 绕路: the way driven is much longer than any sensible one
    OVERCHARGE = "overcharge"  # 多计里程: the meter counted much more than was driven
    METER_OFF = "meter_off"  # 不打表: passengers are known to be aboard while the meter is off
    METER_ON_EMPTY = "meter_on_empty"  # 空车打表: the meter runs for long in a car that goes nowhere
    OUT_OF_AREA = "out_of_area"  # 异地营运: a hire that begins and ends outside of the area of the licence
    GPS_OFF = "gps_off"  # 关闭定位: silent, and elsewhere when it is heard again
    CLONED_PLATE = "cloned_plate"  # 套牌: two cars under one plate, at two places by turns
    HOURS = "hours"  # 疲劳驾驶: at the wheel without the rest that the law asks for
    FORBIDDEN_ROAD = "forbidden_road"  # 禁行: on roads that are closed to it at that hour


SECONDS = frozenset({Rule.METER_ON_EMPTY, Rule.HOURS})
"""Rules that measure seconds; the others measure metres."""


OF_DAYS = frozenset({Rule.METER_ON_EMPTY, Rule.GPS_OFF, Rule.CLONED_PLATE, Rule.HOURS})
"""Rules that judge a vehicle's day, whatever trips it made; the others judge a trip."""


class Level(enum.StrEnum):
    """How far a finding goes by itself."""

    LEAD = "lead"  # on the auditor's list
    NOTIFY = "notify"  # strong enough to ask the driver for his account, if an auditor agrees


@dataclass(frozen=True, slots=True, kw_only=True)
class Trip:
    """What is known of an occupied trip. Metres, seconds, 0 to 1.

    matched    along roads;  track: along its fixes
    metered    by the taximeter; None where no record of it came
    options    lengths of the sensible ways from its start to its end: the quickest, its alternatives, the shortest
    unbridged  metres of the straight lines over which no way is known
    fixes      times of the fixes that a finding would rest on
    """

    start: datetime
    matched: float
    track: float
    confidence: float
    longest_gap: float
    unbridged: float
    options: Sequence[float]
    metered: float | None = None
    fixes: Sequence[datetime] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A lead. `measured` against `allowed`, metres, or seconds by rules in SECONDS; `thresholds` as they were;
    `edition`: since when they are.

    confidence  that of the route it rests on, 0 to 1
    """

    rule: Rule
    level: Level
    measured: float
    allowed: float
    confidence: float
    thresholds: Mapping[str, float]
    edition: str
    fixes: Sequence[datetime]
