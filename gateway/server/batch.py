"""Held frames of one tick -> one spool entry: decoded in columns, judged, with their raw bytes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any, TypeGuard

import numpy as np
import orjson
import structlog

from gateway.errors import SpoolError
from gateway.form import Bools
from gateway.report import FixBatch, to_plain
from gateway.server.page import SAMPLES, Judge, Page
from gateway.session import Content, Fixes, Held, Said
from gateway.sheet import Sheet
from gateway.spool import Entry

log = structlog.get_logger()
UNDECODABLE = "undecodable"
"""Name of a message of which nothing is known but its frame."""
Taken = Held | Sheet
"""What one commit consists of."""


@dataclass(frozen=True, slots=True)
class Tick:
    """What became of the frames of one tick.

    ok       of each that was taken: at least one fix of the frame could be read, or it is kept as it is;
             shape (frames,) where it is a sheet
    refused  (terminal, cause, frame) of fixes that could not be read, or are not believed, a few
    """

    entries: list[Entry]
    fixes: FixBatch
    reports: list[dict[str, Any]]
    ok: list[bool | Bools]
    counts: Counter[str]
    refused: list[tuple[str, str, bytes]] = field(default_factory=list)


def decode(taken: Sequence[Taken], received_us: int, judge_by: Judge) -> Tick:
    """Decode all bodies. A frame on which a decoder of ours fails is kept as it is, for a later repair."""
    try:
        return _decode(taken, received_us, judge_by)
    except Exception as defect:  # a decoder must not raise: whatever this is, it must cost one frame only
        apart = [list(map(one.held, range(len(one)))) if isinstance(one, Sheet) else [one] for one in taken]
        whole = [one for some in apart for one in some]
        kept = [_kept(one) if _breaks(one, judge_by) else one for one in whole]
        broken = [one.raw.hex() for one, now in zip(whole, kept, strict=True) if one is not now]
        log.exception("a decoder failed", frames=broken)
        if not broken:
            raise SpoolError("frames can be decoded alone but not together") from defect
        tick = _decode(kept, received_us, judge_by)
        tick.counts["decoder_failed"] += len(broken)
        ok = iter(tick.ok)
        together = [[next(ok) for _ in some] for some in apart]
        return replace(
            tick, ok=[np.array(o, bool) if isinstance(t, Sheet) else o[0] for t, o in zip(taken, together, strict=True)]
        )


def _kept(one: Held) -> Held:
    return replace(one, content=Said(UNDECODABLE))


def _breaks(one: Held, judge_by: Judge) -> bool:
    try:
        _decode([one], 0, judge_by)
    except Exception:
        return True
    return False


def _decode(taken: Sequence[Taken], received_us: int, judge_by: Judge) -> Tick:
    """In the order of their coming; frames between two sheets grouped by how they are read."""
    page = Page(received_us, judge_by)
    ok: list[bool | Bools] = []
    messages: list[dict[str, Any]] = []
    for together, run in groupby(taken, lambda one: isinstance(one, Sheet)):
        if together:
            ok += [page.read_sheet(one) for one in run if isinstance(one, Sheet)]
        else:
            held = [one for one in run if isinstance(one, Held)]
            ok += _read(page, held)
            messages += [_message(one, one.content) for one in held if _tells(one.content)]
    batch, reports = page.batch(), [report for message in messages for report in message["reports"]]
    entries = [Entry("message", received_us, orjson.dumps(messages))] if messages else []
    if page.frames:
        entries.append(Entry("fix", received_us, batch.to_bytes(), page.raw()))
    return Tick(entries, batch, reports, ok, page.counts, page.refused[:SAMPLES])


def _read(page: Page, held: Sequence[Held]) -> list[bool]:
    """Fixes to the page; what is kept whole is always good."""
    read = iter(page.read_held([one for one in held if isinstance(one.content, Fixes)]))
    return [next(read) if isinstance(one.content, Fixes) else isinstance(one.content, Said) for one in held]


def _tells(content: Content) -> TypeGuard[Said | Fixes]:
    """Whether it is a message by itself, or a position that says more."""
    return isinstance(content, Said) or (isinstance(content, Fixes) and bool(content.reports))


def _message(held: Held, content: Said | Fixes) -> dict[str, Any]:
    return {
        "terminal": held.terminal, "message": content.message, "frame": held.raw.hex(),
        "reports": [to_plain(report) for report in content.reports],
    }  # fmt: skip
