"""Seals telephone numbers: encrypted with AES-256-GCM, and found again by a keyed hash (HMAC-SHA-256).

The keys are in a file that nobody else can read, beside no backup of the database. A new key for sealing may be
added at any time; the key of the index stays, or no number would be found any more.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from psycopg.sql import SQL

from dispatch.errors import InputError
from dispatch.store import Sealed
from tracking.database import Connection

NONCE, KEY, NUMBERS = 12, 32, 2
"""Bytes of a nonce and of a key; in front of a sealed number stands that of its key."""
WHAT = b"taxihub telephone number"
AT_ONCE = 1000


@dataclass(frozen=True)
class Keys:
    """index: of the hash; sealing: by number, of which the highest seals."""

    index: bytes
    sealing: Mapping[int, bytes]

    @classmethod
    def read(cls, path: Path) -> Keys:
        """Makes the file at its first use. Raises InputError and OSError."""
        if not path.exists():
            _write(path, cls(secrets.token_bytes(KEY), {1: secrets.token_bytes(KEY)}), new=True)
        try:
            content = json.loads(path.read_text())
            keys = cls(
                bytes.fromhex(content["index"]), {int(n): bytes.fromhex(key) for n, key in content["sealing"].items()}
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{path}: not a file of keys: {error!r}") from error
        if not keys.sealing or {len(key) for key in (keys.index, *keys.sealing.values())} != {KEY}:
            raise InputError(f"{path}: keys of {KEY} bytes are expected")
        return keys

    def hash(self, number: str) -> bytes:
        """By which a number is found."""
        return hmac.digest(self.index, number.encode(), "sha256")

    def seal(self, number: str) -> Sealed:
        which, nonce = max(self.sealing), secrets.token_bytes(NONCE)
        cipher = AESGCM(self.sealing[which]).encrypt(nonce, number.encode(), WHAT)
        return Sealed(self.hash(number), which.to_bytes(NUMBERS, "big") + nonce + cipher)

    def open(self, cipher: bytes) -> str:
        """Raises InputError when it was sealed by another key, or altered."""
        which, nonce = int.from_bytes(cipher[:NUMBERS], "big"), cipher[NUMBERS : NUMBERS + NONCE]
        if which not in self.sealing:
            raise InputError(f"a telephone number is sealed by key {which}, which is not here")
        try:
            return AESGCM(self.sealing[which]).decrypt(nonce, cipher[NUMBERS + NONCE :], WHAT).decode()
        except InvalidTag as error:
            raise InputError(f"a telephone number was altered, or key {which} is another one now") from error


def _write(path: Path, keys: Keys, *, new: bool = False) -> None:
    """In place of what was there, whole or not at all. new: unless somebody else was quicker."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    content = {"index": keys.index.hex(), "sealing": {str(n): key.hex() for n, key in keys.sealing.items()}}
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    if not new:
        fresh.replace(path)
        return
    try:
        os.link(fresh, path)
    except FileExistsError:
        pass
    finally:
        fresh.unlink()


async def rotate(db: Connection, path: Path) -> int:
    """Add a key and seal every number by it; returns how many. Old keys stay in the file until nothing needs them."""
    old = Keys.read(path)
    keys = Keys(old.index, {**old.sealing, max(old.sealing) + 1: secrets.token_bytes(KEY)})
    _write(path, keys)
    return sum([await _seal_again(db, table, keys) for table in (SQL("booking"), SQL("series"))])


async def _seal_again(db: Connection, table: SQL, keys: Keys) -> int:
    newest, done = max(keys.sealing).to_bytes(NUMBERS, "big"), 0
    find = SQL(
        "SELECT id, phone_sealed FROM {} WHERE phone_sealed IS NOT NULL"
        " AND substring(phone_sealed FROM 1 FOR %s) <> %s LIMIT %s FOR UPDATE SKIP LOCKED"
    ).format(table)
    while True:
        async with db.transaction():
            rows = await (await db.execute(find, (NUMBERS, newest, AT_ONCE))).fetchall()
            for number, cipher in rows:
                sealed = keys.seal(keys.open(bytes(cipher)))
                change = SQL("UPDATE {} SET phone_sealed = %s WHERE id = %s").format(table)
                await db.execute(change, (sealed.cipher, number))
        if not rows:
            return done
        done += len(rows)
