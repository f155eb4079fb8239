"""Asks terminals for the attachments of their safety alarms: once for each label, as a command of the gateway's own.

What is wanted is written down before the alarm is answered, and becomes a command once the alarm is in
the spool; neither is lost by a restart.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog

from gateway.command import Command, RequestAttachments
from gateway.disk import space
from gateway.errors import StorageFull
from gateway.requests import Request, Requests

log = structlog.get_logger()
ACTOR = "gateway"
FULL_RETRY_S = 1.0
LOOK_S = 1.0
EXPIRES_S = 3600.0
"""How long a terminal may be away before the gateway stops asking it."""


class Orders(Protocol):
    """The commands, as asking sees them."""

    def accept(self, wanted: Command, *, actor: str, expires_s: float, key: str | None = None) -> Awaitable[Any]: ...

    def called(self, terminal: str) -> None: ...


def follower(requests: Requests) -> Callable[[list[dict[str, Any]], int], None]:
    """What the committer lets be remembered of reports, in its thread. Raises StorageFull."""

    def follow(reports: list[dict[str, Any]], now_us: int) -> None:
        labels = _labels(reports)
        if not labels:
            return
        with space("requests of attachments"):
            requests.want(labels, now_us)

    return follow


def _labels(reports: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """(terminal, label) of safety events that have attachments."""
    return [(r["terminal"], r["label"]) for r in reports if r["kind"] == "safety_event" and r["attachments"] > 0]


def remember(requests: Requests) -> Callable[[Command], None]:
    """What commands let be remembered: attachments that somebody else asks for, to be sent here."""

    def before(wanted: Command) -> None:
        if isinstance(wanted, RequestAttachments) and not wanted.host:
            requests.expect(Request(wanted.number, wanted.terminal, wanted.label), time.time_ns() // 1000)

    return before


@dataclass
class Asking:
    requests: Requests
    orders: Orders = field(init=False)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    def heard(self, reports: list[dict[str, Any]]) -> None:
        """Reports are in the spool."""
        if _labels(reports):
            self._wake.set()

    async def run(self) -> None:
        """Ask for what is wanted, at first for what a former process did not come to."""
        while True:
            self._wake.clear()
            try:
                with space("requests of attachments"):
                    await self._order_all()
            except StorageFull as error:
                log.error("attachments are asked for later", cause=str(error))
                await asyncio.sleep(FULL_RETRY_S)
                continue
            with suppress(TimeoutError):  # another gateway of this machine may have heard of it
                async with asyncio.timeout(LOOK_S):
                    await self._wake.wait()

    async def _order_all(self) -> None:
        while wanted := await asyncio.to_thread(self.requests.not_ordered):
            for request in wanted:
                await self._order(request)

    async def _order(self, request: Request) -> None:
        wanted = RequestAttachments(terminal=request.terminal, label=request.label, number=request.number)
        await self.orders.accept(wanted, actor=ACTOR, expires_s=EXPIRES_S, key=f"attachments-{request.number}")
        await asyncio.to_thread(self.requests.ordered, request)
        self.orders.called(request.terminal)
