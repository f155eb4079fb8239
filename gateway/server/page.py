"""The fixes of one spool entry, as they are read and judged: from held frames, and from sheets of many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from gateway.form import Bools, Ints
from gateway.report import BAD, FIX, FixBatch, Flag, names
from gateway.server.plausible import Region, judge
from gateway.session import Columns, Fixes, Held
from gateway.sheet import Sheet
from gateway.spool.log import pack_joined

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
class _Frames:
    """Frames that are read together.

    number    of each frame in the entry
    names     of terminals;  terminal: index of the one whose each frame is
    raw       a frame as it came
    """

    number: Ints
    names: Sequence[str]
    terminal: Ints
    raw: Callable[[int], bytes]

    def told(self, frame: int, cause: str) -> tuple[str, str, bytes]:
        return self.names[int(self.terminal[frame])], cause, self.raw(frame)


@dataclass
class Page:
    received_us: int
    judge: Judge
    counts: Counter[str] = field(default_factory=Counter)
    refused: list[tuple[str, str, bytes]] = field(default_factory=list)
    _terminals: dict[str, int] = field(default_factory=dict)
    _rows: list[NDArray[np.void]] = field(default_factory=list)
    _attributes: list[bytes] = field(default_factory=list)
    _sizes: list[int] = field(default_factory=list)
    _raw: list[bytes] = field(default_factory=list)

    @property
    def frames(self) -> int:
        """How many there are on it."""
        return len(self._sizes)

    def raw(self) -> bytes:
        """All frames as they came, packed for the spool."""
        return pack_joined(self._sizes, self._raw)

    def read_held(self, held: Sequence[Held]) -> list[bool]:
        """Frames whose content is Fixes; for each, whether any of its fixes could be read."""
        groups: dict[Callable[..., Columns], list[int]] = {}
        for i, one in enumerate(held):
            groups.setdefault(_fixes(one).translate, []).append(i)
        ok = np.zeros(len(held), bool)
        for translate, chosen in groups.items():
            group = [held[i] for i in chosen]
            fixes = [_fixes(one) for one in group]
            owner = np.repeat(np.arange(len(chosen)), [len(f.bodies) for f in fixes])
            late = np.array([f.backfill for f in fixes], bool)[owner]
            numbers, raws = np.array(chosen) + self.frames, [one.raw for one in group]
            frames = _Frames(numbers, [one.terminal for one in group], np.arange(len(group)), raws.__getitem__)
            ok[chosen] = self._add(translate([body for f in fixes for body in f.bodies]), frames, owner, late)
        self._raw += [one.raw for one in held]
        self._sizes += [len(one.raw) for one in held]
        return ok.tolist()

    def read_sheet(self, sheet: Sheet) -> Bools:
        """The same of the frames of a sheet."""
        frames = _Frames(np.arange(len(sheet)) + self.frames, sheet.terminals, sheet.member, sheet.raw)
        ok = self._add(sheet.form.table.read_spans(sheet.bodies), frames, sheet.owner, sheet.late)
        sizes, raw = sheet.raws()
        self._sizes += sizes
        self._raw.append(raw)
        return ok

    def _add(self, columns: Columns, frames: _Frames, owner: Ints, late: Bools) -> Bools:
        """Fixes of some frames; owner, late: of each body. Which of the frames could be read, at least in part."""
        rows, source = columns.rows, owner[columns.source]
        rows["frame"] = frames.number[source]
        rows["terminal"] = self._index(frames)[frames.terminal[source]]
        rows["received"] = self.received_us
        rows["flags"] = judge(rows, self.judge.region, self.judge.ahead_us)
        rows["flags"][late[columns.source]] |= np.uint16(Flag.BACKFILL)
        self._rows.append(rows)
        self._attributes.extend(columns.attributes)
        self._doubt(columns, frames, owner, source)
        ok = np.zeros(len(frames.number), bool)
        ok[source] = True
        return ok

    def _index(self, frames: _Frames) -> Ints:
        """Where the terminals stand in the batch."""
        used = np.zeros(len(frames.names), bool)
        used[frames.terminal] = True
        index, known = np.zeros(len(used), np.intp), self._terminals
        index[used] = [known.setdefault(frames.names[i], len(known)) for i in np.flatnonzero(used).tolist()]
        return index

    def _doubt(self, columns: Columns, frames: _Frames, owner: Ints, source: Ints) -> None:
        """Count and sample what could not be read, or is not believed."""
        for cause, n in Counter(columns.errors.values()).items():
            self.counts[f"fix_{cause}"] += n
        for body, cause in islice(columns.errors.items(), SAMPLES):
            self.refused.append(frames.told(int(owner[body]), cause))
        flags = columns.rows["flags"]
        for row in np.flatnonzero(flags & DOUBTED)[:SAMPLES].tolist():
            self.refused.append(frames.told(int(source[row]), "+".join(names(Flag(int(flags[row])) & BAD))))

    def batch(self) -> FixBatch:
        """All fixes, counted."""
        rows = np.concatenate(self._rows) if self._rows else np.empty(0, FIX)
        self.counts["fixes"] += len(rows)
        flags = rows["flags"]
        self.counts["flagged"] += int(np.count_nonzero(flags & np.uint16(BAD)))
        for flag in BAD:
            if n := int(np.count_nonzero(flags & np.uint16(flag))):
                self.counts[f"flagged_{(flag.name or '').lower()}"] += n
        return FixBatch(list(self._terminals), rows, self._attributes)


def _fixes(held: Held) -> Fixes:
    assert isinstance(held.content, Fixes)
    return held.content
