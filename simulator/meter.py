"""A taximeter: what a trip costs, and what adds up over a shift and a life (JT/T 905.2-2014, tables 55, 56, 88).

Pure: it counts what it is told and what the odometer says. Money is Decimal yuan, way is in metres,
and a fare follows from nothing but what the trip's record says, so that an audit can work it out again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from gateway.wire.clocks import CHINA

NIGHT_FROM, NIGHT_TO = 23, 5
"""Hours between which the night's surcharge is due."""
SLOW = 12 / 3.6
"""m/s below which the time counts beside the way."""
PACKED_SINCE = 2010
"""The year from which packed times count: captured records agree with it."""
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Tariff:
    """flag_fall_yuan: for the first flag_fall_km; night_share: what night adds to the price of the way."""

    flag_fall_yuan: Decimal = Decimal(12)
    flag_fall_km: Decimal = Decimal(3)
    per_km_yuan: Decimal = Decimal("2.4")
    night_share: Decimal = Decimal("0.2")
    waiting_yuan_min: Decimal = Decimal("0.5")

    def fare(self, on: datetime, off: datetime, km: Decimal, waiting_min: int) -> Decimal:
        """In whole yuan. on, off: of whole minutes; km: in tenths; waiting_min: whole minutes driven slowly."""
        way = self.flag_fall_yuan + max(Decimal(0), km - self.flag_fall_km) * self.per_km_yuan
        fare = way * (1 + self.night_share * night(on, off)) + waiting_min * self.waiting_yuan_min
        return fare.quantize(Decimal(1), ROUND_HALF_UP)


def night(on: datetime, off: datetime) -> Decimal:
    """The share of the minutes from `on` to `off` that lie in the night."""
    minutes = max(1, round((off - on) / MINUTE))
    hours = ((on + i * MINUTE).astimezone(CHINA).hour for i in range(minutes))
    return Decimal(sum(hour >= NIGHT_FROM or hour < NIGHT_TO for hour in hours)) / minutes


def packed(moment: datetime) -> int:
    """A time in 32 bits: years since 2010, month, day, hour, minute, second (JT/T 905.2-2014, 10.2.2)."""
    t = moment.astimezone(CHINA)
    day = (t.year - PACKED_SINCE) << 26 | t.month << 22 | t.day << 17
    return day | t.hour << 12 | t.minute << 6 | t.second


@dataclass(frozen=True, slots=True)
class Trip:
    """What the meter writes down about a trip. operation: its id; number: of all trips of this meter."""

    operation: int
    number: int
    on: datetime
    off: datetime
    metres: int
    empty_m: int
    waiting_min: int
    surcharge: Decimal
    amount: Decimal
    order: int


@dataclass(slots=True)
class Shift:
    """Sums since the driver signed in. driver: his licence; between_m: driven since the shift before."""

    driver: str
    on: datetime
    between_m: float = 0.0
    metres: float = 0.0
    occupied_m: float = 0.0
    trips: int = 0
    waiting_min: int = 0
    amount: Decimal = field(default_factory=Decimal)


@dataclass(slots=True)
class Counts:
    """What a meter keeps without power. `seen`: when it last counted anything."""

    seen: datetime | None = None
    total_m: float = 0.0
    occupied_m: float = 0.0
    trips: int = 0
    empty_m: float = 0.0
    between_m: float = 0.0
    shift: Shift | None = None


@dataclass(slots=True)
class _Ride:
    on: datetime
    order: int
    empty_m: float
    metres: float = 0.0


@dataclass
class Meter:
    tariff: Tariff
    counts: Counts = field(default_factory=Counts)
    _odometer: float | None = None
    _ride: _Ride | None = None

    @property
    def running(self) -> bool:
        """Whether the flag is down."""
        return self._ride is not None

    @property
    def order(self) -> int:
        """The order of the passenger who is aboard; 0 for none."""
        return self._ride.order if self._ride else 0

    def open(self, driver: str, at: datetime, odometer: float) -> Shift:
        """A driver signs in. odometer: metres, here and below; its zero does not matter."""
        self._roll(at, odometer)
        self.counts.shift = Shift(driver, at, self.counts.between_m)
        self.counts.between_m = 0.0
        return self.counts.shift

    def close(self, at: datetime, odometer: float) -> Shift | None:
        """The driver signs out: the sums of the shift, None when there was none."""
        self._roll(at, odometer)
        shift, self.counts.shift = self.counts.shift, None
        return shift

    def down(self, at: datetime, odometer: float, order: int) -> None:
        """A passenger is aboard. order: 0 for a street hail."""
        self._roll(at, odometer)
        self._ride = _Ride(at, order, self.counts.empty_m)
        self.counts.empty_m = 0.0

    def up(self, at: datetime, odometer: float, slow_s: float, fee: Decimal) -> Trip | None:
        """He has paid. slow_s: of the way, driven slowly; fee: for calling. None when nobody was aboard."""
        self._roll(at, odometer)
        ride, self._ride = self._ride, None
        if ride is None:
            return None
        self.counts.trips += 1
        trip = self._written(ride, at, int(slow_s // 60), fee)
        self._add(trip, ride.metres)
        return trip

    def _written(self, ride: _Ride, at: datetime, waiting_min: int, fee: Decimal) -> Trip:
        on, off = (t.replace(second=0, microsecond=0) for t in (ride.on, at))
        tenths = int(ride.metres // 100)
        amount = fee + self.tariff.fare(on, off, Decimal(tenths) / 10, waiting_min)
        return Trip(
            packed(ride.on), self.counts.trips, on, off, 100 * tenths, int(ride.empty_m), waiting_min, fee, amount,
            ride.order,
        )  # fmt: skip

    def _add(self, trip: Trip, metres: float) -> None:
        self.counts.occupied_m += metres
        if (shift := self.counts.shift) is not None:
            shift.occupied_m += metres
            shift.trips += 1
            shift.waiting_min += trip.waiting_min
            shift.amount += trip.amount

    def _roll(self, at: datetime, odometer: float) -> None:
        """Count the way since the last look."""
        way = 0.0 if self._odometer is None else max(0.0, odometer - self._odometer)
        self._odometer, self.counts.seen = odometer, at
        self.counts.total_m += way
        if self._ride is not None:
            self._ride.metres += way
        else:
            self.counts.empty_m += way
        if self.counts.shift is not None:
            self.counts.shift.metres += way
        else:
            self.counts.between_m += way
