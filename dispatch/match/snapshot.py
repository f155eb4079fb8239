"""What the matcher knows at one moment: waiting bookings and taxis in columns, in the order of their ids.

A snapshot is frozen, says the same as its JSON, and has a hash: a decision can be looked at again,
and made again, from what was known when it was made.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from hashlib import sha256
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

Rows = NDArray[np.void]


class State(enum.IntEnum):
    """What a taxi is doing. BOOKED: on its way to a passenger."""

    VACANT = 0
    OCCUPIED = 1
    BOOKED = 2
    OFF = 3


class Ability(enum.IntFlag):
    """What a booking may need of a car or its driver."""

    WHEELCHAIR = 1 << 0
    LUGGAGE = 1 << 1
    PET = 1 << 2
    CHILD_SEAT = 1 << 3
    ENGLISH = 1 << 4
    CARD = 1 << 5
    FEMALE_DRIVER = 1 << 6
    ELECTRIC = 1 << 7


BOOKING = np.dtype(
    [
        ("lat", "<f8"),  # of the pick-up, degrees, WGS-84
        ("lon", "<f8"),
        ("wait_s", "<f8"),  # since the passenger asked, or since the reserve for a pre-booking began
        ("trip_s", "<f8"),  # estimate of the journey, 0 = not known
        ("needs", "<u4"),  # Ability
        ("passengers", "<u1"),
        ("priority", "<u1"),  # 0 = as everybody
        ("zone", "<i2"),  # index into the policy's zones, -1 = elsewhere
    ]
)
TAXI = np.dtype(
    [
        ("lat", "<f8"),  # where it is, or for an occupied one where it will be free
        ("lon", "<f8"),
        ("fix_age_s", "<f8"),
        ("clear_s", "<f8"),  # until it is free there; NaN = not known, 0 for a vacant one
        ("shift_left_s", "<f8"),  # until the shift ends; infinite = not known, here and below
        ("hours_left_s", "<f8"),  # of what the driver may still drive
        ("income", "<f8"),  # of the driver in this shift, yuan an hour; NaN = not known
        ("refusal", "<f8"),  # share of offers that the driver refuses or lets pass
        ("has", "<u4"),  # Ability
        ("seats", "<u1"),
        ("state", "<u1"),  # State
        ("locked", "?"),  # no offers for now: dropped an order, or the desk said so
        ("rank", "<i2"),  # zone in whose rank it queues, -1 = none
        ("turn", "<i4"),  # its place in that queue, lowest first
    ]
)
_BOOKING_DEFAULTS = {"passengers": 1, "zone": -1}
_TAXI_DEFAULTS = {"shift_left_s": np.inf, "hours_left_s": np.inf, "income": np.nan, "seats": 4, "rank": -1}


@dataclass(frozen=True, eq=False)
class Snapshot:
    """bookings, taxis: BOOKING and TAXI rows of the ids beside them; refused: (booking, taxi) that must not meet."""

    now: datetime
    booking_ids: tuple[str, ...]
    bookings: Rows
    taxi_ids: tuple[str, ...]
    taxis: Rows
    refused: frozenset[tuple[str, str]] = frozenset()

    @classmethod
    def of(
        cls,
        now: datetime,
        bookings: Mapping[str, Mapping[str, Any]],
        taxis: Mapping[str, Mapping[str, Any]],
        refused: Iterable[tuple[str, str]] = (),
    ) -> Snapshot:
        """From rows by id in any order; columns that a row lacks have their defaults."""
        booking_ids, taxi_ids = sorted(bookings), sorted(taxis)
        return cls(
            now, tuple(booking_ids), _rows(BOOKING, _BOOKING_DEFAULTS, [bookings[key] for key in booking_ids]),
            tuple(taxi_ids), _rows(TAXI, _TAXI_DEFAULTS, [taxis[key] for key in taxi_ids]), frozenset(refused),
        )  # fmt: skip

    @cached_property
    def refused_pairs(self) -> NDArray[np.int64]:
        """Sorted `booking * len(taxis) + taxi` of the refused pairs, by index."""
        bookings = {key: n for n, key in enumerate(self.booking_ids)}
        taxis = {key: n for n, key in enumerate(self.taxi_ids)}
        known = ((bookings.get(b), taxis.get(t)) for b, t in self.refused)
        pairs = [b * len(taxis) + t for b, t in known if b is not None and t is not None]
        return np.array(sorted(pairs), np.int64)

    def to_json(self) -> bytes:
        """The snapshot in one canonical form."""
        content = {
            "now": self.now.isoformat(),
            "bookings": {"id": self.booking_ids, **_columns(self.bookings)},
            "taxis": {"id": self.taxi_ids, **_columns(self.taxis)},
            "refused": sorted(self.refused),
        }
        return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_SORT_KEYS)

    @classmethod
    def from_json(cls, text: bytes) -> Snapshot:
        """Inverse of `to_json`. Raises ValueError on anything else."""
        try:
            content = orjson.loads(text)
            bookings, taxis = content["bookings"], content["taxis"]
            return cls(
                datetime.fromisoformat(content["now"]), tuple(bookings["id"]), _table(BOOKING, bookings),
                tuple(taxis["id"]), _table(TAXI, taxis), frozenset((b, t) for b, t in content["refused"]),
            )  # fmt: skip
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a snapshot: {error!r}") from error

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the canonical form."""
        return sha256(self.to_json()).hexdigest()


def _rows(dtype: np.dtype[np.void], defaults: Mapping[str, Any], records: Sequence[Mapping[str, Any]]) -> Rows:
    rows = np.zeros(len(records), dtype)
    for name in dtype.names or ():
        default = defaults.get(name, 0)
        rows[name] = [record.get(name, default) for record in records]
    return rows


def _columns(rows: Rows) -> dict[str, list[Any]]:
    """Numbers that JSON lacks are written as words."""
    return {name: [_word(value) for value in rows[name].tolist()] for name in rows.dtype.names or ()}


def _word(value: Any) -> Any:
    return value if not isinstance(value, float) or abs(value) < np.inf else str(value)


def _table(dtype: np.dtype[np.void], columns: Mapping[str, Sequence[Any]]) -> Rows:
    rows = np.zeros(len(columns["id"]), dtype)
    for name in dtype.names or ():
        rows[name] = np.array(columns[name], dtype[name])
    return rows
