"""Ordinary JT/T 808 frames, many at once: positions (0x0200, 0x0704) and heartbeats."""

from __future__ import annotations

import numpy as np

from gateway.form import Bools, Form, Ints, Split
from gateway.framed import GENERAL_ANSWER
from gateway.protocols.jt808.dialects import STANDARD
from gateway.protocols.jt808.header import ENCRYPTED, LENGTH, NEW, OLD, PACKAGED, VERSIONED, build, parse
from gateway.protocols.jt808.messages import MESSAGES
from gateway.protocols.jt808.position import BASIC
from gateway.protocols.jt808.safety import DEVICES
from gateway.protocols.jt808.translate import table
from gateway.wire.framing import unwrap
from gateway.wire.spans import Spans
from gateway.wire.tlv import carry

MOST_ITEMS = 24
"""Additional items of an ordinary position."""
MOST_POSITIONS = 64
"""Positions in an ordinary batch."""
SAFETY = np.isin(np.arange(256), list(DEVICES))
BATCH_HEAD = 3


def _says_more(bodies: Spans) -> Bools:
    """Positions with safety alarms among their items, which become reports."""
    return carry(bodies, BASIC.struct.size, SAFETY, MOST_ITEMS)


def split_batches(bodies: Spans) -> Split:
    """`translate.split_batch` of many 0x0704 bodies; those that it would refuse, or that are long, are not good."""
    good = bodies.size >= BATCH_HEAD
    left, late = np.zeros(len(bodies), np.intp), np.zeros(len(bodies), bool)
    left[good], late[good] = bodies[good].word(), bodies.data[bodies.start[good] + 2] == 1
    good &= (left > 0) & (left <= MOST_POSITIONS)
    at, end = bodies.start + BATCH_HEAD, bodies.start + bodies.size
    owners, starts, sizes = list[Ints](), list[Ints](), list[Ints]()
    rows = np.flatnonzero(good)
    while rows.size:
        rows = _within(rows, at[rows] + 2 <= end[rows], good)
        size = Spans(bodies.data, at[rows], at[rows]).word()
        fits = at[rows] + 2 + size <= end[rows]
        rows, size = _within(rows, fits, good), size[fits]
        owners.append(rows)
        starts.append(at[rows] + 2)
        sizes.append(size)
        at[rows] += 2 + size
        left[rows] -= 1
        rows = rows[left[rows] > 0]
    none = np.empty(0, np.intp)
    owner = np.concatenate([none, *owners])
    found = Spans(bodies.data, np.concatenate([none, *starts]), np.concatenate([none, *sizes]))
    order = np.argsort(owner, kind="stable")
    order = order[good[owner[order]]]
    return Split(found[order], owner[order], late, good)


def _within(rows: Ints, fits: Bools, good: Bools) -> Ints:
    """The rows that fit; the others are not good."""
    good[rows[~fits]] = False
    return rows[fits]


def _form(version: int) -> Form:
    head = NEW if version >= 2019 else OLD
    nought = GENERAL_ANSWER.struct.pack(0, 0, 0)
    return Form(
        parse=parse, head=head, attributes="attributes", length=LENGTH,
        watched=(ENCRYPTED | PACKAGED | VERSIONED, VERSIONED if version >= 2019 else 0),
        table=table(version, STANDARD.items),
        single={0x0200: MESSAGES[0x0200].name}, several={0x0704: MESSAGES[0x0704].name}, split=split_batches,
        heartbeat=0x0002, odd=_says_more, general=unwrap(build(0x8001, "", 0, nought, version)),
        answer=GENERAL_ANSWER,
    )  # fmt: skip


FORMS = {version: _form(version) for version in (2013, 2019)}
"""By the version that a header tells: 2011 and 2013 look alike."""
