"""Messages as rows of a catalogue: id, names, and one body layout per version of the standard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.wire.field import Field
from gateway.wire.kinds import Raw
from gateway.wire.layout import Layout
from gateway.wire.reader import Span

EMPTY = Layout("empty")
OPAQUE = Layout("body", Field("raw", Raw(), zh="消息体"))


@dataclass(frozen=True, slots=True)
class MessageType:
    """One message of a standard.

    layouts  version -> body; a version without its own row uses the newest older one
    clause   where the standard defines it
    """

    id: int
    name: str
    zh: str
    layouts: Mapping[int, Layout]
    clause: str = ""
    uplink: bool = True

    def layout(self, version: int) -> Layout:
        older = [v for v in self.layouts if v <= version]
        return self.layouts[max(older) if older else min(self.layouts)]


UNKNOWN = MessageType(-1, "unknown", "未知消息", {0: OPAQUE})
"""Stands for every message that is not in the table."""


@dataclass(frozen=True, slots=True)
class Header:
    """What every header says, whatever its layout.

    terminal  the digits as they stand on the wire, leading zeros included
    package   (total, number from 1) of a sub-packaged message
    flags     the bits of the body attributes beside the length, as they came
    edition   the protocol version number that 2019 headers carry (1 = first edition)
    """

    message_id: int
    terminal: str
    serial: int
    version: int
    package: tuple[int, int] | None = None
    length: int = 0
    flags: int = 0
    edition: int = 0


@dataclass(frozen=True, slots=True)
class Message:
    """One decoded message. `fields` are physical values named as in the tables."""

    header: Header
    name: str
    fields: dict[str, Any]
    body: bytes = b""
    trace: list[Span] = field(default_factory=list)
