"""Accounts, log-ins and the journal of who did what."""

from __future__ import annotations

import asyncio
import enum
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from psycopg import AsyncConnection
from psycopg.errors import UniqueViolation
from psycopg.types.json import Jsonb

from tracking.announce import JOURNAL
from tracking.errors import PeopleError

SHORTEST_PASSWORD = 10
_hasher = PasswordHasher()
_NOBODY = _hasher.hash("a password that nobody has")
"""Checked when the account does not exist, so that its absence does not show in the time taken."""

Connection = AsyncConnection[Any]


class Role(enum.StrEnum):
    ADMINISTRATOR = "administrator"
    DISPATCHER = "dispatcher"
    CALL_TAKER = "call_taker"
    SAFETY_OFFICER = "safety_officer"
    AUDITOR = "auditor"
    KIOSK = "kiosk"


@dataclass(frozen=True, slots=True)
class Account:
    id: int
    name: str
    role: Role


async def create(db: Connection, name: str, password: str, role: Role, *, by: str) -> Account:
    """A new account, journalled. Raises PeopleError on a name in use or a weak password."""
    digest = await _hash(name, password)
    try:
        async with db.transaction():
            cursor = await db.execute(
                "INSERT INTO account (name, role, password_hash) VALUES (%s, %s, %s) RETURNING id",
                (name, role, digest),
            )
            row = await cursor.fetchone()
            await record(db, by, "account.create", name, {"role": role})
    except UniqueViolation as error:
        raise PeopleError(f"there is an account {name!r} already") from error
    assert row is not None
    return Account(row[0], name, role)


async def set_password(db: Connection, name: str, password: str, *, by: str) -> None:
    """Another password; every log-in of the account ends. Raises PeopleError."""
    digest = await _hash(name, password)
    async with db.transaction():
        cursor = await db.execute(
            "UPDATE account SET password_hash = %s, active = true WHERE name = %s RETURNING id", (digest, name)
        )
        row = await cursor.fetchone()
        if row is None:
            raise PeopleError(f"there is no account {name!r}")
        await db.execute("DELETE FROM login WHERE account_id = %s", (row[0],))
        await record(db, by, "account.set_password", name)


async def put(db: Connection, name: str, password: str, role: Role, *, by: str) -> bool:
    """See to it that this account exists with this password; tells whether anything changed. Raises PeopleError.

    A role that differs is an error: rights are not changed in passing.
    """
    cursor = await db.execute("SELECT role, password_hash, active FROM account WHERE name = %s", (name,))
    row = await cursor.fetchone()
    if row is None:
        await create(db, name, password, role, by=by)
        return True
    if row[0] != role:
        raise PeopleError(f"account {name!r} has the role {row[0]}, not {role}")
    if row[2] and await asyncio.to_thread(_verify, row[1], password):
        return False
    await set_password(db, name, password, by=by)
    return True


async def _hash(name: str, password: str) -> str:
    if not name.strip() or name != name.strip() or len(name) > 64:
        raise PeopleError("an account's name has 1 to 64 characters, without blanks around it")
    if len(password) < SHORTEST_PASSWORD:
        raise PeopleError(f"a password has at least {SHORTEST_PASSWORD} characters")
    return await asyncio.to_thread(_hasher.hash, password)


async def log_in(
    db: Connection, name: str, password: str, *, address: str, lasting: timedelta
) -> tuple[Account, str] | None:
    """The account and a fresh token for its cookie, or None. Both outcomes are journalled."""
    cursor = await db.execute("SELECT id, role, password_hash FROM account WHERE name = %s AND active", (name,))
    row = await cursor.fetchone()
    good = await asyncio.to_thread(_verify, row[2] if row else _NOBODY, password)
    if row is None or not good:
        await record(db, name[:64], "login.refused", detail={"address": address})
        return None
    token = secrets.token_urlsafe(32)
    async with db.transaction():
        await db.execute("DELETE FROM login WHERE expires < now()")
        await db.execute(
            "INSERT INTO login (token_hash, account_id, expires, address) VALUES (%s, %s, now() + %s, %s)",
            (_digest(token), row[0], lasting, address),
        )
        await record(db, name, "login", detail={"address": address})
    return Account(row[0], name, Role(row[1])), token


def _verify(digest: str, password: str) -> bool:
    try:
        return _hasher.verify(digest, password)
    except (Argon2Error, InvalidHashError):
        return False


async def whose(db: Connection, token: str) -> Account | None:
    """The account behind a cookie, or None when it has ended."""
    cursor = await db.execute(
        "SELECT account.id, account.name, account.role FROM login JOIN account ON account.id = login.account_id"
        " WHERE login.token_hash = %s AND login.expires > now() AND account.active",
        (_digest(token),),
    )
    row = await cursor.fetchone()
    return Account(row[0], row[1], Role(row[2])) if row else None


async def log_out(db: Connection, token: str) -> None:
    await db.execute("DELETE FROM login WHERE token_hash = %s", (_digest(token),))


def _digest(token: str) -> bytes:
    return sha256(token.encode()).digest()


async def record(
    db: Connection, actor: str, action: str, object_: str = "", detail: Mapping[str, Any] | None = None
) -> datetime:
    """Append to the journal; returns when."""
    cursor = await db.execute(JOURNAL, (actor, action, object_, Jsonb(dict(detail or {}))))
    row = await cursor.fetchone()
    assert row is not None
    at: datetime = row[0]
    return at
