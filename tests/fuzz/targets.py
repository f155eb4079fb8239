"""Readers with the inputs that are made for them from the layout tables."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from random import Random
from typing import Any

from gateway.errors import ProtocolError
from gateway.protocols.jt808 import attachments
from gateway.protocols.jt808 import header as head808
from gateway.protocols.jt808 import messages as jt808
from gateway.protocols.jt808.position import ITEMS as ROAD_ITEMS
from gateway.protocols.jt905 import messages as jt905
from gateway.protocols.jt905.position import ITEMS as TAXI_ITEMS
from gateway.wire.framing import MIN_FRAME, unwrap
from gateway.wire.items import Items
from gateway.wire.layout import Layout
from gateway.wire.reader import Span
from tests.fuzz import edits, seeds
from tests.fuzz.documents import Documents
from tests.fuzz.frames import LONGEST, Frames
from tests.fuzz.readers import READERS
from tests.terminals import ISU, NUMBER


@dataclass(frozen=True, slots=True)
class Target:
    """A reader by its name, with inputs to begin with and how they are changed."""

    name: str
    mutate: Callable[[bytes, Random], bytes]
    corpus: Sequence[bytes]

    @property
    def execute(self) -> Callable[[bytes], None]:
        return READERS[self.name]


POSITIONS = {0x0200, 0x0201, 0x0202, 0x0203, 0x0704}
EXPLAINED = 1500
"""Bytes of a capture; explaining costs several times what reading does."""


def _fields_808(content: bytes) -> list[int]:
    return _fields(content, head808.split, lambda h, body: jt808.body_layout(h.message_id, h.version, body)[1])


def _fields_905(content: bytes) -> list[int]:
    return _fields(content, jt905.split, lambda h, body: jt905.body_layout(h.message_id, body)[1])


def _fields(content: bytes, split: Callable[[bytes], Any], layout_of: Callable[[Any, bytes], Layout]) -> list[int]:
    """Where the fields begin, as far as they can be read."""
    trace: list[Span] = []
    if len(content) < MIN_FRAME - 1:
        return []
    try:
        header, body = split(content)
        layout_of(header, body).decode(body, trace)
    except ProtocolError:
        body = content
    start = len(content) - len(body)
    return [0, 2, 4, start - 2, *(start + span.start for span in trace)]


def _body_at_808(content: bytes) -> int:
    attributes = int.from_bytes(content[2:4], "big")
    return (17 if attributes & head808.VERSIONED else 12) + (4 if attributes & head808.PACKAGED else 0)


def _fitted_808(content: bytes) -> bytes:
    at = _body_at_808(content)
    content = content[: at + head808.LENGTH]
    flags = int.from_bytes(content[2:4], "big") & ~head808.LENGTH
    return content[:2] + (flags | max(len(content) - at, 0)).to_bytes(2, "big") + content[4:]


def _fitted_905(content: bytes) -> bytes:
    return content[:2] + max(len(content) - 12, 0).to_bytes(2, "big") + content[4:]


@cache
def _road_frames() -> Frames:
    messages: list[tuple[bytes, ...]] = []
    for i, (message_id, version, body) in enumerate(seeds.bodies(jt808.MESSAGES)):
        whole = unwrap(head808.build(message_id, NUMBER, 1, body, version))
        messages += [(whole,)] * _weight(message_id, i)
        messages += [] if i % 8 else [_in_two(whole)]
    return Frames(messages, seeds.items(Items(ROAD_ITEMS)), _body_at_808, _fitted_808, _fields_808)


def _weight(message_id: int, i: int) -> int:
    """How often a message is taken: positions most, what terminals do not send least."""
    return 6 if message_id in POSITIONS else int(message_id < 0x8000 or i % 6 == 0)


def _in_two(content: bytes) -> tuple[bytes, ...]:
    """A message in two parts, however short it is."""
    at = _body_at_808(content)
    middle = (at + len(content)) // 2
    attributes = (int.from_bytes(content[2:4], "big") | head808.PACKAGED).to_bytes(2, "big")
    head = content[:2] + attributes + content[4 : at - 2]
    pieces = enumerate((content[at:middle], content[middle:]), 1)
    return tuple(_fitted_808(head + struct.pack(">HHH", n, 2, n) + piece) for n, piece in pieces)


@cache
def _taxi_frames() -> Frames:
    messages: list[tuple[bytes, ...]] = []
    for i, (message_id, _, body) in enumerate(seeds.bodies(jt905.MESSAGES)):
        whole = unwrap(jt905.frame(message_id, body, terminal=ISU, serial=1))
        messages += [(whole,)] * _weight(message_id, i)
    return Frames(messages, seeds.items(Items(TAXI_ITEMS)), lambda _: 12, _fitted_905, _fields_905)


def _stream_of_both(frames: Frames, packets: Sequence[bytes], data: bytes, rng: Random) -> bytes:
    """Raw packets with frames between them."""
    if rng.random() < 0.5:
        return edits.scatter(data, rng)
    packet = rng.choice(packets)
    if rng.random() < 0.3:
        packet = edits.scatter(packet, rng)
    return data[-2000:] + rng.choice((b"", frames.mutate(data[:500], rng))) + packet


FIXES: Sequence[Any] = (
    {"time": "2026-11-25T09:02:03+08:00", "lat": 31.4, "lon": 120.9, "speed_kmh": 36.0, "course_deg": 90,
     "altitude_m": 3, "odometer_km": 1.5, "satellites": 9, "status": {"occupied": True, "acc_on": False},
     "alarms": ["emergency"], "valid": True, "note": "北门", "counter": 7},
    [{"time": 1795564800, "lat": 31.4, "lon": 120.9}, {"time": 1795564810.5, "lat": -31.4, "lon": -120.9}],
    {"_type": "location", "lat": 31.4, "lon": 120.9, "tst": 1795564800, "vel": 36, "cog": 90, "alt": 3, "acc": 5,
     "batt": 80, "tid": "wx", "topic": "owntracks/wang/phone", "inregions": ["depot"]},
    {"_type": "transition", "event": "enter", "tst": 1795564800}, {"_type": "lwt", "tst": 1},
)  # fmt: skip


def _lines(frames: Mapping[str, Frames]) -> Documents:
    given: list[Any] = [
        {"session": "s", "protocol": name, "hex": some.whole(message).hex()}
        for name, some in frames.items()
        for message in some.messages[::9]
    ]
    given += [{"protocol": name, "text": json.dumps(fix)} for fix in FIXES for name in ("mqtt", "owntracks")]
    given += [
        {"hex": b"(013812345678,1,ICCID)".hex(), "dialect": "jimi"},
        {"protocol": "owntracks", "http": {"url": "/pub?u=wang&d=phone", "headers": {}, "body": FIXES[2]}},
        {"protocol": "owntracks", "http": {"method": "POST", "headers": {"X-Limit-U": "li"}, "body": "{}"}},
    ]
    devices = Documents(FIXES)

    def strings(rng: Random) -> str:
        if rng.random() < 0.6:
            return rng.choice(list(frames.values())).mutate(b"", rng).hex()
        return devices.mutate(b"", rng).decode("utf-8", "surrogateescape" if rng.random() < 0.1 else "replace")

    return Documents(given, strings)


def _of_frames(name: str, frames: Frames, most: int = LONGEST) -> Target:
    return Target(name, lambda data, rng: frames.mutate(data, rng)[:most], list(map(frames.whole, frames.messages)))


def _of_documents(name: str, documents: Documents) -> Target:
    return Target(name, documents.mutate, [json.dumps(one).encode() for one in documents.fresh])


def _of_packets(name: str) -> Target:
    packets = seeds.written(attachments.PACKET, 40)
    return Target(name, partial(_stream_of_both, _road_frames(), packets), packets)


MAKERS: Mapping[str, Callable[[str], Target]] = {
    "jt808": lambda name: _of_frames(name, _road_frames()),
    "jt905": lambda name: _of_frames(name, _taxi_frames()),
    "attachments": _of_packets,
    "payloads": lambda name: _of_documents(name, Documents(FIXES)),
    "jsonl": lambda name: _of_documents(name, _lines({"jt808": _road_frames(), "jt905": _taxi_frames()})),
    "explained": lambda name: _of_frames(name, _road_frames(), EXPLAINED),
}


def target(name: str) -> Target:
    """One of them by its name; its inputs are drawn now."""
    return MAKERS[name](name)
