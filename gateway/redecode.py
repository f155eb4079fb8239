"""`python -m gateway redecode`: frames that the spools still keep, read again as this version reads them.

What comes out otherwise than it was stored becomes a correction, in a spool of its own beside the others. The
writer takes it as it takes any other entry, once it has stored what is to be corrected; doing all of it twice
changes nothing.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from gateway.catalog import TCP, TOPIC
from gateway.correction import Correction
from gateway.errors import ProtocolError
from gateway.framed import FramedSession
from gateway.proof import Proof
from gateway.report import FIX, FixBatch, to_plain
from gateway.roll import Roll
from gateway.server.batch import UNDECODABLE, decode
from gateway.server.page import Judge
from gateway.session import Fixes, Held, Limits, Said
from gateway.spool import Entry, Spool, SpoolReader, spools
from gateway.spool.log import pack_frames, unpack_frames

PLACE = "corrections"
"""The spool of corrections, inside the directory of the others."""
LEFT_ALONE = "frames that this version cannot read, left alone"


@dataclass(frozen=True)
class _Trusting:
    """Whoever sent a frame that was kept had shown who it is."""

    roll: Roll

    def enrolled(self, terminal: str) -> bool:
        return True

    def model(self, terminal: str) -> str:
        return self.roll.model(terminal)

    def issue_code(self, terminal: str, model: str) -> str:
        return ""

    def check_code(self, terminal: str, code: str) -> Proof:
        return Proof.NONE

    def adopt(self, terminal: str) -> None:
        """Nobody logs in here."""


@dataclass
class Rereader:
    """Reads the entries of one spool in their order, since a long message stands in several of them."""

    spool: str
    roll: Roll
    judge: Judge
    counts: Counter[str] = field(default_factory=Counter)
    _sessions: dict[str, FramedSession] = field(default_factory=dict)
    _read: dict[tuple[str, bytes], Held | None] = field(default_factory=dict)
    _received: int = -1

    def correction(self, entry: Entry) -> tuple[Correction, list[bytes]] | None:
        """What of an entry reads otherwise now, with the frames of its fixes; None where nothing does."""
        if entry.received != self._received:  # what came together stands in neighbouring entries
            self._read.clear()
            self._received = entry.received
        if entry.kind == "message":
            return self._messages(entry)
        return self._fixes(entry) if entry.kind == "fix" else None

    def _messages(self, entry: Entry) -> tuple[Correction, list[bytes]] | None:
        changed, late, frames = list[dict[str, Any]](), list[FixBatch](), list[bytes]()
        for was in orjson.loads(entry.columns):
            raw = bytes.fromhex(was["frame"])
            held = self._held(was["terminal"], raw)
            if held is None or not isinstance(held.content, Said | Fixes):
                continue
            self.counts["messages"] += 1
            name = held.content.message
            if isinstance(held.content, Fixes) and was["message"] == UNDECODABLE:
                found = decode([held], entry.received, self.judge).fixes
                found.rows["frame"] = len(frames)
                name = name or "position" if len(found) else UNDECODABLE
                late.append(found)
                frames.append(raw)
            reports = [to_plain(report) for report in held.content.reports]
            if name and (name, _canonical(reports)) != (was["message"], _canonical(was["reports"])):
                changed.append({**was, "received": entry.received, "message": name, "reports": reports})
        fixes = FixBatch.concat(late)
        if not changed and not len(fixes):
            return None
        self.counts["corrected messages"] += len(changed)
        self.counts["fixes found"] += len(fixes)
        return Correction(self.spool, entry.seq, [], fixes, changed), frames

    def _fixes(self, entry: Entry) -> tuple[Correction, list[bytes]] | None:
        old, frames = FixBatch.from_bytes(entry.columns), unpack_frames(entry.raw)
        of = dict(zip(old.rows["frame"].tolist(), old.rows["terminal"].tolist(), strict=True))
        held = [(n, self._held(old.terminals[of[n]] if n in of else "", raw)) for n, raw in enumerate(frames)]
        read = [(n, one) for n, one in held if one is not None and isinstance(one.content, Fixes)]
        self.counts["frames"] += len(read)
        known = np.array([n for n, _ in read], np.uint32)
        new = decode([one for _, one in read], entry.received, self.judge).fixes
        new.rows["frame"] = known[new.rows["frame"]]
        before = old.only(np.flatnonzero(np.isin(old.rows["frame"], known)))
        changed = _changed(before, new)
        self.counts[LEFT_ALONE] += len(of.keys() - set(new.rows["frame"].tolist()))
        if not changed:
            return None
        self.counts["corrected frames"] += len(changed)
        gone = before.only(np.flatnonzero(np.isin(before.rows["frame"], changed)))
        fresh = new.only(np.flatnonzero(np.isin(new.rows["frame"], changed)))
        self._count_columns(gone, fresh)
        fresh.rows["frame"] = np.searchsorted(changed, fresh.rows["frame"])
        keys = [
            (gone.terminals[int(row["terminal"])], int(row["time"]), int(row["identity"])) for row in gone.rows
        ]  # fmt: skip
        return Correction(self.spool, entry.seq, keys, fresh), [frames[n] for n in changed]

    def _count_columns(self, gone: FixBatch, fresh: FixBatch) -> None:
        """Which values differ, where as many fixes come out as before."""
        self.counts["fixes replaced"] += len(gone)
        self.counts["fixes found"] += len(fresh)
        if len(gone) == len(fresh):
            for name in FIX.names or ():
                differ = _bits(gone, name) != _bits(fresh, name)
                if name != "terminal" and (count := int(differ.sum())):
                    self.counts[f"  {name}"] += count

    def _held(self, terminal: str, raw: bytes) -> Held | None:
        """What a frame holds; None where this version cannot read it either."""
        if (terminal, raw) in self._read:
            return self._read[terminal, raw]
        try:
            held = self._take(terminal, raw) if terminal else self._stranger(raw)
        except ProtocolError as error:
            self.counts[f"unreadable: {error.cause}"] += 1
            held = None
        self._read[terminal, raw] = held
        return held

    def _take(self, terminal: str, raw: bytes) -> Held | None:
        """Raises ProtocolError."""
        protocol = terminal.partition("/")[0]
        if protocol in TOPIC:
            return TOPIC[protocol].receive(terminal, raw)
        if protocol not in TCP:
            raise ProtocolError("unknown_protocol", protocol)
        if terminal not in self._sessions:
            self._sessions[terminal] = TCP[protocol].session(_Trusting(self.roll), 0.0, Limits(samples=0))
        return self._sessions[terminal].again(raw, self._received / 1e6)

    def _stranger(self, raw: bytes) -> Held | None:
        """A frame of which nothing could be read then, not even whose it is: the one of the roll that it fits."""
        for protocol in TCP.values():
            session = protocol.session(_Trusting(self.roll), 0.0, Limits(samples=0))
            try:
                held = session.again(raw, self._received / 1e6)
            except ProtocolError:
                continue
            if held is not None and self.roll.enrolled(held.terminal):
                return held
        return None


def _changed(old: FixBatch, new: FixBatch) -> list[int]:
    """Frames, in order, that hold other fixes now. What was read once is not taken away now."""
    before, after = _by_frame(old), _by_frame(new)
    return sorted(n for n, fixes in after.items() if before.get(n) != fixes)


def _by_frame(batch: FixBatch) -> dict[int, list[tuple[str, bytes, bytes]]]:
    rows = batch.rows.copy()
    rows["terminal"] = 0
    found = defaultdict[int, list[tuple[str, bytes, bytes]]](list)
    every = zip(
        batch.rows["frame"].tolist(), batch.rows["terminal"].tolist(), rows.view(f"V{FIX.itemsize}").tolist(),
        batch.attributes, strict=True,
    )  # fmt: skip
    for frame, terminal, row, attributes in every:
        found[frame].append((batch.terminals[terminal], row, _canonical(orjson.loads(attributes or b"{}"))))
    return {frame: sorted(rows) for frame, rows in found.items()}


def _bits(batch: FixBatch, name: str) -> np.ndarray[Any, Any]:
    """A column as bytes, so that "not reported" equals itself; shape (n,)."""
    column = np.ascontiguousarray(batch.rows[name])
    return column.view(f"V{column.itemsize}")


def _canonical(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


@dataclass(frozen=True)
class Span:
    """Of microseconds since 1970, by the gateway's receipt."""

    start: int = 0
    end: int = 1 << 62


def redecode(directory: Path, roll: Roll, judge: Judge, span: Span, write: Spool | None) -> Counter[str]:
    """All spools but that of corrections. Raises SpoolError, StorageFull."""
    counts = Counter[str]()
    for place in spools(directory):
        if place.name == PLACE:
            continue
        with closing(SpoolReader.looking(place)) as reader:
            rereader = Rereader(reader.id, roll, judge, counts)
            for entry in _entries(reader, span):
                counts["entries"] += 1
                found = rereader.correction(entry)
                if found is not None and write is not None:
                    correction, frames = found
                    now = time.time_ns() // 1000
                    write.append([Entry("correction", now, correction.to_bytes(), pack_frames(frames))])
    return counts


def _entries(reader: SpoolReader, span: Span) -> Iterator[Entry]:
    after = 0
    while entries := reader.read_whole(after):
        yield from (one for one in entries if span.start <= one.received < span.end)
        after = entries[-1].seq


def lines(counts: Counter[str], written: bool) -> Sequence[str]:
    """What was found, for people."""
    said = [f"{count:>12,}  {name}" for name, count in counts.items() if count]
    found = counts["corrected frames"] + counts["corrected messages"] + counts["fixes found"]
    if not found:
        return [*said, "everything reads as it was stored"]
    return [*said, "corrections are on their way to the database" if written else "nothing was changed: --write does"]
