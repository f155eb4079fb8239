"""What was read otherwise than it ought to be, and how it reads now (spool kind "correction")."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.report import FixBatch

_HEAD = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Correction:
    """Of one entry of a spool.

    spool, seq  the entry
    replaced    fixes that it was thought to hold: (terminal, time in microseconds, identity)
    fixes       what it holds in their place
    messages    messages that say something else now: {"terminal", "received", "message", "frame", "reports"}, frame
                in hexadecimal digits, received in microseconds
    """

    spool: str
    seq: int
    replaced: Sequence[tuple[str, int, int]]
    fixes: FixBatch
    messages: Sequence[Mapping[str, Any]] = ()

    def to_bytes(self) -> bytes:
        head = orjson.dumps(
            {"spool": self.spool, "seq": self.seq, "replaced": self.replaced, "messages": self.messages}
        )
        return b"".join((_HEAD.pack(len(head)), head, self.fixes.to_bytes()))

    @classmethod
    def from_bytes(cls, blob: bytes) -> Correction:
        """Inverse of `to_bytes`. Raises ValueError, KeyError or TypeError on anything else."""
        if len(blob) < _HEAD.size:
            raise ValueError(f"a correction of {len(blob)} bytes has no head")
        start = _HEAD.size + _HEAD.unpack_from(blob)[0]
        head = orjson.loads(blob[_HEAD.size : start])
        replaced = [(str(terminal), int(time), int(identity)) for terminal, time, identity in head["replaced"]]
        fixes = FixBatch.from_bytes(blob[start:])
        return cls(str(head["spool"]), int(head["seq"]), replaced, fixes, head["messages"])
