"""Captured JSON fixes -> what they say."""

from __future__ import annotations

from gateway.errors import ProtocolError
from gateway.explain import Capture, Decoded, refused
from gateway.protocols.mqtt.phone import heard, is_said
from gateway.protocols.mqtt.translate import position, split
from gateway.report import terminal_key
from gateway.session import Said
from gateway.wire.jsonfix import load, obj


class MqttDecoder:
    """One payload is one fix, a list of them, or what a driver's phone says; its topic, not captured, names it."""

    def decode(self, capture: Capture, *, explain: bool = False) -> list[Decoded]:
        try:
            if is_said(load(capture.data)):
                return [self._said(capture.data, capture.source)]
            return [self._fix(body, capture.source) for body in split(capture.data)]
        except ProtocolError as error:
            return [refused(capture, error)]

    def _said(self, body: bytes, source: str) -> Decoded:
        held = heard(terminal_key("mqtt", source), body)
        fields, reports = obj(load(body)), list(held.content.reports) if held and isinstance(held.content, Said) else []
        return Decoded(body, str(fields["kind"]), "司机手机", terminal=source, fields=fields, reports=reports)

    def _fix(self, body: bytes, source: str) -> Decoded:
        reports = [position(body, terminal_key("mqtt", source))]
        return Decoded(body, "fix", "JSON 定位", terminal=source, fields=obj(load(body)), reports=reports)
