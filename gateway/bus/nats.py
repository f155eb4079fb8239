"""Adapter for NATS core. Reconnects by itself for ever; while away, publishing drops and counts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg

from gateway.bus.port import QUEUE_MESSAGES, BusError, Message

log = structlog.get_logger()


class NatsBus:
    def __init__(self, client: Client) -> None:
        self._client = client
        self.dropped = 0

    @classmethod
    async def connect(cls, url: str, name: str) -> Self:
        """Connect as `name`. Raises BusError when the first connection fails."""

        async def error(cause: Exception) -> None:
            log.warning("bus error", cause=str(cause) or type(cause).__name__)

        client = Client()
        try:
            await client.connect(
                url, name=name, error_cb=error, max_reconnect_attempts=-1, reconnect_time_wait=1,
                allow_reconnect=True, connect_timeout=5,
            )  # fmt: skip
        except (OSError, nats.errors.Error) as cause:
            raise BusError(f"cannot reach the bus at {url}: {cause}") from cause
        return cls(client)

    async def publish(self, subject: str, payload: bytes) -> None:
        if not self._client.is_connected:
            self.dropped += 1
            return
        try:
            await self._client.publish(subject, payload)
        except nats.errors.Error as cause:
            self.dropped += 1
            log.warning("bus dropped a message", subject=subject, cause=str(cause))

    @asynccontextmanager
    async def subscribe(self, subject: str) -> AsyncIterator[AsyncIterator[Message]]:
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
        try:
            return (await self._client.request(subject, payload, timeout=timeout_s)).data
        except (nats.errors.Error, TimeoutError) as cause:
            raise BusError(f"no answer on {subject}: {cause or type(cause).__name__}") from cause

    async def close(self) -> None:
        await self._client.close()


def _translate(message: Msg) -> Message:
    return Message(message.subject, message.data, message.respond) if message.reply else Message(
        message.subject, message.data
    )  # fmt: skip
