"""Journal entries as they are sealed: encrypted with a key of whom they tell of. Whoever is erased loses the key.

What is sealed is the ciphertext, so the chain stays whole when nobody can read it any more. AES-256-GCM
(NIST SP 800-38D) with the entry's place as associated data; the keys are wrapped by the key file's.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from psycopg.types.json import Jsonb

from tracking.announce import JOURNAL
from tracking.errors import EvidenceError

Connection = psycopg.Connection[Any]
NONCE = 12
ERASED = "erased/"
"""What stands for the name of a person who was erased, before the subject's number."""


@dataclass(frozen=True, slots=True)
class Entry:
    kind: str
    key: str
    subject: int
    content: bytes

    def to_bytes(self) -> bytes:
        """What is sealed."""
        said = {"kind": self.kind, "key": self.key, "subject": self.subject, "content": self.content.hex()}
        return json.dumps(said, sort_keys=True, separators=(",", ":")).encode()


def _lock(key: bytes, content: bytes, place: str) -> bytes:
    nonce = os.urandom(NONCE)
    return nonce + AESGCM(key).encrypt(nonce, content, place.encode())


def _open(key: bytes, content: bytes, place: str) -> bytes:
    try:
        return AESGCM(key).decrypt(content[:NONCE], content[NONCE:], place.encode())
    except (InvalidTag, ValueError) as error:
        raise EvidenceError(f"{place} does not open with its key") from error


class Subjects:
    """Keys of persons, and what was encrypted with them.

    master  under which they are wrapped
    """

    def __init__(self, db: Connection, master: bytes) -> None:
        self._db, self._master = db, master
        self._known: dict[int, bytes | None] = {}

    def add(self, kind: str, key: str, name: str, content: bytes) -> Entry:
        """Encrypt and store an entry about `name`."""
        subject = self._subject(name)
        secret = self._key(subject)
        assert secret is not None
        entry = Entry(kind, key, subject, _lock(secret, content, f"{kind}/{key}"))
        self._db.execute(
            "INSERT INTO evidence_entry (kind, key, subject, content) VALUES (%s, %s, %s, %s)",
            (kind, key, subject, entry.content),
        )
        return entry

    def read(self, entry: Entry) -> bytes | None:
        """Its content; None where its subject is erased. Raises EvidenceError where it was altered."""
        secret = self._key(entry.subject)
        return None if secret is None else _open(secret, entry.content, f"{entry.kind}/{entry.key}")

    def _subject(self, name: str) -> int:
        row = self._db.execute("SELECT id FROM evidence_subject WHERE name = %s", (name,)).fetchone()
        if row is None:
            row = self._db.execute("INSERT INTO evidence_subject (name) VALUES (%s) RETURNING id", (name,)).fetchone()
            assert row is not None
            wrapped = _lock(self._master, AESGCM.generate_key(256), f"subject/{row[0]}")
            self._db.execute("UPDATE evidence_subject SET key = %s WHERE id = %s", (wrapped, row[0]))
        return int(row[0])

    def _key(self, subject: int) -> bytes | None:
        if subject not in self._known:
            row = self._db.execute("SELECT key FROM evidence_subject WHERE id = %s", (subject,)).fetchone()
            wrapped = row[0] if row else None
            opened = None if wrapped is None else _open(self._master, wrapped, f"subject/{subject}")
            self._known[subject] = opened
        return self._known[subject]


def entries(db: Connection, kind: str) -> dict[str, Entry]:
    """All of a kind by key."""
    rows = db.execute("SELECT kind, key, subject, content FROM evidence_entry WHERE kind = %s", (kind,)).fetchall()
    return {row[1]: Entry(*row) for row in rows}


def entries_of(db: Connection, kind: str, keys: Sequence[str]) -> set[str]:
    """Those of the keys that have an entry already."""
    rows = db.execute("SELECT key FROM evidence_entry WHERE kind = %s AND key = ANY(%s)", (kind, list(keys)))
    return {key for (key,) in rows.fetchall()}


def erased(db: Connection) -> Mapping[int, datetime]:
    return dict(db.execute("SELECT id, erased FROM evidence_subject WHERE erased IS NOT NULL").fetchall())


def erase(db: Connection, name: str, by: str, reason: str) -> int:
    """Destroy a person's key and the words of the journal about what they did; returns the subject's number.

    Raises EvidenceError where nothing of them is sealed yet.
    """
    with db.transaction():
        row = db.execute(
            "UPDATE evidence_subject SET name = NULL, key = NULL, erased = clock_timestamp() WHERE name = %s"
            " RETURNING id",
            (name,),
        ).fetchone()
        if row is None:
            raise EvidenceError(f"nothing of {name!r} is sealed")
        db.execute("SELECT set_config('taxihub.erasing', 'yes', true)")
        db.execute(
            "UPDATE journal SET actor = %s, object = '', detail = '{}' WHERE actor = %s", (f"{ERASED}{row[0]}", name)
        )
        db.execute("SELECT set_config('taxihub.erasing', '', true)")
        db.execute(JOURNAL, (by, "evidence.erase", f"{ERASED}{row[0]}", Jsonb({"reason": reason})))
        return int(row[0])
