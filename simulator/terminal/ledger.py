"""A ledger of fixes, for a loss checker: what was sent, and what the platform acknowledged.

JSON lines. A fix has a line when it is first sent, with `acked_at` null, and another one when it was
acknowledged: the later line counts. Both are handed to the operating system before the bytes go out,
so the ledger outlives a kill of the simulator. `identity` is the gateway's identity of the fix.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import orjson

from gateway.report import Position
from simulator.terminal.store import Fix

Reader = Callable[[bytes], Position]
"""The gateway's translation of a body, so that the ledger says what the wire says."""


class Unwatched:
    """Writes nothing down."""

    def sent(self, fix: Fix) -> None: ...

    def acknowledged(self, fix: Fix) -> None: ...

    def lost(self, fix: Fix) -> None: ...


class Ledger:
    """The file, shared by all terminals. Appends."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: BinaryIO = path.open("ab", buffering=0)

    def of(self, read: Reader) -> LedgerWitness:
        """The witness of a terminal whose bodies `read` translates."""
        return LedgerWitness(self, read)

    def write(self, position: Position, **more: str | None) -> None:
        line = {
            "terminal": position.terminal, "time": position.time.isoformat(), "lat": position.lat, "lon": position.lon,
            "identity": position.identity, **more,
        }  # fmt: skip
        self._file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))

    def close(self) -> None:
        self._file.close()


@dataclass
class LedgerWitness:
    ledger: Ledger
    read: Reader
    _sent: dict[bytes, str] = field(default_factory=dict)

    def sent(self, fix: Fix) -> None:
        if fix.body not in self._sent:
            self._sent[fix.body] = datetime.now(UTC).isoformat()
            self.ledger.write(self.read(fix.body), sent_at=self._sent[fix.body], acked_at=None)

    def acknowledged(self, fix: Fix) -> None:
        sent_at = self._sent.pop(fix.body, None)
        self.ledger.write(self.read(fix.body), sent_at=sent_at, acked_at=datetime.now(UTC).isoformat())

    def lost(self, fix: Fix) -> None:
        self._sent.pop(fix.body, None)
