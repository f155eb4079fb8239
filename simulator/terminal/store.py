"""Fixes that nobody has acknowledged yet.

Bounded like the memory of a real terminal, and like there the newest fix replaces the oldest: after a
long outage the last hours explain where the fleet is and what is being argued about; the rest is lost,
and said to be lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Fix:
    """A fix as it goes over the wire: the body of its message, encoded once, so that it keeps its identity.

    live  whether it is to be sent as it happens; others are history from the start
    """

    time: datetime
    body: bytes
    live: bool = True


class Witness(Protocol):
    """Who writes down what became of fixes. Called before what it tells of leaves the process."""

    def sent(self, fix: Fix) -> None: ...

    def acknowledged(self, fix: Fix) -> None: ...

    def lost(self, fix: Fix) -> None:
        """The store was full, or the platform refused it: it will not be sent again."""


class Store:
    """Fixes by the number they were kept under, oldest first; some of them are on their way."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._fixes: dict[int, Fix] = {}
        self._on_way: set[int] = set()
        self._next = 0

    def __len__(self) -> int:
        return len(self._fixes)

    def __getitem__(self, key: int) -> Fix:
        return self._fixes[key]

    def keep(self, fix: Fix) -> tuple[int, Fix | None]:
        """Keep a fix: its number, and the fix that had to go for it."""
        key, self._next = self._next, self._next + 1
        self._fixes[key] = fix
        if len(self._fixes) <= self._most:
            return key, None
        oldest = next(self.waiting())
        return key, self._fixes.pop(oldest)

    def waiting(self) -> Iterator[int]:
        """Numbers of what is not on its way, oldest first."""
        return (key for key in self._fixes if key not in self._on_way)

    def newest(self) -> int | None:
        """Number of the newest fix that waits."""
        return next((key for key in reversed(self._fixes) if key not in self._on_way), None)

    def leave(self, keys: Iterable[int]) -> None:
        """They are on their way now."""
        self._on_way.update(keys)

    def come_back(self) -> None:
        """Nobody acknowledged what was on its way: it waits again."""
        self._on_way.clear()

    def drop(self, keys: Iterable[int]) -> list[Fix]:
        """Done with; returns those that were still here."""
        keys = list(keys)
        self._on_way.difference_update(keys)
        return [self._fixes.pop(key) for key in keys if key in self._fixes]

    def fixes(self) -> list[Fix]:
        """All of them, oldest first."""
        return list(self._fixes.values())
