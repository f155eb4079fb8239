"""The port: what every adapter of the bus can do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

QUEUE_MESSAGES = 1024
"""A subscriber that falls further behind than this loses messages, counted by the adapter."""


class BusError(Exception):
    """Nobody answered, or the bus is away."""


async def _nobody(_payload: bytes) -> None:
    """A message that expects no answer drops it."""


@dataclass(frozen=True, slots=True)
class Message:
    subject: str
    payload: bytes
    respond: Callable[[bytes], Awaitable[None]] = _nobody


class Bus(Protocol):
    @property
    def connected(self) -> bool:
        """Whether messages can be sent and arrive at this moment."""

    async def publish(self, subject: str, payload: bytes) -> None:
        """Send to whoever listens. Never blocks on a slow listener; lost while the bus is away."""

    def subscribe(self, subject: str) -> AbstractAsyncContextManager[AsyncIterator[Message]]:
        """Messages of a subject until the context ends; waits while the bus is away. `*` matches one token."""

    async def request(self, subject: str, payload: bytes, timeout_s: float) -> bytes:
        """Ask and wait for one answer. Raises BusError when none comes in time."""

    async def run(self) -> None:
        """Keep the connection until cancelled; the other calls work while this runs."""
