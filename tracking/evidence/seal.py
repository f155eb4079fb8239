"""The step of the pipeline that seals what came since the last time, and its thread beside the writer.

A seal never changes. What comes late, or is put right, becomes part of a later one; a fix whose row no longer says what
was sealed of it is left as it is, for `verify` to tell. A seal is one transaction; the file of checkpoints follows it,
and is brought up to it first where a crash came between.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import psycopg
import structlog

from tracking import archive
from tracking.archive import TERMINALS_EACH
from tracking.errors import EvidenceError, TrackingError
from tracking.evidence import merkle, store, subjects
from tracking.evidence.checkpoint import NOTHING, Checkpoint, Header, Log, Signer
from tracking.evidence.leaves import Key, Rows
from tracking.evidence.records import KINDS, gone, records
from tracking.evidence.store import HOUR, Connection, Due, Part
from tracking.evidence.subjects import Subjects
from tracking.series import day_bounds

log = structlog.get_logger()
LOCK = 0x7365_616C  # "seal"; one process at a time
MOST_DAYS, MOST_RECORDS = 2, 50_000
"""In one seal."""
RETRY_S, CANCEL_S = 5.0, 0.2


@dataclass(frozen=True, slots=True)
class Sealed:
    """more  whether something was left for the next one"""

    checkpoint: Checkpoint
    more: bool


class Sealer:
    """Seals into one chain: with the key in `directory`, and a line in the file `checkpoints` for each seal."""

    def __init__(self, directory: Path, checkpoints: Path) -> None:
        self.signer, self.log = Signer(directory), Log(checkpoints)

    def seal(self, db: Connection, now: datetime) -> Sealed | None:
        """What is due, or nothing. Raises EvidenceError where chain, file and key do not belong together, and
        ArchiveDamaged."""
        with _alone(db):
            before = self._continued(db)
            with archive.snapshot(db):
                due = store.due(db, MOST_DAYS, MOST_RECORDS)
                made = self._made(db, due, before, now)
                store.done_records(db, due)
            if made:
                self.log.append(made)
            with db.transaction():
                store.done_days(db, due)
            if made is None:
                return None
            return Sealed(made, len(due.days) == MOST_DAYS or len(due.ids) == MOST_RECORDS)

    def _continued(self, db: Connection) -> Checkpoint | None:
        """The last checkpoint, once the file holds it too."""
        with db.transaction():
            chain = store.chain(db)
        noted = list(self.log)
        for at, one in enumerate(noted):
            if at >= len(chain) or chain[at] != one:
                raise EvidenceError(f"checkpoint {at + 1} in {self.log.file} is not that of the database")
        if chain and chain[-1].header.key != self.signer.trusted.id:
            raise EvidenceError("the last checkpoint was signed with another key than the one at hand")
        for one in chain[len(noted) :]:
            self.log.append(one)
        return chain[-1] if chain else None

    def _made(self, db: Connection, due: Due, before: Checkpoint | None, now: datetime) -> Checkpoint | None:
        number = before.header.number + 1 if before else 1
        entries: list[tuple[tuple[str, datetime, str], bytes]] = []
        rows = 0
        for part in self._parts(db, due, number, now):
            store.put(db, part)
            entries.append((part.order, merkle.leaf(part.entry)))
            rows += len(part.leaves) // merkle.SIZE
        if not entries:
            return None
        root = merkle.root([hashed for _, hashed in sorted(entries)])
        made = self.signer.sign(
            Header(
                number=number, at=now.astimezone(UTC).isoformat(), previous=before.hash if before else NOTHING,
                root=root.hex(), parts=len(entries), rows=rows, key=self.signer.trusted.id, spools=store.spools(db),
            )
        )  # fmt: skip
        store.add(db, made)
        return made

    def _parts(self, db: Connection, due: Due, number: int, now: datetime) -> Iterator[Part]:
        days = {hour.date() for _, hour in due.groups} | set(due.days)
        for day in sorted(days):
            yield from _fixes(db, day, number, {group for group in due.groups if group[1].date() == day})
        hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        people = Subjects(db, self.signer.master())
        for kind in KINDS:
            if keys := due.records.get(kind):
                sealed = dict(_entries(db, people, kind, keys))
                if sealed:
                    yield store.record_part(number, kind, hour, list(sealed), [merkle.leaf(e) for e in sealed.values()])


def _entries(db: Connection, people: Subjects, kind: str, keys: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    found = dict(records(db, kind, keys))
    known = subjects.entries_of(db, kind, keys) if kind == "journal" else set[str]()
    for key in keys:
        if key in known:
            continue
        if key not in found:
            yield key, gone(kind, key)
        elif kind == "journal":
            yield key, people.add(kind, key, actor(found[key]), found[key]).to_bytes()
        else:
            yield key, found[key]


def _fixes(db: Connection, day: date, number: int, also: Collection[tuple[int, datetime]]) -> Iterator[Part]:
    pieces = archive.pieces(db, day)
    for hour, wanted in _wanted(db, pieces, day, also):
        known = _known(store.parts_of(db, wanted, hour, hour + HOUR))
        replaced = store.replaced(db, hour, hour + HOUR)
        for terminal, sources in store.fixes(db, pieces, hour, hour + HOUR, wanted).items():
            fresh = _fresh(sources, known.get(terminal, {}), replaced)
            if fresh:
                yield store.fix_part(number, terminal, hour, [key for key, _ in fresh], [leaf for _, leaf in fresh])


def _wanted(
    db: Connection, pieces: Sequence[archive.Archived], day: date, also: Collection[tuple[int, datetime]]
) -> Iterator[tuple[datetime, Mapping[str, int | None]]]:
    """Hours, and terminals to be looked at, few at a time. Of a day in files: all."""
    hours: dict[datetime, dict[str, int | None]] = {}
    if pieces:
        everybody, start = store.terminals_on(db, pieces, day), day_bounds(day)[0]
        hours = {start + HOUR * n: everybody for n in range(24)}
    else:
        groups = store.changed(db, day) | set(also)
        names = store.terminals(db, {one for one, _ in groups})
        for one, hour in groups:
            hours.setdefault(hour, {})[names[one]] = one
    for hour in sorted(hours):
        rest = iter(sorted(hours[hour].items()))
        while few := dict(islice(rest, TERMINALS_EACH)):
            yield hour, few


def _known(parts: Sequence[Part]) -> dict[str, dict[Key, set[bytes]]]:
    known: dict[str, dict[Key, set[bytes]]] = {}
    for part in parts:
        of = known.setdefault(part.name, {})
        for key, hashed in zip(part.fixes(), part.hashes, strict=True):
            of.setdefault(key, set()).add(hashed)
    return known


def _fresh(sources: Sequence[Rows], known: Mapping[Key, set[bytes]], replaced: set[bytes]) -> list[tuple[Key, bytes]]:
    """What is to be sealed: fixes that never were, and those that stand in the place of a corrected one."""
    found: dict[Key, bytes] = {}
    for one in sources:
        for key, hashed in zip(one.keys(), one.leaves, strict=True):
            found.setdefault(key, hashed)
    return sorted(
        (key, hashed)
        for key, hashed in found.items()
        if key not in known or (hashed not in known[key] and known[key] <= replaced)
    )


@contextmanager
def _alone(db: Connection) -> Iterator[None]:
    """Whoever comes second waits. Ends with the connection at the latest."""
    db.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
    db.commit()
    try:
        yield
    finally:
        if not db.closed:
            db.rollback()
            db.execute("SELECT pg_advisory_unlock(%s)", (LOCK,))
            db.commit()


def actor(content: bytes) -> str:
    """Who did what an entry of the journal tells."""
    return str(json.loads(content)["actor"])


class Beside:
    """Seals every so often, in a thread beside the writer, until `stop` is set. What is in the way is told and waited
    for."""

    def __init__(self, url: str, make: Callable[[], Sealer], every_s: float, stop: threading.Event) -> None:
        self._url, self._make, self._every_s, self._stop = url, make, every_s, stop
        self._db: Connection | None = None

    @contextmanager
    def running(self) -> Iterator[None]:
        """While the block runs. A seal in the making is given up then, and made at the next start."""
        thread = threading.Thread(target=self._run, name="seal")
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            while thread.is_alive():
                if (db := self._db) is not None:
                    with suppress(psycopg.Error):
                        db.cancel_safe(timeout=CANCEL_S)
                thread.join(CANCEL_S)

    def _run(self) -> None:
        told = ""
        while not self._stop.is_set():
            try:
                self._all()
                told = ""
            except (psycopg.Error, TrackingError, OSError) as error:
                if str(error) != told and not self._stop.is_set():
                    log.error("nothing is sealed", cause=str(error))
                told = str(error)
                self._stop.wait(RETRY_S)
                continue
            self._stop.wait(self._every_s)

    def _all(self) -> None:
        options: dict[str, Any] = {"application_name": "taxihub seal", "connect_timeout": 5}
        sealer = self._make()
        with psycopg.connect(self._url, **options) as db:
            self._db = db
            while not self._stop.is_set():
                sealed = sealer.seal(db, datetime.now(UTC))
                if sealed:
                    header = sealed.checkpoint.header
                    log.info("sealed", number=header.number, rows=header.rows, parts=header.parts)
                if not sealed or not sealed.more:
                    return
