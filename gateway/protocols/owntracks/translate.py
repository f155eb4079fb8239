"""OwnTracks payloads (https://owntracks.org/booklet/tech/json/): `_type` "location" is a fix."""

from __future__ import annotations

from gateway.columns import each
from gateway.errors import ProtocolError
from gateway.report import Position, Status
from gateway.wire.identity import identity
from gateway.wire.jsonfix import load, moment, number, obj, required

OTHER_TYPES = {"transition", "waypoint", "waypoints", "card", "cmd", "steps", "lwt", "configuration", "encrypted",
               "dump", "request", "status"}  # fmt: skip
KNOWN = {"_type", "lat", "lon", "tst", "vel", "cog", "alt"}


def is_location(payload: bytes) -> bool:
    """Whether the message carries a fix; others (lwt, transition, ...) are counted and left alone."""
    kind = obj(load(payload)).get("_type")
    if kind != "location" and kind not in OTHER_TYPES:
        raise ProtocolError("json", f"_type {kind!r} is not OwnTracks")
    return bool(kind == "location")


def position(body: bytes, terminal: str = "") -> Position:
    """One location object -> Position. `tst` is seconds since the epoch, `vel` km/h, `alt` m."""
    data = obj(load(body))
    speed = number(data, "vel")
    altitude = number(data, "alt")
    return Position(
        terminal=terminal,
        time=moment(data, "tst"),
        lat=required(data, "lat"),
        lon=required(data, "lon"),
        speed=None if speed is None or speed < 0 else speed / 3.6,
        course=number(data, "cog"),
        altitude=altitude,
        status=Status.POSITIONED,
        identity=identity(body),
        attributes={key: value for key, value in data.items() if key not in KNOWN},
    )


read_owntracks = each(position)
