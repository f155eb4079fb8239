"""Alarms that stand in additional items instead of the word of alarms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.report import Alarm
from gateway.wire.bits import BitMap

DRIVING = (Alarm.HARD_ACCELERATION, Alarm.HARD_BRAKING, Alarm.HARD_CORNERING, Alarm.COLLISION, Alarm.TAMPERED)


@dataclass(frozen=True, slots=True)
class Word:
    """A word of flags inside an item.

    path      keys from the item's id to the word
    inverted  a bit of nought is the alarm
    """

    path: tuple[str, ...]
    bits: BitMap
    inverted: bool = False


WORDS = (
    Word(("0x14", "video_alarms"), BitMap({0: Alarm.VIDEO_LOST, 1: Alarm.VIDEO_COVERED, 2: Alarm.VIDEO_STORAGE,
                                           4: Alarm.OVERLOADED})),
    Word(("0x18", "abnormal_driving"), BitMap({0: Alarm.FATIGUE, 1: Alarm.PHONE_USE, 2: Alarm.SMOKING})),
    Word(("0x57", "alarms"), BitMap({8 + bit: alarm for bit, alarm in enumerate(DRIVING[:3])})),
    Word(("0xd0", "user_status"), BitMap({3: Alarm.VIBRATION})),
    Word(("0xe7", "alarms"), BitMap({0: Alarm.VIBRATION, 1: Alarm.EMERGENCY, 2: Alarm.EMERGENCY, 3: Alarm.EMERGENCY})),
    Word(("0xeb", "groups", "0x0089", "alarms_off"), BitMap({0: Alarm.POWER_LOST, 12: Alarm.TAMPERED}), inverted=True),
    Word(("0xeb", "groups", "0x00c5", "states_off"), BitMap({6: Alarm.VIBRATION}), inverted=True),
    Word(("0xfe", "groups", "0x01", "alarms"), BitMap(dict(enumerate(DRIVING)))),
)  # fmt: skip
FIRST = {word.path[0] for word in WORDS}
ALARM_ITEMS = frozenset(int(key, 16) for key in FIRST)
"""Ids of the items that may hold alarms."""


def item_alarms(items: Mapping[str, Mapping[str, Any]]) -> int:
    """Mask of `Alarm` of a position's decoded items."""
    if not FIRST & items.keys():
        return 0
    mask = 0
    for word, value in _found(items):
        mask |= word.bits.word(~value & 0xFFFFFFFF if word.inverted else value)
    return mask


def _found(items: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[Word, int]]:
    for word in WORDS:
        inner: Any = items
        for key in word.path:
            inner = inner.get(key) if isinstance(inner, Mapping) else None
        if isinstance(inner, int):
            yield word, inner
