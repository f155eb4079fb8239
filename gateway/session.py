"""Sessions without input or output: bytes in, held frames and answers out.

A session never touches a socket, a clock or the roll's file. The server feeds it bytes and the
time, writes what it wants to send, spools what it holds, and then lets it answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gateway.command import Command
from gateway.report import Report


@dataclass(frozen=True, slots=True)
class Columns:
    """FIX rows of some bodies, and which of the bodies could be read.

    rows        FIX records, shape (n,), one per readable body; terminal, frame, received are 0
    attributes  n JSON objects as bytes, b"" for none
    source      shape (n,): which body each row came from
    errors      body index -> cause, for the others
    """

    rows: NDArray[np.void]
    attributes: Sequence[bytes]
    source: NDArray[np.intp]
    errors: dict[int, str]


Translator = Callable[[Sequence[bytes]], Columns]


@dataclass(frozen=True, slots=True)
class Fixes:
    """Positions, which are decoded in columns together with those of other terminals.

    bodies     basic bodies, one per fix
    translate  reads bodies of this kind
    backfill   the terminal had stored these before
    """

    bodies: Sequence[bytes]
    translate: Translator
    backfill: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """A message that is kept whole, with what it says in the published language (often nothing yet)."""

    message: str
    reports: Sequence[Report] = ()


Content = Fixes | Said


@dataclass(frozen=True, slots=True)
class Held:
    """A frame whose answer waits until what it holds is durable.

    terminal  key of the terminal that sent it
    raw       the frame as it came
    token     what the session needs to answer
    """

    terminal: str
    raw: bytes
    content: Content
    token: Any


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of every session: seconds until the connection is closed, samples kept per collection."""

    login_s: float = 10
    partial_s: float = 15
    idle_s: float = 300
    samples: int = 4


class Authority(Protocol):
    """The roll, as sessions see it."""

    def enrolled(self, terminal: str) -> bool:
        """Whether the terminal (by key) is on the roll."""

    def issue_code(self, terminal: str) -> str:
        """A fresh authentication code. The former one stays good until the new one was used."""

    def check_code(self, terminal: str, code: str) -> bool:
        """Whether this is the terminal's code. Using a fresh code retires the former one."""


class Session(Protocol):
    counts: Counter[str]
    """Outcomes by cause since the last collection; the server takes and clears it."""

    samples: list[tuple[str, bytes]]
    """A few refused frames with their causes; the server logs and clears them."""

    terminal: str
    """Key of the terminal behind the connection, "" while unknown."""

    closing: bool
    """Set when the connection must be closed after the outbox was written."""

    def receive(self, data: bytes, now: float) -> list[Held]:
        """Bytes from the peer at monotonic time `now`. Never raises for bad bytes."""

    def answer(self, held: Held, ok: bool) -> bytes:
        """The answer to a held frame once it is durable; `ok` is False when none of it could be read."""

    def data_to_send(self) -> bytes:
        """What must be written now, and clears it."""

    def send(self, command: Command) -> bool:
        """Queue a command into the outbox. False when this protocol cannot say it."""

    def deadline(self) -> float:
        """Monotonic time after which the connection must be closed unless something arrives."""


SessionFactory = Callable[[Authority, float, Limits], Session]
"""(the roll, monotonic time of the connection, limits) -> a fresh session."""
