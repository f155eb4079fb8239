"""Messages that must arrive: kept, over connections and restarts, until the platform has answered them.

Real ISUs keep their trips, shifts and what their drivers say to orders in a database until 0x8001 comes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

KEPT = 1_000
"""Letters of one terminal; beyond that the oldest is lost."""


@dataclass(eq=False, slots=True)
class Letter:
    """serial and frame: those under which it was first sent and is sent again; None and b"" before."""

    message_id: int
    body: bytes
    serial: int | None = None
    frame: bytes = b""
    on_way: bool = False


@dataclass
class Letters:
    """Oldest first."""

    most: int = KEPT
    _letters: list[Letter] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self._letters)

    def __iter__(self) -> Iterator[Letter]:
        return iter(self._letters)

    @property
    def serials(self) -> set[int]:
        """Those that letters have been given."""
        return {letter.serial for letter in self._letters if letter.serial is not None}

    def post(self, letter: Letter) -> Letter | None:
        """Keep it; returns the one that had to go for it."""
        self._letters.append(letter)
        return self._letters.pop(0) if len(self._letters) > self.most else None

    def waiting(self) -> list[Letter]:
        """Those that are to be sent."""
        return [letter for letter in self._letters if not letter.on_way]

    def come_back(self) -> None:
        """The connection went: all of them wait again."""
        for letter in self._letters:
            letter.on_way = False

    def withdraw(self, message_id: int) -> None:
        """Those of this message are of no use any more."""
        self._letters = [letter for letter in self._letters if letter.message_id != message_id]

    def answered(self, letter: Letter) -> None:
        """It is done with."""
        if letter in self._letters:
            self._letters.remove(letter)
