"""Binary frames of the live feed: last states in columns, 17 bytes a vehicle. The layout is in docs/live-feed.md."""

from __future__ import annotations

import enum
import struct

import numpy as np
from numpy.typing import NDArray

VERSION = 1
HEAD = struct.Struct("<BBHIQI4x")
"""version, kind, bytes of this head, sequence number, server's time in ms since the epoch, vehicles."""

COLUMNS = (
    ("id", "<u4"),
    ("lon", "<i4"),
    ("lat", "<i4"),
    ("age", "<u2"),
    ("course", "u1"),
    ("speed", "u1"),
    ("condition", "u1"),
)
UNKNOWN = 255
OLDEST_S = 65_535


class Kind(enum.IntEnum):
    SNAPSHOT = 0
    """Every vehicle that has a place; what is not in it has none."""
    CHANGES = 1
    """Vehicles that changed since the frame with the number before."""


def encode(kind: Kind, sequence: int, now_us: int, ids: NDArray[np.uint32], state: NDArray[np.void]) -> bytes:
    """One frame. `state` holds STATE rows of dashboard.fleet, shape (n,), of the vehicles `ids`, shape (n,)."""
    values = {
        "id": ids,
        "lon": np.rint(state["lon"] * 1e7),
        "lat": np.rint(state["lat"] * 1e7),
        "age": np.clip((now_us - state["time"]) // 1_000_000, 0, OLDEST_S),
        "course": _known(np.rint(state["course"] / 2) % 180),
        "speed": _known(np.clip(np.rint(state["speed"] * 3.6), 0, 254)),
        "condition": state["condition"],
    }
    head = HEAD.pack(VERSION, kind, HEAD.size, sequence & 0xFFFF_FFFF, now_us // 1000, len(ids))
    return b"".join((head, *(values[name].astype(code).tobytes() for name, code in COLUMNS)))


def _known(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.where(np.isnan(values), np.float32(UNKNOWN), values)
