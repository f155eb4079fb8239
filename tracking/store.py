"""What the writer says to the database. One connection, one thread."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import errors
from psycopg.pq import TransactionStatus
from psycopg.types.json import Jsonb

from gateway.correction import Correction
from gateway.report import BAD, Enrolment, FixBatch, Flag, moment
from gateway.spool import SpoolError
from tracking.announce import JOURNAL
from tracking.columns import COLUMNS, DAY_US, Encoded, encode
from tracking.series import Series, of

COPY = f"COPY {{}} ({', '.join(COLUMNS)}) FROM STDIN (FORMAT BINARY)"
STATE = ("lat", "lon", "speed", "course", "altitude", "odometer", "alarms", "status", "satellites", "signal")
KNOWN = dict.fromkeys(("speed", "course", "altitude", "odometer"), "NaN") | {"satellites": "-1", "signal": "-1"}
"""Columns of a last state in which a value of `position` means "not reported"."""
FOLLOW = f"""
WITH heard AS (SELECT terminal_id, max(received) AS heard FROM latest GROUP BY terminal_id),
good AS (
    SELECT DISTINCT ON (terminal_id) terminal_id, time, {
    ", ".join(f"nullif({name}, '{KNOWN[name]}') AS {name}" if name in KNOWN else name for name in STATE)
}
    FROM latest WHERE flags & %s = 0 ORDER BY terminal_id, latest.time DESC
)
INSERT INTO last_state AS old (terminal_id, heard, time, {", ".join(STATE)})
SELECT terminal_id, heard, time, {", ".join(STATE)} FROM heard LEFT JOIN good USING (terminal_id) ORDER BY terminal_id
ON CONFLICT (terminal_id) DO UPDATE SET heard = greatest(old.heard, excluded.heard), (time, {", ".join(STATE)}) = (
    SELECT time, {", ".join(STATE)} FROM (VALUES
        (0, old.time, {", ".join(f"old.{name}" for name in STATE)}),
        (1, excluded.time, {", ".join(f"excluded.{name}" for name in STATE)})
    ) AS either (new, time, {", ".join(STATE)}) ORDER BY time DESC NULLS LAST, new LIMIT 1
)
"""
"""`heard` follows any fix, the rest good live ones only, and forward only; one new version of each row."""
MESSAGES = 0x6D657373
"""Class of the locks on terminals' messages."""
REMOVE = f"""
WITH removed AS (
    DELETE FROM position
    USING unnest(%s::integer[], %s::timestamptz[], %s::bigint[]) AS gone (terminal_id, time, identity)
    WHERE (position.terminal_id, position.time, position.identity) = (gone.terminal_id, gone.time, gone.identity)
    RETURNING position.*
), due AS (
    INSERT INTO evidence_due (kind, key) SELECT DISTINCT 'position',
        terminal_id || '/' || extract(epoch FROM date_trunc('hour', time, 'UTC'))::bigint FROM removed
)
INSERT INTO position_replaced ({", ".join(COLUMNS)}, correction)
SELECT {", ".join(COLUMNS)}, %s FROM removed
"""
"""What is taken out is kept elsewhere, since it may be sealed."""
UNKNOW = """
UPDATE last_state AS old SET time = NULL FROM unnest(%s::integer[], %s::timestamptz[]) AS gone (terminal_id, time)
WHERE (old.terminal_id, old.time) = (gone.terminal_id, gone.time)
"""
"""Without its time a last state gives way to any other."""
ARCHIVED = """
SELECT min(day) FROM archive JOIN unnest(%s::integer[]) AS touched (n) ON day = date '1970-01-01' + n
"""
EPOCH = date(1970, 1, 1)
LOCKS = 256
"""How many there are: a transaction may hold all of them, and a database has few."""
AGAIN = timedelta(hours=1)
"""Within this time the same frame of a terminal is a repetition; later, its serial has come round."""
REFUSED = (psycopg.DataError, errors.CheckViolation, errors.NotNullViolation)
"""The row is at fault, not the database: quarantine it and go on."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Content that no table takes. `kind`, `received` and `content` are those of an entry that holds only this."""

    seq: int
    kind: str
    received: datetime
    terminal: str | None
    cause: str
    content: bytes


class Store:
    """Everything here runs inside the caller's transaction.

    Ids of terminals that a committed transaction learned are known to `encode`, which another thread may
    call; those of an open one are not, since it may still be rolled back.
    """

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._db = connection
        self._series: Series = of(connection, "position")
        self._days: set[date] = set()
        self._ids: dict[str, int] = {}
        self._committed: Mapping[str, int] = {}
        connection.execute("CREATE TEMPORARY TABLE IF NOT EXISTS staged (LIKE position)")
        connection.execute("CREATE TEMPORARY TABLE IF NOT EXISTS latest (LIKE position) ON COMMIT DELETE ROWS")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """What fails inside is undone, with what was learned in it. Inside another one: a savepoint."""
        try:
            with self._db.transaction():
                yield
        except BaseException:
            self.forget()
            raise
        if self._db.info.transaction_status == TransactionStatus.IDLE and len(self._committed) < len(self._ids):
            self._committed = dict(self._ids)

    def hurry(self) -> None:
        """Let this transaction's commit not wait for the write-ahead log: a crash may undo it, whole."""
        self._db.execute("SET LOCAL synchronous_commit = off")

    def flush(self, spool: str) -> None:
        """What is committed now outlives a crash from here on: a commit that waits takes all before it along."""
        with self._db.transaction():
            self._db.execute("UPDATE spool_offset SET seq = seq WHERE spool = %s", (spool,))

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

    def quarantine(self, spool: str, refusal: Refusal) -> None:
        self._db.execute(
            "INSERT INTO quarantine (spool, seq, kind, received, terminal, cause, content)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)",
            (
                spool, refusal.seq, refusal.kind, refusal.received, refusal.terminal, refusal.cause, refusal.content,
            ),
        )  # fmt: skip

    def record(self, actor: str, action: str, object_: str, detail: Mapping[str, Any]) -> None:
        """Append to the journal."""
        self._db.execute(JOURNAL, (actor, action, object_, Jsonb(detail)))

    def keep(self, terminal: str, name: str, frame: bytes, reports: Sequence[Any], received: datetime) -> None:
        """A message that is no position. One at a time of a terminal: another writer may have the same one in hand."""
        (terminal_id,) = self._terminal_ids([terminal])
        self._db.execute("SELECT pg_advisory_xact_lock(%s, %s)", (MESSAGES, int(terminal_id) % LOCKS))
        self._db.execute(
            "WITH new AS (INSERT INTO message (terminal_id, digest, received, name, frame, reports)"
            " SELECT %(terminal)s, %(digest)s, %(received)s, %(name)s, %(frame)s, %(reports)s WHERE NOT EXISTS"
            " (SELECT 1 FROM message WHERE terminal_id = %(terminal)s AND digest = %(digest)s"
            " AND received BETWEEN %(received)s - %(window)s AND %(received)s + %(window)s) RETURNING id)"
            " INSERT INTO evidence_due (kind, key) SELECT 'message', id::text FROM new",
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

    def encode(self, batch: FixBatch) -> Encoded | None:
        """The streams that `add` needs; None where a terminal is not known yet. Any thread may call this."""
        known = self._committed
        if not all(key in known for key in batch.terminals):
            return None
        return encode(batch, np.array([known[key] for key in batch.terminals], np.int32)[batch.rows["terminal"]])

    def add(self, batch: FixBatch, encoded: Encoded | None = None) -> int:
        """Store fixes that are not stored yet; returns how many were new. Raises one of REFUSED."""
        self._series.ensure(self._db, "position", self._new_days(batch))
        streams = encoded or encode(batch, self._terminal_ids(batch.terminals)[batch.rows["terminal"]])
        self._touch(_days(batch.rows["time"]))
        try:
            with self.transaction():
                self._copy("position", streams.rows)
                self._follow(streams.latest)
                return len(batch)
        except errors.UniqueViolation:
            with self.transaction():
                stored = self._merge(streams.rows)
                self._follow(streams.latest)
                return stored

    def correct(self, correction: Correction) -> None:
        """Put fixes and messages in the place of those that a decoder had got wrong; the journal says so.

        Raises SpoolError while what is to be corrected is not stored yet, ValueError where a day of it is archived.
        """
        if self.offset(correction.spool) < correction.seq:
            raise SpoolError(f"spool {correction.spool}: entry {correction.seq} is corrected once it is stored")
        ids = self._terminal_ids(terminal for terminal, _, _ in correction.replaced).tolist()
        gone = [time for _, time, _ in correction.replaced]
        days = _days(np.concatenate([correction.fixes.rows["time"], np.array(gone, np.int64)]))
        archived = self._db.execute(ARCHIVED, (days,)).fetchone()
        if archived and archived[0]:
            raise ValueError(f"{archived[0]} is archived: its fixes are not corrected")
        times = [moment(time) for time in gone]
        place = f"spool/{correction.spool}/{correction.seq}"
        self._db.execute(REMOVE, (ids, times, [identity for _, _, identity in correction.replaced], place))
        self._db.execute(UNKNOW, (ids, times))
        self._touch(days)
        stored = self.add(correction.fixes) if len(correction.fixes) else 0
        for said in correction.messages:
            self._say_again(said)
        told = {"replaced": len(ids), "stored": stored, "messages": len(correction.messages)}
        self.record("system:redecode", "corrected", place, told)

    def _say_again(self, said: Mapping[str, Any]) -> None:
        (terminal_id,) = self._terminal_ids([said["terminal"]])
        self._db.execute(
            "WITH changed AS (UPDATE message SET name = %s, reports = %s WHERE terminal_id = %s AND digest = %s"
            " AND received BETWEEN %s AND %s RETURNING id)"
            " INSERT INTO evidence_due (kind, key) SELECT 'message', id::text FROM changed",
            (
                said["message"], Jsonb(said["reports"]), int(terminal_id),
                sha256(bytes.fromhex(said["frame"])).digest(), moment(said["received"]) - AGAIN,
                moment(said["received"]) + AGAIN,
            ),
        )  # fmt: skip

    def forget(self) -> None:
        """The transaction was rolled back: what was learned in it may be untrue."""
        self._days.clear()
        self._ids = dict(self._committed)

    def _touch(self, days: Sequence[int]) -> None:
        """Leave word that these days must be rolled up again."""
        self._db.execute(
            "INSERT INTO touched_day (day, writer) SELECT date '1970-01-01' + n, pg_backend_pid()"
            " FROM unnest(%s::integer[]) AS n"
            " ON CONFLICT (day, writer) DO UPDATE SET times = touched_day.times + 1",
            (days,),
        )

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
        days = {EPOCH + timedelta(days=n) for n in _days(times)} - self._days
        self._days |= days
        return days

    def _follow(self, stream: bytes) -> None:
        """Move last states forward."""
        self._copy("latest", stream)
        self._db.execute(FOLLOW, (int(BAD | Flag.BACKFILL),))


def _days(times: NDArray[np.int64]) -> list[int]:
    """Days since 1970-01-01, UTC, of times in microseconds; each once."""
    days: list[int] = np.unique(times // DAY_US).tolist()
    return days
