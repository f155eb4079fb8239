"""One line per protocol: its name, what takes its bytes, and what explains them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.enrolment import Numbers
from gateway.explain import DecoderFactory, without_dialects
from gateway.framed import FramedSession
from gateway.protocols.jt808.attachment_session import AttachmentSession
from gateway.protocols.jt808.explain import Jt808Decoder
from gateway.protocols.jt808.session import Jt808Session
from gateway.protocols.jt905.explain import Jt905Decoder
from gateway.protocols.jt905.session import Jt905Session
from gateway.protocols.mqtt import session as mqtt
from gateway.protocols.mqtt.explain import MqttDecoder
from gateway.protocols.mqtt.phone import PhoneSession
from gateway.protocols.owntracks import session as owntracks
from gateway.protocols.owntracks.explain import OwnTracksDecoder
from gateway.session import Held, SessionFactory


@dataclass(frozen=True, slots=True)
class TcpProtocol:
    name: str
    zh: str
    numbers: Numbers
    session: type[FramedSession]
    decoder: DecoderFactory


@dataclass(frozen=True, slots=True)
class TopicProtocol:
    """Devices behind an MQTT broker.

    topic    subscription; its wildcard levels, joined by "/", are the terminal's number
    receive  (terminal key, payload) -> what the spool must hold. Raises ProtocolError
    said, told, session  topics by which a driver's phone talks with us, and how its sessions are made; "": none do
    """

    name: str
    zh: str
    numbers: Numbers
    topic: str
    receive: Callable[[str, bytes], Held | None]
    decoder: DecoderFactory
    said: str = ""
    told: str = ""
    session: type[PhoneSession] = PhoneSession

    @property
    def topics(self) -> list[str]:
        return [topic for topic in (self.topic, self.said) if topic]


BCD_20 = Numbers(re.compile("[0-9A-Fa-f]{1,20}"), "a number of up to 20 digits")
BCD_12 = Numbers(re.compile("[0-9A-Fa-f]{1,12}"), "a number of up to 12 digits")
LEVEL = Numbers(re.compile(r"[^/+#\s\x00-\x1f]{1,64}"), "one level of an MQTT topic, up to 64 characters")
TWO_LEVELS = Numbers(re.compile(r"([^/+#\s\x00-\x1f]{1,64})/([^/+#\s\x00-\x1f]{1,64})"), "a number USER/DEVICE")
TCP: Mapping[str, TcpProtocol] = {
    p.name: p
    for p in (
        TcpProtocol("jt808", "道路运输车辆卫星定位系统终端", BCD_20, Jt808Session, Jt808Decoder),
        TcpProtocol("jt905", "出租汽车服务管理信息系统运营专用设备", BCD_12, Jt905Session, Jt905Decoder),
    )
}
ATTACHMENTS: Mapping[str, SessionFactory] = {"jsatl": AttachmentSession}
"""Connections on which terminals of other protocols upload the files of their safety alarms."""
TOPIC: Mapping[str, TopicProtocol] = {
    p.name: p
    for p in (
        TopicProtocol(
            "mqtt",
            "JSON 定位 (MQTT)",
            LEVEL,
            "taxihub/+/fix",
            mqtt.receive,
            without_dialects(MqttDecoder),
            "taxihub/+/said",
            "taxihub/{}/told",
        ),
        TopicProtocol(
            "owntracks", "OwnTracks", TWO_LEVELS, "owntracks/+/+", owntracks.receive, without_dialects(OwnTracksDecoder)
        ),
    )
}
PROTOCOLS: Mapping[str, Numbers] = {
    **{name: p.numbers for name, p in TCP.items()},
    **{name: p.numbers for name, p in TOPIC.items()},
}
DECODERS: Mapping[str, DecoderFactory] = {
    **{name: p.decoder for name, p in TCP.items()},
    **{name: p.decoder for name, p in TOPIC.items()},
}
