"""Pictures of an ISU on their way: 0x0800 piece by piece, the next one when the last was answered.

The centre may ask for the rest of one from any byte on (0x8803). An upload goes on over the next
connection where it stood.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from gateway.framed import FAILED, OK
from gateway.protocols.jt905.media import CHUNK
from gateway.wire.message import Header
from simulator.terminal.camera import Picture
from simulator.terminal.framed import FramedTerminal

PICTURE = 0x0800
KIND = 0
"""Of a picture, in 0x8803."""


@dataclass(eq=False, slots=True)
class _Upload:
    """reason: serial of the command that wanted it; offset: bytes that were answered."""

    picture: Picture
    reason: int
    offset: int = 0


@dataclass
class Chunks:
    isu: FramedTerminal
    _uploads: list[_Upload] = field(default_factory=list)

    def upload(self, picture: Picture, reason: int, now: float) -> None:
        self._uploads.append(_Upload(picture, reason))
        self.go_on(now)

    def wanted(self, _header: Header, fields: Mapping[str, Any], now: float) -> int:
        """0x8803: this picture again, from some byte on. The result of the general answer."""
        picture = self.isu.cabin.camera.find(fields["file_id"]) if fields["type"] == KIND else None
        if picture is None or fields["offset"] >= len(picture.content):
            return FAILED
        reason = next((u.reason for u in self._uploads if u.picture is picture), 0)
        self._uploads = [u for u in self._uploads if u.picture is not picture]
        self._uploads.append(_Upload(picture, reason, fields["offset"]))
        self.isu.later(now, self.go_on)
        return OK

    def go_on(self, now: float) -> None:
        """Send the next piece unless one is on its way; one that is to be lost is passed over."""
        while self._uploads and self.isu.ready and not self.isu.flying(PICTURE):
            upload = self._uploads[0]
            data = upload.picture.content[upload.offset : upload.offset + CHUNK]
            if self.isu.cabin.camera.lost(upload.offset // CHUNK + 1):
                self._count(upload, data)
                continue
            self.isu.say(PICTURE, self._body(upload, data), now, partial(self._answered, upload, data))

    def _body(self, upload: _Upload, data: bytes) -> bytes:
        picture = upload.picture
        fields = {
            "reason": upload.reason, "picture_id": picture.number, "camera": picture.channel,
            "size": len(picture.content), "offset": upload.offset, "data": data,
        }  # fmt: skip
        return self.isu.encode(PICTURE, fields)

    def _answered(self, upload: _Upload, data: bytes, result: int, now: float) -> None:
        if result == OK:
            self._count(upload, data)
        elif upload in self._uploads:
            self._uploads.remove(upload)
        self.go_on(now)

    def _count(self, upload: _Upload, data: bytes) -> None:
        upload.offset += len(data)
        if upload.offset >= len(upload.picture.content) and upload in self._uploads:
            self._uploads.remove(upload)
