"""Terminals that speak to a gateway through a real socket, one question at a time."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
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
ALARM_TIME = datetime(2026, 11, 25, tzinfo=UTC)
PACKET = 65536


class Terminal:
    """What both protocols share. `say` waits for the answer."""

    codec: ModuleType

    def __init__(self, port: int, number: str, source: str = "127.0.0.1") -> None:
        self.number, self.serial = number, -1
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10, source_address=(source, 0))
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

    def __init__(self, port: int, number: str = NUMBER, edition: int = 2013, source: str = "127.0.0.1") -> None:
        super().__init__(port, number, source)
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

    def __init__(self, port: int, number: str = ISU, source: str = "127.0.0.1") -> None:
        super().__init__(port, number, source)


def label_of(sequence: int, attachments: int, *, wide: bool = False) -> dict[str, Any]:
    """Fields of an alarm identification number of 16 bytes, or of 40."""
    own = {"terminal_id": "1234567", "time": ALARM_TIME, "sequence": sequence, "attachments": attachments}
    return own | ({"spare": 0} if wide else {"reserved": 0})


def fatigue(label: Mapping[str, Any]) -> dict[str, Any]:
    """Items of a position that tells a driver's fatigue, with attachments under this label."""
    own = {
        "alarm_id": 9, "flag": 1, "type": 1, "level": 2, "fatigue": 8, "reserved": bytes(4), "speed": 60, "altitude": 3,
        "lat": 31.38, "lon": 120.95, "time": ALARM_TIME, "vehicle": 0, "identification": label,
    }  # fmt: skip
    return {"0x65": own}


def packet(name: bytes, offset: int, data: bytes) -> bytes:
    """A raw packet of an attachment, T/JSATL 12."""
    return b"01cd" + name[:50].ljust(50, b"\0") + struct.pack(">II", offset, len(data)) + data


class Uploader(Terminal808):
    """The attachment connection of a JT/T 808 terminal, after a request (0x9208) that it was sent."""

    def __init__(self, port: int, request: Mapping[str, Any], number: str = NUMBER, edition: int = 2013) -> None:
        super().__init__(port, number, edition)
        self.request = request

    def announce(self, files: Mapping[bytes, bytes], resend: bool = False) -> int:
        """0x1210; the result."""
        listed = [{"name": name, "size": len(content)} for name, content in files.items()]
        fields = {
            "terminal_id": "1234567", "identification": self.request["identification"],
            "alarm_number": self.request["alarm_number"], "info_type": int(resend), "files": listed,
        }  # fmt: skip
        return self.result(0x1210, fields)

    def begin(self, name: bytes, size: int) -> int:
        """0x1211; the result."""
        return self.result(0x1211, {"name": name, "type": 0, "size": size})

    def send(self, name: bytes, content: bytes, spans: Iterable[tuple[int, int]] | None = None) -> None:
        """Packets of at most 64 KB of these ranges (offset, length), or of all."""
        for start, length in spans or [(0, len(content))]:
            for at in range(start, start + length, PACKET):
                self.socket.sendall(packet(name, at, content[at : min(at + PACKET, start + length)]))

    def end(self, name: bytes, size: int) -> list[tuple[int, int]]:
        """0x1212; what lacks by 0x9212."""
        self.socket.sendall(self.frame(0x1212, {"name": name, "type": 0, "size": size}))
        heard = self.hear()
        assert heard.name == "file_answer", heard
        missing = [(r["offset"], r["length"]) for r in heard.fields["missing"]]
        assert bool(missing) == bool(heard.fields["result"])
        return missing

    def upload(self, name: bytes, content: bytes) -> None:
        """A whole file, with what is asked for again."""
        assert self.begin(name, len(content)) == 0
        self.send(name, content)
        while missing := self.end(name, len(content)):
            self.send(name, content, missing)


def fix(time: datetime, **changes: Any) -> dict[str, Any]:
    """Fields of a 0x0200 body that either protocol takes."""
    return {
        "alarm": 0, "status": 0b11, "lat": 31.38, "lon": 120.95, "altitude": 3, "speed": 36.0, "direction": 90,
        "time": time, "items": {"0x01": {"odometer": 1234.5}},
    } | changes  # fmt: skip
