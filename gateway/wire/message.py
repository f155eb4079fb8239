"""Messages as rows of a catalogue: id, names, and one body layout per version of the standard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.wire.field import Field
from gateway.wire.groups import OneOf
from gateway.wire.kinds import Raw
from gateway.wire.layout import Layout
from gateway.wire.reader import Span

EMPTY = Layout("empty")
OPAQUE = Layout("body", Field("raw", Raw(), zh="消息体"))
Body = Layout | OneOf
"""How a body is read: one layout, or several of which the bytes prove one."""


@dataclass(frozen=True, slots=True)
class MessageType:
    """One message of a standard.

    layouts  version -> body; a version without its own row uses the newest older one
    source   the standard and the clause that define it
    """

    id: int
    name: str
    zh: str
    layouts: Mapping[int, Body]
    source: str = ""

    @property
    def uplink(self) -> bool:
        """Whether terminals send it."""
        return self.id < 0x8000

    def body(self, version: int) -> Body:
        older = [v for v in self.layouts if v <= version]
        return self.layouts[max(older) if older else min(self.layouts)]

    def layout(self, version: int, body: bytes = b"") -> Layout:
        """The layout by which this very body is read."""
        return resolve(self.body(version), body)


def resolve(kind: Body, body: bytes) -> Layout:
    """The layout that the bytes prove."""
    chosen = kind.choose(body) if isinstance(kind, OneOf) else kind
    assert isinstance(chosen, Layout)
    return chosen


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
    """One decoded message. `fields` are physical values named as in the tables; `layout` writes them again."""

    header: Header
    name: str
    fields: dict[str, Any]
    layout: Layout
    body: bytes = b""
    trace: list[Span] = field(default_factory=list)
