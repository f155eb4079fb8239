"""Captured OwnTracks messages, from MQTT or as an HTTP post, -> what they say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from gateway.errors import ProtocolError
from gateway.explain import Capture, Decoded, refused
from gateway.protocols.owntracks.translate import is_location, position
from gateway.report import terminal_key
from gateway.wire.jsonfix import load, obj


class OwnTracksDecoder:
    def decode(self, capture: Capture, *, explain: bool = False) -> list[Decoded]:
        try:
            fields = obj(load(capture.data))
            device = device_of(fields, capture)
            location = is_location(capture.data)
            reports = [position(capture.data, terminal_key("owntracks", device))] if location else []
        except ProtocolError as error:
            return [refused(capture, error)]
        name = str(fields["_type"])
        return [Decoded(capture.data, name, "OwnTracks 消息", terminal=device, fields=fields, reports=reports)]


def device_of(fields: Mapping[str, Any], capture: Capture) -> str:
    """ "user/device": from the topic that the app repeats, else the HTTP headers or query, else the capture's source.

    https://owntracks.org/booklet/tech/http/
    """
    topic = str(fields.get("topic", "")).split("/")
    if len(topic) >= 3 and topic[0] == "owntracks":
        return "/".join(topic[1:3])
    headers = {name.lower(): value for name, value in capture.headers.items()}
    query = _query(capture.url)
    user = headers.get("x-limit-u") or query.get("u", [""])[0]
    device = headers.get("x-limit-d") or query.get("d", [""])[0]
    return "/".join(filter(None, (user, device))) or capture.source


def _query(url: str) -> dict[str, list[str]]:
    try:
        return parse_qs(urlsplit(url).query)
    except ValueError as error:
        raise ProtocolError("url", f"{url!r}: {error}") from error
