"""A second reading of docs/live-feed.md, written from the document: what the console's own decoder is compared with."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np


@dataclass(frozen=True)
class Car:
    lon: float
    lat: float
    fix: datetime
    course_deg: int | None
    speed_kmh: int | None
    condition: str


@dataclass(frozen=True)
class Frame:
    kind: str
    sequence: int
    time: datetime
    cars: dict[int, Car]


CONDITIONS = ("vacant", "occupied", "booked", "off_duty", "offline", "alarm")


def decode(data: bytes) -> Frame:
    version, kind, head, sequence, time_ms, count = struct.unpack_from("<BBHIQI", data)
    assert (version, len(data)) == (1, head + 17 * count)
    time = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=time_ms)
    at = head
    columns = []
    for code in ("<u4", "<i4", "<i4", "<u2", "u1", "u1", "u1"):
        columns.append(np.frombuffer(data, code, count, at).tolist())
        at += count * np.dtype(code).itemsize
    cars = {
        number: Car(
            lon / 1e7, lat / 1e7, time - timedelta(seconds=age), None if course == 255 else course * 2,
            None if speed == 255 else speed, CONDITIONS[condition],
        )
        for number, lon, lat, age, course, speed, condition in zip(*columns, strict=True)
    }  # fmt: skip
    return Frame(("snapshot", "changes")[kind], sequence, time, cars)
