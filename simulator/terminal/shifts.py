"""What an ISU writes of shifts and trips: its meter's counts as fields of JT/T 905.2-2014, tables 54-56 and 88."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from gateway.wire.clocks import CHINA
from simulator.meter import Counts, Shift, Tariff, Trip, packed
from simulator.terminal.cabin import Cabin

PULSES_KM = 1000
MOST_SHORT_M = 999_900
"""Most metres that fit a field of XXX.X km."""
NORMAL, FORCED = 0, 1
CASH = 0
NO_FEE = Decimal(0)
Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rated:
    """rating: of the passenger, 0 for none; at: when he gave it."""

    rating: int
    at: datetime


def sign_in(place: Fields, cabin: Cabin, shift: Shift) -> Fields:
    """0x0B03. place: fields of the basic position."""
    return {"position": place, **_licences(cabin, shift.driver), "on": shift.on}


def sign_out(
    place: Fields, cabin: Cabin, shift: Shift, off: datetime, mode: int, counts: Counts, tariff: Tariff
) -> Fields:
    """0x0B04. off: the end of the shift; mode: NORMAL or FORCED. The car takes cash alone."""
    return {
        "position": place, **_licences(cabin, shift.driver), "meter_constant": PULSES_KM, "on": shift.on, "off": off,
        "distance": _km(shift.metres), "occupied_distance": _km(shift.occupied_m), "trips": shift.trips,
        "timing": 60 * shift.waiting_min, "amount": shift.amount, "card_amount": 0, "card_trips": 0,
        "between_distance": _short_km(shift.between_m), "total_distance": _km(counts.total_m),
        "total_occupied_distance": _km(counts.occupied_m), "price": tariff.per_km_yuan,
        "total_trips": counts.trips, "mode": mode,
    }  # fmt: skip


def operation(pick_up: Fields, drop_off: Fields, cabin: Cabin, driver: str, trip: Trip, rated: Rated) -> Fields:
    """0x0B05: both places, the passenger's opinion, the order, the meter's record."""
    return {
        "pick_up": pick_up, "drop_off": drop_off, "operation": trip.operation,
        "evaluation": packed(rated.at) if rated.rating else 0, "rating": rated.rating, "rating_extension": 0,
        "order": trip.order, "meter": _record(cabin, driver, trip),
    }  # fmt: skip


def _record(cabin: Cabin, driver: str, trip: Trip) -> Fields:
    return {
        **_licences(cabin, driver), "on": trip.on, "off": trip.off.astimezone(CHINA).time(),
        "distance": _km(trip.metres), "empty_distance": _short_km(trip.empty_m), "surcharge": trip.surcharge,
        "waiting": 60 * trip.waiting_min, "amount": trip.amount, "trip": trip.number, "payment": CASH, "card": b"",
    }  # fmt: skip


def _licences(cabin: Cabin, driver: str) -> Fields:
    """The plate goes without its Chinese character."""
    plate = "".join(character for character in cabin.plate if character.isascii())
    return {"company_licence": cabin.company, "driver_licence": driver, "plate": plate[-6:]}


def _km(metres: float) -> float:
    """In whole tenths, cut as meters cut."""
    return int(metres // 100) / 10


def _short_km(metres: float) -> float:
    return _km(min(metres, MOST_SHORT_M))
