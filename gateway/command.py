"""What may be said to terminals, in one language for all protocols."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


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


Command = QueryPosition | SendText
BY_NAME: dict[str, type[Command]] = {"query_position": QueryPosition, "send_text": SendText}
NAMES = {kind: name for name, kind in BY_NAME.items()}


def to_json(command: Command) -> bytes:
    """{"type", ...fields}, as commands travel on the bus."""
    return json.dumps({"type": NAMES[type(command)], **asdict(command)}, ensure_ascii=False).encode()


def from_json(payload: bytes) -> Command:
    """Inverse of `to_json`. Raises ValueError that says what is wrong."""
    data = json.loads(payload)
    kind = BY_NAME.get(data.pop("type", None)) if isinstance(data, dict) else None
    if kind is None:
        raise ValueError(f"a command has one of the types {', '.join(BY_NAME)}")
    try:
        return kind(**data)
    except TypeError as error:
        raise ValueError(f"{NAMES[kind]}: {error}") from error
