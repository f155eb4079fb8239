"""Commands of the published language -> messages of JT/T 905 (905.2-2014, 10.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway import command as say
from gateway.errors import ProtocolError
from gateway.outgoing import Builder, Outgoing, shot
from gateway.protocols.jt905 import media, orders

URGENT, DISPLAY, TTS = 1, 1 << 2, 1 << 3
DOORS, LOCK, RESTORE = 2, 1, 0
STOP_TRACKING = 0xFF
PICTURE = 0


def _text(c: say.SendText, _version: int) -> Outgoing:
    return Outgoing(0x8300, {"flag": DISPLAY | (URGENT | TTS if c.urgent else 0), "text": c.text})


def _track(c: say.Track, _version: int) -> Outgoing:
    if not c.interval_s:
        return Outgoing(0x8202, {"attribute": STOP_TRACKING})
    return Outgoing(0x8202, {"attribute": 0, "interval": c.interval_s, "duration": c.duration_s})


def _ask(c: say.Ask, _version: int) -> Outgoing:
    answers = [{"answer_id": i, "text": text} for i, text in enumerate(c.answers, 1)]
    return Outgoing(0x8302, {"flag": TTS, "question_id": c.number, "question": c.question, "answers": answers}, 0x0302)


def _order(c: say.OfferOrder | say.AwardOrder) -> dict[str, Any]:
    kinds = {str(name): code for code, name in orders.TYPES.items()}
    if c.kind not in kinds:
        raise ProtocolError("range", f"kind {c.kind!r}: there are {', '.join(kinds)}")
    return {"order": c.order, "type": kinds[c.kind], "time": c.wanted, "description": c.description}


def _award(c: say.AwardOrder, _version: int) -> Outgoing:
    places = {
        "passenger_lon": c.lon, "passenger_lat": c.lat, "destination_lon": c.destination_lon,
        "destination_lat": c.destination_lat,
    }  # fmt: skip
    return Outgoing(0x8B01, {**_order(c), **places, "fee": c.fee, "phone": c.phone})


def _only(message_id: int) -> Builder:
    return lambda c, _v: Outgoing(message_id, {"order": c.order})


BUILDERS: Mapping[type, Builder] = {
    say.QueryPosition: lambda _c, _v: Outgoing(0x8201, {}, 0x0201),
    say.SendText: _text,
    say.Track: _track,
    say.CallBack: lambda c, _v: Outgoing(0x8400, {"flag": int(c.listen), "phone": c.phone}),
    say.Ask: _ask,
    say.Shoot: lambda c, _v: Outgoing(0x8801, shot(c, media.SHOOT)),
    say.UploadMedium: lambda c, _v: Outgoing(0x8803, {"type": PICTURE, "file_id": c.medium, "offset": c.offset}),
    say.QueryParameters: lambda c, _v: Outgoing(0x8104, {"ids": list(c.ids)}, 0x0104),
    say.SetParameters: lambda c, _v: Outgoing(0x8103, {"parameters": c.parameters}),
    say.ConfirmAlarm: lambda _c, _v: Outgoing(0x8B0A, {}),
    say.ReleaseAlarm: lambda _c, _v: Outgoing(0x8B0B, {}),
    say.LockDoors: lambda c, _v: Outgoing(0x8500, {"item": DOORS, "command": LOCK if c.locked else RESTORE}, 0x0500),
    say.Inspect: lambda c, _v: Outgoing(0x8B11, {"devices": list(c.devices)}, 0x0B11),
    say.OfferOrder: lambda c, _v: Outgoing(0x8B00, _order(c)),
    say.AwardOrder: _award,
    say.RefuseOrder: _only(0x8B01),
    say.CancelOrder: _only(0x8B09),
}
