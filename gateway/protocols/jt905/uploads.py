"""Pictures and sounds on their way over one connection (JT/T 905.2-2014, 0x0800, 0x0806, 0x8803)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.errors import ProtocolError
from gateway.session import Progress

MEDIA = {0x0800: "picture_id", 0x0806: "file_id"}
"""Messages that carry a piece, and the field that names the whole."""
PICTURE, AUDIO = 0, 1
KINDS = {0x0800: PICTURE, 0x0806: AUDIO}
MOST_BYTES = 1 << 20
MOST_OPEN = 16
"""Media that are unfinished at a time; the oldest is asked for no longer."""
ASKS = 3


@dataclass(slots=True)
class _Upload:
    offset: int
    latest: float
    asks: int = 0


class Uploads:
    """Which media are unfinished, and from which byte on."""

    def __init__(self, silence_s: float) -> None:
        self._silence_s = silence_s
        self._open: dict[str, _Upload] = {}

    def __len__(self) -> int:
        return len(self._open)

    def key(self, message_id: int, fields: Mapping[str, Any], now: float) -> str:
        """The name of the whole that a piece belongs to. Raises ProtocolError when it cannot be."""
        size, end = fields["size"], fields["offset"] + len(fields["data"])
        if not 0 < end <= size <= MOST_BYTES:
            raise ProtocolError("parts", f"bytes up to {end} of {size}, at most {MOST_BYTES} are taken", reply=1)
        key = f"{message_id:04x} {fields[MEDIA[message_id]]}"
        self._upload(key, now).latest = now
        return key

    def _upload(self, key: str, now: float) -> _Upload:
        if key not in self._open:
            while len(self._open) >= MOST_OPEN:
                del self._open[next(iter(self._open))]
            self._open[key] = _Upload(0, now)
        return self._open[key]

    def came(self, progress: Progress, now: float) -> None:
        """The store's word on a piece, or on a medium of an earlier connection."""
        if not progress.missing:
            self._open.pop(progress.key, None)
            return
        self._upload(progress.key, now).offset = progress.missing[0]

    def overdue(self, now: float) -> Iterator[tuple[int, int, int]]:
        """(kind, id, first byte that lacks) of what has to be asked for now."""
        for key, upload in list(self._open.items()):
            if now - upload.latest <= self._silence_s:
                continue
            if upload.asks >= ASKS:
                del self._open[key]
                continue
            upload.asks, upload.latest = upload.asks + 1, now
            message_id, medium = key.split()
            yield KINDS[int(message_id, 16)], int(medium), upload.offset
