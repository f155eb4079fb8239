"""What is known of a trip, with its proofs, out of the database and the archive's files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from gateway.report import micros
from tracking import archive
from tracking.errors import EvidenceError
from tracking.evidence import merkle, store
from tracking.evidence.pack import Entry, Evidence, Place
from tracking.evidence.records import gone, records
from tracking.evidence.store import HOUR, Connection, Part

TRIP = """
SELECT vehicle_id, plate, start, finish, meter, vehicle_id || '/' || (extract(epoch FROM start) * 1000000)::bigint
FROM trip JOIN vehicle ON vehicle.id = vehicle_id
WHERE (plate = %(who)s OR vehicle_id::text = %(who)s) AND start <= %(at)s AND finish > %(at)s
"""
FITTED = """
SELECT key, terminal_id, greatest(since, %(start)s), least(until, %(finish)s)
FROM fitting JOIN terminal ON terminal.id = terminal_id
WHERE vehicle_id = %(vehicle)s AND since <= %(finish)s AND until > %(start)s ORDER BY key
"""
FINDINGS = """
SELECT id::text, frames FROM finding
WHERE vehicle_id = %(vehicle)s AND trip_start < %(finish)s AND trip_finish > %(start)s ORDER BY id
"""


@dataclass
class _Proofs:
    """Places and entries as they are found; each part once."""

    db: Connection
    places: list[Place] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    known: dict[tuple[int, str, str, datetime], int] = field(default_factory=dict)
    trees: dict[int, list[tuple[tuple[str, datetime, str], bytes]]] = field(default_factory=dict)

    def add(self, part: Part, content: bytes, index: int, hashes: Sequence[bytes]) -> None:
        path = [one.hex() for one in merkle.proof(hashes, index)]
        self.entries.append(Entry(content=content.hex(), place=self._place(part), index=index, path=path))

    def _place(self, part: Part) -> int:
        which = (part.seal, part.kind, part.name, part.hour)
        if which not in self.known:
            tree = self.trees.setdefault(part.seal, store.tree(self.db, part.seal))
            index = [order for order, _ in tree].index(part.order)
            path = merkle.proof([merkle.leaf(entry) for _, entry in tree], index)
            self.known[which] = len(self.places)
            self.places.append(
                Place(
                    seal=part.seal, kind=part.kind, name=part.name, hour=int(part.hour.timestamp()),
                    size=len(part.hashes), root=part.root.hex(), index=index, parts=len(tree),
                    path=[one.hex() for one in path],
                )
            )  # fmt: skip
        return self.known[which]


def gather(db: Connection, who: str, at: datetime, zone: str) -> Evidence:
    """Of the trip that a vehicle, by its plate or number, makes at a moment.

    Raises EvidenceError where there is no such trip, or what is known of it is not as it was sealed; ArchiveDamaged.
    """
    with archive.snapshot(db):
        row = db.execute(TRIP, {"who": who, "at": at}).fetchone()
        if row is None:
            raise EvidenceError(f"vehicle {who} makes no trip at {at.isoformat()}")
        vehicle, plate, start, finish, meter, key = row
        proofs = _Proofs(db)
        for one, content in _known(db, {"vehicle": vehicle, "start": start, "finish": finish}, key, meter):
            _prove_record(proofs, one, content)
        _prove_fixes(proofs, vehicle, start, finish)
    ends = (start.astimezone(UTC).isoformat(), finish.astimezone(UTC).isoformat())
    return Evidence(
        plate=plate, start=ends[0], finish=ends[1], zone=zone, places=proofs.places, entries=proofs.entries
    )  # fmt: skip


def _known(db: Connection, values: dict[str, Any], trip: str, meter: int | None) -> Iterator[tuple[str, bytes]]:
    """Kind, and what is said: the trip as it was audited, findings, and the messages they rest on."""
    found = db.execute(FINDINGS, values).fetchall()
    messages = {str(frame["message"]) for _, frames in found for frame in frames} | ({str(meter)} if meter else set())
    wanted = {"trip": [trip], "finding": [id_ for id_, _ in found], "message": sorted(messages, key=int)}
    for kind, keys in wanted.items():
        for _, content in sorted(records(db, kind, keys)):
            yield kind, content


def _prove_record(proofs: _Proofs, kind: str, content: bytes) -> None:
    key = json.loads(content)["key"]
    part = store.newest_part(proofs.db, kind, key)
    hashed = merkle.leaf(content)
    if part is None or hashed not in part.hashes:
        was = " since it was removed" if part and merkle.leaf(gone(kind, key)) in part.hashes else ""
        raise EvidenceError(f"{kind} {key} is not as it was sealed{was}: `verify` tells more")
    proofs.add(part, content, part.hashes.index(hashed), part.hashes)


def _prove_fixes(proofs: _Proofs, vehicle: int, start: datetime, finish: datetime) -> None:
    values = {"vehicle": vehicle, "start": start, "finish": finish}
    for key, terminal, since, until in proofs.db.execute(FITTED, values).fetchall():
        hour = since.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        while hour <= until:
            _prove_hour(proofs, key, terminal, hour, (since, until))
            hour += HOUR


def _prove_hour(
    proofs: _Proofs, key: str, terminal: int, hour: datetime, span: tuple[datetime, datetime]
) -> None:  # fmt: skip
    parts = store.parts_of(proofs.db, [key], hour, hour + HOUR)
    places = {hashed: (part, index) for part in parts for index, hashed in enumerate(part.hashes)}
    pieces = archive.pieces(proofs.db, hour.date())
    seen = set()
    first, last = micros(span[0]), micros(span[1])
    for one in store.fixes(proofs.db, pieces, hour, hour + HOUR, {key: terminal})[key]:
        for fix, entry, hashed in zip(one.keys(), one.entries, one.leaves, strict=True):
            if fix in seen or not first <= fix[0] <= last:
                continue
            seen.add(fix)
            if hashed not in places:
                raise EvidenceError(f"a fix of {key} in the hour {hour.isoformat()} is not as it was sealed")
            part, index = places[hashed]
            proofs.add(part, entry, index, part.hashes)
