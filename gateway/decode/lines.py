"""Captures as JSON lines: exactly one object out for each line in, in order, whatever it holds.

Decoders keep their state by (protocol, session); the least recently used sessions are forgotten,
so that a capture of any length runs in bounded memory.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, BinaryIO

import orjson

from gateway.catalog import DECODERS
from gateway.decode import rim
from gateway.decode.captured import Line, from_object
from gateway.errors import ProtocolError
from gateway.explain import Decoder

LONGEST = 16 << 20
"""Bytes of the longest line that is taken."""
SESSIONS = 1024
"""Sessions whose state is kept."""


class Sessions:
    """Decoders by protocol and session."""

    def __init__(self, most: int = SESSIONS) -> None:
        self._most = most
        self._decoders: OrderedDict[tuple[str, str], Decoder] = OrderedDict()

    def decoder(self, line: Line) -> Decoder:
        """The session's decoder; a fresh one for a line without a session."""
        if line.session is None:
            return DECODERS[line.protocol](line.dialect)
        key = (line.protocol, line.session)
        if key not in self._decoders:
            self._decoders[key] = DECODERS[line.protocol](line.dialect)
        self._decoders.move_to_end(key)
        if len(self._decoders) > self._most:
            self._decoders.popitem(last=False)
        return self._decoders[key]


def answer(text: bytes | None, sessions: Sessions) -> dict[str, Any]:
    """What one line says; None stands for a line that is too long."""
    try:
        if text is None:
            raise ProtocolError("length", f"the line is longer than {LONGEST} bytes")
        line = from_object(_json(text))
        decoded = sessions.decoder(line).decode(line.capture)
    except ProtocolError as error:
        return {"frames": [], "reports": [], "error": str(error)}
    reports = [rim.report(said) for one in decoded for said in one.reports]
    return {"frames": [rim.frame(one) for one in decoded], "reports": reports, "error": None}


def _json(text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ProtocolError("json", str(error)) from error


def read(source: BinaryIO, longest: int = LONGEST) -> Iterator[bytes | None]:
    """Lines without their ends, None for one that is too long."""
    while text := source.readline(longest + 1):
        if len(text) <= longest or text.endswith(b"\n"):
            yield text.rstrip(b"\r\n")
            continue
        while (more := source.readline(longest)) and not more.endswith(b"\n"):
            pass
        yield None


def written(text: bytes | None, sessions: Sessions) -> bytes:
    """The answer to one line as JSON."""
    try:
        return rim.dumps(answer(text, sessions))
    except Exception as defect:  # a decoder must not raise: whatever this is, it must cost one line only
        return rim.dumps({"frames": [], "reports": [], "error": f"defect: {defect!a}"})


def translate(source: BinaryIO, sink: BinaryIO) -> None:
    """All lines of `source`, each answered and flushed before the next one is read."""
    sessions = Sessions()
    for text in read(source):
        sink.write(written(text, sessions) + b"\n")
        sink.flush()
