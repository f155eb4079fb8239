"""The header of JT/T 808 (2019: 4.4.3), old and new layout, told apart by bit 14 of the attributes."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.errors import ProtocolError
from gateway.wire.field import Field, Term
from gateway.wire.framing import STANDARD, Escapes, unwrap, wrap
from gateway.wire.kinds import U8, U16, Bcd
from gateway.wire.layout import Layout
from gateway.wire.message import Header

LENGTH, ENCRYPTED, PACKAGED, VERSIONED = 0x03FF, 0x1C00, 1 << 13, 1 << 14
PART = 1000
"""Bytes of body in each part of a long message; terminals with small buffers exist."""

START = (
    Field("message_id", U16, zh="消息ID", base16=True),
    Field(
        "attributes", U16, zh="消息体属性",
        ranges={(0, 10): Term("length", "消息体长度"), (10, 3): Term("encryption", "加密方式")},
        bits={13: Term("packaged", "分包"), 14: Term("versioned", "版本标识")},
    ),
)  # fmt: skip
SERIAL = Field("serial", U16, zh="消息流水号")
OLD = Layout("header", *START, Field("terminal", Bcd(6), zh="终端手机号"), SERIAL)
NEW = Layout(
    "header of 2019", *START, Field("edition", U8, zh="协议版本号"), Field("terminal", Bcd(10), zh="终端手机号"), SERIAL
)
LONG = Layout("header with a long number", *START, Field("terminal", Bcd(7), zh="终端手机号"), SERIAL)
"""What makers send who delimit by E7: a number of seven bytes."""
PACKAGE = Layout("package", Field("total", U16, zh="消息总包数"), Field("number", U16, zh="包序号"))


def layouts(content: bytes, old: Layout = OLD) -> list[Layout]:
    """Layouts of the header of an unescaped frame, and of its package fields. Raises ProtocolError.

    old  the layout without bit 14

    A 2019 flag whose layout does not fit the announced length is read again in the old layout:
    firmware exists that sets the flag and still sends six-byte numbers.
    """
    attributes = int.from_bytes(content[2:4], "big")
    if attributes & ENCRYPTED:
        raise ProtocolError("encrypted", f"body attributes {attributes:04x}: encryption is not supported", reply=3)
    package = [PACKAGE] if attributes & PACKAGED else []
    mismatch = ""
    for head in (NEW, old) if attributes & VERSIONED else (old,):
        length = len(content) - head.struct.size - len(package) * PACKAGE.struct.size
        if length == attributes & LENGTH:
            return [head, *package]
        mismatch = mismatch or f"the header announces {attributes & LENGTH} bytes of body, {length} follow"
    raise ProtocolError("length", mismatch)


def split(content: bytes, old: Layout = OLD) -> tuple[Header, bytes]:
    """Unescaped frame without checksum -> header and body. Raises ProtocolError."""
    head, *packaged = layouts(content, old)
    values = head.struct.unpack_from(content)
    message_id, attributes, number, serial = values[0], values[1], values[-2], values[-1]
    version, edition = (2019, values[2]) if head is NEW else (2013, 0)
    start, package = head.struct.size, None
    if packaged:
        package = PACKAGE.struct.unpack_from(content, start)
        start += PACKAGE.struct.size
    length, flags = attributes & LENGTH, attributes & ~LENGTH
    header = Header(message_id, number.hex(), serial, version, package, length, flags, edition)
    return header, content[start:]


E7 = Escapes(
    b"\xe7", {b"\xe6\x01": b"\xe6", b"\xe6\x02": b"\xe7", b"\x3e\x01": b"\x3e", b"\x3e\x02": b"\x3d"}
)  # fmt: skip
"""The delimiter and escapes of some makers, as the open decoder of traccar tells them."""


@dataclass(frozen=True, slots=True)
class Wire:
    """How frames stand on a connection: delimiter and escapes, and the header without bit 14."""

    escapes: Escapes
    old: Layout
    digits: int

    def parse(self, frame: bytes) -> tuple[Header, bytes]:
        """Whole frame -> header and body. Raises ProtocolError."""
        return split(unwrap(frame, self.escapes), self.old)

    def build(self, message_id: int, terminal: str, serial: int, body: bytes, version: int) -> bytes:
        """A whole escaped frame. Raises ProtocolError when the body exceeds 1,023 bytes."""
        return wrap(self._head(message_id, terminal, serial, len(body), version) + body, self.escapes)

    def build_parts(self, message_id: int, terminal: str, first_serial: int, body: bytes, version: int) -> list[bytes]:
        """A body of any size as frames with consecutive serials (2019: 4.4.3). Raises ProtocolError."""
        pieces = [body[i : i + PART] for i in range(0, len(body), PART)]
        return [
            wrap(
                self._head(message_id, terminal, (first_serial + i) & 0xFFFF, len(piece), version, PACKAGED)
                + PACKAGE.struct.pack(len(pieces), i + 1)
                + piece,
                self.escapes,
            )
            for i, piece in enumerate(pieces)
        ]

    def _head(self, message_id: int, terminal: str, serial: int, length: int, version: int, flags: int = 0) -> bytes:
        if length > LENGTH:
            raise ProtocolError("range", f"a body of {length} bytes, at most {LENGTH} fit one frame")
        if version >= 2019:
            number = bytes.fromhex(terminal.rjust(20, "0"))
            return NEW.struct.pack(message_id, length | VERSIONED | flags, 1, number, serial)
        number = bytes.fromhex(terminal.rjust(self.digits, "0")[-self.digits :])
        return self.old.struct.pack(message_id, length | flags, number, serial)


ORDINARY, ODD = Wire(STANDARD, OLD, 12), Wire(E7, LONG, 14)
WIRES = {wire.escapes.flag: wire for wire in (ORDINARY, ODD)}
"""By the first byte of a connection."""
parse, build, build_parts = ORDINARY.parse, ORDINARY.build, ORDINARY.build_parts
