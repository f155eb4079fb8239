"""What no table took: shown to people, and tried again once its cause is mended.

Content goes the same way as it did first (`tracking.intake`), with the time at which the gateway received it.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, LiteralString

import psycopg
from psycopg import AsyncConnection

from gateway.report import micros
from gateway.spool import Entry
from tracking.intake import Intake
from tracking.load import Load
from tracking.store import Refusal, Store

Connection = psycopg.Connection[Any]
ACTOR = "system:tracking"
ROW: LiteralString = "id, at, spool, seq, kind, terminal, cause, length(content)"


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A row of the quarantine. `seq` is the entry of the spool that it came in; `size` its bytes."""

    id: int
    at: datetime
    spool: str
    seq: int
    kind: str
    terminal: str | None
    cause: str
    size: int


@dataclass(frozen=True, slots=True)
class Found:
    """A row of the quarantine with its content, and when the gateway received it."""

    row: Quarantined
    received: datetime
    content: bytes


class Outcome(enum.StrEnum):
    """What became of another try."""

    STORED = "stored"
    PART = "part"
    """The rest stands in quarantine under ids of its own."""
    REFUSED = "refused"
    GONE = "gone"
    """It stood there no longer: somebody else was quicker."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """Another try; `cause` says why something was refused again."""

    id: int
    outcome: Outcome
    cause: str = ""


def waiting(db: Connection) -> Sequence[Quarantined]:
    """All that is in quarantine, oldest first."""
    return [_row(row) for row in db.execute(f"SELECT {ROW} FROM quarantine ORDER BY id").fetchall()]


async def page(db: AsyncConnection[Any], after: int, limit: int) -> Sequence[Quarantined]:
    """Rows with id > `after`, oldest first."""
    cursor = await db.execute(f"SELECT {ROW} FROM quarantine WHERE id > %s ORDER BY id LIMIT %s", (after, limit))
    return [_row(row) for row in await cursor.fetchall()]


async def count(db: AsyncConnection[Any]) -> int:
    row = await (await db.execute("SELECT count(*) FROM quarantine")).fetchone()
    return int(row[0]) if row else 0


async def find(db: AsyncConnection[Any], number: int) -> Found | None:
    cursor = await db.execute(f"SELECT {ROW}, received, content FROM quarantine WHERE id = %s", (number,))
    row = await cursor.fetchone()
    return Found(_row(row[:-2]), row[-2].astimezone(UTC), row[-1]) if row else None


def _row(row: Sequence[Any]) -> Quarantined:
    return Quarantined(row[0], row[1].astimezone(UTC), *row[2:])


def replay(db: Connection, ids: Iterable[int] = (), *, by: str = ACTOR) -> Sequence[Replayed]:
    """Store what is in quarantine, all of it or these, each in a transaction of its own; `by` stands in the journal.

    Of a content that is stored in part the rest stands in quarantine under new ids.
    """
    wanted = list(dict.fromkeys(ids)) or [one.id for one in waiting(db)]
    store = Store(db)
    db.commit()
    return [_replay(db, store, number, by) for number in wanted]


def _replay(db: Connection, store: Store, number: int, by: str) -> Replayed:
    with store.transaction():
        row = db.execute(
            "SELECT spool, seq, kind, received, content FROM quarantine WHERE id = %s FOR UPDATE", (number,)
        ).fetchone()
        if row is None:
            return Replayed(number, Outcome.GONE)
        spool, seq, kind, received, content = row
        refused = _stored(store, Entry(kind, micros(received), content, b"", seq))
        cause = refused[0].cause if refused else ""
        if [one.content for one in refused] == [content]:
            db.execute("UPDATE quarantine SET cause = %s WHERE id = %s", (cause, number))
            return Replayed(number, Outcome.REFUSED, cause)
        db.execute("DELETE FROM quarantine WHERE id = %s", (number,))
        for one in refused:
            store.quarantine(spool, one)
        detail = {"spool": spool, "seq": seq, "kind": kind, "refused": len(refused)}
        store.record(by, "quarantine.replay", f"quarantine/{number}", detail)
    return Replayed(number, Outcome.PART if refused else Outcome.STORED, cause)


def _stored(store: Store, entry: Entry) -> list[Refusal]:
    """Store an entry; what of it was refused."""
    refused: list[Refusal] = []
    intake = Intake(store, refused.append)
    load = Load.of([entry], store.encode)
    for other in load.others:
        intake.take(other)
    for part in load.parts:
        intake.store_fixes(part)
    return refused
