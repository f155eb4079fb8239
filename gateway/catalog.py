"""One line per protocol: its name and what takes its bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.protocols.jt808.session import Jt808Session
from gateway.protocols.jt905.session import Jt905Session
from gateway.protocols.mqtt import session as mqtt
from gateway.protocols.owntracks import session as owntracks
from gateway.session import Held, SessionFactory


@dataclass(frozen=True, slots=True)
class TcpProtocol:
    name: str
    zh: str
    session: SessionFactory


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


TCP: Mapping[str, TcpProtocol] = {
    p.name: p
    for p in (
        TcpProtocol("jt808", "道路运输车辆卫星定位系统终端", Jt808Session),
        TcpProtocol("jt905", "出租汽车服务管理信息系统运营专用设备", Jt905Session),
    )
}
TOPIC: Mapping[str, TopicProtocol] = {
    p.name: p
    for p in (
        TopicProtocol("mqtt", "JSON 定位 (MQTT)", "taxihub/+/fix", mqtt.receive),
        TopicProtocol("owntracks", "OwnTracks", "owntracks/+/+", owntracks.receive),
    )
}
PROTOCOLS = (*TCP, *TOPIC)
