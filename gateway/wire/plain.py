"""Values as plain JSON for the published language: units in the keys, flags and codes by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.wire.arrays import blocks, column
from gateway.wire.field import Field
from gateway.wire.groups import By, Many, OneOf, Sized
from gateway.wire.items import Items
from gateway.wire.kinds import Kind, Number
from gateway.wire.layout import Layout

SUFFIXES = {
    "km/h": "kmh", "Cel": "c", "%": "pct", "V": "v", "L": "l", "Pa": "pa", "kPa": "kpa", "hPa": "hpa", "kB": "kb",
    "dBm": "dbm", "rpm": "",
}  # fmt: skip
"""Unit -> what is added to a key; other units stand for themselves."""
PLACES = {"lat", "lon"}


def key(f: Field) -> str:
    """The field's name with its unit: "cabin", "Cel" -> "cabin_c"."""
    suffix = SUFFIXES.get(f.unit, f.unit)
    return f.name if not suffix or f.name in PLACES else f"{f.name}_{suffix}"


def told(f: Field, value: Any) -> Any:
    """A field's value: names instead of flags and of listed codes."""
    if isinstance(value, int) and f.bits:
        return f.set_bits(value)
    if isinstance(value, int) and f.codes:
        return f.codes.get(value, value)
    return plain(f.kind, value)


def plain(kind: Kind, value: Any) -> Any:
    """A value of a kind as JSON: bytes as hex, times as RFC 3339 in UTC, money as decimal text."""
    match kind:
        case Layout():
            return fields(kind, value)
        case Many():
            return [plain(kind.item, one) for one in value]
        case Sized():
            return plain(kind.inner, value)
        case Items():
            return items(kind, value)
        case OneOf():
            return fields(_chosen(kind, value), value) if isinstance(value, Mapping) else leaf(value)
    return leaf(value)


def fields(layout: Layout, values: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for f in layout.fields:
        if f.name in values:
            kind = f.kind.pick(values) if isinstance(f.kind, By) else f.kind
            found[key(f)] = plain(kind, values[f.name]) if isinstance(f.kind, By) else told(f, values[f.name])
    if "surplus" in values:
        found["surplus"] = leaf(values["surplus"])
    return found


def items(kind: Items, values: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Items by their layouts' names; those of one field flat, unknown ones as hex by id."""
    found: dict[str, Any] = {}
    again: Counter[str] = Counter()
    for number, item in values.items():
        if "raw" in item:
            found[number] = item["raw"].hex()
            continue
        layout = kind.kind(int(number.partition("#")[0], 16), item)
        named = plain(layout, item)
        chosen = _chosen(layout, item)
        if len(chosen.fields) > 1:
            named = {chosen.name: named}
        elif isinstance(chosen.fields[0].kind, Items):
            (named,) = named.values()
        for name, value in named.items():
            found[_free(name, found, again)] = value
    return found


def _chosen(kind: Kind, value: Mapping[str, Any]) -> Layout:
    """The layout whose values these are."""
    kinds = kind.kinds if isinstance(kind, OneOf) else (kind,)
    return next(k for k in kinds if isinstance(k, Layout) and k.takes(value))


def simple(kind: Kind | None) -> bool:
    """Whether `columns` can tell items of this kind: numbers that are always there and not shifted."""
    return isinstance(kind, Layout) and all(
        isinstance(f.kind, Number) and f.when is None and not f.kind.offset and f.kind.scale.numerator == 1
        for f in kind.fields
    )


def columns(layouts: Sequence[tuple[Layout, NDArray[np.uint8]]]) -> list[tuple[str, list[Any]]]:
    """What `items` tells of many bodies with the same simple items: name -> one value a body.

    layouts  each item's layout and its values, shape (n, size) u8
    """
    found: dict[str, list[Any]] = {}
    again: Counter[str] = Counter()
    for layout, bodies in layouts:
        named = {key(f): _told_all(f, block) for f, block in blocks(layout.fields, bodies)}
        if len(named) > 1:
            rows = zip(*named.values(), strict=True)
            named = {layout.name: [dict(zip(named, row, strict=True)) for row in rows]}
        for name, values in named.items():
            found[_free(name, found, again)] = values
    return list(found.items())


def _told_all(f: Field, block: NDArray[np.uint8]) -> list[Any]:
    values: list[Any] = column(f, block, Fraction(1)).tolist()
    if not f.bits and not f.codes:
        return values
    known = {value: told(f, value) for value in set(values)}
    return [known[value] for value in values]


def _free(name: str, found: Mapping[str, Any], again: Counter[str]) -> str:
    """The name, or name#2 and so on when it is taken; `again` counts from one call to the next."""
    free = name
    while free in found:
        again[name] += 1
        free = f"{name}#{again[name] + 1}"
    return free


def leaf(value: Any) -> Any:
    match value:
        case bytes():
            return value.hex()
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        case date() | time():
            return value.isoformat()
        case Decimal():
            return str(value)
    return value
