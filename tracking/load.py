"""What one transaction of the writer takes: entries of the spool, their fixes joined and encoded for COPY.

Making one asks nothing of the database, so the next one is made while the database stores the last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gateway.report import FixBatch
from gateway.spool import Entry
from tracking.columns import DAY_US, Encoded

MOST_DAYS = 64
"""Of fixes in one transaction: each day's chunk takes locks, and a database has few."""
Encode = Callable[[FixBatch], Encoded | None]


@dataclass(frozen=True, slots=True)
class Part:
    """Fixes that are stored together.

    seqs     shape (n,): the entry that each fix came in
    encoded  their streams, where every terminal was known already
    """

    batch: FixBatch
    seqs: NDArray[np.int64]
    encoded: Encoded | None = None

    def halves(self) -> Iterator[Part]:
        start = 0
        for batch in self.batch.split(-(-len(self.batch) // 2)):
            yield Part(batch, self.seqs[start : start + len(batch)])
            start += len(batch)


@dataclass(frozen=True, slots=True)
class Load:
    """One read of the spool.

    others  entries that are no batch of fixes
    parts   all fixes, the last part to be stored in the transaction that moves the offset
    """

    entries: Sequence[Entry]
    others: Sequence[Entry]
    parts: Sequence[Part]

    @property
    def seq(self) -> int:
        return self.entries[-1].seq

    @property
    def size(self) -> int:
        """Bytes of columns."""
        return sum(len(entry.columns) for entry in self.entries)

    @classmethod
    def of(cls, entries: Sequence[Entry], encode: Encode) -> Load:
        read = [(entry, _fixes(entry)) for entry in entries]
        batches = [(entry.seq, batch) for entry, batch in read if batch is not None]
        return cls(entries, [entry for entry, batch in read if batch is None], list(_parts(batches, encode)))


def _fixes(entry: Entry) -> FixBatch | None:
    """A batch of fixes; None for an entry of another kind, and for one that cannot be read."""
    if entry.kind != "fix":
        return None
    try:
        return FixBatch.from_bytes(entry.columns)
    except ValueError:
        return None


def _parts(batches: Sequence[tuple[int, FixBatch]], encode: Encode) -> Iterator[Part]:
    """Fixes of few days each: nearly always one part."""
    whole = FixBatch.concat(batch for _, batch in batches)
    if not len(whole):
        return
    seqs = np.repeat(np.array([seq for seq, _ in batches], np.int64), [len(batch) for _, batch in batches])
    on = whole.rows["time"] // DAY_US
    if on.max() - on.min() < MOST_DAYS:
        yield Part(whole, seqs, encode(whole))
        return
    days = np.unique(on)
    for start in range(0, len(days), MOST_DAYS):
        chosen = np.flatnonzero(np.isin(on, days[start : start + MOST_DAYS]))
        yield Part(whole.only(chosen), seqs[chosen])
