"""Devices behind an MQTT broker: subscribe, hold, and acknowledge to the broker after the spool has it.

The session with the broker is persistent, so what devices send at QoS 1 while the gateway is away
waits there and comes afterwards.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

import structlog
from aiomqtt import Client, Message, MqttError

from gateway.catalog import TOPIC, TopicProtocol
from gateway.errors import GatewayError, ProtocolError
from gateway.protocols.mqtt.phone import PhoneSession
from gateway.report import terminal_key
from gateway.server.committer import Committer
from gateway.server.hub import Hub
from gateway.session import Authority, Held, Outcome, Session

log = structlog.get_logger()
RETRY_S = 2.0
SWEEP_S = 5.0
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


@dataclass
class Phone:
    """A driver's phone that listens now. Implements `gateway.server.hub.Line`; the broker has its connection."""

    client: Client
    topic: str
    talk: PhoneSession
    port: str = "mqtt"
    session: Session | None = None
    transport: asyncio.Transport | None = None

    def __post_init__(self) -> None:
        self.session = self.talk

    def flush(self) -> None:
        for message in self.talk.messages():
            self.client._client.publish(self.topic, message)

    def settle(self, held: Held, outcome: Outcome) -> None:
        """The broker is told, by its `Delivery`."""

    def abort(self) -> None:
        """Nothing to close: what it says next makes another one of it."""


class Topics:
    """All MQTT protocols of the catalogue on one connection to one broker."""

    def __init__(self, broker: Broker, identifier: str, authority: Authority, committer: Committer, hub: Hub) -> None:
        self._hub, self._phones = hub, dict[str, Phone]()
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
                    await client.subscribe([(topic, QOS) for p in TOPIC.values() for topic in p.topics])
                    log.info("broker connected", host=self._broker.host, port=self._broker.port)
                    away = False
                    async with asyncio.TaskGroup() as group:
                        sweep = group.create_task(self._sweep(), name="phones")
                        async for message in client.messages:
                            self.take(client, message)
                        sweep.cancel()
            except* MqttError as errors:
                error = errors.exceptions[0]
                if not away:
                    log.warning("broker away, trying on", cause=str(error))
                away = True
            finally:
                self._forget(list(self._phones))
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
            if protocol.said and str(message.topic) == protocol.said.replace("+", number):
                self._heard(client, protocol, number, message)
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

    def _heard(self, client: Client, protocol: TopicProtocol, number: str, message: Message) -> None:
        """A phone speaks: it listens, too. Raises ProtocolError."""
        terminal, now = terminal_key(protocol.name, number), time.monotonic()
        phone = self._phones.get(terminal)
        session = phone.talk if phone else protocol.session(terminal, now)
        session.receive(bytes(message.payload) if isinstance(message.payload, bytes) else b"", now)
        if session.closing:
            self._forget([terminal])
        elif phone is None:
            phone = Phone(client, protocol.told.format(number), session)
            if self._hub.identified(phone, ""):
                self._phones[terminal] = phone
        self._hub.collect("mqtt", session)

    async def _sweep(self) -> None:
        """Phones that have fallen silent listen no more."""
        while True:
            await asyncio.sleep(SWEEP_S)
            now = time.monotonic()
            self._forget([terminal for terminal, phone in self._phones.items() if now > phone.talk.deadline()])

    def _forget(self, terminals: Iterable[str]) -> None:
        for terminal in terminals:
            if (phone := self._phones.pop(terminal, None)) is not None:
                self._hub.lost(phone)

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
    for protocol, pattern in ((p, topic.split("/")) for p in TOPIC.values() for topic in p.topics):
        if len(pattern) == len(levels) and all(p in ("+", level) for p, level in zip(pattern, levels, strict=True)):
            return protocol, "/".join(level for p, level in zip(pattern, levels, strict=True) if p == "+")
    raise ValueError(f"no protocol subscribed to {topic}")
