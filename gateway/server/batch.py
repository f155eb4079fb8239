"""Held frames of one tick -> one spool entry: decoded in columns, judged, with their raw bytes."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import numpy as np
import orjson
import structlog
from numpy.typing import NDArray

from gateway.errors import SpoolError
from gateway.report import BAD, FIX, FixBatch, Flag, names, to_plain
from gateway.server.plausible import Region, judge
from gateway.session import Columns, Fixes, Held, Said, Translator
from gateway.spool import Entry
from gateway.spool.log import pack_frames

log = structlog.get_logger()
SAMPLES = 4
"""Most frames of a tick that are named in the log because of their fixes."""
DOUBTED = np.uint16(BAD & ~Flag.NO_FIX)
"""Not logged: a terminal in a garage says itself that it has no fix, and keeps saying it."""


@dataclass(frozen=True, slots=True)
class Judge:
    """The plausibility settings."""

    region: Region
    ahead_us: int


@dataclass(frozen=True, slots=True)
class Tick:
    """What became of the held frames of one tick.

    ok       shape (frames,): at least one fix of the frame could be read, or it is kept as it is
    refused  (terminal, cause, frame) of fixes that could not be read, or are not believed, a few
    """

    entries: list[Entry]
    fixes: FixBatch
    reports: list[dict[str, Any]]
    ok: list[bool]
    counts: Counter[str]
    refused: list[tuple[str, str, bytes]] = field(default_factory=list)


def decode(held: Sequence[Held], received_us: int, judge_by: Judge) -> Tick:
    """Decode all bodies. A frame on which a decoder of ours fails is kept as it is, for a later repair."""
    try:
        return _decode(held, received_us, judge_by)
    except Exception as defect:  # a decoder must not raise: whatever this is, it must cost one frame only
        kept = [_kept(one) if _breaks(one, judge_by) else one for one in held]
        log.exception("a decoder failed", frames=[h.raw.hex() for h, k in zip(held, kept, strict=True) if h is not k])
        if all(map(operator.is_, held, kept)):
            raise SpoolError("frames can be decoded alone but not together") from defect
        tick = _decode(kept, received_us, judge_by)
        tick.counts["decoder_failed"] += sum(h is not k for h, k in zip(held, kept, strict=True))
        return tick


def _kept(one: Held) -> Held:
    return replace(one, content=Said("undecodable"))


def _breaks(one: Held, judge_by: Judge) -> bool:
    try:
        _decode([one], 0, judge_by)
    except Exception:
        return True
    return False


def _decode(held: Sequence[Held], received_us: int, judge_by: Judge) -> Tick:
    """Bodies grouped by how they are to be read."""
    counts: Counter[str] = Counter()
    ok = [isinstance(one.content, Said) for one in held]
    fixes = (i for i, one in enumerate(held) if isinstance(one.content, Fixes))
    number = {i: n for n, i in enumerate(fixes)}  # of the frame among those of the entry
    terminals: dict[str, int] = {}
    parts: list[tuple[NDArray[np.void], Sequence[bytes]]] = []
    refused: list[tuple[str, str, bytes]] = []
    for translate, frames in _grouped(held).items():
        columns, owner, late, unread = _read(translate, frames, counts)
        refused += [(held[i].terminal, cause, held[i].raw) for i, cause in unread]
        rows = columns.rows
        rows["frame"] = [number[i] for i in owner]
        rows["terminal"] = [terminals.setdefault(held[i].terminal, len(terminals)) for i in owner]
        rows["received"] = received_us
        rows["flags"] = judge(rows, judge_by.region, judge_by.ahead_us)
        rows["flags"][late] |= np.uint16(Flag.BACKFILL)
        for row in np.flatnonzero(rows["flags"] & DOUBTED)[:SAMPLES].tolist():
            one = held[owner[row]]
            refused.append((one.terminal, "+".join(names(Flag(int(rows["flags"][row])) & BAD)), one.raw))
        for i in set(owner):
            ok[i] = True
        parts.append((rows, columns.attributes))
    rows = np.concatenate([p[0] for p in parts]) if parts else np.empty(0, FIX)
    batch = FixBatch(list(terminals), rows, [a for p in parts for a in p[1]])
    counts["fixes"] += len(rows)
    _count_flags(rows, counts)
    messages = [
        _message(one, one.content)
        for one in held
        if isinstance(one.content, Said) or (isinstance(one.content, Fixes) and one.content.reports)
    ]
    reports = [report for message in messages for report in message["reports"]]
    return Tick(_entries(held, batch, messages, received_us), batch, reports, ok, counts, refused[:SAMPLES])


def _count_flags(rows: NDArray[np.void], counts: Counter[str]) -> None:
    """How many fixes are flagged, and for what."""
    counts["flagged"] += int((rows["flags"] & np.uint16(BAD) != 0).sum())
    for flag in BAD:
        if n := int((rows["flags"] & np.uint16(flag) != 0).sum()):
            counts[f"flagged_{(flag.name or '').lower()}"] += n


def _entries(
    held: Sequence[Held], batch: FixBatch, messages: list[dict[str, Any]], received_us: int
) -> list[Entry]:  # fmt: skip
    """Positions with their raw frames as evidence, and messages by themselves."""
    entries = [Entry("message", received_us, orjson.dumps(messages))] if messages else []
    frames = [one.raw for one in held if isinstance(one.content, Fixes)]
    if frames:
        entries.append(Entry("fix", received_us, batch.to_bytes(), pack_frames(frames)))
    return entries


def _message(held: Held, content: Said | Fixes) -> dict[str, Any]:
    return {
        "terminal": held.terminal, "message": content.message, "frame": held.raw.hex(),
        "reports": [to_plain(report) for report in content.reports],
    }  # fmt: skip


def _grouped(held: Sequence[Held]) -> dict[Translator, list[tuple[int, Fixes]]]:
    """Positions by how they are read, each with the index of its frame."""
    groups: dict[Translator, list[tuple[int, Fixes]]] = {}
    for i, one in enumerate(held):
        if isinstance(one.content, Fixes):
            groups.setdefault(one.content.translate, []).append((i, one.content))
    return groups


def _read(
    translate: Translator, frames: Sequence[tuple[int, Fixes]], counts: Counter[str]
) -> tuple[Columns, list[int], NDArray[np.bool_], list[tuple[int, str]]]:
    """Columns of a group; for each row the frame that it came from, and whether it came late; unreadable frames."""
    bodies = [body for _, fixes in frames for body in fixes.bodies]
    frame_of = [i for i, fixes in frames for _ in fixes.bodies]
    late = [fixes.backfill for _, fixes in frames for _ in fixes.bodies]
    columns = translate(bodies)
    for cause in columns.errors.values():
        counts[f"fix_{cause}"] += 1
    unread = [(frame_of[i], cause) for i, cause in islice(columns.errors.items(), SAMPLES)]
    return columns, [frame_of[i] for i in columns.source], np.array(late, bool)[columns.source], unread
