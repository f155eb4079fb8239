"""JSON that devices and people might send, changed value by value so that most of it stays JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.fuzz import edits

LONGEST = 4096
ODD: Sequence[Any] = (
    None, True, False, 0, -1, 1, 255, 1 << 31, 1 << 63, 1 << 64, -(1 << 63) - 1, 10**400, 0.5, -0.0, 1e-300, 1e300,
    float("nan"), float("inf"), "", "0", "\0", "\ud800", "\udfff\ud800", "昆山", "\u2028", "a" * 300, [], {}, [[]],
    [None], {"": None}, {"\ud800": 1}, "2026-11-25T09:02:03+08:00", "0001-01-01T00:00:00+14:00", "2026-11-25",
    "9999-12-31T23:59:59-14:00", 1764032523, 1e18, "location", "transition", "jt808", "mqtt", "7e", "http://[::1/",
    "?u=%ff&d=%00", ["jt808"], "2011", "jimi", "occupied", ["occupied", 5], {"occupied": True, "x": []},
)  # fmt: skip
"""Values at which readers stumble."""


@dataclass(frozen=True, slots=True)
class Documents:
    """fresh: documents to begin with; strings: what else a string may be, drawn anew each time."""

    fresh: Sequence[Any]
    strings: Callable[[Random], str] = lambda rng: str(rng.choice(ODD))

    def mutate(self, data: bytes, rng: Random) -> bytes:
        """Another document: a fresh one or this one, with a few values changed; now and then its bytes."""
        if rng.random() < 0.08:
            return edits.scatter(data, rng)[:LONGEST]
        document = rng.choice(self.fresh) if rng.random() < 0.2 else _parsed(data, rng.choice(self.fresh))
        for _ in range(rng.choice((1, 1, 2, 4))):
            document = self._changed(document, rng)
        if rng.random() < 0.02:
            depth = rng.choice((10, 63, 64, 65, 250, 1000))
            return b'{"a":' * depth + b"1" + b"}" * depth
        return _written(document, rng)

    def _changed(self, value: Any, rng: Random, deep: int = 0) -> Any:
        """A copy in which one value, somewhere, is another."""
        if isinstance(value, dict) and value and deep < 8 and rng.random() < 0.9:
            return self._changed_dict(value, rng, deep)
        if isinstance(value, list) and value and deep < 8 and rng.random() < 0.9:
            i = rng.randrange(len(value))
            if rng.random() < 0.1:
                return value[:i] + value[i:] * 2
            return [*value[:i], self._changed(value[i], rng, deep + 1), *value[i + 1 :]]
        if isinstance(value, int | float) and abs(value) < 1e15 and rng.random() < 0.3:
            return value * rng.choice((-1, 2, 0.1, 1e6))
        if isinstance(value, str) and rng.random() < 0.5:
            return self.strings(rng)
        return rng.choice(ODD)

    def _changed_dict(self, value: dict[Any, Any], rng: Random, deep: int) -> Any:
        key, kind = rng.choice(list(value)), rng.random()
        if kind < 0.1:
            return {k: v for k, v in value.items() if k != key}
        if kind < 0.2:
            return {**value, str(rng.choice(ODD)): rng.choice(ODD)}
        return {**value, key: self._changed(value[key], rng, deep + 1)}


def _parsed(data: bytes, otherwise: Any) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return otherwise


def _written(document: Any, rng: Random) -> bytes:
    """As JSON, escaped or not; halves of surrogate pairs stand as bytes that are no UTF-8."""
    try:
        return json.dumps(document, ensure_ascii=rng.random() < 0.7).encode("utf-8", "surrogatepass")[:LONGEST]
    except (ValueError, RecursionError, OverflowError):
        return b"{}"
