"""An entry of a spool as messages of bounded size, and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from gateway.spool import Entry

PART_BYTES = 900_000
"""Under the megabyte that a NATS server takes by default."""
ID, SEQ, PART, PARTS = "Nats-Msg-Id", "Spool-Seq", "Spool-Part", "Spool-Parts"


@dataclass(frozen=True, slots=True)
class Parcel:
    """One message. The id lets the server pass over what it has already."""

    headers: Mapping[str, str]
    payload: bytes


def parcels(spool: str, entry: Entry) -> Iterator[Parcel]:
    """Head (JSON) and length of it, columns, raw frames; in parts."""
    head = orjson.dumps({"kind": entry.kind, "received": entry.received, "columns": len(entry.columns)})
    content = b"".join((len(head).to_bytes(4, "big"), head, entry.columns, entry.raw))
    count = -(-len(content) // PART_BYTES)
    for part in range(count):
        headers = {
            ID: f"{spool}-{entry.seq}-{part}", SEQ: str(entry.seq), PART: str(part), PARTS: str(count),
        }  # fmt: skip
        yield Parcel(headers, content[part * PART_BYTES : (part + 1) * PART_BYTES])


def unpacked(seq: int, parts: Sequence[bytes]) -> Entry:
    """Inverse of `parcels`. Raises ValueError."""
    content = b"".join(parts)
    start = 4 + int.from_bytes(content[:4], "big")
    head = orjson.loads(content[4:start])
    end = start + int(head["columns"])
    if len(content) < end:
        raise ValueError(f"entry {seq} is cut short: {len(content)} bytes of {end}")
    return Entry(head["kind"], head["received"], content[start:end], content[end:], seq)


@dataclass
class Whole:
    """Parts of one entry as they come, in any order."""

    count: int
    parts: dict[int, bytes] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        return len(self.parts) == self.count

    def content(self) -> list[bytes]:
        return [self.parts[n] for n in range(self.count)]
