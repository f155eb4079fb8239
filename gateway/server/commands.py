"""Commands on their way: from the bus into the outbox, to the terminal wherever it is connected, and back.

One task handles everything in order; the outbox is asked in a thread of its own, since its commits
are synchronous. Every step is told on the bus and, through the spool, to the history.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import orjson
import structlog

from gateway import command
from gateway.bus import COMMAND_STATE_SUBJECT, COMMAND_SUBJECT, Bus, Message
from gateway.command import Command
from gateway.disk import space
from gateway.errors import ProtocolError, StorageFull
from gateway.outbox import Order, Outbox, State
from gateway.session import Answer
from gateway.spool import Entry

log = structlog.get_logger()
T = TypeVar("T")
TICK_S = 0.5
FULL_RETRY_S = 1.0
LEAD_S = 0.1
ANSWER_S = 10.0
ATTEMPTS = 3
EXPIRES_S = 120.0
"""How long a command waits for its terminal unless its sender says otherwise."""
LONGEST_S = 30 * 86_400.0
LONGEST_NAME = 128


class Lines(Protocol):
    """The connections of all gateways, as commands see them."""

    def leads(self) -> bool:
        """Whether new commands are taken at this desk."""

    def reaches(self, terminal: str) -> bool:
        """Whether the terminal is connected anywhere."""

    async def say(self, terminal: str, wanted: Command, attempt: str) -> tuple[str, int] | None:
        """Queue and write; by which gateway, and the serial that will be answered. None: it is not reached now."""

    async def welcome(self, terminal: str) -> None:
        """The terminal has come; what else it is to be told."""


Event = tuple[str, Any]


@dataclass
class Commands:
    """before: what must be remembered of a command before it is accepted; in the outbox's thread."""

    outbox: Outbox
    bus: Bus
    notice: Callable[[list[Entry]], Awaitable[None]]
    answer_s: float = ANSWER_S
    before: Callable[[Command], None] = lambda _wanted: None
    lines: Lines = field(init=False)
    _events: asyncio.Queue[Event] = field(default_factory=asyncio.Queue)
    _latest: Event = ("", None)
    _sent: dict[tuple[str, str, int], str] = field(default_factory=dict)  # (terminal, gateway, serial) -> id
    _thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "outbox"))

    # what happens outside

    def identified(self, terminal: str) -> None:
        """The terminal is here: say what waits for it. Terminals that come one after another are greeted together."""
        if self._latest[0] == "identified":
            self._latest[1].append(terminal)
        else:
            self._put("identified", [terminal])

    def lost(self, terminal: str, gateway: str) -> None:
        """Its connection to a gateway went: what was not answered there waits again."""
        self._put("lost", (terminal, gateway))

    def called(self, terminal: str) -> None:
        """A command was accepted for the terminal: say what waits for it."""
        self._put("called", terminal)

    def answered(self, terminal: str, gateway: str, answers: Sequence[Answer]) -> None:
        self._put("answered", (terminal, gateway, list(answers)))

    def _put(self, kind: str, value: Any) -> None:
        self._latest = kind, value
        self._events.put_nowait(self._latest)

    # tasks

    async def listen(self) -> None:
        """Take commands from the bus while this desk leads; nobody is told "here I am" who is not served."""
        while True:
            if not self.lines.leads():
                await asyncio.sleep(LEAD_S)
                continue
            async with self.bus.subscribe(COMMAND_SUBJECT) as messages:
                async for message in messages:
                    if not self.lines.leads():
                        break
                    self._put("wanted", message)

    async def run(self) -> None:
        """Handle what happens, in order, and look at the clock in between."""
        handlers: dict[str, Callable[[Any], Awaitable[None]]] = {
            "identified": self._greet, "lost": self._lose, "answered": self._take_answers, "wanted": self._take,
            "called": self._deliver,
        }  # fmt: skip
        for order in await self._ask(self.outbox.on_their_way):
            await self._step(order.id, "lose", "restarted")
        looked = time.monotonic()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK_S):  # wait_for of 3.11 forgets to be cancelled when an event comes
                    event = await self._events.get()
                if event is self._latest:
                    self._latest = ("", None)  # it is being handled: nothing may join it
                await handlers[event[0]](event[1])
            if time.monotonic() - looked >= TICK_S:
                looked = time.monotonic()
                await self._look_at_clock()
            if self._events.empty():
                await self._tell()

    # steps

    async def _take(self, message: Message) -> None:
        """{"command", "actor", "expires_s", "id"} or a bare command -> the order that it has become."""
        try:
            wanted, actor, key, lasting_us = _read(message.payload)
            order = await self._try(self._acceptance(wanted, actor, lasting_us, key))
        except (ValueError, TypeError, StorageFull) as error:
            log.warning("command refused", cause=str(error))
            await message.respond(json.dumps({"error": str(error)}, ensure_ascii=False).encode())
            return
        await self._deliver(order.terminal)
        order = await self._ask(lambda: self.outbox.order(order.id))
        await message.respond(json.dumps(order.to_plain(), ensure_ascii=False).encode())

    async def accept(self, wanted: Command, *, actor: str, expires_s: float, key: str | None = None) -> Order:
        """Take a command of our own, durably; `called` lets it be said. The same key again gives the same order."""
        return await self._ask(self._acceptance(wanted, actor, int(expires_s * 1e6), key))

    def _acceptance(self, wanted: Command, actor: str, lasting_us: int, key: str | None) -> Callable[[], Order]:
        now = _now()

        def add() -> Order:
            self.before(wanted)
            return self.outbox.add(wanted, actor=actor, now_us=now, expires_us=now + lasting_us, key=key)

        return add

    async def _greet(self, come: list[str]) -> None:
        awaited = await self._ask(self.outbox.awaited)
        for terminal in come:
            await self.lines.welcome(terminal)
            if terminal in awaited:
                await self._deliver(terminal)

    async def _deliver(self, terminal: str) -> None:
        for order in await self._ask(lambda: self.outbox.waiting(terminal)):
            try:
                said = await self.lines.say(terminal, order.command, f"{order.id} {order.attempts}")
            except ProtocolError as error:
                await self._step(order.id, "refuse", error.cause, {"detail": error.detail})
                continue
            if said is None:
                return
            self._sent[terminal, *said] = order.id
            await self._step(order.id, "send")

    async def _lose(self, line: tuple[str, str]) -> None:
        for key in [k for k in self._sent if k[:2] == line]:
            await self._step(self._sent.pop(key), "lose", "connection_lost")

    async def _take_answers(self, told: tuple[str, str, list[Answer]]) -> None:
        terminal, gateway, answers = told
        for answer in answers:
            key = self._sent.pop((terminal, gateway, answer.serial), None)
            if key is not None:
                await self._step(key, "acknowledge" if answer.ok else "reject", answer.result, answer.detail)

    async def _look_at_clock(self) -> None:
        """Try again what was not answered in time, give up what has expired or was tried often enough."""
        now, again = _now(), set()
        for order in await self._ask(lambda: self.outbox.expired(now)):
            self._sent = {k: v for k, v in self._sent.items() if v != order.id}
            await self._step(order.id, "expire", "expired")
        for order in await self._ask(lambda: self.outbox.overdue(now, int(self.answer_s * 1e6))):
            self._sent = {k: v for k, v in self._sent.items() if v != order.id}
            if order.attempts >= ATTEMPTS:
                await self._step(order.id, "reject", "no_answer")
            else:
                await self._step(order.id, "lose", "no_answer")
                again.add(order.terminal)
        again |= {terminal for terminal in await self._ask(self.outbox.awaited) if self.lines.reaches(terminal)}
        for terminal in again:
            await self._deliver(terminal)
        await self._ask(lambda: self.outbox.trim(now))

    async def _step(self, key: str, event: str, result: str = "", detail: Any = None) -> None:
        plain = json.loads(json.dumps(dict(detail), default=str)) if detail else None
        order = await self._ask(lambda: self.outbox.step(key, event, _now(), result, plain))
        if order is not None:
            await self.bus.publish(COMMAND_STATE_SUBJECT, json.dumps(order.to_plain(), ensure_ascii=False).encode())
            if order.state is State.FAILED:
                log.warning("command failed", terminal=order.terminal, id=order.id, result=order.result)

    async def _tell(self) -> None:
        """Let the history know, through the spool, of every step; also of those before a kill."""
        steps = await self._ask(self.outbox.untold)
        if steps:
            await self.notice([Entry("command", _now(), step.encode()) for _, step in steps])
            await self._ask(lambda: self.outbox.told(steps[-1][0]))

    async def _ask(self, question: Callable[[], T]) -> T:
        """What the outbox says. Waits while its disk is full, so that no step is forgotten."""
        while True:
            try:
                return await self._try(question)
            except StorageFull as error:
                log.error("commands wait", cause=str(error))
                await asyncio.sleep(FULL_RETRY_S)

    async def _try(self, question: Callable[[], T]) -> T:
        """The same; raises StorageFull."""
        with space("the outbox"):
            return await asyncio.get_running_loop().run_in_executor(self._thread, question)


def _read(payload: bytes) -> tuple[Command, str, str | None, int]:
    """Command, actor, key and how long it may wait, in us. Raises ValueError and TypeError."""
    data = orjson.loads(payload)
    wrapped = data if isinstance(data, dict) and "command" in data else {"command": data}
    actor, key, lasting = wrapped.get("actor", ""), wrapped.get("id"), wrapped.get("expires_s", EXPIRES_S)
    if not isinstance(actor, str) or len(actor) > LONGEST_NAME:
        raise ValueError(f"actor: a text of at most {LONGEST_NAME} characters is expected")
    if key is not None and not (isinstance(key, str) and 0 < len(key) <= LONGEST_NAME):
        raise ValueError(f"id: a text of 1 to {LONGEST_NAME} characters is expected")
    if isinstance(lasting, bool) or not isinstance(lasting, int | float) or not 0 < lasting <= LONGEST_S:
        raise ValueError(f"expires_s: a number of seconds up to {LONGEST_S:g} is expected")
    return command.from_plain(wrapped["command"]), actor, key, int(lasting * 1e6)


def _now() -> int:
    return time.time_ns() // 1000
