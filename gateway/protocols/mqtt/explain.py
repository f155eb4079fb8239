"""Captured JSON fixes -> what they say."""

from __future__ import annotations

from gateway.errors import ProtocolError
from gateway.explain import Capture, Decoded, refused
from gateway.protocols.mqtt.translate import position, split
from gateway.report import terminal_key
from gateway.wire.jsonfix import load, obj


class MqttDecoder:
    """One payload is one fix or a list of them; the topic, which is not captured, names the device."""

    def decode(self, capture: Capture, *, explain: bool = False) -> list[Decoded]:
        try:
            return [self._fix(body, capture.source) for body in split(capture.data)]
        except ProtocolError as error:
            return [refused(capture, error)]

    def _fix(self, body: bytes, source: str) -> Decoded:
        reports = [position(body, terminal_key("mqtt", source))]
        return Decoded(body, "fix", "JSON 定位", terminal=source, fields=obj(load(body)), reports=reports)
