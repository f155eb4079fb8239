"""Text on the wire: GBK, read with its superset GB 18030 (JT/T 808-2019, 4.2; JT/T 905.2, 10.1)."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.errors import ProtocolError
from gateway.wire.reader import Reader

ENCODING = "gb18030"
PADDING = b"\0 "


def decoded(raw: bytes) -> str:
    """Bytes -> text without the padding at either end; noughts inside and bytes that are no GBK become U+FFFD.

    No database keeps a text with U+0000.
    """
    return raw.strip(PADDING).decode(ENCODING, errors="replace").replace("\0", "\ufffd")


def cut(raw: bytes, limit: int) -> bytes:
    """At most `limit` bytes of encoded text, ending at the end of a character."""
    return raw if len(raw) <= limit else raw[:limit].decode(ENCODING, errors="ignore").encode(ENCODING)


@dataclass(frozen=True, slots=True)
class Text:
    """STRING in GBK: `size` bytes padded, or all that is left. Padding is stripped at both ends.

    limit  most bytes that are written where there is no size; longer texts are refused
    """

    size: int | None = None
    pad: bytes = b"\0"
    limit: int | None = None

    @property
    def code(self) -> str:
        return "" if self.size is None else f"{self.size}s"

    @property
    def label(self) -> str:
        if self.size is not None:
            return f"STRING[{self.size}]"
        return f"STRING, at most {self.limit} bytes" if self.limit else "STRING"

    def value(self, raw: bytes) -> str:
        return decoded(raw)

    def read(self, reader: Reader) -> str:
        return decoded(reader.rest() if self.size is None else reader.take(self.size))

    def write(self, value: str | bytes) -> bytes:
        """Bytes are taken as they stand: what came may be said again although it is no text."""
        raw, most = value if isinstance(value, bytes) else value.encode(ENCODING), self.size or self.limit
        if most is not None and len(raw) > most:
            raise ProtocolError("range", f"{value!r} takes {len(raw)} bytes of {most}")
        return raw if self.size is None else raw.ljust(self.size, self.pad)


@dataclass(frozen=True, slots=True)
class Terminated:
    """STRING that ends with 0x00 (JT/T 905.2). A missing terminator at the end of the body is taken.

    limit   most bytes that are written before the terminator
    cut     cut a longer text between characters instead of refusing it
    digits  exactly that many digits are written, nothing else
    """

    limit: int | None = None
    cut: bool = False
    digits: int | None = None
    code: str = ""

    @property
    def label(self) -> str:
        if self.digits:
            return f"STRING, {self.digits} digits and 0x00"
        return f"STRING, at most {self.limit} bytes and 0x00" if self.limit else "STRING and 0x00"

    def value(self, raw: bytes) -> str:
        return decoded(raw)

    def read(self, reader: Reader) -> str:
        end = reader.data.find(b"\0", reader.pos, reader.end)
        if end < 0:
            return decoded(reader.rest())
        return decoded(reader.take(end + 1 - reader.pos))

    def write(self, value: str) -> bytes:
        if "\0" in value:
            raise ProtocolError("range", f"{value!r} holds the terminator 0x00")
        if self.digits and not (value.isascii() and value.isdecimal() and len(value) == self.digits):
            raise ProtocolError("range", f"{value!r} must be {self.digits} digits")
        raw = value.encode(ENCODING)
        if self.limit is not None and len(raw) > self.limit:
            if not self.cut:
                raise ProtocolError("range", f"{value!r} takes {len(raw)} bytes of {self.limit}")
            raw = cut(raw, self.limit)
        return raw + b"\0"


@dataclass(frozen=True, slots=True)
class Printable:
    """ASCII to the end. Raises ProtocolError "text" on anything else, so that it can be told from numbers."""

    code: str = ""
    label: str = "ASCII"

    def value(self, raw: bytes) -> str:
        text = raw.decode("ascii", errors="replace")
        if not raw or not text.isprintable() or not text.isascii():
            raise ProtocolError("text", f"{raw.hex()} is no printable ASCII", reply=2)
        return text

    def read(self, reader: Reader) -> str:
        return self.value(reader.rest())

    def write(self, value: str) -> bytes:
        if not value.isascii():
            raise ProtocolError("range", f"{value!r} is no ASCII")
        return value.encode("ascii")
