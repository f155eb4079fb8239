"""Rows of other tables as bytes: JSON with sorted keys and no spaces of what each one says.

Times are ISO 8601 UTC with microseconds, bytes hexadecimal, exact numbers texts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row

Connection = psycopg.Connection[Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """A table of which rows are sealed.

    select  all rows, the key of each as `key`
    only    condition for those with given keys
    """

    select: LiteralString
    only: LiteralString


BY_ID: LiteralString = "id = ANY(%s::bigint[])"
KINDS = {
    "message": Kind(
        "SELECT message.id::text AS key, terminal.key AS terminal, digest, received, name, frame, reports"
        " FROM message JOIN terminal ON terminal.id = terminal_id WHERE ",
        "message.id = ANY(%s::bigint[])",
    ),
    "trip": Kind(
        "SELECT vehicle_id || '/' || (extract(epoch FROM start) * 1000000)::bigint AS key, plate, start, finish, kind,"
        " start_lat, start_lon, finish_lat, finish_lon, length, fixes, longest_gap, open_start, open_finish, roads,"
        " matched, confidence, gaps, free_flow, ways, speeding, metered, fare, meter, audited"
        " FROM trip JOIN vehicle ON vehicle.id = vehicle_id WHERE audited IS NOT NULL AND ",
        "(vehicle_id, start) IN (SELECT split_part(one, '/', 1)::integer, timestamptz 'epoch'"
        " + split_part(one, '/', 2)::bigint * interval '1 microsecond' FROM unnest(%s::text[]) AS one)",
    ),
    "finding": Kind("SELECT id::text AS key, finding.* FROM finding WHERE ", BY_ID),
    "journal": Kind(
        "SELECT id::text AS key, at, actor, action, object, detail FROM journal WHERE actor NOT LIKE 'erased/%%' AND ",
        BY_ID,
    ),
}
"""In the order in which they are sealed. A trip stands for what its audit said of it."""


def gone(kind: str, key: str) -> bytes:
    """What is sealed of a row that is no longer there."""
    return f"gone {kind} {key}".encode()


def records(db: Connection, kind: str, keys: Sequence[str] | None = None) -> Iterator[tuple[str, bytes]]:
    """Key and bytes of all rows of a kind, or of those with these keys."""
    one = KINDS[kind]
    name = f"records_{kind}"
    with db.cursor(name, row_factory=dict_row) as cursor:
        cursor.itersize = 2_000
        if keys is None:
            cursor.execute(one.select + "%s", (True,))
        else:
            cursor.execute(one.select + one.only, (list(keys),))
        for row in cursor:
            yield row["key"], encoded(kind, row)


def encoded(kind: str, row: dict[str, Any]) -> bytes:
    return json.dumps(
        {"record": kind, **row}, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_plain
    ).encode()


def _plain(value: object) -> object:
    match value:
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="microseconds")
        case date():
            return value.isoformat()
        case bytes() | bytearray() | memoryview():
            return bytes(value).hex()
        case Decimal():
            return str(value)
    raise TypeError(f"{type(value).__name__} has no canonical form")
