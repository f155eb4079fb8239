"""Safety alarms as items of a position: what the cameras of driver assistance and of driver watching saw.

T/JSATL 12-2017, 4.3: item 0x64 (ADAS), 0x65 (DSM). The identification is what the platform asks for
the alarm's pictures by (0x9208).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.report import Position
from simulator.danger import FORWARD, Hazard

MOMENTARY = 0
"""Flag of an event that has no duration."""
PICTURES = 2
"""Attachments of every alarm."""
ON_THE_ROAD = 1 | 1 << 10
"""Status of the vehicle: ignition on, positioned."""


def items(hazard: Hazard, position: Position, number: str, sequence: int) -> Mapping[str, Any]:
    """number: of the terminal; sequence: of this alarm among those of one second, and its id."""
    common = {
        "alarm_id": sequence, "flag": MOMENTARY, "type": hazard.kind, "level": hazard.level,
        "speed": round((position.speed or 0) * 3.6), "altitude": round(position.altitude or 0) & 0xFFFF,
        "lat": abs(position.lat), "lon": abs(position.lon), "time": position.time, "vehicle": ON_THE_ROAD,
        "identification": {
            "terminal_id": number[-7:], "time": position.time, "sequence": sequence & 0xFF, "attachments": PICTURES,
            "reserved": 0,
        },
    }  # fmt: skip
    if hazard.device == FORWARD:
        ahead = {"front_speed": 20, "front_time": 1.5, "departure": 1, "sign": 0, "sign_value": 0}
        return {"0x64": {**common, **ahead}}
    return {"0x65": {**common, "fatigue": 5, "reserved": bytes(4)}}
