"""Frames of the live feed: the bytes that docs/live-feed.md promises, and what they mean."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dashboard.fleet import CODE, CONDITIONS, STATE
from dashboard.frame import COLUMNS, HEAD, Kind, encode
from gateway.report import micros
from tests.dashboard.decode import decode
from tracking.vehicle import Condition

GOLDEN = Path(__file__).parents[1] / "vectors" / "live_frame.json"
NOON = datetime(2026, 11, 25, 4, 0, tzinfo=UTC)


def state(**values: object) -> np.ndarray:
    row = np.zeros(1, STATE)
    for name, value in values.items():
        row[name] = value
    return row


def golden_rows() -> tuple[np.ndarray, np.ndarray]:
    """Ordinary, nothing reported, and everything at its bound."""
    rows = [
        state(lon=120.95, lat=31.38, time=micros(NOON) - 7_900_000, course=91, speed=10, condition=1),
        state(lon=-0.0000001, lat=-89.9999999, time=micros(NOON) + 5_000_000, course=np.nan, speed=np.nan),
        state(lon=180, lat=90, time=micros(NOON) - 10**12, course=359.5, speed=100, condition=CODE[Condition.ALARM]),
    ]
    return np.array([1, 70_000, 4_294_967_295], np.uint32), np.concatenate(rows)


def test_bytes_are_the_golden_ones_and_mean_what_stands_beside_them():
    golden = json.loads(GOLDEN.read_text("utf-8"))
    data = encode(Kind.CHANGES, 4_000_000_001, micros(NOON), *golden_rows())
    assert data.hex() == golden["hex"]
    frame = decode(data)
    said = {
        "kind": frame.kind, "sequence": frame.sequence, "time_ms": micros(frame.time) // 1000,
        "vehicles": [
            {
                "id": n, "lon": c.lon, "lat": c.lat, "fix_ms": micros(c.fix) // 1000, "course_deg": c.course_deg,
                "speed_kmh": c.speed_kmh, "condition": c.condition,
            }
            for n, c in frame.cars.items()
        ],
    }  # fmt: skip
    assert said == golden["frame"]


def test_a_vehicle_takes_17_bytes():
    assert sum(np.dtype(code).itemsize for _, code in COLUMNS) == 17
    assert len(encode(Kind.SNAPSHOT, 1, 0, np.zeros(5000, np.uint32), np.zeros(5000, STATE))) == HEAD.size + 85_000


def test_codes_of_conditions_never_change():
    assert [str(c) for c in CONDITIONS] == ["vacant", "occupied", "booked", "off_duty", "offline", "alarm"]


@given(
    lon=st.floats(-180, 180), lat=st.floats(-90, 90), age_s=st.integers(-100, 10**6),
    course=st.none() | st.floats(0, 360, width=32), speed=st.none() | st.floats(0, 61, width=32),
)  # fmt: skip
def test_what_is_decoded_is_what_was_encoded_but_for_rounding(lon, lat, age_s, course, speed):
    row = state(
        lon=lon, lat=lat, time=micros(NOON) - age_s * 1_000_000,
        course=np.nan if course is None else course, speed=np.nan if speed is None else speed,
    )  # fmt: skip
    (car,) = decode(encode(Kind.SNAPSHOT, 0, micros(NOON), np.array([9], np.uint32), row)).cars.values()
    assert abs(car.lon - lon) < 1e-7
    assert abs(car.lat - lat) < 1e-7
    assert car.fix == NOON - timedelta(seconds=min(max(age_s, 0), 65_535))
    assert (car.course_deg is None) == (course is None)
    assert (car.speed_kmh is None) == (speed is None)
    if course is not None:
        assert min(abs(car.course_deg - course) % 360, abs(course - car.course_deg - 360) % 360) <= 1.01
    if speed is not None:
        assert abs(car.speed_kmh - speed * 3.6) <= 0.51
