"""Adapter inside one process: tests, and a gateway without any bus."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.bus.port import QUEUE_MESSAGES, BusError, Message


def _matches(pattern: str, subject: str) -> bool:
    wanted, given = pattern.split("."), subject.split(".")
    return len(wanted) == len(given) and all(w in ("*", g) for w, g in zip(wanted, given, strict=True))


class MemoryBus:
    def __init__(self) -> None:
        self._listeners: list[tuple[str, asyncio.Queue[Message]]] = []
        self.dropped = 0

    @property
    def connected(self) -> bool:
        return True

    async def publish(self, subject: str, payload: bytes) -> None:
        self._deliver(Message(subject, payload))

    def _deliver(self, message: Message) -> int:
        reached = 0
        for pattern, queue in self._listeners:
            if not _matches(pattern, message.subject):
                continue
            reached += 1
            if queue.full():
                queue.get_nowait()
                self.dropped += 1
            queue.put_nowait(message)
        return reached

    @asynccontextmanager
    async def subscribe(self, subject: str) -> AsyncIterator[AsyncIterator[Message]]:
        entry: tuple[str, asyncio.Queue[Message]] = (subject, asyncio.Queue(QUEUE_MESSAGES))
        self._listeners.append(entry)

        async def messages() -> AsyncIterator[Message]:
            while True:
                yield await entry[1].get()

        try:
            yield messages()
        finally:
            self._listeners.remove(entry)

    async def request(self, subject: str, payload: bytes, timeout_s: float) -> bytes:
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        async def respond(reply: bytes) -> None:
            if not answer.done():
                answer.set_result(reply)

        if not self._deliver(Message(subject, payload, respond)):
            raise BusError(f"nobody listens to {subject}")
        try:
            return await asyncio.wait_for(answer, timeout_s)
        except TimeoutError as error:
            raise BusError(f"no answer on {subject} within {timeout_s:g} s") from error

    async def run(self) -> None:
        """There is no connection to keep."""
