"""The header of JT/T 808 (2019: 4.4.3), old and new layout, told apart by bit 14 of the attributes."""

from __future__ import annotations

import struct

from gateway.errors import ProtocolError
from gateway.wire.framing import unwrap, wrap
from gateway.wire.message import Header

OLD = struct.Struct(">HH6sH")
NEW = struct.Struct(">HHB10sH")
PACKAGE = struct.Struct(">HH")
LENGTH, ENCRYPTED, PACKAGED, VERSIONED = 0x03FF, 0x1C00, 1 << 13, 1 << 14


def split(content: bytes) -> tuple[Header, bytes]:
    """Unescaped frame without checksum -> header and body.

    A 2019 flag whose layout does not fit the announced length is read again in the old layout:
    firmware exists that sets the flag and still sends six-byte numbers. Raises ProtocolError.
    """
    attributes = int.from_bytes(content[2:4], "big")
    if attributes & ENCRYPTED:
        raise ProtocolError("encrypted", f"body attributes {attributes:04x}: encryption is not supported", reply=3)
    layouts = (NEW, OLD) if attributes & VERSIONED else (OLD,)
    mismatch = ""
    for layout in layouts:
        start = layout.size + (PACKAGE.size if attributes & PACKAGED else 0)
        length = len(content) - start
        if length == attributes & LENGTH:
            return _header(layout, content, attributes), content[start:]
        mismatch = mismatch or f"the header announces {attributes & LENGTH} bytes of body, {length} follow"
    raise ProtocolError("length", mismatch)


def _header(layout: struct.Struct, content: bytes, attributes: int) -> Header:
    values = layout.unpack_from(content)
    package = PACKAGE.unpack_from(content, layout.size) if attributes & PACKAGED else None
    version, edition = (2019, values[2]) if layout is NEW else (2013, 0)
    length, flags = attributes & LENGTH, attributes & ~LENGTH
    return Header(values[0], values[-2].hex(), values[-1], version, package, length, flags, edition)


def parse(frame: bytes) -> tuple[Header, bytes]:
    """Whole frame -> header and body. Raises ProtocolError."""
    return split(unwrap(frame))


def build(message_id: int, terminal: str, serial: int, body: bytes, version: int) -> bytes:
    """A whole escaped frame. Raises ProtocolError when the body exceeds 1,023 bytes."""
    if len(body) > LENGTH:
        raise ProtocolError("range", f"a body of {len(body)} bytes, at most {LENGTH} fit one frame")
    if version >= 2019:
        number = bytes.fromhex(terminal.rjust(20, "0"))
        return wrap(NEW.pack(message_id, len(body) | VERSIONED, 1, number, serial) + body)
    number = bytes.fromhex(terminal.rjust(12, "0")[-12:])
    return wrap(OLD.pack(message_id, len(body), number, serial) + body)
