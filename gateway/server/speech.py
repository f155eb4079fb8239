"""What is said to connections, written once for each: a system call costs more than all else that a frame needs."""

from __future__ import annotations

import asyncio
from typing import Protocol


class Speaker(Protocol):
    """A connection to which something was said."""

    def speak(self) -> None:
        """Write all of it."""


class Speech:
    def __init__(self) -> None:
        self._speakers: list[Speaker] = []

    def add(self, speaker: Speaker) -> None:
        """It speaks when the event loop has done what it is about to do."""
        if not self._speakers:
            asyncio.get_running_loop().call_soon(self.speak)
        self._speakers.append(speaker)

    def speak(self) -> None:
        speakers, self._speakers = self._speakers, []
        for speaker in speakers:
            speaker.speak()
