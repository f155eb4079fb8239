"""Adapter for NATS core. Connects and reconnects by itself for ever; while away, publishing drops and counts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg

from gateway.bus.port import QUEUE_MESSAGES, BusError, Message

log = structlog.get_logger()


class NatsBus:
    """`run` must be running, in a task, for anything to arrive."""

    def __init__(self, url: str, name: str) -> None:
        self._url = url
        self._name = name
        self._client = Client()
        self._ready = asyncio.Event()
        self._away = False
        self.dropped = 0

    @property
    def connected(self) -> bool:
        return self._client.is_connected

    async def run(self) -> None:
        """Keep the connection until cancelled."""
        try:
            await self._client.connect(
                self._url, name=self._name, error_cb=self._error, disconnected_cb=self._disconnected,
                reconnected_cb=self._connected, max_reconnect_attempts=-1, reconnect_time_wait=1, connect_timeout=5,
                pending_size=64 << 20,
            )  # fmt: skip
            await self._connected()
            await asyncio.Event().wait()
        finally:
            self._away = True  # by our own will: nothing to say
            await self._client.close()

    async def _connected(self) -> None:
        self._away = False
        self._ready.set()
        log.info("bus connected", server=urlsplit(self._url).netloc.rpartition("@")[2])

    async def _disconnected(self) -> None:
        await self._error(ConnectionError("disconnected"))

    async def _error(self, cause: Exception) -> None:
        """Say once that the bus is away; other errors as they come."""
        lost = isinstance(cause, OSError | nats.errors.StaleConnectionError | nats.errors.UnexpectedEOF)
        if not (lost and self._away):
            log.warning("bus away, trying on" if lost else "bus error", cause=str(cause) or type(cause).__name__)
        self._away = self._away or lost

    async def publish(self, subject: str, payload: bytes) -> None:
        if not self._client.is_connected:
            self.dropped += 1
            return
        try:
            await self._client.publish(subject, payload)
        except (nats.errors.Error, OSError) as cause:
            self.dropped += 1
            log.warning("bus dropped a message", subject=subject, cause=str(cause) or type(cause).__name__)

    @asynccontextmanager
    async def subscribe(self, subject: str) -> AsyncIterator[AsyncIterator[Message]]:
        await self._ready.wait()
        subscription = await self._client.subscribe(subject, pending_msgs_limit=QUEUE_MESSAGES)

        async def messages() -> AsyncIterator[Message]:
            async for message in subscription.messages:
                yield _translate(message)

        try:
            yield messages()
        finally:
            if self._client.is_connected:
                await subscription.unsubscribe()

    async def request(self, subject: str, payload: bytes, timeout_s: float) -> bytes:
        if not self._client.is_connected:
            raise BusError(f"no answer on {subject}: the bus is away")
        try:
            return (await self._client.request(subject, payload, timeout=timeout_s)).data
        except (nats.errors.Error, TimeoutError, OSError) as cause:
            raise BusError(f"no answer on {subject}: {cause or type(cause).__name__}") from cause


def _translate(message: Msg) -> Message:
    if message.reply:
        return Message(message.subject, message.data, message.respond)
    return Message(message.subject, message.data)
