"""Hypothesis strategies made from the tables themselves: a kind -> the values that it can write."""

from __future__ import annotations

import struct
from datetime import date, datetime, time
from functools import singledispatch
from typing import Any

from hypothesis import strategies as st

from gateway.protocols.jt808.control import Separated
from gateway.protocols.jt808.vendor import Fractional
from gateway.wire.clocks import CHINA, Clock, Elapsed, Lenient, LongStamp, MaybeDaily, Stamp
from gateway.wire.conditions import Left
from gateway.wire.field import Field
from gateway.wire.groups import By, Many, OneOf, Sized
from gateway.wire.items import Items
from gateway.wire.kinds import Bcd, Digits, Kind, Noughts, Number, Raw, SignMagnitude, Unless
from gateway.wire.layout import Layout
from gateway.wire.texts import ENCODING, Printable, Terminated, Text

Strategy = st.SearchStrategy[Any]
LETTERS = "AZaz09.-;:昆山出租汽车测试"
MOST = 12
"""Bytes of a text or of opaque data without a size of its own."""


@singledispatch
def values(kind: Kind) -> Strategy:
    raise TypeError(f"no strategy for {type(kind).__name__}")


@values.register
def _(kind: Number) -> Strategy:
    bits = 8 * struct.calcsize(">" + kind.code)
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if kind.code.islower() else (0, (1 << bits) - 1)
    return st.integers(low, high).map(kind.value)


@values.register
def _(kind: SignMagnitude) -> Strategy:
    bits = 8 * struct.calcsize(">" + kind.code)
    return st.integers(0, (1 << bits) - 1).map(kind.value)


@values.register
def _(kind: Bcd) -> Strategy:
    return st.binary(min_size=kind.size, max_size=kind.size).map(bytes.hex)


@values.register
def _(kind: Digits) -> Strategy:
    numbers = st.integers(0, 10 ** (2 * kind.size) - 1)
    return numbers.map(lambda n: kind.value(bytes.fromhex(f"{n:0{2 * kind.size}d}")))


@values.register
def _(kind: Noughts) -> Strategy:
    return st.just(kind.size)


@values.register
def _(kind: Unless) -> Strategy:
    return st.none() | values(kind.inner).filter(lambda value: kind.inner.write(value) != kind.write(None))


@values.register
def _(kind: Raw) -> Strategy:
    return st.binary(min_size=kind.size or 0, max_size=kind.size or MOST)


def texts(most: int) -> Strategy:
    """Texts of at most that many encoded bytes, as they come back: without padding at either end."""
    return st.text(LETTERS, max_size=most).filter(lambda t: len(t.encode(ENCODING)) <= most)


@values.register
def _(kind: Text) -> Strategy:
    return texts(min(MOST, kind.size or kind.limit or MOST))


@values.register
def _(kind: Terminated) -> Strategy:
    if kind.digits:
        return st.text("0123456789", min_size=kind.digits, max_size=kind.digits)
    return texts(min(MOST, kind.limit or MOST))


def moments(zone: Any) -> Strategy:
    whole = st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31))
    return whole.map(lambda t: t.replace(microsecond=0, tzinfo=zone))


@values.register
def _(kind: Clock) -> Strategy:
    return moments(CHINA)


@values.register
def _(kind: LongStamp) -> Strategy:
    return moments(CHINA).map(lambda t: t.replace(second=0))


@values.register
def _(kind: MaybeDaily) -> Strategy:
    return values(Clock()) | st.times().map(lambda t: t.replace(microsecond=0))


@values.register
def _(kind: Stamp) -> Strategy:
    def shorten(t: datetime) -> datetime | date | time:
        parts = {"hour": "h", "minute": "m", "second": "s"}
        t = t.replace(**{name: 0 for name, letter in parts.items() if letter not in kind.pattern})
        if "D" not in kind.pattern:
            return t.time()
        return t if "h" in kind.pattern else t.date()

    moment = moments(kind.zone).map(shorten)
    return st.none() | moment if kind.blank else moment


@values.register
def _(kind: Lenient) -> Strategy:
    return values(kind.inner) | st.just("9" * 2 * int(kind.code[:-1]))


@values.register
def _(kind: Printable) -> Strategy:
    return st.text("UTC+08:z", min_size=1, max_size=MOST)


@values.register
def _(kind: Separated) -> Strategy:
    return st.lists(texts(5), min_size=1, max_size=4).map(lambda parts: kind.value(kind.write(parts)))


@values.register
def _(kind: Fractional) -> Strategy:
    return st.binary(min_size=2, max_size=2).filter(lambda raw: raw != b"\0\xff").map(kind.value)


@values.register
def _(kind: Elapsed) -> Strategy:
    step = 1 if "s" in kind.pattern else 60
    return st.integers(0, 359_999 // step).map(lambda n: n * step)


@values.register
def _(kind: Sized) -> Strategy:
    return values(kind.inner)


@values.register
def _(kind: Many) -> Strategy:
    return st.lists(values(kind.item), max_size=3)


@values.register
def _(kind: OneOf) -> Strategy:
    return st.one_of([values(k) for k in kind.kinds])


@values.register
def _(kind: Items) -> Strategy:
    """Known items of the table, each once, and one that no table knows."""
    known = [(f"0x{number:0{2 if kind.widths[0] == 1 else 4}x}", k) for (number, _), k in kind.table.items()]

    @st.composite
    def build(draw: st.DrawFn) -> dict[str, Any]:
        chosen = draw(st.lists(st.sampled_from(known), max_size=3, unique_by=lambda row: row[0])) if known else []
        items = {key: draw(values(k)) for key, k in chosen}
        unknown = "0xfe" if kind.widths[0] == 1 else "0xfffe"
        if unknown not in dict(known) and draw(st.booleans()):
            items[unknown] = {"raw": draw(st.binary(min_size=1, max_size=5))}
        return items

    return build()


@values.register
def _(kind: Layout) -> Strategy:
    @st.composite
    def build(draw: st.DrawFn) -> dict[str, Any]:
        found: dict[str, Any] = {}
        ended = False
        for f in kind.fields:  # once a field that may be missing is missing, so are those after it
            ended = ended or (isinstance(f.when, Left) and draw(st.booleans()))
            if ended or (f.when is not None and not isinstance(f.when, Left) and not f.when.wanted(found, f.name)):
                continue
            value = draw(_of_field(f, found))
            if isinstance(f.when, Left) and not picked(f, found).write(value):
                ended = True  # nothing is written, so nothing is read
            else:
                found[f.name] = value
        return found

    return build()


def picked(f: Field, found: dict[str, Any]) -> Kind:
    return f.kind.pick(found) if isinstance(f.kind, By) else f.kind


def _of_field(f: Field, found: dict[str, Any]) -> Strategy:
    kind = picked(f, found)
    if f.codes and isinstance(kind, Number):
        return st.sampled_from(sorted(f.codes)) | values(kind)
    return values(kind)
