"""Terminals that speak to a gateway through a real socket, one question at a time."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Mapping
from datetime import datetime
from types import ModuleType
from typing import Any

from gateway.protocols.jt808 import messages as jt808
from gateway.protocols.jt905 import messages as jt905
from gateway.wire.message import Message

NUMBER = "013812345678"
ISU = "101900198513"
REGISTRATION = {
    "province": 32, "city": 583, "maker": "TXHUB", "model": "T1", "terminal_id": "1", "plate_color": 1,
    "plate": "苏ET1001",
}  # fmt: skip


class Terminal:
    """What both protocols share. `say` waits for the answer."""

    codec: ModuleType

    def __init__(self, port: int, number: str) -> None:
        self.number, self.serial = number, -1
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.buffer = b""
        self.heard: list[Message] = []

    def frame(self, message_id: int, fields: Mapping[str, Any]) -> bytes:
        self.serial = (self.serial + 1) & 0xFFFF
        return self.codec.encode(message_id, fields, terminal=self.number, serial=self.serial, **self.version())

    def version(self) -> dict[str, int]:
        return {}

    def say(self, message_id: int, fields: Mapping[str, Any]) -> Message:
        """Send and wait for the answer; commands that come in between are kept for `hear`."""
        self.socket.sendall(self.frame(message_id, fields))
        while (heard := self._next()).fields.get("ack_serial") != self.serial:
            self.heard.append(heard)
        return heard

    def hear(self) -> Message:
        """The next message that is no answer to `say`. Raises ConnectionError when the gateway closed instead."""
        return self.heard.pop(0) if self.heard else self._next()

    def acknowledge(self, message: Message, result: int = 0) -> None:
        """The terminal's general answer."""
        header = message.header
        fields = {"ack_serial": header.serial, "ack_id": header.message_id, "result": result}
        self.socket.sendall(self.frame(0x0001, fields))

    def _next(self) -> Message:
        while self.buffer.count(b"~") < 2:
            data = self.socket.recv(65536)
            if not data:
                raise ConnectionError("closed by the gateway")
            self.buffer += data
        _, frame, self.buffer = self.buffer.split(b"~", 2)
        return self.codec.decode(frame)

    def hears_nothing(self, for_s: float = 0.2) -> bool:
        """Whether the gateway stays silent and connected for a while."""
        self.socket.settimeout(for_s)
        try:
            with contextlib.suppress(TimeoutError):
                self.buffer += self.socket.recv(65536) or b"closed"
            return not self.buffer
        finally:
            self.socket.settimeout(10)

    def closed(self) -> bool:
        """Whether the gateway ends the connection; answers before that are passed over."""
        with contextlib.suppress(ConnectionResetError):
            while self.socket.recv(65536):
                pass
        return True

    def result(self, message_id: int, fields: Mapping[str, Any]) -> int:
        return int(self.say(message_id, fields).fields["result"])

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


class Terminal808(Terminal):
    codec = jt808

    def __init__(self, port: int, number: str = NUMBER, edition: int = 2013) -> None:
        super().__init__(port, number)
        self.edition = edition

    def version(self) -> dict[str, int]:
        return {"version": self.edition}

    def register(self) -> str:
        """The code that registration gives."""
        code: str = self.say(0x0100, REGISTRATION).fields["code"]
        return code

    def authenticate(self, code: str) -> int:
        return self.result(0x0102, {"auth": code, "imei": "", "software": ""})

    def log_in(self) -> Terminal808:
        assert self.authenticate(self.register()) == 0
        return self


class Terminal905(Terminal):
    codec = jt905

    def __init__(self, port: int, number: str = ISU) -> None:
        super().__init__(port, number)


def fix(time: datetime, **changes: Any) -> dict[str, Any]:
    """Fields of a 0x0200 body that either protocol takes."""
    return {
        "alarm": 0, "status": 0b11, "lat": 31.38, "lon": 120.95, "altitude": 3, "speed": 36.0, "direction": 90,
        "time": time, "items": {"0x01": {"odometer": 1234.5}},
    } | changes  # fmt: skip
