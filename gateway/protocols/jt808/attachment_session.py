"""The session of an attachment connection, T/JSATL 12-2017. No sockets, no clock, no files.

    NEW --0x1210 that was asked for--> OPEN --0x1211, packets, 0x1212 of each file--> OPEN

The port knows no log-in: a terminal of the roll shows by label and alarm number that it was asked.
Whether it was, and what lacks of a file, only the store knows; so everything is held, in order, and
answered by its word. What it refuses closes the connection, except a file that is too large: the
terminal is told so and may send the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from gateway.command import Command
from gateway.errors import ProtocolError
from gateway.framed import FAILED, OK, UNSUPPORTED, FramedSession
from gateway.protocols.jt808.attachments import MAGIC, PACKET, AttachmentBuffer
from gateway.protocols.jt808.header import LENGTH, build, parse
from gateway.protocols.jt808.messages import body_layout, encode_body
from gateway.protocols.jt808.safety import named_part
from gateway.ranges import Range
from gateway.report import terminal_key
from gateway.session import Authority, Held, Limits, Outcome, Progress
from gateway.upload import Announced, Begun, Ended, FileInfo, Piece
from gateway.wire.message import Header
from gateway.wire.parts import Parts
from gateway.wire.texts import PADDING

NAME = PACKET.place("name")
MOST_FILES = 255
"""Names that one connection may use."""
MOST_RANGES = 255
"""Ranges that one 0x9212 can name."""
ROUNDS = 5
"""How often a terminal is asked in vain for what lacks of a file."""


class AttachmentSession(FramedSession):
    """`terminal` stays empty: nothing can be said to the terminal on this connection."""

    def __init__(self, authority: Authority, now: float, limits: Limits) -> None:
        self._stream = AttachmentBuffer()
        super().__init__(authority, now, limits, self._stream)
        self._sender = ""
        self._alarm = ""
        self._announcement = b""
        self._open = False
        self._parts = Parts()
        self._names: dict[bytes, bytes] = {}  # as packets carry it, cut to 50 bytes -> whole
        self._lacked: dict[bytes, tuple[int, int]] = {}  # name -> bytes that lacked, times that this changed nothing
        self._handlers: dict[int, Callable[[Header, bytes, bytes], Held | None]] = {
            0x0001: lambda *_: None,
            0x0002: lambda header, *_: self.acknowledge(header),
            0x1210: self._announce,
            0x1211: self._begin,
            0x1212: self._end,
        }

    def parse(self, frame: bytes) -> tuple[Header, bytes]:
        return parse(frame)

    def build(self, message_id: int, body: bytes, header: Header, serial: int) -> bytes:
        return build(message_id, header.terminal, serial, body, header.version)

    # bytes in

    def receive(self, data: bytes, now: float) -> list[Held]:
        held = super().receive(data, now)
        if self._stream.skipped:
            self.counts["skipped_bytes"] += self._stream.skipped
            self._stream.skipped = 0
        if self._stream.error is not None and not self.closing:
            self.refuse(self._stream.error.cause, data)
            self.closing = True
        return held

    def take(self, frame: bytes) -> Held | None:
        if not frame.startswith(MAGIC):
            return super().take(frame)
        self.counts["packets"] += 1
        if not self._alarm:
            self.refuse("not_announced", frame)
            self.closing = True
            return None
        fields = PACKET.decode(frame)
        short = frame[NAME].strip(PADDING)
        piece = Piece(self._alarm, self._names.get(short, short), fields["offset"], fields["data"])
        return Held(self._sender, b"", piece, None)

    def dispatch(self, header: Header, body: bytes, frame: bytes) -> Held | None:
        handler = self._handlers.get(header.message_id)
        if handler is None:
            raise ProtocolError("unknown_message", f"0x{header.message_id:04x}", reply=UNSUPPORTED)
        sender = terminal_key("jt808", header.terminal)
        if not self._authority.enrolled(sender):
            self.closing = True
            raise ProtocolError("unknown_terminal", sender, reply=FAILED)
        if self._sender and sender != self._sender:
            raise ProtocolError("terminal_mismatch", f"{sender} on the connection of {self._sender}", reply=FAILED)
        self._sender = sender
        if header.package and header.package[0] > 1:
            return self._part(handler, header, body, frame)
        return handler(header, body, frame)

    def _part(self, handler: Callable[..., Held | None], header: Header, body: bytes, frame: bytes) -> Held | None:
        """Many files make 0x1210 longer than a frame; each part is answered."""
        whole = self._parts.add(header, body, self.heard)
        if whole is None:
            self.acknowledge(header)
            return None
        return handler(replace(header, package=None), whole, frame)

    def _announce(self, header: Header, body: bytes, frame: bytes) -> Held:
        _, layout = body_layout(0x1210, header.version, body)
        fields = layout.decode(body)
        label = named_part(body[layout.place("identification")])
        self._alarm, self._announcement = fields["alarm_number"], frame
        self._names.clear()
        self._lacked.clear()
        return Held(self._sender, frame, Announced(self._alarm, label.hex()), header)

    def _begin(self, header: Header, body: bytes, frame: bytes) -> Held:
        file, _ = self._file(header, body)
        return Held(self._sender, frame, Begun(file), header)

    def _end(self, header: Header, body: bytes, frame: bytes) -> Held:
        """What is kept of it tells the alarm too, which 0x1212 alone does not."""
        file, kind = self._file(header, body)
        return Held(self._sender, self._announcement + frame, Ended(file), (header, kind))

    def _file(self, header: Header, body: bytes) -> tuple[FileInfo, int]:
        """The file of 0x1211 or 0x1212, whose name is kept byte by byte, and the number of its type."""
        if not self._alarm:
            raise ProtocolError("not_announced", "a file of no alarm", reply=FAILED)
        _, layout = body_layout(header.message_id, header.version, body)
        fields = layout.decode(body)
        name = body[1 : 1 + body[0]]
        if len(self._names) >= MOST_FILES and name not in self._names.values():
            raise ProtocolError("too_many_files", f"more than {MOST_FILES} names", reply=FAILED)
        self._names[name[: NAME.stop - NAME.start].strip(PADDING)] = name
        return FileInfo(self._alarm, name, layout.code_name(fields, "type"), fields["size"]), fields["type"]

    # bytes out

    def answer(self, held: Held, outcome: Outcome) -> bytes:
        match held.content:
            case Announced():
                self._open = self._open or outcome.ok
                self.closing = self.closing or not outcome.ok
                return self._general(held.token, OK if outcome.ok else FAILED)
            case Begun():
                return self._general(held.token, OK if outcome.ok else FAILED)
            case Ended(file):
                header, kind = held.token
                if not outcome.ok:
                    return self._general(header, FAILED)
                return self._completion(header, file, kind, outcome.missing)
        self.closing = self.closing or not outcome.ok
        return b""

    def _completion(self, header: Header, file: FileInfo, kind: int, missing: Sequence[Range]) -> bytes:
        """0x9212 with as many ranges as it can name; what remains is asked for after the next 0x1212."""
        fits = min(MOST_RANGES, (LENGTH - len(file.name) - 4) // 8)
        fields: dict[str, Any] = {"name": file.name, "type": kind, "result": int(bool(missing))}
        fields["missing"] = [{"offset": a, "length": b - a} for a, b in missing[:fits]]
        if missing:
            self._insist(file.name, sum(b - a for a, b in missing))
        body = encode_body(0x9212, fields, header.version)
        return self.build(0x9212, body, header, self._next_serial())

    def _insist(self, name: bytes, octets: int) -> None:
        """Ask again, and give up when nothing comes of it."""
        self.counts["file_asked_again"] += 1
        before, vain = self._lacked.get(name, (octets + 1, 0))
        vain = vain + 1 if octets >= before else 0
        self._lacked[name] = octets, vain
        if vain >= ROUNDS:
            self.counts["given_up"] += 1
            self.closing = True

    def deadline(self) -> float:
        """A packet may take long on a slow link, as long as its bytes keep coming."""
        if not self._open:
            return self._began + self._limits.login_s
        if self._stream.pending:
            return min(self.heard + self._limits.partial_s, self._partial_since + self._limits.idle_s)
        return self.heard + self._limits.idle_s

    def send(self, command: Command) -> int:
        raise ProtocolError("unsupported", f"{type(command).__name__} on a connection of attachments")

    def resume(self, media: Sequence[Progress]) -> None:
        """The terminal announces by itself what it has not finished."""

    def tick(self, now: float) -> None:
        """What lacks is told when the terminal asks by 0x1212."""
