"""Checkpoints: the signed headers that chain one seal to the next, and the two files that stand outside the database.

A header is JSON with sorted keys and no spaces; its SHA-256 stands in the next one. What is signed are these bytes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from gateway.disk import synchronise
from tracking.errors import EvidenceError

ALGORITHM = "SHA-256/Ed25519"
NOTHING = "0" * 64
"""What the first header names as the hash of the one before."""
PRIVATE, PUBLIC, LOG = "key.pem", "public.pem", "checkpoints.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a checkpoint says.

    number    1 for the first of the chain
    at        when it was made, ISO 8601 UTC
    previous  SHA-256 of the header before, hexadecimal
    root      of the tree over the seal's parts, hexadecimal
    parts     how many trees, and how many rows in all of them
    key       SHA-256 of the public key
    spools    how far each spool was stored then
    """

    number: int
    at: str
    previous: str
    root: str
    parts: int
    rows: int
    key: str
    spools: Mapping[str, int] = field(default_factory=dict)
    algorithm: str = ALGORITHM

    def to_bytes(self) -> bytes:
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> Header:
        """Raises EvidenceError."""
        try:
            return cls(**json.loads(content))
        except (ValueError, TypeError) as error:
            raise EvidenceError(f"this is no header of a checkpoint: {error}") from error

    @property
    def time(self) -> datetime:
        return datetime.fromisoformat(self.at).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    content: bytes
    signature: bytes

    @property
    def header(self) -> Header:
        return Header.from_bytes(self.content)

    @property
    def hash(self) -> str:
        return sha256(self.content).hexdigest()

    def to_json(self) -> dict[str, str]:
        return {"header": self.content.decode(), "signature": self.signature.hex()}

    @classmethod
    def from_json(cls, said: Any) -> Checkpoint:
        """Raises EvidenceError."""
        try:
            return cls(said["header"].encode(), bytes.fromhex(said["signature"]))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise EvidenceError(f"this is no checkpoint: {error}") from error


class Trusted:
    """A public key, and what it says of checkpoints."""

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key
        self.id = sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()

    @classmethod
    def read(cls, content: bytes) -> Trusted:
        """From PEM. Raises EvidenceError."""
        try:
            key = load_pem_public_key(content)
        except ValueError as error:
            raise EvidenceError(f"this is no public key: {error}") from error
        if not isinstance(key, Ed25519PublicKey):
            raise EvidenceError("this is no Ed25519 public key")
        return cls(key)

    def signed(self, one: Checkpoint) -> bool:
        try:
            self._key.verify(one.signature, one.content)
        except InvalidSignature:
            return False
        return True

    def pem(self) -> bytes:
        return self._key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


class Signer:
    """The key file: made at first use, readable by its owner alone."""

    def __init__(self, directory: Path) -> None:
        """Raises EvidenceError where the file holds no such key."""
        directory.mkdir(parents=True, exist_ok=True)
        file = directory / PRIVATE
        if not file.exists():
            _place(file, Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        try:
            key = load_pem_private_key(file.read_bytes(), None)
        except ValueError as error:
            raise EvidenceError(f"{file} holds no key: {error}") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise EvidenceError(f"{file} holds no Ed25519 key")
        self._key, self.trusted = key, Trusted(key.public_key())
        if not (directory / PUBLIC).exists():
            (directory / PUBLIC).write_bytes(self.trusted.pem())

    def sign(self, header: Header) -> Checkpoint:
        content = header.to_bytes()
        return Checkpoint(content, self.sign_bytes(content))

    def sign_bytes(self, content: bytes) -> bytes:
        return self._key.sign(content)

    def master(self) -> bytes:
        """Key of 32 bytes under which the keys of subjects are wrapped."""
        raw = self._key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        return sha256(b"taxihub subjects\0" + raw).digest()


def _place(file: Path, content: bytes) -> None:
    """Whole or not at all; whoever comes second leaves the first one's."""
    fresh = file.with_suffix(f".{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as opened:
        opened.write(content)
    synchronise(fresh)
    try:
        os.link(fresh, file)
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
    synchronise(file.parent)


class Log:
    """The append-only file of checkpoints, one a line. A line torn by a crash counts as not written."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __iter__(self) -> Iterator[Checkpoint]:
        """Raises EvidenceError that names the line."""
        if not self.file.exists():
            return
        for number, line in enumerate(self.file.read_bytes().split(b"\n")[:-1], 1):
            try:
                yield Checkpoint.from_json(json.loads(line))
            except (ValueError, EvidenceError) as error:
                raise EvidenceError(f"{self.file}, line {number}: {error}") from error

    def append(self, one: Checkpoint) -> None:
        """Durable when this returns."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.file, os.O_RDWR | os.O_CREAT, 0o644)
        with os.fdopen(descriptor, "r+b") as file:
            whole = file.read().rfind(b"\n") + 1
            file.truncate(whole)
            file.seek(whole)
            file.write(json.dumps(one.to_json()).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        synchronise(self.file.parent)
