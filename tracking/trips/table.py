"""Fixes and trips as CSV: `vehicle,time,lat,lon,occupied,speed_kmh` in, one occupied trip a line out.

A row that cannot be read is named and left out; the rest goes on.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from tracking.errors import TrackingError
from tracking.instant import seconds
from tracking.trips.fixes import Fixes, State

KMH = 3.6
OCCUPIED = {"0": 0, "1": 1, "false": 0, "true": 1, "0.0": 0, "1.0": 1}
HEAD = ("vehicle", "start", "end", "start_lat", "start_lon", "end_lat", "end_lon", "length_m", "fixes")


class TableError(TrackingError):
    """The file as a whole is no table of fixes."""


@dataclass
class Table:
    """What was read. `names[i]` is the vehicle of number i; `times` are those of the rows as they stood."""

    names: list[str] = field(default_factory=list)
    times: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    fixes: Fixes = field(init=False)


def read(lines: Iterable[str], zone: tzinfo) -> Table:
    """Times without an offset are of `zone`. Raises TableError when the head lacks a column."""
    numbered = enumerate(lines, 1)
    head = [name.strip() for name in _cells(next(numbered, (1, ""))[1].removeprefix("\ufeff"))]
    columns = _columns(zone)
    if missing := [name for name in columns if name not in head]:
        raise TableError(f"line 1: no column {', '.join(missing)}; the head must be {','.join(columns)}")
    places = [(head.index(name), name, parse) for name, parse in columns.items()]
    table, rows, vehicles = Table(), [], dict[str, int]()
    for line, text in numbered:
        if not text.strip():
            continue
        row, fault = _row(_cells(text), places, len(head))
        if row is None:
            table.faults.append(f"line {line}, {fault}")
            continue
        rows.append((vehicles.setdefault(str(row[0]), len(vehicles)), *row[1:]))
        table.times.append(_cells(text)[places[1][0]].strip())
    table.names = sorted(vehicles)
    table.fixes = _fixes(rows, np.argsort(np.argsort(np.array(list(vehicles), object))))
    return table


Parse = Callable[[str], str | float]


def _columns(zone: tzinfo) -> Mapping[str, Parse]:
    return {
        "vehicle": _name, "time": lambda text: seconds(text, zone), "lat": lambda text: _within(text, 90),
        "lon": lambda text: _within(text, 180), "occupied": _occupied, "speed_kmh": _speed,
    }  # fmt: skip


def _cells(text: str) -> list[str]:
    """Of one line alone: a stray quote must not swallow the lines behind it."""
    if '"' in text:
        return next(csv.reader([text]), [])
    return text.rstrip("\r\n").split(",")


def _row(
    cells: Sequence[str], places: Sequence[tuple[int, str, Parse]], width: int
) -> tuple[list[str | float] | None, str]:
    """The values, or what is wrong."""
    if len(cells) != width:
        return None, f"column {min(len(cells), width) + 1}: {len(cells)} columns instead of {width}"
    values: list[str | float] = []
    for at, name, parse in places:
        try:
            values.append(parse(cells[at].strip()))
        except ValueError as error:
            return None, f"column {name}: {cells[at].strip()[:60]!r} {error}"
    return values, ""


def _name(text: str) -> str:
    if not text:
        raise ValueError("names no vehicle")
    return text


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError("is no number")
    return value


def _within(text: str, most: float) -> float:
    value = _number(text)
    if abs(value) > most:
        raise ValueError(f"is beyond {most:g} degrees")
    return value


def _occupied(text: str) -> float:
    if text.lower() not in OCCUPIED:
        raise ValueError("is neither 0 nor 1")
    return OCCUPIED[text.lower()]


def _speed(text: str) -> float:
    """km/h -> m/s; nothing where it is not known."""
    if not text:
        return math.nan
    if (value := _number(text)) < 0:
        raise ValueError("is negative")
    return value / KMH


def _fixes(rows: Sequence[tuple[str | float, ...]], numbers: NDArray[np.intp]) -> Fixes:
    """`numbers[i]`: that of the i-th vehicle met, by name, so that the order of the rows does not matter."""
    vehicle, time, lat, lon, on, speed = (
        np.array(column, np.float64) for column in (zip(*rows, strict=True) if rows else [()] * 6)
    )
    return Fixes(
        numbers[vehicle.astype(np.intp)].astype(np.int64), np.round(time * 1e6).astype(np.int64), lat, lon,
        (on * State.OCCUPIED).astype(np.int8), speed,
    )  # fmt: skip


def write(out: TextIO, table: Table, trips: NDArray[np.void]) -> None:
    """Trips (SPAN) as CSV; a start and an end are written as the time stood in its row."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEAD)
    writer.writerows(_lines(table, trips))


def _lines(table: Table, trips: NDArray[np.void]) -> Iterator[tuple[str | int, ...]]:
    for trip in trips:
        yield (
            table.names[trip["vehicle"]], table.times[trip["first"]], table.times[trip["last"]],
            *(_degrees(trip[name]) for name in ("start_lat", "start_lon", "end_lat", "end_lon")),
            f"{trip['length']:.1f}", int(trip["fixes"]),
        )  # fmt: skip


def _degrees(value: float) -> str:
    """Nothing where no place is believed."""
    return "" if math.isnan(value) else repr(float(value))
