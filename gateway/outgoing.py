"""What the two JT/T standards share in saying commands: the message, and who can say what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway import command as say
from gateway.errors import ProtocolError
from gateway.wire.layout import Layout

NORMAL_QUALITY = {"quality": 5, "brightness": 128, "contrast": 64, "saturation": 64, "chroma": 128}


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to a terminal. answered_by: id of its own answer, None for the general one."""

    message_id: int
    fields: Mapping[str, Any]
    answered_by: int | None = None


Builder = Callable[[Any, int], Outgoing]
"""(command, version) -> its message"""


def outgoing(builders: Mapping[type, Builder], command: say.Command, version: int) -> Outgoing:
    """Raises ProtocolError "unsupported" for what the protocol cannot say, "range" for what it cannot hold."""
    build = builders.get(type(command))
    if build is None:
        raise ProtocolError("unsupported", f"this protocol has no {say.NAMES[type(command)]}")
    return build(command, version)


def shot(command: say.Shoot, layout: Layout) -> dict[str, int]:
    """The fields of 0x8801, resolutions by the name that the layout gives them. Raises ProtocolError "range"."""
    codes = next(f.codes for f in layout.fields if f.name == "resolution")
    by_name = {str(name): code for code, name in codes.items()}
    if command.resolution not in by_name:
        raise ProtocolError("range", f"resolution {command.resolution!r}: there are {', '.join(by_name)}")
    return {
        "channel": command.channel, "command": command.photos, "interval": command.interval_s, "save": 0,
        "resolution": by_name[command.resolution], **NORMAL_QUALITY,
    }  # fmt: skip
