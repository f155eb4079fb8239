"""One line per protocol: its name, what takes its bytes, and what explains them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.explain import DecoderFactory, without_dialects
from gateway.protocols.jt808.attachment_session import AttachmentSession
from gateway.protocols.jt808.explain import Jt808Decoder
from gateway.protocols.jt808.session import Jt808Session
from gateway.protocols.jt905.explain import Jt905Decoder
from gateway.protocols.jt905.session import Jt905Session
from gateway.protocols.mqtt import session as mqtt
from gateway.protocols.mqtt.explain import MqttDecoder
from gateway.protocols.owntracks import session as owntracks
from gateway.protocols.owntracks.explain import OwnTracksDecoder
from gateway.session import Held, SessionFactory


@dataclass(frozen=True, slots=True)
class TcpProtocol:
    name: str
    zh: str
    session: SessionFactory
    decoder: DecoderFactory


@dataclass(frozen=True, slots=True)
class TopicProtocol:
    """Devices behind an MQTT broker.

    topic    subscription; its wildcard levels, joined by "/", are the terminal's number
    receive  (terminal key, payload) -> what the spool must hold. Raises ProtocolError
    """

    name: str
    zh: str
    topic: str
    receive: Callable[[str, bytes], Held | None]
    decoder: DecoderFactory


TCP: Mapping[str, TcpProtocol] = {
    p.name: p
    for p in (
        TcpProtocol("jt808", "道路运输车辆卫星定位系统终端", Jt808Session, Jt808Decoder),
        TcpProtocol("jt905", "出租汽车服务管理信息系统运营专用设备", Jt905Session, Jt905Decoder),
    )
}
ATTACHMENTS: Mapping[str, SessionFactory] = {"jsatl": AttachmentSession}
"""Connections on which terminals of other protocols upload the files of their safety alarms."""
TOPIC: Mapping[str, TopicProtocol] = {
    p.name: p
    for p in (
        TopicProtocol("mqtt", "JSON 定位 (MQTT)", "taxihub/+/fix", mqtt.receive, without_dialects(MqttDecoder)),
        TopicProtocol("owntracks", "OwnTracks", "owntracks/+/+", owntracks.receive, without_dialects(OwnTracksDecoder)),
    )
}
PROTOCOLS = (*TCP, *TOPIC)
DECODERS: Mapping[str, DecoderFactory] = {
    **{name: p.decoder for name, p in TCP.items()},
    **{name: p.decoder for name, p in TOPIC.items()},
}
