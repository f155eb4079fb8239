"""Frames out of a capture, which may lack its delimiters, hold rubbish, or have its escapes undone."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.wire.framing import MIN_FRAME, STANDARD, Escapes, damage


@dataclass(frozen=True, slots=True)
class Piece:
    """A frame out of a capture, without delimiters, and which of them stood there.

    plain  somebody has undone the escapes already
    """

    escaped: bytes
    opened: bool
    closed: bool
    escapes: Escapes = STANDARD
    plain: bool = False

    @property
    def raw(self) -> bytes:
        flag = self.escapes.flag
        return flag * self.opened + self.escaped + flag * self.closed

    @property
    def content(self) -> bytes:
        """The frame unescaped. Raises ProtocolError."""
        return self.escaped if self.plain else self.escapes.unescape(self.escaped)

    @property
    def places(self) -> list[int]:
        """Offset in `escaped` of every byte of `content`, and at last its length."""
        return list(range(len(self.escaped) + 1)) if self.plain else self.escapes.places(self.escaped)


def cut(captured: bytes, escapes: Escapes = STANDARD) -> list[Piece]:
    """Frames of a capture, which may lack its first and its last delimiter.

    Bytes before the first and after the last delimiter that are too few for a frame are dropped
    when there is anything else.
    """
    parts = captured.split(escapes.flag)
    last = len(parts) - 1
    pieces = [(i, Piece(part, i > 0, i < last, escapes)) for i, part in enumerate(parts) if part]
    edges = {i for i, piece in pieces if i in (0, last) and len(piece.escaped) < MIN_FRAME}
    return [piece for i, piece in pieces if i not in edges] or [piece for _, piece in pieces]


def unescaped(captured: bytes, escapes: Escapes = STANDARD) -> Piece | None:
    """A capture as one sound frame whose escapes were undone: bytes inside it could not be on a wire."""
    content = captured.removeprefix(escapes.flag).removesuffix(escapes.flag)
    if not escapes.impossible(content) or damage(content) is not None:
        return None
    return Piece(content, captured.startswith(escapes.flag), captured.endswith(escapes.flag), escapes, plain=True)
