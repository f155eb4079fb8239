"""Tariffs as dated data: what a journey costs, what a change of prices would do, what a caller is told.

Money is Decimal yuan, ways are Decimal kilometres, since meters count in them. The meter decides: a quote
is always "about, by the meter", never a price that is promised.
"""

from __future__ import annotations

import enum
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from dispatch.clock import CITY
from dispatch.errors import InputError

MINUTE = timedelta(minutes=1)
Yuan = Decimal
ZERO = Decimal(0)


class Night(enum.StrEnum):
    """What of a journey across the night's boundary is dearer: its minutes in the night, or all by one end."""

    BY_MINUTE = "by_minute"
    BY_START = "by_start"
    BY_END = "by_end"


class Rounding(enum.StrEnum):
    HALF_UP = "half_up"
    UP = "up"
    DOWN = "down"


_MODE = {Rounding.HALF_UP: ROUND_HALF_UP, Rounding.UP: ROUND_CEILING, Rounding.DOWN: ROUND_FLOOR}


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Step(_Row):
    """From `over_km` on, a kilometre costs `yuan_km`."""

    over_km: Decimal = Field(ge=0)
    yuan_km: Decimal = Field(ge=0)


class NightRule(_Row):
    """Hours of the city's clock, and what the way costs more between them."""

    from_: int = Field(alias="from", ge=0, le=23)
    to: int = Field(ge=0, le=23)
    share: Decimal = Field(ge=0)
    policy: Night

    def covers(self, moment: datetime) -> bool:
        hour = moment.astimezone(CITY).hour
        return self.from_ <= hour < self.to if self.from_ <= self.to else hour >= self.from_ or hour < self.to

    def part(self, on: datetime, off: datetime) -> Decimal:
        """The part of a journey, 0 to 1, that counts as night."""
        if self.policy is not Night.BY_MINUTE:
            return Decimal(self.covers(on if self.policy is Night.BY_START else off))
        minutes = max(1, round((off - on) / MINUTE))
        return Decimal(sum(self.covers(on + n * MINUTE) for n in range(minutes))) / minutes


class OneWay(_Row):
    """单程: beyond `over_km` a journey without a way back costs `share` of the price by the km more."""

    over_km: Decimal = Field(ge=0)
    share: Decimal = Field(ge=0)


class Tariff(_Row):
    """One edition.

    km_step, km_rounding      what the meter counts the way in
    low_speed_kmh             below it, minutes count as waiting;  time_yuan_min  for every minute, slow or not
    fuel_yuan                 per journey;  call_fee_yuan  when it was called, not hailed
    """

    class_: str = Field(alias="class", min_length=1)
    from_: date = Field(alias="from")
    title_zh: str
    title_en: str
    flag_fall_yuan: Yuan = Field(ge=0)
    flag_fall_km: Decimal = Field(ge=0)
    steps: tuple[Step, ...] = Field(min_length=1)
    one_way: OneWay | None = None
    km_step: Decimal = Field(Decimal("0.1"), gt=0)
    km_rounding: Rounding = Rounding.DOWN
    low_speed_kmh: Decimal = Field(Decimal(12), ge=0)
    waiting_yuan_min: Yuan = Field(ZERO, ge=0)
    free_waiting_min: int = Field(0, ge=0)
    time_yuan_min: Yuan = Field(ZERO, ge=0)
    night: NightRule | None = None
    fuel_yuan: Yuan = Field(ZERO, ge=0)
    call_fee_yuan: Yuan = Field(ZERO, ge=0)
    round_yuan: Yuan = Field(Decimal(1), gt=0)

    @model_validator(mode="after")
    def _ascending(self) -> Tariff:
        bounds = [step.over_km for step in self.steps]
        if bounds != sorted(set(bounds)) or bounds[0] != self.flag_fall_km:
            raise ValueError("steps must begin where the flag fall ends, and each farther than the one before")
        return self

    def fare(self, trip: Trip) -> Fare:
        """What the meter shows, and how it comes about."""
        km = _stepped(trip.km, self.km_step, self.km_rounding)
        way = self._way(km)
        night = self.night.share * self.night.part(trip.on, trip.off) if self.night else ZERO
        back = self._one_way(km) if trip.one_way else ZERO
        rows = {
            "flag_fall": self.flag_fall_yuan,
            "way": way,
            "one_way": back,
            "night": night * (self.flag_fall_yuan + way + back),
            "waiting": self.waiting_yuan_min * max(0, trip.slow_min - self.free_waiting_min),
            "time": self.time_yuan_min * max(0, round((trip.off - trip.on) / MINUTE)),
            "fuel": self.fuel_yuan,
        }
        meter = _stepped(sum(rows.values(), ZERO), self.round_yuan, Rounding.HALF_UP)
        extra = {"call_fee": self.call_fee_yuan if trip.called else ZERO, "tolls": trip.tolls_yuan}
        return Fare({name: yuan for name, yuan in (rows | extra).items() if yuan}, meter + sum(extra.values(), ZERO))

    def _way(self, km: Decimal) -> Yuan:
        ends = [*(step.over_km for step in self.steps[1:]), max(km, self.steps[-1].over_km)]
        return sum(
            (max(ZERO, min(km, end) - step.over_km) * step.yuan_km for step, end in zip(self.steps, ends, strict=True)),
            ZERO,
        )

    def _one_way(self, km: Decimal) -> Yuan:
        if self.one_way is None or km <= self.one_way.over_km:
            return ZERO
        return self.one_way.share * (self._way(km) - self._way(self.one_way.over_km))


@dataclass(frozen=True, slots=True)
class Trip:
    """What a meter knows. slow_min: whole minutes below the low speed; one_way: the passenger does not come back."""

    on: datetime
    off: datetime
    km: Decimal
    slow_min: int = 0
    one_way: bool = False
    called: bool = False
    tolls_yuan: Yuan = ZERO


@dataclass(frozen=True, slots=True)
class Fare:
    """rows: unrounded parts of the sum, those that are not zero; total: yuan to be paid."""

    rows: Mapping[str, Yuan]
    total: Yuan


@dataclass(frozen=True, slots=True)
class Book:
    """All editions, oldest first."""

    editions: tuple[Tariff, ...]

    def at(self, moment: datetime, class_: str = "taxi") -> Tariff:
        """The edition in force on that day in the city. Raises InputError where there is none."""
        day = moment.astimezone(CITY).date()
        found = [tariff for tariff in self.editions if tariff.class_ == class_ and tariff.from_ <= day]
        if not found:
            raise InputError(f"no tariff of class {class_!r} is in force on {day}")
        return found[-1]


def read(text: str) -> Book:
    """A file of [[edition]] tables. Raises InputError that names edition and field."""
    try:
        content = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"not TOML: {error}") from error
    rows = content.get("edition")
    if not isinstance(rows, list) or not rows:
        raise InputError("no [[edition]] in the file")
    editions = sorted((_edition(row, n) for n, row in enumerate(rows, 1)), key=lambda tariff: tariff.from_)
    names = [(tariff.class_, tariff.from_) for tariff in editions]
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(f"two editions of class {twice[0][0]!r} begin on {twice[0][1]}")
    return Book(tuple(editions))


def _edition(row: Any, number: int) -> Tariff:
    try:
        return Tariff.model_validate(row)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "as a whole"
        raise InputError(f"edition {number}, {place}: {first['msg']}") from error


@dataclass(frozen=True, slots=True)
class Compared:
    trip: Trip
    before: Yuan
    after: Yuan


@dataclass(frozen=True, slots=True)
class Preview:
    """What a change would do to journeys that were made. Means in yuan; change: part of the sum before."""

    rows: tuple[Compared, ...]
    mean_before: Yuan
    mean_after: Yuan
    change: Decimal
    dearer: int
    cheaper: int
    largest: Compared | None


def preview(before: Tariff, after: Tariff, trips: Iterable[Trip]) -> Preview:
    """The same journeys by both editions."""
    rows = tuple(Compared(trip, before.fare(trip).total, after.fare(trip).total) for trip in trips)
    sums = sum((row.before for row in rows), ZERO), sum((row.after for row in rows), ZERO)
    count = max(1, len(rows))
    return Preview(
        rows, sums[0] / count, sums[1] / count, (sums[1] - sums[0]) / sums[0] if sums[0] else ZERO,
        sum(row.after > row.before for row in rows), sum(row.after < row.before for row in rows),
        max(rows, key=lambda row: abs(row.after - row.before), default=None),
    )  # fmt: skip


BANDS = (Decimal(3), Decimal(10), Decimal(20))
"""Kilometres by which journeys are told apart."""


def in_words(seen: Preview) -> str:
    """For the office, a line for each band of lengths."""
    head = f"{'公里 km':<10}{'次数 journeys':>14}{'现行 now':>10}{'调后 then':>10}{'变化 change':>12}"
    lines = [head, _band("全部 all", seen.rows)]
    for low, high in zip((ZERO, *BANDS), (*BANDS, Decimal("Infinity")), strict=True):
        name = f"{low}-{high}" if high.is_finite() else f">{low}"
        lines.append(_band(name, [row for row in seen.rows if low < row.trip.km <= high]))
    lines.append(f"涨价 dearer {seen.dearer}, 降价 cheaper {seen.cheaper}, 不变 same {_same(seen)}")
    if (most := seen.largest) is not None:
        lines.append(
            f"最大变化 largest: {most.trip.km:.1f} km {most.trip.on.astimezone(CITY):%Y-%m-%d %H:%M}"
            f" {most.before} → {most.after}"
        )
    return "\n".join(lines)


def _same(seen: Preview) -> int:
    return len(seen.rows) - seen.dearer - seen.cheaper


def _band(name: str, rows: Sequence[Compared]) -> str:
    if not rows:
        return f"{name:<10}{0:>14}"
    before, after = (sum(values, ZERO) for values in zip(*((row.before, row.after) for row in rows), strict=True))
    change = (after - before) / before if before else ZERO
    return f"{name:<10}{len(rows):>14}{before / len(rows):>10.2f}{after / len(rows):>10.2f}{change:>+12.1%}"


@dataclass(frozen=True, slots=True)
class Quote:
    """About what it will cost, whole yuan, and the words for it."""

    low: Yuan
    high: Yuan
    zh: str
    en: str


def quote(tariff: Tariff, on: datetime, km: Decimal, drive: timedelta, *, called: bool = True) -> Quote:
    """What a caller may be told. km, drive: of the way that is likely; detours and jams are allowed for."""
    free = Trip(on, on + drive, km, called=called)
    slow_min = int(drive / MINUTE / 2)
    jammed = Trip(on, on + drive * 3 / 2, km * Decimal("1.1"), slow_min, one_way=True, called=called)
    low, high = (tariff.fare(trip).total for trip in (free, jammed))
    low, high = low.to_integral_value(ROUND_FLOOR), high.to_integral_value(ROUND_CEILING)
    span = (f"{low}元", f"{low} yuan") if low == high else (f"{low}至{high}元", f"{low} to {high} yuan")
    return Quote(low, high, f"大约{span[0]}，以计价器为准。", f"About {span[1]}; the meter decides.")


def _stepped(value: Decimal, step: Decimal, rounding: Rounding) -> Decimal:
    """To a whole number of steps."""
    return (value / step).to_integral_value(_MODE[rounding]) * step
