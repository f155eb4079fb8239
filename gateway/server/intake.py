"""What attachment connections hold, one after another into the store: what became of each. In the keeper's thread."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import structlog

from gateway.attachments import AttachmentStore, Finished
from gateway.disk import space
from gateway.errors import StorageFull, UploadRefused
from gateway.requests import Requests
from gateway.session import Held, Outcome
from gateway.upload import Announced, Begun, Ended, Piece

log = structlog.get_logger()
REFUSED = Outcome(False)


@dataclass
class Intake:
    """Errors of the disk are raised, except that it is full.

    keep_us  how long attachments are waited for
    counts   outcomes by cause since the last collection; the keeper takes and clears it
    """

    store: AttachmentStore
    requests: Requests
    keep_us: int
    counts: Counter[str] = field(default_factory=Counter)

    def take(self, held: Held, now_us: int) -> Outcome | Finished:
        """The answer's outcome, or the file that is whole now."""
        try:
            with space("attachments"):
                return self._take(held, now_us)
        except UploadRefused as refused:
            self.counts[f"jsatl.{refused.cause}"] += 1
            if self.counts[f"jsatl.{refused.cause}"] == 1:  # of those since the last collection
                log.warning("attachment refused", terminal=held.terminal, why=str(refused))
        except StorageFull as error:
            self._full(error)
        return REFUSED

    def told(self, ids: list[int]) -> None:
        """The history knows of these files. Where that cannot be written down it is told once more after a restart."""
        try:
            with space("attachments"):
                self.store.told(ids)
        except StorageFull as error:
            self._full(error)

    def upkeep(self, now_us: int) -> None:
        """Make pieces durable, and drop what has been waited for long enough."""
        try:
            with space("attachments"):
                dropped = self.store.trim(now_us, self.keep_us)
                self.requests.trim(now_us - self.keep_us)
        except StorageFull as error:
            self._full(error)
            return
        if dropped:
            self.counts["attachments_dropped"] += dropped
            log.warning("unfinished attachments are not waited for any more", files=dropped)

    def _take(self, held: Held, now_us: int) -> Outcome | Finished:
        match held.content:
            case Announced():
                self._admit(held.terminal, held.content, now_us)
            case Begun(file):
                self.store.begin(held.terminal, file)
            case Piece():
                self.store.write(held.terminal, held.content)
            case Ended(file):
                result = self.store.end(held.terminal, file, held.raw)
                return result if isinstance(result, Finished) else Outcome(True, missing=result)
        return Outcome(True)

    def _admit(self, terminal: str, announced: Announced, now_us: int) -> None:
        """A terminal may upload what it was asked for, under that number and label."""
        request = self.requests.find(terminal, announced.number)
        if request is None or not request.label.startswith(announced.label):
            raise UploadRefused("unsolicited", f"nobody asked for {announced.label} by {announced.number!r}")
        self.requests.renew(request, now_us)
        self.store.admit(request, now_us)

    def _full(self, error: StorageFull) -> None:
        self.counts["jsatl.disk_full"] += 1
        log.error("attachments are refused", cause=str(error))
