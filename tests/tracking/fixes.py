"""Made-up fixes in columns for the storage tests."""

import json
from datetime import UTC, datetime

import numpy as np

from gateway.report import FIX, FixBatch, Flag, Status, micros

NOON = datetime(2026, 11, 25, 4, 0, tzinfo=UTC)


def batch(count: int, *, terminals: int = 1, start: datetime = NOON, seed: int = 0, step_s: float = 10) -> FixBatch:
    """`count` good fixes, `step_s` apart, dealt out to the terminals in turn; every third has attributes."""
    rng = np.random.default_rng(seed)
    rows = np.zeros(count, FIX)
    rows["terminal"] = np.arange(count) % terminals
    rows["time"] = micros(start) + (np.arange(count) * step_s * 1e6).astype(np.int64)
    rows["received"] = rows["time"] + 1_500_000
    rows["identity"] = rng.integers(-(2**63), 2**63, count)
    rows["lat"], rows["lon"] = rng.uniform(31.1, 31.5, count), rng.uniform(120.8, 121.1, count)
    for name in ("speed", "course", "altitude", "recorder_speed", "fuel", "odometer"):
        rows[name] = np.where(rng.random(count) < 0.2, np.nan, rng.uniform(0, 100, count))
    rows["alarms"] = rng.integers(0, 2**43, count)
    rows["status"] = rng.integers(0, 2**27, count) | int(Status.POSITIONED)
    rows["satellites"], rows["signal"] = rng.integers(-1, 30, count), rng.integers(-1, 100, count)
    attributes = [json.dumps({"n": i, "名": "昆山"}).encode() if i % 3 == 0 else b"" for i in range(count)]
    return FixBatch([f"jt808/{n}" for n in range(terminals)], rows, attributes)


def flagged(fixes: FixBatch, where: slice, flag: Flag) -> FixBatch:
    rows = fixes.rows.copy()
    rows["flags"][where] |= np.uint16(flag)
    return FixBatch(fixes.terminals, rows, fixes.attributes)
