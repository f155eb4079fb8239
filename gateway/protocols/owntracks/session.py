"""One OwnTracks message is one conversation."""

from __future__ import annotations

from gateway.protocols.owntracks.translate import is_location, read_owntracks
from gateway.session import Fixes, Held


def receive(terminal: str, payload: bytes) -> Held | None:
    """A message on `owntracks/<user>/<device>`; None when it carries no fix. Raises ProtocolError."""
    return Held(terminal, payload, Fixes([payload], read_owntracks), None) if is_location(payload) else None
