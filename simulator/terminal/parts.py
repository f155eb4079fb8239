"""Pictures of a JT/T 808 terminal on their way: 0x0801 in parts, each acknowledged, until 0x8800 says "whole".

The platform asks for parts that it lacks by their numbers (0x8800, 0x8003): they go again as they were.
What was not said to be whole goes once more over the next connection (JT/T 808-2013, 8.52, 8.53).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.protocols.jt808.header import PART, build, build_parts
from gateway.wire.message import Header
from simulator.terminal.camera import Picture
from simulator.terminal.framed import FramedTerminal

MEDIA = 0x0801
OPEN = 4
"""Pictures that may be unfinished; the oldest gives way."""
IMAGE, JPEG, BY_PLATFORM = 0, 0, 0


@dataclass(frozen=True, slots=True)
class _Upload:
    """frames: by the number of their part, from 1; first: serial of the first one."""

    first: int
    frames: Mapping[int, bytes]


@dataclass
class Parts:
    """version: edition of the standard that the terminal speaks."""

    terminal: FramedTerminal
    version: int
    _uploads: dict[int, _Upload] = field(default_factory=dict)

    def upload(self, picture: Picture, place: Mapping[str, Any], now: float) -> None:
        """place: fields of the basic position."""
        fields = {
            "media_id": picture.number, "type": IMAGE, "format": JPEG, "event": BY_PLATFORM,
            "channel": picture.channel, "position": place, "data": picture.content,
        }  # fmt: skip
        while len(self._uploads) >= OPEN:
            del self._uploads[next(iter(self._uploads))]
        upload = self._uploads[picture.number] = self._cut(self.terminal.encode(MEDIA, fields))
        lost = self.terminal.cabin.camera.lost
        self._send(upload, [number for number in upload.frames if not lost(number)], now)

    def _cut(self, body: bytes) -> _Upload:
        count = -(-len(body) // PART)
        first = self.terminal.next_serials(count)
        cut = build_parts if count > 1 else lambda *a: [build(*a)]
        return _Upload(first, dict(enumerate(cut(MEDIA, self.terminal.number, first, body, self.version), 1)))

    def _send(self, upload: _Upload, numbers: Iterable[int], now: float) -> None:
        for number in numbers:
            if number in upload.frames and self.terminal.ready:
                self.terminal.fly((upload.first + number - 1) & 0xFFFF, MEDIA, upload.frames[number], now)

    def started(self, now: float) -> None:
        """On a fresh connection."""
        for upload in self._uploads.values():
            self._send(upload, upload.frames, now)

    def judged(self, _header: Header, fields: Mapping[str, Any], now: float) -> None:
        """0x8800: which parts lack; none, it is whole."""
        missing = fields.get("parts", ())
        if not missing:
            self._uploads.pop(fields["media_id"], None)
        elif fields["media_id"] in self._uploads:
            self._send(self._uploads[fields["media_id"]], missing, now)

    def asked(self, _header: Header, fields: Mapping[str, Any], now: float) -> None:
        """0x8003: parts of the message that began with a serial."""
        for upload in self._uploads.values():
            if upload.first == fields["first_serial"]:
                self._send(upload, fields["parts"], now)
