"""What the writer says to the database. One connection, one thread."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import errors
from psycopg.types.json import Jsonb

from gateway.report import Enrolment, FixBatch, Flag, moment
from tracking.columns import COLUMNS, copy_rows
from tracking.series import Series, of

DAY_US = 86_400_000_000
COPY = f"COPY {{}} ({', '.join(COLUMNS)}) FROM STDIN (FORMAT BINARY)"
STATE = ("lat", "lon", "speed", "course", "altitude", "odometer", "alarms", "status", "satellites", "signal")
AGAIN = timedelta(hours=1)
"""Within this time the same frame of a terminal is a repetition; later, its serial has come round."""
REFUSED = (psycopg.DataError, errors.CheckViolation, errors.NotNullViolation)
"""The row is at fault, not the database: quarantine it and go on."""


class Store:
    """Everything here runs inside the caller's transaction."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._db = connection
        self._series: Series = of(connection, "position")
        self._days: set[date] = set()
        self._ids: dict[str, int] = {}
        connection.execute("CREATE TEMPORARY TABLE staged (LIKE position)")

    def savepoint(self) -> AbstractContextManager[object]:
        """What fails inside is undone alone."""
        return self._db.transaction()

    # spool

    def offset(self, spool: str) -> int:
        """Sequence number up to which this spool is stored."""
        row = self._db.execute("SELECT seq FROM spool_offset WHERE spool = %s", (spool,)).fetchone()
        return int(row[0]) if row else 0

    def advance(self, spool: str, seq: int, received: datetime) -> None:
        """Everything up to `seq`, which the gateway received then, is stored."""
        self._db.execute(
            "INSERT INTO spool_offset VALUES (%s, %s, %s) ON CONFLICT (spool)"
            " DO UPDATE SET seq = excluded.seq, received = excluded.received",
            (spool, seq, received),
        )

    def quarantine(self, spool: str, seq: int, terminal: str | None, cause: str, content: bytes) -> None:
        self._db.execute(
            "INSERT INTO quarantine (spool, seq, terminal, cause, content) VALUES (%s, %s, %s, %s, %s)",
            (spool, seq, terminal, cause, content),
        )

    def keep(self, terminal: str, name: str, frame: bytes, reports: Sequence[Any], received: datetime) -> None:
        """A message that is no position."""
        (terminal_id,) = self._terminal_ids([terminal])
        self._db.execute(
            "INSERT INTO message (terminal_id, digest, received, name, frame, reports)"
            " SELECT %(terminal)s, %(digest)s, %(received)s, %(name)s, %(frame)s, %(reports)s WHERE NOT EXISTS"
            " (SELECT 1 FROM message WHERE terminal_id = %(terminal)s AND digest = %(digest)s"
            " AND received BETWEEN %(received)s - %(window)s AND %(received)s + %(window)s)",
            {
                "terminal": int(terminal_id), "digest": sha256(frame).digest(), "received": received, "name": name,
                "frame": frame, "reports": Jsonb(reports), "window": AGAIN,
            },
        )  # fmt: skip

    def command(self, order: Mapping[str, Any]) -> None:
        """One step of a command to a terminal, as `gateway.outbox` tells it; steps are kept, the newest wins."""
        (terminal_id,) = self._terminal_ids([order["terminal"]])
        changed = moment(order["changed"])
        self._db.execute(
            "INSERT INTO command (id, terminal_id, command, actor, created, expires, state, changed)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (id) DO UPDATE"
            " SET state = excluded.state, changed = excluded.changed WHERE command.changed <= excluded.changed",
            (
                order["id"], int(terminal_id), Jsonb(order["command"]), order["actor"], moment(order["created"]),
                moment(order["expires"]), order["state"], changed,
            ),
        )  # fmt: skip
        self._db.execute(
            "INSERT INTO command_step (command_id, at, state, result, detail) VALUES (%s, %s, %s, %s, %s)"
            " ON CONFLICT DO NOTHING",
            (order["id"], changed, order["state"], order["result"], Jsonb(order["detail"])),
        )

    # fleet

    def enrol(self, enrolment: Enrolment, at: datetime) -> None:
        """Take a row of the roll: company, vehicle, terminal, and the terminal's fitting from `at` on."""
        company = self._id_of("company", "name", enrolment.company) if enrolment.company else None
        vehicle = self._one(
            "INSERT INTO vehicle (plate, vehicle_class, company_id) VALUES (%s, %s, %s) ON CONFLICT (plate)"
            " DO UPDATE SET vehicle_class = excluded.vehicle_class, company_id = excluded.company_id RETURNING id",
            (enrolment.plate, enrolment.vehicle_class, company),
        )
        terminal = self._one(
            "INSERT INTO terminal (key, active) VALUES (%s, %s)"
            " ON CONFLICT (key) DO UPDATE SET active = excluded.active RETURNING id",
            (enrolment.terminal, enrolment.active),
        )
        self._fit(terminal, vehicle, at)

    def _fit(self, terminal: int, vehicle: int, at: datetime) -> None:
        row = self._db.execute(
            "SELECT vehicle_id FROM fitting WHERE terminal_id = %s AND until = 'infinity'", (terminal,)
        ).fetchone()
        if row is None:
            self._db.execute("INSERT INTO fitting (terminal_id, vehicle_id) VALUES (%s, %s)", (terminal, vehicle))
        elif row[0] != vehicle:
            self._db.execute(
                "UPDATE fitting SET until = %s WHERE terminal_id = %s AND until = 'infinity'", (at, terminal)
            )
            self._db.execute(
                "INSERT INTO fitting (terminal_id, vehicle_id, since) VALUES (%s, %s, %s)", (terminal, vehicle, at)
            )

    def _id_of(self, table: str, column: str, value: str) -> int:
        return self._one(
            f"INSERT INTO {table} ({column}) VALUES (%s)"
            f" ON CONFLICT ({column}) DO UPDATE SET {column} = excluded.{column} RETURNING id",
            (value,),
        )

    def _one(self, statement: str, values: Sequence[object]) -> int:
        row = self._db.execute(statement, values).fetchone()
        assert row is not None
        return int(row[0])

    def _terminal_ids(self, keys: Iterable[str]) -> NDArray[np.int32]:
        """Ids of terminals by key. One that no roll has announced yet gets a row of its own."""
        keys = list(keys)
        for key in keys:
            if key not in self._ids:
                self._ids[key] = self._id_of("terminal", "key", key)
        return np.array([self._ids[key] for key in keys], np.int32)

    # positions

    def add(self, batch: FixBatch) -> int:
        """Store fixes that are not stored yet; returns how many were new. Raises one of REFUSED."""
        self._series.ensure(self._db, "position", self._new_days(batch))
        ids = self._terminal_ids(batch.terminals)[batch.rows["terminal"]]
        stream = copy_rows(batch, ids)
        with self._db.transaction():
            try:
                with self._db.transaction():
                    self._copy("position", stream)
                stored = len(batch)
            except errors.UniqueViolation:
                stored = self._merge(stream)
            self._update_last(batch, ids)
        return stored

    def forget(self) -> None:
        """The transaction was rolled back: what was learned in it may be untrue."""
        self._days.clear()
        self._ids.clear()

    def _merge(self, stream: bytes) -> int:
        """The way of a batch in which something stands twice or is stored already."""
        self._copy("staged", stream)
        stored = self._db.execute("INSERT INTO position SELECT * FROM staged ON CONFLICT DO NOTHING").rowcount
        self._db.execute("TRUNCATE staged")
        return stored

    def _copy(self, table: str, stream: bytes) -> None:
        with self._db.cursor() as cursor, cursor.copy(COPY.format(table).encode()) as copy:
            copy.write(stream)

    def _new_days(self, batch: FixBatch) -> set[date]:
        """Days of believable times that have not been seen yet."""
        times = batch.rows["time"][(batch.rows["flags"] & np.uint16(Flag.CLOCK)) == 0]
        epoch = datetime(1970, 1, 1, tzinfo=UTC).date()
        days = {epoch + timedelta(days=int(n)) for n in np.unique(times // DAY_US)} - self._days
        self._days |= days
        return days

    def _update_last(self, batch: FixBatch, ids: NDArray[np.int32]) -> None:
        """Move last states forward: `heard` by any fix, the rest by good live ones only."""
        rows, newest = batch.rows, batch.newest("received", Flag(0))
        self._db.execute(
            "INSERT INTO last_state (terminal_id, heard) SELECT * FROM unnest(%s::integer[], %s::timestamptz[])"
            " ON CONFLICT (terminal_id) DO UPDATE SET heard = greatest(last_state.heard, excluded.heard)",
            (ids[newest].tolist(), [moment(t) for t in rows["received"][newest]]),
        )
        newest = batch.newest()
        if not newest.size:
            return
        columns = [_nullable(rows[name][newest]) for name in STATE]
        self._db.execute(
            f"UPDATE last_state SET (time, {', '.join(STATE)}) = (new.time, {', '.join(f'new.{n}' for n in STATE)})"
            " FROM unnest(%s::integer[], %s::timestamptz[], %s::float8[], %s::float8[], %s::float4[], %s::float4[],"
            " %s::float4[], %s::float8[], %s::bigint[], %s::integer[], %s::smallint[], %s::smallint[])"
            f" AS new (terminal_id, time, {', '.join(STATE)}) WHERE last_state.terminal_id = new.terminal_id"
            " AND (last_state.time IS NULL OR last_state.time < new.time)",
            (ids[newest].tolist(), [moment(t) for t in rows["time"][newest]], *columns),
        )


def _nullable(values: NDArray[Any]) -> list[Any]:
    """Not reported (NaN, and -1 in whole numbers) -> None."""
    if values.dtype.kind == "f":
        return [None if v != v else v for v in values.tolist()]
    return [None if v == -1 else v for v in values.tolist()]
