"""Checks a pack of evidence with nothing but a public key: no database, no network."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tracking.errors import EvidenceError
from tracking.evidence.checkpoint import Checkpoint, Log, Trusted
from tracking.evidence.pack import EVIDENCE, MANIFEST, SIGNATURE, Evidence, Pack, manifest
from tracking.evidence.readable import readable
from tracking.evidence.verify import Break, chain_breaks


@dataclass(frozen=True, slots=True)
class Proved:
    """What a pack holds, and what of it does not hold.

    first, last  when the seals were made that hold the evidence
    """

    breaks: Sequence[Break]
    fixes: int
    records: int
    first: str
    last: str


def check(pack: Pack, trusted: Trusted, held: Log | None = None) -> Proved:
    """held: checkpoints that somebody else kept. Raises EvidenceError where a part of the pack cannot be read."""
    evidence, chain = pack.evidence(), pack.chain()
    breaks = [*_file_breaks(pack, trusted), *chain_breaks(chain, trusted)]
    breaks += _held_breaks(chain, held)
    breaks += _proof_breaks(evidence, chain)
    if not breaks and not evidence.entries:
        breaks.append(Break("missing", EVIDENCE, "entries", "the pack proves nothing"))
    if not breaks:
        breaks += _readable_breaks(pack, evidence)
    times = sorted(one.header.at for one in chain if one.header.number in {place.seal for place in evidence.places})
    fixes = sum(one.is_fix for one in evidence.entries)
    ends = (times[0], times[-1]) if times else ("", "")
    return Proved(breaks, fixes, len(evidence.entries) - fixes, *ends)


def _file_breaks(pack: Pack, trusted: Trusted) -> Iterator[Break]:
    listed = pack.file(MANIFEST)
    try:
        said = json.loads(listed)["files"]
        signature = bytes.fromhex(pack.file(SIGNATURE).decode())
    except (ValueError, KeyError, TypeError) as error:
        raise EvidenceError(f"{MANIFEST} or {SIGNATURE} cannot be read: {error}") from error
    if not trusted.signed(Checkpoint(listed, signature)):
        yield Break("forged", "pack", MANIFEST, "not signed with this key")
    files = {name: content for name, content in pack.files.items() if name not in (MANIFEST, SIGNATURE)}
    ours = json.loads(manifest(files, []))["files"]
    for name in sorted(said.keys() | ours.keys()):
        if said.get(name) != ours.get(name):
            what = "added" if name not in said else "missing" if name not in ours else "altered"
            yield Break(what, "pack", name, "by its manifest")


def _held_breaks(chain: Sequence[Checkpoint], held: Log | None) -> Iterator[Break]:
    if held is None:
        return
    known = list(held)
    for number, (ours, theirs) in enumerate(zip(chain, known, strict=False), 1):
        if ours != theirs:
            yield Break("altered", "checkpoint", str(number), f"{held.file} holds another one")
            return
    if not known:
        yield Break("missing", "file of checkpoints", str(held.file), "it holds none")


def _proof_breaks(evidence: Evidence, chain: Sequence[Checkpoint]) -> Iterator[Break]:
    roots = {one.header.number: one.header.root for one in chain}
    for number, place in enumerate(evidence.places):
        if place.leads_to() != roots.get(place.seal, ""):
            yield Break("altered", EVIDENCE, f"place {number}", f"it does not lead to seal {place.seal}")
    for number, entry in enumerate(evidence.entries):
        if not 0 <= entry.place < len(evidence.places):
            yield Break("altered", EVIDENCE, f"entry {number}", f"there is no place {entry.place}")
            continue
        of = evidence.places[entry.place]
        if entry.leads_to(of.size) != of.root:
            said = f"it does not lead to {of.kind} {of.name}".rstrip()
            yield Break("altered", EVIDENCE, f"entry {number}", f"{said} of seal {of.seal}")


def _readable_breaks(pack: Pack, evidence: Evidence) -> Iterator[Break]:
    """What people read must say what was sealed."""
    try:
        made = readable(evidence, pack.chain())
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise EvidenceError(f"{EVIDENCE} tells of no trip: {error}") from error
    for name, content in made.items():
        if pack.files.get(name) != content:
            yield Break("altered", "pack", name, "it does not say what was sealed")
