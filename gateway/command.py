"""What may be said to terminals, in one language for all protocols."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryPosition:
    """Ask a terminal for its position now (JT/T 808 and 905: 0x8201)."""

    terminal: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SendText:
    """Show or speak a text in the car (0x8300). `urgent` also reads it aloud where the terminal can."""

    terminal: str
    text: str
    urgent: bool = False


type_by_name = {"query_position": QueryPosition, "send_text": SendText}
Command = QueryPosition | SendText
