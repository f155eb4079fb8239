"""A pack of evidence: a ZIP file of what is known of one trip, with the proof that it was sealed.

evidence.json   trip, parts, entries: the bytes that were sealed, with the hashes that lead to the seals' roots
chain.jsonl     all checkpoints, public.pem their key
fixes.csv, track.geojson, messages/, report.html   the same for people and programs, made of `evidence.json` alone
manifest.json   SHA-256 of each file; manifest.sig its signature
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from tracking.errors import EvidenceError
from tracking.evidence import merkle
from tracking.evidence.checkpoint import Checkpoint, Header, Signer
from tracking.evidence.leaves import HEAD, told
from tracking.evidence.store import part_entry

FORMAT = "taxihub evidence 1"
EVIDENCE, CHAIN, PUBLIC, MANIFEST, SIGNATURE = (
    "evidence.json", "chain.jsonl", "public.pem", "manifest.json", "manifest.sig",
)  # fmt: skip
MOST_BYTES = 1 << 30
"""Of all files of a pack, unpacked."""
EPOCH = datetime(1980, 1, 1)  # noqa: DTZ001 - of ZIP; a pack of the same evidence is the same file


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A part, and where it stands in the tree of its seal.

    hour  seconds since 1970
    root  of the part, hexadecimal; path leads from it to that of the seal
    """

    seal: int
    kind: str
    name: str
    hour: int
    size: int
    root: str
    index: int
    parts: int
    path: Sequence[str]

    def leads_to(self) -> str | None:
        """Root of the seal, hexadecimal."""
        entry = part_entry(self.kind, self.name, datetime.fromtimestamp(self.hour, UTC), self.size, _bytes(self.root))
        found = merkle.leads_to([_bytes(one) for one in self.path], merkle.leaf(entry), self.index, self.parts)
        return None if found is None else found.hex()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What was sealed: its bytes in hexadecimal, the number of its place, and the way from there to the part's root."""

    content: str
    place: int
    index: int
    path: Sequence[str]

    def leads_to(self, size: int) -> str | None:
        found = merkle.leads_to([_bytes(one) for one in self.path], merkle.leaf(self.bytes), self.index, size)
        return None if found is None else found.hex()

    @property
    def bytes(self) -> bytes:
        return _bytes(self.content)

    @property
    def is_fix(self) -> bool:
        return self.bytes.startswith(HEAD)

    def told(self) -> dict[str, Any]:
        """By name. Raises ValueError."""
        said: dict[str, Any] = told(self.bytes) if self.is_fix else json.loads(self.bytes)
        return said


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """plate, start, finish, zone: whose trip it is, ISO 8601 UTC, and the time zone in which people read it"""

    plate: str
    start: str
    finish: str
    zone: str
    places: Sequence[Place]
    entries: Sequence[Entry]
    format: str = FORMAT

    def to_bytes(self) -> bytes:
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> Evidence:
        """Raises EvidenceError."""
        try:
            said = json.loads(content)
            said["places"] = [Place(**one) for one in said["places"]]
            said["entries"] = [Entry(**one) for one in said["entries"]]
            made = cls(**said)
        except (ValueError, TypeError, KeyError) as error:
            raise EvidenceError(f"{EVIDENCE} cannot be read: {error}") from error
        if made.format != FORMAT:
            raise EvidenceError(f"{EVIDENCE} has the format {made.format!r}, not {FORMAT!r}")
        return made

    def fixes(self) -> list[dict[str, Any]]:
        """In the order of their times."""
        return sorted(
            (one.told() for one in self.entries if one.is_fix), key=lambda fix: (fix["time"], fix["terminal"])
        )

    def records(self, kind: str) -> list[dict[str, Any]]:
        return [said for one in self.entries if not one.is_fix and (said := one.told())["record"] == kind]


@dataclass(frozen=True, slots=True)
class Pack:
    """The files of a pack by name."""

    files: Mapping[str, bytes]

    def evidence(self) -> Evidence:
        return Evidence.from_bytes(self.file(EVIDENCE))

    def chain(self) -> list[Checkpoint]:
        try:
            return [Checkpoint.from_json(json.loads(line)) for line in self.file(CHAIN).splitlines()]
        except ValueError as error:
            raise EvidenceError(f"{CHAIN} cannot be read: {error}") from error

    def file(self, name: str) -> bytes:
        """Raises EvidenceError where it is not there."""
        if name not in self.files:
            raise EvidenceError(f"the pack has no {name}")
        return self.files[name]


def manifest(files: Mapping[str, bytes], chain: Sequence[Header]) -> bytes:
    said = {
        "format": FORMAT, "made_of_seals_to": chain[-1].number if chain else 0,
        "files": {name: sha256(content).hexdigest() for name, content in sorted(files.items())},
    }  # fmt: skip
    return json.dumps(said, indent=1).encode()


def write(
    file: Path, evidence: Evidence, chain: Sequence[Checkpoint], readable: Mapping[str, bytes], by: Signer
) -> None:
    """A new file. Raises FileExistsError."""
    files = {
        EVIDENCE: evidence.to_bytes(), CHAIN: b"".join(json.dumps(one.to_json()).encode() + b"\n" for one in chain),
        PUBLIC: by.trusted.pem(), **readable,
    }  # fmt: skip
    listed = manifest(files, [one.header for one in chain])
    with zipfile.ZipFile(file, "x", zipfile.ZIP_DEFLATED) as made:
        for name, content in {MANIFEST: listed, SIGNATURE: by.sign_bytes(listed).hex().encode(), **files}.items():
            made.writestr(zipfile.ZipInfo(name, EPOCH.timetuple()[:6]), content, zipfile.ZIP_DEFLATED)


def read(file: Path) -> Pack:
    """Raises EvidenceError, OSError."""
    try:
        with zipfile.ZipFile(file) as opened:
            infos = opened.infolist()
            if sum(info.file_size for info in infos) > MOST_BYTES:
                raise EvidenceError(f"{file} is too large for a pack of evidence")
            if len({info.filename for info in infos}) < len(infos):
                raise EvidenceError(f"{file} holds two files of one name")
            return Pack({info.filename: opened.read(info) for info in infos})
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise EvidenceError(f"{file} is no pack of evidence: {error}") from error


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except (ValueError, TypeError) as error:
        raise EvidenceError(f"{str(text)[:20]!r} is no hexadecimal number") from error
