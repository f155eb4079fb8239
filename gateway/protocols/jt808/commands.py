"""Commands of the published language -> messages of JT/T 808 (2013: 8.9-8.60) and T/JSATL 12."""

from __future__ import annotations

from collections.abc import Mapping

from gateway import command as say
from gateway.errors import ProtocolError
from gateway.outgoing import Builder, Outgoing, shot
from gateway.protocols.jt808 import media
from gateway.protocols.jt808.safety import IDENTIFIERS

DISPLAY, TTS = 1 << 2, 1 << 3


def _text(c: say.SendText, version: int) -> Outgoing:
    urgency = (0b10 if version >= 2019 else 0b1) | TTS if c.urgent else 0
    return Outgoing(0x8300, {"flag": urgency | DISPLAY, "type": 1, "text": c.text})


def _track(c: say.Track, _version: int) -> Outgoing:
    timed = {"duration": c.duration_s} if c.interval_s else {}
    return Outgoing(0x8202, {"interval": c.interval_s, **timed})


def _ask(c: say.Ask, _version: int) -> Outgoing:
    answers = [{"answer_id": i, "text": text} for i, text in enumerate(c.answers, 1)]
    return Outgoing(0x8302, {"flag": TTS, "question": c.question, "answers": answers}, 0x0302)


def _query_parameters(c: say.QueryParameters, _version: int) -> Outgoing:
    return Outgoing(0x8106, {"ids": list(c.ids)}, 0x0104) if c.ids else Outgoing(0x8104, {}, 0x0104)


def _lock(c: say.LockDoors, version: int) -> Outgoing:
    if version >= 2019:
        return Outgoing(0x8500, {"controls": [{"type": 1, "parameter": int(not c.locked)}]}, 0x0500)
    return Outgoing(0x8500, {"flag": int(c.locked)}, 0x0500)


def _attachments(c: say.RequestAttachments, _version: int) -> Outgoing:
    """The label goes back byte by byte: a terminal finds its files by it, however it fills its id."""
    try:
        label = bytes.fromhex(c.label)
    except ValueError as error:
        raise ProtocolError("range", f"label {c.label!r} is no hex") from error
    if len(label) not in IDENTIFIERS:
        raise ProtocolError("range", f"a label of {len(label)} bytes is no alarm identification number")
    layout = IDENTIFIERS[len(label)]
    fields = layout.decode(label) | {"terminal_id": label[layout.place("terminal_id")]}
    return Outgoing(
        0x9208,
        {
            "host": c.host, "tcp_port": c.port, "udp_port": 0, "identification": fields, "alarm_number": c.number,
            "reserved": bytes(16),
        },
    )  # fmt: skip


BUILDERS: Mapping[type, Builder] = {
    say.QueryPosition: lambda _c, _v: Outgoing(0x8201, {}, 0x0201),
    say.SendText: _text,
    say.Track: _track,
    say.CallBack: lambda c, _v: Outgoing(0x8400, {"flag": int(c.listen), "phone": c.phone}),
    say.Ask: _ask,
    say.Shoot: lambda c, _v: Outgoing(0x8801, shot(c, media.SHOOT), 0x0805),
    say.UploadMedium: lambda c, _v: Outgoing(0x8805, {"media_id": c.medium, "delete": 0}),
    say.QueryParameters: _query_parameters,
    say.SetParameters: lambda c, _v: Outgoing(0x8103, {"parameters": c.parameters}),
    say.QueryAttributes: lambda _c, _v: Outgoing(0x8107, {}, 0x0107),
    say.QueryDriver: lambda _c, _v: Outgoing(0x8702, {}, 0x0702),
    say.ConfirmAlarm: lambda c, _v: Outgoing(0x8203, {"alarm_serial": c.serial, "alarms": c.alarms}),
    say.LockDoors: _lock,
    say.RequestAttachments: _attachments,
}
