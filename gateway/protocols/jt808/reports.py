"""Decoded JT/T 808 messages -> the published language."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

from gateway.protocols.jt808 import media, records, safety
from gateway.protocols.jt808.login import PLATE_COLOURS
from gateway.protocols.jt808.safety import NARROW, WIDE
from gateway.protocols.jt808.translate import OLD, position, split_batch, split_short
from gateway.protocols.jt808.vendor import FLOW_ITEMS
from gateway.report import DriverCard, MediaEvent, Position, Registration, Report, SafetyEvent, terminal_key
from gateway.wire import plain
from gateway.wire.items import Items
from gateway.wire.message import Header
from gateway.wire.tlv import walk

SAFETY_KEYS = {f"0x{number:02x}" for number in safety.DEVICES}
SHORTEST_SAFETY = 2 + 32
"""Bytes that the shortest safety item adds to a position."""
OWN = {"alarm_id", "flag", "type", "level", "speed", "altitude", "lat", "lon", "time", "vehicle", "identification"}
"""Fields of a safety item that a SafetyEvent has attributes for."""


def reports(header: Header, fields: Mapping[str, Any], body: bytes, kind: Items | None = None) -> list[Report]:
    """What a whole message says. `body` gives positions their identity, `kind` is the dialect's items."""
    terminal = terminal_key("jt808", header.terminal)
    fix = partial(_fix, terminal, version=header.version, kind=kind)
    match header.message_id:
        case 0x0200:
            return [*fix(fields, body)]
        case 0x0201 | 0x0500:
            return [*fix(fields, body[2:])]
        case 0x0704:
            bodies, blind = split_batch(body)
            found = zip(fields["positions"], bodies, strict=True)
            return [said for f, b in found for said in fix(f, b, backfill=blind)]
        case 0x0210:
            found = zip(fields["positions"], split_short(body), strict=True)
            return [said for f, b in found for said in fix(f, b)]
        case 0x0900:
            return [*_flow(terminal, fields["data"])]
        case 0x0100:
            return [_registration(terminal, fields)]
        case 0x0702:
            return [_driver(terminal, fields)]
        case 0x0800 | 0x0801:
            return [_media(terminal, fields, header.version)]
        case 0x0802:
            return [_media(terminal, item, header.version) for item in fields["media"]]
    return []


def has_safety(body: bytes) -> bool:
    """Whether a 0x0200 body has safety items. Most have none, which costs next to nothing to see."""
    if len(body) < OLD.size + SHORTEST_SAFETY:
        return False
    return any(number in safety.DEVICES for number, _, _ in walk(body, OLD.size)[0])


def _fix(
    terminal: str, fields: Mapping[str, Any], body: bytes, *, version: int, kind: Items | None, backfill: bool = False
) -> Iterator[Report]:
    yield position(terminal, fields, version, body, backfill=backfill, kind=kind)
    places = walk(body, OLD.size)[0]
    for (key, item), (_, length, at) in zip(fields["items"].items(), places, strict=False):
        if key[:4] in SAFETY_KEYS and "identification" in item:
            yield _safety(terminal, int(key[:4], 16), item, body[at : at + length], fields["time"])


def _safety(terminal: str, device: int, item: Mapping[str, Any], raw: bytes, around: datetime) -> SafetyEvent:
    """around: time of the position, which stands in where the alarm's own is none."""
    time = item["time"] if isinstance(item["time"], datetime) else around
    layout = next(t[device] for t in (NARROW, WIDE) if t[device].takes({k: item[k] for k in item if k != "surplus"}))
    names = {f.name: f for f in layout.fields}
    hidden = {plain.key(f) for f in layout.fields if f.name in OWN}
    return SafetyEvent(
        terminal=terminal,
        device=str(safety.DEVICES[device]),
        event=layout.code_name(item, "type") if "type" in names else _tyre_event(item),
        phase=layout.code_name(item, "flag"),
        level=item.get("level"),
        number=item["alarm_id"],
        time=time.astimezone(UTC),
        lat=item["lat"],
        lon=item["lon"],
        speed=item["speed"] / 3.6,
        altitude=item["altitude"],
        vehicle=names["vehicle"].set_bits(item["vehicle"]),
        attachments=item["identification"]["attachments"],
        label=raw[layout.place("identification")].hex(),  # its text would lose padding
        details={key: value for key, value in plain.fields(layout, item).items() if key not in hidden},
    )


def _tyre_event(item: Mapping[str, Any]) -> str:
    """The lowest alarm of any wheel."""
    word = 0
    for wheel in item["wheels"]:
        word |= wheel["alarms"]
    return safety.TYRE_BITS.get((word & -word).bit_length() - 1, "tyre")


def _flow(terminal: str, data: Any) -> Iterator[Position]:
    """An engine reader's data flow, which has a place."""
    if isinstance(data, Mapping) and "lat" in data:
        basic = {"alarm": 0, "altitude": 0, "speed": 0, "direction": 0, "items": {}}
        found = position(terminal, basic | dict(data))
        yield Position(
            terminal=terminal, time=found.time, lat=found.lat, lon=found.lon, valid=found.valid, status=found.status,
            backfill=bool(data["stored"]), attributes=plain.items(FLOW_ITEMS, data["readings"]),
        )  # fmt: skip


def _registration(terminal: str, fields: Mapping[str, Any]) -> Registration:
    names = ("province", "city", "maker", "model", "terminal_id", "plate")
    colour = str(PLATE_COLOURS.get(fields["plate_color"], fields["plate_color"]))
    return Registration(terminal=terminal, plate_color=colour, **{name: fields[name] for name in names})


def _driver(terminal: str, fields: Mapping[str, Any]) -> DriverCard:
    time, expires, result = fields.get("time"), fields.get("expires"), fields.get("result", 0)
    return DriverCard(
        terminal=terminal,
        inserted={1: True, 2: False}.get(fields.get("status", 0)),
        time=time.astimezone(UTC) if isinstance(time, datetime) else None,
        result=str(records.CARD_RESULTS.get(result, result)),
        expires=expires if isinstance(expires, date) else None,
        **{name: fields.get(name, "") for name in ("name", "licence", "issuer", "id_number")},
    )


def _media(terminal: str, fields: Mapping[str, Any], version: int) -> MediaEvent:
    place, data = fields.get("position"), fields.get("data")
    return MediaEvent(
        terminal=terminal,
        media=fields["media_id"],
        type=media.MEDIA_EVENT.code_name(fields, "type"),
        format=media.MEDIA_EVENT.code_name(fields, "format") if "format" in fields else "",
        event=media.MEDIA_EVENT.code_name(fields, "event"),
        channel=fields["channel"],
        position=position(terminal, place, version) if place and place["time"] else None,
        octets=None if data is None else len(data),
    )
