"""One MQTT message is one conversation: the broker keeps the connection, the topic names the terminal."""

from __future__ import annotations

from gateway.protocols.mqtt.translate import read_json, split
from gateway.session import Fixes, Held


def receive(terminal: str, payload: bytes) -> Held:
    """A message on `taxihub/<terminal>/fix` -> what the spool must hold. Raises ProtocolError."""
    return Held(terminal, payload, Fixes(split(payload), read_json), None)
