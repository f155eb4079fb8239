"""Captured JT/T 905 frames, and those of the meter's serial line, -> what they say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.errors import ProtocolError
from gateway.explain import STANDARD, Capture, Decoded, FramedDecoder, refused
from gateway.protocols.jt905 import devices
from gateway.protocols.jt905.messages import ALIASES, HEAD, MESSAGES, body_layout, split
from gateway.protocols.jt905.reports import reports
from gateway.report import Report
from gateway.wire.layout import Layout
from gateway.wire.message import Header, MessageType
from gateway.wire.reader import Span


class Jt905Decoder(FramedDecoder):
    def __init__(self, dialect: str = STANDARD) -> None:
        """Raises ProtocolError when there is no such dialect."""
        if dialect not in ALIASES:
            raise ProtocolError("dialect", f"{dialect!r} is unknown, there are {', '.join(ALIASES)}")
        self._aliases = ALIASES[dialect]

    def layouts(self, content: bytes) -> Sequence[Layout]:
        return [HEAD]

    def split(self, content: bytes) -> tuple[Header, bytes]:
        return split(content)

    def row(self, header: Header) -> MessageType | None:
        return MESSAGES.get(self._id(header))

    def _id(self, header: Header) -> int:
        return self._aliases.get(header.message_id, header.message_id)

    def body(self, header: Header, body: bytes, trace: list[Span] | None) -> dict[str, Any]:
        return body_layout(self._id(header), body)[1].decode(body, trace)

    def reports(self, header: Header, fields: Mapping[str, Any], body: bytes) -> Sequence[Report]:
        return reports(header, fields, body)

    def decode(self, capture: Capture, *, explain: bool = False) -> list[Decoded]:
        if capture.data.startswith(devices.SERIAL_FLAG):
            return [_serial(capture, explain)]
        return super().decode(capture, explain=explain)


def _serial(capture: Capture, explain: bool) -> Decoded:
    """A frame between ISU and meter."""
    trace: list[Span] | None = [] if explain else None
    try:
        content = devices.serial_content(capture.data)
        fields = devices.SERIAL.decode(content, trace)
    except ProtocolError as error:
        return refused(capture, error)
    end = len(content)
    if trace is not None:
        trace.append(Span(end, end + 1, "checksum", capture.data[end : end + 1], zh="校验码", meaning="XOR"))
        trace.append(Span(end + 1, end + 3, "end", devices.SERIAL_FLAG, zh="结束位"))
    return Decoded(
        capture.data, "serial", "ISU与外设串口帧", message_id=fields["command"], fields=fields, spans=trace or ()
    )
