"""What is fuzzed: the gateway's readers as they are called, each with inputs made for it.

An input is what a peer sends, nothing else. Every execution begins anew, so that an input that
fails does so again by itself.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

import orjson

from gateway import command as say
from gateway.decode import rim, table
from gateway.decode.lines import Sessions, answer
from gateway.errors import ProtocolError
from gateway.explain import Capture
from gateway.protocols.jt808 import attachments
from gateway.protocols.jt808 import header as head808
from gateway.protocols.jt808 import messages as jt808
from gateway.protocols.jt808.explain import Jt808Decoder
from gateway.protocols.jt808.position import ITEMS as ROAD_ITEMS
from gateway.protocols.jt808.session import Jt808Session
from gateway.protocols.jt905 import messages as jt905
from gateway.protocols.jt905.explain import Jt905Decoder
from gateway.protocols.jt905.position import ITEMS as TAXI_ITEMS
from gateway.protocols.jt905.session import Jt905Session
from gateway.protocols.mqtt import session as mqtt
from gateway.protocols.owntracks import session as owntracks
from gateway.server.batch import Judge, decode
from gateway.server.plausible import Region
from gateway.session import Chunk, Held, Limits, Outcome, Progress, Session
from gateway.wire.framing import FLAG, MIN_FRAME, unwrap
from gateway.wire.items import Items
from gateway.wire.layout import Layout
from gateway.wire.reader import Span
from tests.fuzz import edits, seeds
from tests.fuzz.documents import Documents
from tests.fuzz.frames import Frames
from tests.terminals import ISU, NUMBER

JUDGE = Judge(Region.parse("china"), 600_000_000)
NOW = 1_000.0
MOMENT_US = 1_795_564_800_000_000
"""2026-11-25."""


@dataclass(frozen=True, slots=True)
class Target:
    """A reader by its name, with inputs to begin with and how they are changed."""

    name: str
    mutate: Callable[[bytes, Random], bytes]
    corpus: Sequence[bytes]

    @property
    def execute(self) -> Callable[[bytes], None]:
        return READERS[self.name]


class Book:
    """A roll on which every terminal is, with a code that fits."""

    def enrolled(self, terminal: str) -> bool:
        return True

    def issue_code(self, terminal: str, model: str) -> str:
        return "code"

    def model(self, terminal: str) -> str:
        return ""

    def check_code(self, terminal: str, code: str) -> bool:
        return code != "wrong"


# sessions

LOGIN = jt808.encode(0x0102, {"auth": "code"}, terminal=NUMBER, serial=0)
HELLO = jt905.encode(0x0002, {}, terminal=ISU, serial=0)
QUERY = say.QueryParameters(terminal="t")
OFFER = say.OfferOrder(terminal="t", order=1, kind="immediate", description="昆山站")


def road(data: bytes) -> None:
    """A terminal of JT/T 808 that has logged in and was asked something."""
    session = Jt808Session(Book(), 0, Limits())
    session.receive(LOGIN, 1)
    session.send(QUERY)
    _converse(session, data)


def taxi(data: bytes) -> None:
    """An ISU of JT/T 905 to which an order was offered."""
    session = Jt905Session(Book(), 0, Limits())
    session.receive(HELLO, 1)
    session.send(OFFER)
    _converse(session, data)


def _converse(session: Session, data: bytes) -> None:
    """All that the server does with bytes: read in two pieces, commit, answer, ask again, close."""
    middle = len(data) // 3
    held = session.receive(data[:middle], 2) + session.receive(data[middle:], NOW)
    for one, outcome in zip(held, _committed(held), strict=True):
        assert session.answer(one, outcome).count(FLAG) % 2 == 0
    session.tick(NOW + 60)
    assert session.data_to_send().count(FLAG) % 2 == 0
    session.deadline()


def _committed(held: Sequence[Held]) -> list[Outcome]:
    """Outcomes of held frames; what would be stored is looked at."""
    tick = decode([one for one in held if not isinstance(one.content, Chunk)], MOMENT_US, JUDGE)
    assert not tick.counts["decoder_failed"]
    for entry in tick.entries:
        if entry.kind == "message":
            _keepable(entry.columns)
    for told in tick.fixes.attributes:
        _keepable(told)
    ok = iter(tick.ok)
    return [_kept(one.content) if isinstance(one.content, Chunk) else Outcome(next(ok)) for one in held]


def _kept(chunk: Chunk) -> Outcome:
    """As the media store answers to a first piece."""
    medium = getattr(chunk.medium, "media", None)
    missing = [n for n in range(1, chunk.of + 1) if n != chunk.place] if chunk.counted else [len(chunk.data)]
    return Outcome(True, Progress(chunk.key, medium, chunk.of, missing))


def _keepable(document: bytes) -> None:
    """Whether the history can keep it: JSON without U+0000."""
    if document:
        text = json.dumps(orjson.loads(document), ensure_ascii=False) if b"u0000" in document else ""
        assert "\\u0000" not in text.replace("\\\\", "")


# other readers


def attachment(data: bytes) -> None:
    """The stream of an attachment connection, whole and in pieces."""
    pieces = [data[i : i + len(data) // 7 + 1] for i in range(0, len(data), len(data) // 7 + 1)]
    whole, piecewise = attachments.AttachmentBuffer(), attachments.AttachmentBuffer()
    found = whole.feed(data)
    assert [one for piece in pieces for one in piecewise.feed(piece)] == found
    assert whole.pending == piecewise.pending <= max(attachments.LARGEST + attachments.HEAD, len(data))
    for one in found:
        if not one.startswith(FLAG):
            attachments.PACKET.decode(one)


def payload(data: bytes) -> None:
    """A message of an MQTT device, on either topic."""
    for receive in (mqtt.receive, owntracks.receive):
        try:
            held = receive("mqtt/tracker", data)
        except ProtocolError:
            continue
        if held is not None:
            _committed([held])


def line(data: bytes) -> None:
    """A line to `decode --jsonl`."""
    told = orjson.loads(rim.dumps(answer(data, Sessions())))
    assert list(told) == ["frames", "reports", "error"]


def explained(data: bytes) -> None:
    """A capture whose every byte is explained."""
    for decoder in (Jt808Decoder(), Jt905Decoder()):
        for one in decoder.decode(Capture(data), explain=True):
            covered = [i for span in one.spans for i in range(span.start, span.end)]
            assert covered == list(range(len(one.raw))) or not one.spans
            assert list(table.lines(one, "jt808", ""))


READERS: Mapping[str, Callable[[bytes], None]] = {
    "jt808": road, "jt905": taxi, "attachments": attachment, "payloads": payload, "jsonl": line, "explained": explained,
}  # fmt: skip

# their inputs

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


def targets() -> dict[str, Target]:
    """All of them by name; the inputs are drawn when this is called."""
    road_frames, taxi_frames = _road_frames(), _taxi_frames()
    packets = seeds.written(attachments.PACKET, 40)
    devices, lines = Documents(FIXES), _lines({"jt808": road_frames, "jt905": taxi_frames})
    fixes, given = ([json.dumps(one).encode() for one in some.fresh] for some in (devices, lines))
    on_road, on_meter = (list(map(some.whole, some.messages)) for some in (road_frames, taxi_frames))
    found = (
        Target("jt808", road_frames.mutate, on_road),
        Target("jt905", taxi_frames.mutate, on_meter),
        Target("attachments", partial(_stream_of_both, road_frames, packets), packets),
        Target("payloads", devices.mutate, fixes),
        Target("jsonl", lines.mutate, given),
        Target("explained", lambda data, rng: road_frames.mutate(data, rng)[:EXPLAINED], on_road),
    )
    return {target.name: target for target in found}
