"""Terminals wherever they are connected: several gateways that share nothing but the bus.

Each tells the others that it is alive (`taxihub.gateway.alive`) and which terminals are here
(`taxihub.gateway.lines`); from that `Presence` knows who holds whom. A command for a terminal that
another gateway holds is said there (`taxihub.gateway.<id>.say`), and the terminal's answer comes
back (`.answered`). A terminal that is wanted elsewhere but shown by no code (`taxihub.gateway.wanted`)
is given up where its line has fallen silent.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson
import structlog

from gateway import command
from gateway.bus import ALIVE_SUBJECT, COUNTS_SUBJECT, GATEWAY_SUBJECT, LINES_SUBJECT, WANTED_SUBJECT, Bus, BusError
from gateway.bus import Message as Told
from gateway.command import Command
from gateway.errors import ProtocolError
from gateway.server.presence import News, Presence
from gateway.session import Answer

log = structlog.get_logger()
ALIVE_S, SETTLE_S, NEWS_S, SAY_S = 2.0, 0.5, 0.05, 2.0
MOST_SAID = 64
"""Commands of other desks to one terminal, which are remembered until it answers."""
MOST_ANSWERED = 1_000
"""Of those, answers that are told again to a desk that asks again."""


class Lines(Protocol):
    """The connections of this gateway."""

    def say(self, terminal: str, wanted: Command) -> int | None: ...

    async def welcome(self, terminal: str) -> None: ...

    def fence(self, terminal: str, address: str) -> None:
        """The terminal is elsewhere, at this address: close its line."""

    def wanted(self, terminal: str, address: str) -> None:
        """Somebody says elsewhere that he is this terminal: close its line if that is silent."""


class Desk(Protocol):
    """The commands of this gateway, where it takes some."""

    def identified(self, terminal: str) -> None: ...

    def lost(self, terminal: str, gateway: str) -> None: ...

    def answered(self, terminal: str, gateway: str, answers: Sequence[Answer]) -> None: ...


@dataclass
class Switchboard:
    """lines: set before `run`; desk: None where this gateway takes no commands; counts: of this gateway."""

    bus: Bus
    presence: Presence
    counts: Callable[[], Mapping[str, int]]
    lines: Lines = field(init=False)
    desk: Desk | None = None
    _settled: bool = False
    _said: dict[str, dict[int, tuple[str, str]]] = field(default_factory=dict)  # terminal -> serial -> desk, attempt
    _answered: OrderedDict[tuple[str, str], tuple[int, dict[str, Any]]] = field(default_factory=OrderedDict)
    _telling: set[asyncio.Task[None]] = field(default_factory=set)

    # the hub's side

    def may_come(self, terminal: str, address: str, *, proved: bool) -> bool:
        """False when another gateway holds the terminal and keeps it: its line is then looked at there."""
        if self.presence.may_come(terminal, address, proved=proved):
            return True
        self._tell_soon(WANTED_SUBJECT, {"terminal": terminal, "address": address})
        return False

    def came(self, terminal: str, address: str) -> None:
        self.presence.came(terminal, address, _now())
        if self.desk:
            self.desk.identified(terminal)

    def left(self, terminal: str) -> None:
        self.presence.left(terminal)
        self._said.pop(terminal, None)
        if self.desk:
            self.desk.lost(terminal, self.presence.me)

    def answered(self, terminal: str, answers: Sequence[Answer]) -> None:
        own, said = [], self._said.get(terminal, {})
        for answer in answers:
            attempt = said.pop(answer.serial, None)
            if attempt is not None:
                told = {"terminal": terminal, "gateway": self.presence.me, "answer": _plain(answer)}
                self._answered[attempt] = answer.serial, told
                while len(self._answered) > MOST_ANSWERED:
                    self._answered.popitem(last=False)
                self._tell_soon(GATEWAY_SUBJECT.format(attempt[0], "answered"), told)
            else:
                own.append(answer)
        if own and self.desk:
            self.desk.answered(terminal, self.presence.me, own)

    # the desk's side

    def leads(self) -> bool:
        """Whether new commands are taken at this desk; not before the others had time to say that they are there."""
        return self._settled and self.presence.leads

    def reaches(self, terminal: str) -> bool:
        return terminal in self.presence.here or terminal in self.presence.elsewhere

    async def welcome(self, terminal: str) -> None:
        """A terminal has come; what else it is to be told by its own gateway."""
        if terminal in self.presence.here:
            await self.lines.welcome(terminal)

    async def say(self, terminal: str, wanted: Command, attempt: str) -> tuple[str, int] | None:
        """Say something wherever the terminal is: (gateway, serial) of it; None where it is not reached now.

        attempt  names this saying: asked twice under the same name, it is said once
        Raises ProtocolError when its protocol cannot say it.
        """
        if (serial := self.lines.say(terminal, wanted)) is not None:
            return self.presence.me, serial
        holder = self.presence.holder(terminal)
        if holder is None:
            return None
        asked = {"desk": self.presence.me, "attempt": attempt, "command": command.to_plain(wanted)}
        try:
            told = await self.bus.request(GATEWAY_SUBJECT.format(holder, "say"), orjson.dumps(asked), SAY_S)
        except BusError as error:
            log.warning("a gateway does not say what it was asked to", gateway=holder, cause=str(error))
            return None
        said = orjson.loads(told)
        if said.get("refused"):
            raise ProtocolError(said["refused"], said["detail"])
        return (holder, said["serial"]) if said.get("serial") is not None else None

    # tasks

    async def run(self) -> None:
        mine = self.presence.me
        heard: dict[str, Callable[[Told], Awaitable[None]]] = {
            ALIVE_SUBJECT: self._hear_alive, LINES_SUBJECT: self._hear_lines, WANTED_SUBJECT: self._hear_wanted,
            GATEWAY_SUBJECT.format(mine, "say"): self._say_for, COUNTS_SUBJECT: self._count_all,
            GATEWAY_SUBJECT.format(mine, "counts"): self._count,
            GATEWAY_SUBJECT.format(mine, "whole"): self._tell_whole,
            GATEWAY_SUBJECT.format(mine, "answered"): self._hear_answer,
        }  # fmt: skip
        async with AsyncExitStack() as held, asyncio.TaskGroup() as tasks:
            for subject, hear in heard.items():
                messages = await held.enter_async_context(self.bus.subscribe(subject))
                tasks.create_task(self._listen(subject, messages, hear), name=f"hear {subject}")
            tasks.create_task(self._tell_alive(), name="tell alive")
            tasks.create_task(self._tell_news(), name="tell news")

    async def _listen(
        self, subject: str, messages: AsyncIterator[Told], hear: Callable[[Told], Awaitable[None]]
    ) -> None:  # fmt: skip
        async for message in messages:
            try:
                await hear(message)
            except (ValueError, KeyError, TypeError) as error:
                log.warning("nonsense on the bus", subject=subject, cause=repr(error))

    async def _tell_alive(self) -> None:
        await self._tell(ALIVE_SUBJECT, self.presence.alive())
        await asyncio.sleep(SETTLE_S)
        self._settled = True
        while True:
            await self._tell(ALIVE_SUBJECT, self.presence.alive())
            await asyncio.sleep(ALIVE_S)
            self._follow(self.presence.expire(time.monotonic()))

    async def _tell_news(self) -> None:
        while True:
            await asyncio.sleep(NEWS_S)
            for news in self.presence.untold():
                await self._tell(LINES_SUBJECT, news)

    async def _tell(self, subject: str, told: Any) -> None:
        await self.bus.publish(subject, orjson.dumps(told, default=str))

    def _tell_soon(self, subject: str, told: Any) -> None:
        task = asyncio.get_running_loop().create_task(self._tell(subject, told), name=f"tell {subject}")
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    # what the others tell

    async def _hear_alive(self, message: Told) -> None:
        told = orjson.loads(message.payload)
        new, differs = self.presence.hear_alive(told, time.monotonic())
        if new:
            await self._tell(ALIVE_SUBJECT, self.presence.alive())
            await self._tell_whole()
        if differs:
            await self._tell(GATEWAY_SUBJECT.format(told["gateway"], "whole"), {})

    async def _tell_whole(self, _message: Told | None = None) -> None:
        for lines in self.presence.whole():
            await self._tell(LINES_SUBJECT, lines)

    async def _hear_lines(self, message: Told) -> None:
        self._follow(self.presence.hear_lines(orjson.loads(message.payload)))

    def _follow(self, news: News) -> None:
        for terminal, address in news.fenced:
            self._said.pop(terminal, None)
            self.lines.fence(terminal, address)
        if self.desk:
            for terminal, gateway in news.gone:
                self.desk.lost(terminal, gateway)
            for terminal, _ in news.fenced:
                self.desk.lost(terminal, self.presence.me)
            for terminal in news.come:
                self.desk.identified(terminal)

    async def _hear_wanted(self, message: Told) -> None:
        told = orjson.loads(message.payload)
        if told["terminal"] in self.presence.here:
            self.lines.wanted(told["terminal"], str(told["address"]))

    async def _hear_answer(self, message: Told) -> None:
        told = orjson.loads(message.payload)
        if self.desk:
            self.desk.answered(told["terminal"], told["gateway"], [Answer(**told["answer"])])

    async def _say_for(self, message: Told) -> None:
        """Say something for another gateway's desk."""
        asked = orjson.loads(message.payload)
        wanted, attempt = command.from_plain(asked["command"]), (asked["desk"], asked["attempt"])
        if attempt in self._answered:  # the desk has not heard of it
            before, told = self._answered[attempt]
            await message.respond(orjson.dumps({"serial": before}))
            self._tell_soon(GATEWAY_SUBJECT.format(attempt[0], "answered"), told)
            return
        said = self._said.get(wanted.terminal, {})
        serial = next((serial for serial, before in said.items() if before == attempt), None)
        answer: dict[str, Any] = {}
        try:
            serial = self.lines.say(wanted.terminal, wanted) if serial is None else serial
            answer = {"serial": serial}
        except ProtocolError as error:
            answer = {"refused": error.cause, "detail": error.detail}
        if serial is not None:
            said = self._said.setdefault(wanted.terminal, {})
            while len(said) >= MOST_SAID:
                del said[next(iter(said))]
            said[serial] = attempt
        await message.respond(orjson.dumps(answer))

    # counts

    async def _count(self, message: Told) -> None:
        await message.respond(orjson.dumps(self.counts()))

    async def _count_all(self, message: Told) -> None:
        """The sum over all gateways, told by the first desk."""
        if not self.presence.leads:
            return
        total = Counter(self.counts())
        for name in list(self.presence.peers):
            with suppress(BusError):
                total.update(orjson.loads(await self.bus.request(GATEWAY_SUBJECT.format(name, "counts"), b"", SAY_S)))
        await message.respond(orjson.dumps(dict(sorted(total.items()))))


def _plain(answer: Answer) -> dict[str, Any]:
    return {"serial": answer.serial, "ok": answer.ok, "result": answer.result, "detail": dict(answer.detail)}


def _now() -> int:
    return time.time_ns() // 1000
