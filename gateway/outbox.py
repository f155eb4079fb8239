"""The life of commands to terminals, kept in SQLite: accepted means it is not forgotten by a restart.

queued --send--> sent --acknowledge--> acknowledged
   ^                |--reject--> failed
   +----lose--------+            (the connection went, or no answer came in time)
queued --refuse--> failed        (the protocol cannot say it)
queued, sent --expire--> expired
"""

from __future__ import annotations

import enum
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.command import Command, from_plain, to_plain
from gateway.database import durable


class State(enum.StrEnum):
    QUEUED = "queued"
    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"
    FAILED = "failed"
    EXPIRED = "expired"


S = State
TRANSITIONS: Mapping[tuple[State, str], State] = {
    (S.QUEUED, "send"): S.SENT,
    (S.QUEUED, "refuse"): S.FAILED,
    (S.QUEUED, "expire"): S.EXPIRED,
    (S.SENT, "acknowledge"): S.ACKNOWLEDGED,
    (S.SENT, "reject"): S.FAILED,
    (S.SENT, "lose"): S.QUEUED,
    (S.SENT, "expire"): S.EXPIRED,
}
SCHEMA = """
CREATE TABLE IF NOT EXISTS command (
    id       TEXT PRIMARY KEY,
    terminal TEXT    NOT NULL,
    command  TEXT    NOT NULL,     -- JSON
    actor    TEXT    NOT NULL,     -- who wants it
    state    TEXT    NOT NULL,
    created  INTEGER NOT NULL,     -- microseconds since the epoch, here and below
    expires  INTEGER NOT NULL,
    changed  INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE IF NOT EXISTS untold (
    id    INTEGER PRIMARY KEY AUTOINCREMENT,
    step  TEXT NOT NULL            -- JSON of an Order that the history has not been told yet
) STRICT;
CREATE INDEX IF NOT EXISTS open_commands ON command (terminal) WHERE state IN ('queued', 'sent');
"""


@dataclass(frozen=True, slots=True)
class Order:
    """One command and how far it has come. `result` and `detail`: of the last step."""

    id: str
    terminal: str
    command: Command
    actor: str
    state: State
    created: int
    expires: int
    changed: int
    attempts: int
    result: str = ""
    detail: Mapping[str, Any] | None = None

    def to_plain(self) -> dict[str, Any]:
        """As the bus and the spool carry it."""
        return {
            "id": self.id, "terminal": self.terminal, "command": to_plain(self.command), "actor": self.actor,
            "state": self.state, "created": self.created, "expires": self.expires, "changed": self.changed,
            "attempts": self.attempts, "result": self.result, "detail": dict(self.detail or {}),
        }  # fmt: skip


class Outbox:
    """keep_us: how long a command that has come to its end is remembered here."""

    def __init__(self, directory: Path, *, keep_us: int = 86_400_000_000) -> None:
        self._keep_us = keep_us
        self._db = durable(directory / "outbox.sqlite", SCHEMA)

    def add(self, command: Command, *, actor: str, now_us: int, expires_us: int, key: str | None = None) -> Order:
        """Accept a command, durably. The same key again gives the order that it has made."""
        key = key or uuid.uuid4().hex
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            fresh = self._db.execute(
                "INSERT INTO command (id, terminal, command, actor, state, created, expires, changed)"
                " VALUES (?, ?, ?, ?, 'queued', ?, ?, ?) ON CONFLICT (id) DO NOTHING",
                (key, command.terminal, json.dumps(to_plain(command)), actor, now_us, expires_us, now_us),
            ).rowcount
            order = self.order(key)
            if fresh:
                self._remember(order)
        return order

    def _remember(self, order: Order) -> None:
        self._db.execute("INSERT INTO untold (step) VALUES (?)", (json.dumps(order.to_plain(), ensure_ascii=False),))

    def untold(self) -> list[tuple[int, str]]:
        """Steps of commands, as JSON, that the history has not been told of, oldest first."""
        return self._db.execute("SELECT id, step FROM untold ORDER BY id LIMIT 1000").fetchall()

    def told(self, last: int) -> None:
        """Steps up to this number are in the spool."""
        self._db.execute("DELETE FROM untold WHERE id <= ?", (last,))

    def order(self, key: str) -> Order:
        """Raises KeyError."""
        row = self._db.execute(f"{SELECT} WHERE id = ?", (key,)).fetchone()
        if row is None:
            raise KeyError(key)
        return _order(row)

    def on_their_way(self) -> list[Order]:
        """Sent and not answered: after a restart they may not have arrived."""
        return [_order(row) for row in self._db.execute(f"{SELECT} WHERE state = 'sent'")]

    def awaited(self) -> set[str]:
        """Terminals to which something is to be said."""
        return {terminal for (terminal,) in self._db.execute("SELECT terminal FROM command WHERE state = 'queued'")}

    def waiting(self, terminal: str) -> list[Order]:
        """What is to be said to a terminal, oldest first."""
        rows = self._db.execute(f"{SELECT} WHERE terminal = ? AND state = 'queued' ORDER BY created, id", (terminal,))
        return [_order(row) for row in rows]

    def overdue(self, now_us: int, answer_us: int) -> list[Order]:
        """Sent and not answered in time: the first wait is `answer_us`, and each further one longer by that."""
        rows = self._db.execute(
            f"{SELECT} WHERE state = 'sent' AND changed + ? * attempts < ? AND expires > ?", (answer_us, now_us, now_us)
        )
        return [_order(row) for row in rows]

    def expired(self, now_us: int) -> list[Order]:
        rows = self._db.execute(f"{SELECT} WHERE state IN ('queued', 'sent') AND expires <= ?", (now_us,))
        return [_order(row) for row in rows]

    def step(
        self, key: str, event: str, now_us: int, result: str = "", detail: Mapping[str, Any] | None = None
    ) -> Order | None:
        """Let something happen to a command; None when that has no place in its state, e.g. a second answer.

        Also None for a command that was forgotten since.
        """
        row = self._db.execute(f"{SELECT} WHERE id = ?", (key,)).fetchone()
        state = TRANSITIONS.get((_order(row).state, event)) if row else None
        if state is None:
            return None
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute(
                "UPDATE command SET state = ?, changed = ?, attempts = attempts + ? WHERE id = ?",
                (state, now_us, event == "send", key),
            )
            row = self._db.execute(f"{SELECT} WHERE id = ?", (key,)).fetchone()
            order = _order(row, result, detail)
            self._remember(order)
        return order

    def trim(self, now_us: int) -> None:
        self._db.execute(
            "DELETE FROM command WHERE state NOT IN ('queued', 'sent') AND changed < ?", (now_us - self._keep_us,)
        )

    def close(self) -> None:
        self._db.close()


SELECT = "SELECT id, terminal, command, actor, state, created, expires, changed, attempts FROM command"


def _order(row: tuple[Any, ...], result: str = "", detail: Mapping[str, Any] | None = None) -> Order:
    key, terminal, command, actor, state, created, expires, changed, attempts = row
    wanted = from_plain(json.loads(command))
    return Order(key, terminal, wanted, actor, State(state), created, expires, changed, attempts, result, detail)
