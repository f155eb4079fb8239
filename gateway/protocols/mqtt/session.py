"""One MQTT message is one conversation: the broker keeps the connection, the topic names the terminal."""

from __future__ import annotations

from gateway.protocols.mqtt.phone import heard, is_said
from gateway.protocols.mqtt.translate import read_json, split
from gateway.session import Fixes, Held
from gateway.wire.jsonfix import load


def receive(terminal: str, payload: bytes) -> Held | None:
    """A message on `taxihub/<terminal>/fix` or `.../said` -> what the spool must hold. Raises ProtocolError."""
    if is_said(load(payload)):
        return heard(terminal, payload)
    return Held(terminal, payload, Fixes(split(payload), read_json), None)
