"""Media on their way over one connection (JT/T 808-2013, 8.52 and 8.53): which pieces, what lacks, when to ask.

0x0801 comes in parts; the first alone says what it is. The pieces themselves are in the media store.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.errors import ProtocolError
from gateway.report import MediaEvent
from gateway.session import Chunk, Progress
from gateway.wire.message import Header

MOST_PARTS = 1024
MOST_OPEN = 16
"""Media that are unfinished at a time; the oldest is asked for no longer."""
ASKS = 3
AT_ONCE = 125
"""Most part numbers in one 0x8800."""
Due = tuple[int, list[int]]
"""What 0x8800 has to say: the medium's id, and the numbers that lack; none when it is whole."""
BY_SERIAL = "serial "


@dataclass(slots=True)
class _Upload:
    """One medium. medium: its id, once a piece has told it; missing: by the store's word."""

    total: int
    medium: int | None = None
    missing: tuple[int, ...] | None = None
    latest: float = 0
    asks: int = 0


class Uploads:
    def __init__(self, silence_s: float) -> None:
        self._silence_s = silence_s
        self._open: dict[str, _Upload] = {}

    def __len__(self) -> int:
        return len(self._open)

    def chunk(
        self, header: Header, body: bytes, fields: Mapping[str, Any] | None, medium: MediaEvent | None, now: float
    ) -> Chunk:
        """One part, whose `fields` are read where it is the first. Raises ProtocolError."""
        total, number = header.package or (1, 1)
        if fields is not None and "packets" in fields:  # 2011 counts inside
            total, number = fields["packets"], fields["packet"]
        if not 1 <= number <= total <= MOST_PARTS:
            raise ProtocolError("parts", f"part {number} of {total}, at most {MOST_PARTS} are taken", reply=1)
        key = self._key(header, total, number, fields)
        self._upload(key, total, now).latest = now
        return Chunk(key, number, total, True, fields["data"] if fields else body, medium)

    def _key(self, header: Header, total: int, number: int, fields: Mapping[str, Any] | None) -> str:
        """Consecutive serials tell which medium a part belongs to; one that was asked for may have its own."""
        if header.package is None and fields is not None:
            return f"id {fields['media_id']} of {total}"
        key = f"{BY_SERIAL}{(header.serial - number + 1) & 0xFFFF} of {total}"
        if key not in self._open:
            asked = [(k, u) for k, u in self._open.items() if u.total == total and u.asks]
            lacking = [k for k, u in asked if number in (u.missing or ()) and (number > 1 or u.medium is None)]
            return lacking[0] if lacking else key
        return key

    def _upload(self, key: str, total: int, now: float) -> _Upload:
        if key not in self._open:
            while len(self._open) >= MOST_OPEN:
                del self._open[next(iter(self._open))]
            self._open[key] = _Upload(total, latest=now)
        return self._open[key]

    def came(self, progress: Progress, now: float) -> Iterator[Due]:
        """The store's word on a piece; what is to be said at once."""
        upload = self._upload(progress.key, progress.of, now)
        upload.medium, upload.missing = progress.medium, tuple(progress.missing)
        if not progress.missing and progress.medium is not None:
            del self._open[progress.key]
            yield progress.medium, []

    def left(self, progress: Progress, now: float) -> None:
        """A medium of an earlier connection: ask for the rest soon."""
        upload = self._upload(progress.key, progress.of, now)
        upload.medium, upload.missing = progress.medium, tuple(progress.missing)

    def overdue(self, now: float) -> tuple[list[Due], list[Due]]:
        """What to ask for again: by the medium's id, or by the first serial where the part lacks that tells the id."""
        by_id, by_serial = list[Due](), list[Due]()
        for key, upload in list(self._open.items()):
            if now - upload.latest <= self._silence_s:
                continue
            if upload.asks >= ASKS:
                del self._open[key]
            elif upload.missing:
                upload.asks, upload.latest = upload.asks + 1, now
                lacking = list(upload.missing[:AT_ONCE])
                if upload.medium is not None:
                    by_id.append((upload.medium, lacking))
                elif key.startswith(BY_SERIAL):
                    by_serial.append((int(key.split()[1]), lacking))
        return by_id, by_serial
