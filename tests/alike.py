"""`python -m tests.alike --frames N --seed S`: random position frames, read in columns and one at a time.

Frames of JT/T 808 (2013, 2019) and 905 with random fields and items, right and wrong lengths, some of them damaged.
Both ways must agree on which frames are good, and on every value of every fix. Ends with 1 at the first difference.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

import numpy as np
import orjson

from gateway.errors import ProtocolError
from gateway.form import Form
from gateway.protocols.jt808 import messages as jt808
from gateway.protocols.jt808 import translate as translate808
from gateway.protocols.jt808.forms import FORMS
from gateway.protocols.jt905 import messages as jt905
from gateway.protocols.jt905 import translate as translate905
from gateway.protocols.jt905.forms import FORM
from gateway.report import Position
from gateway.rows import rows_of
from gateway.session import Columns
from gateway.wire.flocks import cut

CHUNK = 2_000
NUMBER, ISU = "013912345678", "101900198513"
ITEMS = (0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x18, 0x25, 0x2A, 0x2B, 0x30, 0x31)
LENGTHS = (0, 1, 1, 2, 2, 4, 4, 5, 6, 7, 8, 30)
DAMAGED, ODD_TIME = 0.02, 0.1


@dataclass(frozen=True)
class Way:
    """One edition: how a frame is made, read in columns, and read by itself (a Position, or ProtocolError)."""

    form: Form
    frame: Callable[[bytes, int], bytes]
    one: Callable[[bytes], Position]


def _one808(version: int, frame: bytes) -> Position:
    header, body = jt808.parse(frame)
    layout = jt808.MESSAGES[0x0200].layout(version)
    return translate808.position("t", layout.decode(body), header.version, body)


def _one905(frame: bytes) -> Position:
    _, body = jt905.parse(frame)
    return translate905.position("t", jt905.POSITION.decode(body), body)


WAYS = (
    *(
        Way(FORMS[version], partial(lambda v, body, n: jt808.build(0x0200, NUMBER, n, body, v), version),
            partial(_one808, version))
        for version in (2013, 2019)
    ),
    Way(FORM, lambda body, n: jt905.frame(0x0200, body, terminal=ISU, serial=n), _one905),
)  # fmt: skip


def body(rng: Random, size: int) -> bytes:
    """A basic body of random bytes, its time most often one that is, and items."""
    basic = bytearray(rng.randbytes(size))
    if rng.random() > ODD_TIME:
        clock = (rng.randrange(24), rng.randrange(60), rng.randrange(60))
        parts = (rng.randrange(100), rng.randint(1, 12), rng.randint(1, 28), *clock)
        basic[-6:] = bytes.fromhex("".join(f"{part:02d}" for part in parts))
    items = bytearray()
    for _ in range(rng.choice((0, 0, 1, 3, 6))):
        item = rng.choice(ITEMS) if rng.random() < 0.8 else rng.randrange(256)
        length = rng.choice(LENGTHS)
        items += bytes((item, length)) + rng.randbytes(length)
    if items and rng.random() < 0.05:
        del items[-1]
    return bytes(basic + items)


def frames(way: Way, rng: Random, count: int) -> list[bytes]:
    made = []
    for _ in range(count):
        frame = bytearray(way.frame(body(rng, way.form.table.size), rng.randrange(0x10000)))
        if rng.random() < DAMAGED:
            at = rng.randrange(1, len(frame) - 1)
            frame[at] = rng.choice([b for b in range(256) if b != 0x7E])
        made.append(bytes(frame))
    return made


def in_columns(way: Way, sent: Sequence[bytes]) -> tuple[list[bool], Columns]:
    """Which frames are good, and the fixes of those."""
    flock = cut(b"".join(sent))
    good = flock.good & (flock.content.size >= way.form.size)
    content = flock.content[good]
    head = way.form.read(type(flock)(flock.wire[good], content, good[good]))
    fits = head.fits & (head.message_id == 0x0200)
    good[np.flatnonzero(good)[~fits]] = False
    return good.tolist(), way.form.table.read_spans(head.body[fits])


def one_at_a_time(way: Way, sent: Sequence[bytes]) -> tuple[list[bool], Columns]:
    good, results = [], list[Position | ProtocolError]()
    for frame in sent:
        try:
            header, _ = way.form.parse(frame[1:-1])
        except ProtocolError:
            good.append(False)
            continue
        watched, wanted = way.form.watched
        ordinary = header.message_id == 0x0200 and (not watched or header.flags & watched == wanted)
        good.append(ordinary)
        if ordinary:
            try:
                results.append(way.one(frame[1:-1]))
            except ProtocolError as error:
                results.append(error)
    return good, rows_of(results)


def difference(way: Way, sent: Sequence[bytes]) -> str:
    """The first one in words, "" where both agree."""
    (good, fast), (also, slow) = in_columns(way, sent), one_at_a_time(way, sent)
    for frame, a, b in zip(sent, good, also, strict=True):
        if a != b:
            return f"{frame.hex()}: good {a} in columns, {b} by itself"
    if fast.errors != slow.errors or fast.source.tolist() != slow.source.tolist():
        return f"errors {fast.errors} in columns, {slow.errors} by themselves"
    for row, other, extra, more in zip(fast.rows, slow.rows, fast.attributes, slow.attributes, strict=True):
        if row.tobytes() != other.tobytes() and repr(row) != repr(other):
            return f"{row} in columns, {other} by itself"
        if extra != more and _plain(extra) != _plain(more):
            return f"{extra!r} in columns, {more!r} by itself"
    return ""


def _plain(attributes: bytes) -> Any:
    return orjson.loads(attributes or b"{}")


def chunk(seed: int) -> str:
    rng = Random(seed)
    way = WAYS[seed % len(WAYS)]
    return difference(way, frames(way, rng, CHUNK))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.alike", description=__doc__)
    parser.add_argument("--frames", type=int, default=10_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=multiprocessing.cpu_count())
    args = parser.parse_args()
    begin, chunks = time.monotonic(), -(-args.frames // CHUNK)
    with multiprocessing.Pool(args.jobs) as pool:
        for found in pool.imap_unordered(chunk, range(args.seed * 10_000_000, args.seed * 10_000_000 + chunks)):
            if found:
                print(found)
                pool.terminate()
                return 1
    print(f"{chunks * CHUNK:,} frames alike in {time.monotonic() - begin:.0f} s, seed {args.seed}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
