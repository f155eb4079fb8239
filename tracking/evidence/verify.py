"""What was altered, what is missing and what was added since it was sealed: the chain, its trees, and every row.

Trust comes from outside of the database: the public key, and the file of checkpoints.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date
from itertools import islice

import numpy as np

from gateway.report import moment
from tracking import archive
from tracking.archive import TERMINALS_EACH
from tracking.errors import ArchiveDamaged, EvidenceError
from tracking.evidence import merkle, store, subjects
from tracking.evidence.checkpoint import NOTHING, Checkpoint, Header, Log, Trusted
from tracking.evidence.leaves import Key, Rows, packing
from tracking.evidence.records import KINDS, gone, records
from tracking.evidence.store import Connection, Part
from tracking.evidence.subjects import ERASED, Entry, Subjects
from tracking.series import day_bounds

MOST_LACKING = 1
"""Seals that the file of checkpoints may lack: a crash can come between the database and the file."""
UNSAID = ("received", "flags")
"""Columns in which a fix that was sent again after its day was archived may differ."""


@dataclass(frozen=True, slots=True)
class Break:
    """what   altered, missing, added, forged
    where  table, or part of the evidence
    key    of the row
    when   the period or the seal, for people to read
    """

    what: str
    where: str
    key: str
    when: str

    def __str__(self) -> str:
        return f"{self.what}: {self.where} {self.key} ({self.when})"


@dataclass
class Verdict:
    """checked  rows by table, and `seals`;  pending: rows that no seal holds yet, by table"""

    breaks: list[Break] = field(default_factory=list)
    checked: Counter[str] = field(default_factory=Counter)
    pending: Counter[str] = field(default_factory=Counter)


def verify(
    db: Connection, trusted: Trusted, log: Log, *, start: date | None = None, end: date | None = None,
    master: bytes | None = None,
) -> Verdict:  # fmt: skip
    """The whole chain, all records, and the fixes of the days (UTC) from `start` to `end`, both included.

    master  opens the journal's entries; without it they are checked as they were sealed, not against the journal
    """
    said = Verdict()
    with archive.snapshot(db):
        chain = store.chain(db)
        said.breaks += chain_breaks(chain, trusted)
        said.breaks += _log_breaks(chain, log, trusted)
        said.checked["seals"] = len(chain)
        for one in chain:
            said.breaks += _tree_breaks(db, one)
        due = store.due(db)
        for day in _days(db, start, end):
            _check_fixes(db, day, day in due.days, said)
        for kind in KINDS:
            _check_records(db, kind, set(due.records.get(kind, ())), master, said)
    return said


# the chain


def chain_breaks(chain: Sequence[Checkpoint], trusted: Trusted) -> Iterator[Break]:
    """A chain from its first seal on, by itself."""
    before, expected = NOTHING, 1
    for one in chain:
        header = _header(one)
        if header is None or not trusted.signed(one) or header.key != trusted.id:
            whose = "" if header is None or header.key == trusted.id else ", signed with another key"
            yield Break("forged", "checkpoint", str(header.number if header else expected), f"seal {expected}{whose}")
            before, expected = one.hash, expected + 1
            continue
        if header.number != expected:
            yield Break("missing", "checkpoint", str(expected), f"seals {expected} to {header.number - 1}")
        elif header.previous != before:
            yield Break("altered", "checkpoint", str(header.number), "it does not continue the one before it")
        before, expected = one.hash, header.number + 1


def _header(one: Checkpoint) -> Header | None:
    try:
        return one.header
    except EvidenceError:
        return None


def _log_breaks(chain: Sequence[Checkpoint], log: Log, trusted: Trusted) -> Iterator[Break]:
    try:
        noted = list(log)
    except EvidenceError as error:
        yield Break("altered", "file of checkpoints", str(log.file), str(error))
        return
    for one in chain_breaks(noted, trusted):
        yield Break(one.what, f"file {log.file}: {one.where}", one.key, one.when)
    for number, (ours, theirs) in enumerate(zip(chain, noted, strict=False), 1):
        if ours != theirs:
            yield Break("altered", "checkpoint", str(number), f"{log.file} holds another one")
            return
    if len(noted) > len(chain):
        yield Break("missing", "checkpoint", str(len(chain) + 1), f"{log.file} goes on to seal {len(noted)}")
    if len(chain) - len(noted) > MOST_LACKING:
        yield Break("missing", "file of checkpoints", str(log.file), f"it ends at seal {len(noted)} of {len(chain)}")


def _tree_breaks(db: Connection, one: Checkpoint) -> Iterator[Break]:
    header = _header(one)
    if header is None:
        return
    entries, rows = [], 0
    for part in store.parts(db, seal=header.number):
        if merkle.root(part.hashes) != part.root:
            yield Break("altered", "evidence_part", f"{part.kind} {part.name}".strip(), _period(part))
        entries.append((part.order, merkle.leaf(part.entry)))
        rows += len(part.hashes)
    entries.sort()
    if merkle.root([hashed for _, hashed in entries]).hex() != header.root:
        said = f"{len(entries)} of {header.parts} parts, {rows} of {header.rows} rows"
        yield Break("altered", "seal", str(header.number), f"its tree is another one: {said}")


def _period(part: Part) -> str:
    return f"seal {part.seal}, hour {part.hour.astimezone(UTC):%Y-%m-%dT%H}Z"


# fixes


def _days(db: Connection, start: date | None, end: date | None) -> list[date]:
    rows = db.execute(
        "SELECT DISTINCT day FROM (SELECT (time AT TIME ZONE 'UTC')::date AS day FROM position"
        " UNION ALL SELECT (hour AT TIME ZONE 'UTC')::date FROM evidence_part WHERE kind = 'position'"
        " UNION ALL SELECT day FROM archive) AS every"
        " WHERE (%(start)s::date IS NULL OR day >= %(start)s) AND (%(end)s::date IS NULL OR day <= %(end)s)"
        " ORDER BY day",
        {"start": start, "end": end},
    )
    return [day for (day,) in rows.fetchall()]


def _check_fixes(db: Connection, day: date, due: bool, said: Verdict) -> None:
    pieces = []
    for piece in archive.pieces(db, day):
        try:
            archive.terminals_of(piece)
            pieces.append(piece)
        except ArchiveDamaged as error:
            said.breaks.append(Break("altered", "archive", str(piece.file), str(error)))
    start, end = day_bounds(day)
    replaced = store.replaced(db, start, end)
    rest = iter(store.terminals_on(db, pieces, day).items())
    while few := dict(islice(rest, TERMINALS_EACH)):
        parts: dict[str, list[Part]] = {name: [] for name in few}
        for part in store.parts_of(db, few, start, end):
            parts[part.name].append(part)
        for terminal, sources in store.fixes(db, pieces, start, end, few).items():
            said.checked[store.FIX] += sum(len(one.leaves) for one in sources)
            _compare(terminal, sources, parts[terminal], replaced, due, said)


def _compare(
    terminal: str, sources: Sequence[Rows], parts: Sequence[Part], replaced: Collection[bytes], due: bool, said: Verdict
) -> None:
    """The fixes of a terminal and a day with what was sealed of them."""
    sealed = {hashed for part in parts for hashed in part.hashes}
    rows = {hashed for one in sources for hashed in one.leaves}
    if sealed == rows:
        return
    lost = {
        key: part
        for part in parts
        for key, hashed in zip(part.fixes(), part.hashes, strict=True)
        if hashed not in rows and hashed not in replaced
    }
    extra = {
        key: (one, at)
        for one in sources
        for at, (key, hashed) in enumerate(zip(one.keys(), one.leaves, strict=True))
        if hashed not in sealed and not (len(sources) > 1 and _repeated(one, at, sealed, sources))
    }
    for key in sorted(lost):
        what = "altered" if key in extra else "missing"
        said.breaks.append(Break(what, store.FIX, _name(terminal, key), _period(lost[key])))
    for key in sorted(set(extra) - set(lost)):
        if due:
            said.pending[store.FIX] += 1
        else:
            said.breaks.append(Break("added", store.FIX, _name(terminal, key), "no seal holds it"))


def _repeated(one: Rows, at: int, sealed: Collection[bytes], sources: Sequence[Rows]) -> bool:
    """Whether it says what a sealed one with its key says, received at another time."""
    key = one.packed[at : at + 1].copy()
    for other in sources:
        same = (other.packed["time"] == key["time"]) & (other.packed["identity"] == key["identity"])
        for number in np.flatnonzero(same).tolist():
            if other.leaves[number] not in sealed:
                continue
            for name in UNSAID:
                key[name] = other.packed[name][number]
            size = len(other.entries[number]) - len(_text(other, number))
            (entry,) = packing(one.terminal, key, [_text(one, at).decode()])
            return entry[:size] == other.entries[number][:size]
    return False


def _text(one: Rows, at: int) -> bytes:
    """Attributes of a fix."""
    (bare,) = packing(one.terminal, one.packed[at : at + 1], [None])
    return one.entries[at][len(bare) :]


def _name(terminal: str, key: Key) -> str:
    time, identity = key
    return f"{terminal} {moment(time).isoformat().replace('+00:00', 'Z')} {identity & (1 << 64) - 1:016x}"


# records


def _check_records(db: Connection, kind: str, due: Collection[str], master: bytes | None, said: Verdict) -> None:
    last: dict[str, tuple[bytes, Part]] = {}
    for part in store.parts(db, kind=kind):
        for key, hashed in zip(part.records(), part.hashes, strict=True):
            last[key] = hashed, part
    now = _journal(db, last, master, said) if kind == "journal" else records(db, kind)
    seen = set()
    for key, content in now:
        seen.add(key)
        said.checked[kind] += 1
        if key in due:
            said.pending[kind] += 1
        elif key not in last:
            said.breaks.append(Break("added", kind, key, "no seal holds it"))
        elif merkle.leaf(content) != last[key][0]:
            said.breaks.append(Break("altered", kind, key, _period(last[key][1])))
    for key in sorted(set(last) - seen - set(due)):
        hashed, part = last[key]
        if hashed != merkle.leaf(gone(kind, key)):
            said.breaks.append(Break("missing", kind, key, _period(part)))


def _journal(
    db: Connection, last: Mapping[str, tuple[bytes, Part]], master: bytes | None, said: Verdict
) -> Iterator[tuple[str, bytes]]:
    """Entries as they were sealed; where they can be read, rows of the journal that say something else are told."""
    entries = subjects.entries(db, "journal")
    yield from ((key, entry.to_bytes()) for key, entry in entries.items())
    rows = dict(records(db, "journal"))
    for key in rows:
        if key not in entries:
            yield key, b"not sealed"
    if master is None:
        return
    people = Subjects(db, master)
    for key, entry in entries.items():
        if key in last and (what := _told_otherwise(people, entry, rows.get(key))):
            said.breaks.append(Break(what, "journal", key, _period(last[key][1])))
    said.breaks += _unexplained(db)


def _told_otherwise(people: Subjects, entry: Entry, row: bytes | None) -> str:
    try:
        content = people.read(entry)
    except EvidenceError:
        return "altered"
    if content is None or content == row:
        return ""
    return "missing" if row is None else "altered"


def _unexplained(db: Connection) -> Iterator[Break]:
    """Subjects without a key of whom no sealed or due entry says that they were erased."""
    told = {name for (name,) in db.execute("SELECT object FROM journal WHERE action = 'evidence.erase'").fetchall()}
    for number, at in subjects.erased(db).items():
        if f"{ERASED}{number}" not in told:
            yield Break("missing", "journal", f"{ERASED}{number}", f"erased at {at.astimezone(UTC).isoformat()}")
