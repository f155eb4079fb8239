"""Sessions without input or output: bytes in, held frames and answers out.

A session never touches a socket, a clock or the roll's file. The server feeds it bytes and the
time, writes what it wants to send, spools what it holds, and then lets it answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gateway.command import Command
from gateway.proof import Proof
from gateway.ranges import Range
from gateway.report import MediaEvent, MediaFile, Report
from gateway.upload import Upload


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
    message    name of the message, where it says more than positions
    reports    what more it says
    """

    bodies: Sequence[bytes]
    translate: Translator
    backfill: bool = False
    message: str = ""
    reports: Sequence[Report] = ()


@dataclass(frozen=True, slots=True)
class Said:
    """A message that is kept whole, with what it says in the published language (often nothing yet)."""

    message: str
    reports: Sequence[Report] = ()


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a picture, sound or video, for the media store.

    key      names the medium among those of its terminal
    place    the piece's number from 1 where `counted`, else the offset of its first byte
    of       how many pieces, or bytes, there are
    medium   what the piece says of the whole; None when it has nothing but data
    """

    key: str
    place: int
    of: int
    counted: bool
    data: bytes
    medium: MediaEvent | None = None


Content = Fixes | Said | Chunk | Upload


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
class Progress:
    """How far a medium has come.

    medium   its id, None until a piece has told it
    of       how many pieces, or bytes, there are
    missing  numbers of the pieces that lack, or the first byte that does
    file     what has become of it, once nothing lacks
    """

    key: str
    medium: int | None
    of: int
    missing: Sequence[int]
    file: MediaFile | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a held frame.

    ok       at least some of it could be read, and is durable
    missing  what lacks of the file that is said to have been sent
    """

    ok: bool
    progress: Progress | None = None
    missing: Sequence[Range] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """A terminal's answer to a command. serial: what `send` returned; detail: the fields of a dedicated answer."""

    serial: int
    ok: bool
    result: str
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of every session: seconds until the connection is closed, samples kept per collection.

    missing_s  silence after which missing parts are asked for
    epoch      UTC, in seconds since 1970, of the moment at which monotonic time was 0
    """

    login_s: float = 10
    partial_s: float = 15
    idle_s: float = 300
    samples: int = 4
    missing_s: float = 5
    epoch: float = 0


class Authority(Protocol):
    """The roll, as sessions see it."""

    def enrolled(self, terminal: str) -> bool:
        """Whether the terminal (by key) is on the roll."""

    def issue_code(self, terminal: str, model: str) -> str:
        """A fresh authentication code for a terminal of this model. The former stays good until it was used."""

    def model(self, terminal: str) -> str:
        """The model that the terminal gave when it registered, "" before."""

    def check_code(self, terminal: str, code: str) -> Proof:
        """Whether this is the terminal's code, and which of the two."""

    def adopt(self, terminal: str) -> None:
        """The terminal has logged in with the code issued last: that is its own now, and the former one is retired."""


class Session(Protocol):
    counts: Counter[str]
    """Outcomes by cause since the last collection; the server takes and clears it."""

    samples: list[tuple[str, bytes]]
    """A few refused frames with their causes; the server logs and clears them."""

    terminal: str
    """Key of the terminal behind the connection, "" while unknown."""

    proof: Proof
    """How the terminal has shown who it is."""

    heard: float
    """Monotonic time at which the newest bytes came."""

    closing: bool
    """Set when the connection must be closed after the outbox was written."""

    def receive(self, data: bytes, now: float) -> list[Held]:
        """Bytes from the peer at monotonic time `now`. Never raises for bad bytes."""

    answers: list[Answer]
    """What terminals answered to commands since the last collection."""

    def answer(self, held: Held, outcome: Outcome) -> bytes:
        """The answer to a held frame once it is durable."""

    def data_to_send(self) -> bytes:
        """What must be written now, and clears it."""

    def send(self, command: Command) -> int:
        """Queue a command into the outbox; returns the serial that its `Answer` will carry.

        Raises ProtocolError when this protocol cannot say it, or not so.
        """

    def resume(self, media: Sequence[Progress]) -> None:
        """Media that this terminal left unfinished on an earlier connection."""

    def tick(self, now: float) -> None:
        """Time has passed: ask again for what is missing."""

    def deadline(self) -> float:
        """Monotonic time after which the connection must be closed unless something arrives."""


SessionFactory = Callable[[Authority, float, Limits], Session]
"""(the roll, monotonic time of the connection, limits) -> a fresh session."""
