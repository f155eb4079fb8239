"""Devices behind an MQTT broker: subscribe, hold, and acknowledge to the broker after the spool has it.

The session with the broker is persistent, so what devices send at QoS 1 while the gateway is away
waits there and comes afterwards.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

import structlog
from aiomqtt import Client, Message, MqttError

from gateway.catalog import TOPIC, TopicProtocol
from gateway.errors import GatewayError, ProtocolError
from gateway.report import terminal_key
from gateway.server.committer import Committer
from gateway.session import Authority, Held, Outcome

log = structlog.get_logger()
RETRY_S = 2.0
QOS = 1
SAMPLES_PER_S = 4


@dataclass(frozen=True, slots=True)
class Broker:
    host: str
    port: int
    user: str | None
    password: str | None

    @classmethod
    def parse(cls, url: str) -> Broker:
        """mqtt://[user:password@]host[:port]. Raises GatewayError."""
        parts = urlsplit(url)
        if parts.scheme != "mqtt" or not parts.hostname:
            raise GatewayError(f"broker {url!r}: mqtt://[user:password@]host:port is expected")
        user, password = (unquote(x) if x else None for x in (parts.username, parts.password))
        return cls(parts.hostname, parts.port or 1883, user, password)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message of the broker that waits for the spool."""

    client: Client
    message: Message

    def settle(self, held: Held, outcome: Outcome) -> None:
        """Acknowledge. A message that nobody could read is acknowledged too: it would come for ever."""
        # aiomqtt 2.x has no call for this; paho's is on its inner client
        self.client._client.ack(self.message.mid, self.message.qos)


class Topics:
    """All MQTT protocols of the catalogue on one connection to one broker."""

    def __init__(self, broker: Broker, identifier: str, authority: Authority, committer: Committer) -> None:
        self._broker = broker
        self._identifier = identifier
        self._authority = authority
        self._committer = committer
        self._sampled = (0, 0)
        self.counts: Counter[str] = Counter()

    async def run(self) -> None:
        """Stay connected until cancelled."""
        away = False
        while True:
            try:
                async with self._client() as client:
                    await client.subscribe([(p.topic, QOS) for p in TOPIC.values()])
                    log.info("broker connected", host=self._broker.host, port=self._broker.port)
                    away = False
                    async for message in client.messages:
                        self.take(client, message)
            except MqttError as error:
                if not away:
                    log.warning("broker away, trying on", cause=str(error))
                away = True
            await asyncio.sleep(RETRY_S)

    def _client(self) -> Client:
        broker = self._broker
        client = Client(
            broker.host, broker.port, username=broker.user, password=broker.password,
            identifier=self._identifier, clean_session=False,
        )  # fmt: skip
        client._client.manual_ack_set(True)
        return client

    def take(self, client: Client, message: Message) -> None:
        """One message -> the committer, or counted and acknowledged."""
        delivery = Delivery(client, message)
        protocol, number = _address(str(message.topic))
        self.counts[f"{protocol.name}.frames"] += 1
        try:
            held = self._read(protocol, number, message)
        except ProtocolError as error:
            self._refuse(protocol, error, message)
            held = None
        if held is None:
            client._client.ack(message.mid, message.qos)
        else:
            self._committer.add(delivery, [held])

    def _read(self, protocol: TopicProtocol, number: str, message: Message) -> Held | None:
        terminal = terminal_key(protocol.name, number)
        if not self._authority.enrolled(terminal):
            raise ProtocolError("unknown_terminal", terminal)
        payload = message.payload
        return protocol.receive(terminal, payload if isinstance(payload, bytes) else str(payload).encode())

    def _refuse(self, protocol: TopicProtocol, error: ProtocolError, message: Message) -> None:
        self.counts[f"{protocol.name}.{error.cause}"] += 1
        second, n = int(time.monotonic()), self._sampled[1]
        n = n + 1 if second == self._sampled[0] else 1
        self._sampled = (second, n)
        if n <= SAMPLES_PER_S:
            sample = bytes(message.payload)[:256] if isinstance(message.payload, bytes) else b""
            log.warning("message refused", topic=str(message.topic), cause=str(error), payload=sample)


def _address(topic: str) -> tuple[TopicProtocol, str]:
    """The protocol that subscribed to this topic, and the terminal's number in it."""
    levels = topic.split("/")
    for protocol in TOPIC.values():
        pattern = protocol.topic.split("/")
        if len(pattern) == len(levels) and all(p in ("+", level) for p, level in zip(pattern, levels, strict=True)):
            return protocol, "/".join(level for p, level in zip(pattern, levels, strict=True) if p == "+")
    raise ValueError(f"no protocol subscribed to {topic}")
