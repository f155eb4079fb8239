"""What was captured, as people and files write it: hex digits, JSON texts, HTTP requests."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.catalog import DECODERS
from gateway.errors import ProtocolError
from gateway.explain import STANDARD, Capture
from gateway.wire.pieces import cut

SEPARATORS = re.compile(r"0[xX]|[\s,:;_-]+")
TEXTUAL = {"mqtt", "owntracks"}
"""Protocols whose messages are texts."""


@dataclass(frozen=True, slots=True)
class Line:
    """One object of a JSONL capture. `session` is None where the lines stand alone."""

    protocol: str
    session: str | None
    capture: Capture
    dialect: str = STANDARD


def hex_bytes(text: str) -> bytes:
    """Hex digits, with or without 0x, spaces, commas, colons or dashes between them. Raises ProtocolError "hex"."""
    digits = SEPARATORS.sub("", text)
    if wrong := re.search(r"[^0-9A-Fa-f]", digits):
        raise ProtocolError("hex", f"{wrong[0]!r} at digit {wrong.start()} is no hex digit")
    if len(digits) % 2:
        raise ProtocolError("hex", f"{len(digits)} digits, an even number is needed")
    if not digits:
        raise ProtocolError("hex", "no digits")
    return bytes.fromhex(digits)


def from_text(text: str, protocol: str | None) -> bytes:
    """An argument or a line of a file: JSON as it stands, all else as hex. Raises ProtocolError "hex"."""
    if protocol in TEXTUAL or (protocol is None and text.lstrip()[:1] in ("{", "[")):
        return text.encode()
    return hex_bytes(text)


def from_object(value: Any) -> Line:
    """{"session","protocol","hex"|"text"|"http"} -> what to decode. Raises ProtocolError that says what is wrong.

    "dialect" may name one; without "protocol" the bytes are guessed at.
    """
    if not isinstance(value, dict):
        raise ProtocolError("json", f"an object is expected, not {type(value).__name__}")
    session, protocol, dialect = (_name(value, key) for key in ("session", "protocol", "dialect"))
    capture = _capture(value, session or "")
    if protocol is None:
        protocol, _ = guess(capture.data)
    if protocol not in DECODERS:
        raise ProtocolError("protocol", f"{protocol!r} is unknown, there are {', '.join(DECODERS)}")
    return Line(protocol, session, capture, dialect or STANDARD)


def _name(value: Mapping[str, Any], key: str) -> str | None:
    """A string, or a number that stands for one; None when there is none."""
    name = value.get(key)
    if isinstance(name, dict | list):
        raise ProtocolError("json", f"{key} must be a string, not {type(name).__name__}")
    return None if name is None else str(name)


def _capture(value: Mapping[str, Any], source: str) -> Capture:
    given = [key for key in ("hex", "text", "http") if value.get(key) is not None]
    if len(given) != 1:
        raise ProtocolError("json", f"one of hex, text and http is expected, not {' and '.join(given) or 'nothing'}")
    content = value[given[0]]
    if given[0] == "http":
        return _request(content, source)
    if not isinstance(content, str):
        raise ProtocolError("json", f"{given[0]} must be a string, not {type(content).__name__}")
    return Capture(hex_bytes(content) if given[0] == "hex" else _encoded(content), source)


def _request(request: Any, source: str) -> Capture:
    """{"method","url","headers","body"}; the body is a string or, already parsed, an object."""
    if not isinstance(request, dict):
        raise ProtocolError("json", f"http must be an object, not {type(request).__name__}")
    headers, url, body = request.get("headers") or {}, request.get("url") or "", request.get("body")
    if not isinstance(headers, dict) or not isinstance(url, str):
        raise ProtocolError("json", "http needs a string url and an object of headers")
    if isinstance(body, dict | list):
        data = _written(body)
    elif isinstance(body, str) or body is None:
        data = _encoded(body or "")
    else:
        raise ProtocolError("json", f"http body must be a string, not {type(body).__name__}")
    return Capture(data, source, url, {name: _name(headers, name) or "" for name in headers})


def _written(body: dict[str, Any] | list[Any]) -> bytes:
    """A body that was parsed already. Raises ProtocolError when it is too deep to be written."""
    try:
        return orjson.dumps(body)
    except orjson.JSONEncodeError as error:
        raise ProtocolError("json", f"http body: {error}") from error


def _encoded(text: str) -> bytes:
    """Text -> UTF-8. Raises ProtocolError on half a surrogate pair."""
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise ProtocolError("json", str(error)) from error


def guess(data: bytes) -> tuple[str, str]:
    """The protocol that captured bytes speak, and why that is thought."""
    text = data.lstrip()
    if text[:1] in (b"{", b"["):
        if b'"_type"' in text:
            return "owntracks", "JSON with a _type"
        return "mqtt", "JSON without a _type"
    if data[:2] == b"\x55\xaa":
        return "jt905", "the delimiter of the meter's serial line"
    for piece in cut(data):
        try:
            content = piece.content
        except ProtocolError:
            continue
        if len(content) >= 13 and content[4] == 0x10 and int.from_bytes(content[2:4], "big") == len(content) - 13:
            return "jt905", "the terminal's number begins with 10 and the length is a plain number that fits"
    return "jt808", "no sign of another protocol"
