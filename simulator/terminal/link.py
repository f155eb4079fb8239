"""The TCP connection of a terminal: keeps it up for ever, carries bytes and wakes it when time is due."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

import structlog

from gateway.report import Position
from simulator.danger import Hazard
from simulator.terminal.backoff import Backoff
from simulator.terminal.car import Occurrence
from simulator.terminal.conversation import NEVER
from simulator.terminal.framed import FramedTerminal
from simulator.terminal.reach import Reach
from simulator.terminal.store import Store

log = structlog.get_logger()
CONNECT_S = 10.0
WRITE_S = 20.0
READ_BYTES = 65_536


class LinkClosed(Exception):
    """The connection ended, or the terminal gave it up; the message says why."""


@dataclass
class Link:
    """key: under which the terminal is logged."""

    key: str
    terminal: FramedTerminal
    reach: Reach
    backoff: Backoff
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _heard: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.terminal.wake = self._wake.set

    @property
    def store(self) -> Store:
        return self.terminal.store

    def record(self, position: Position, hazard: Hazard | None = None) -> None:
        """A new fix of the terminal. hazard: what a camera has seen there."""
        self.terminal.record(position, time.monotonic(), hazard)
        self._wake.set()

    def occurred(self, what: Occurrence) -> None:
        """Something has happened in the car."""
        self.terminal.occurred(what, time.monotonic())

    def interval_s(self, position: Position, usual_s: float) -> float:
        """Seconds until the next fix is wanted."""
        return self.terminal.interval_s(position, usual_s, time.monotonic())

    def wake(self) -> None:
        """Fixes were put into the terminal's store: send them."""
        self.terminal.upload(time.monotonic())
        self._wake.set()

    async def drained(self, left: int) -> None:
        """Until at most `left` fixes wait for their acknowledgement."""
        while len(self.store) > left:
            self._heard.clear()
            await self._heard.wait()

    async def run(self) -> None:
        """Connect and talk until cancelled."""
        while True:
            try:
                async with asyncio.timeout(CONNECT_S):
                    reader, writer = await asyncio.open_connection(self.reach.host, self.reach.port)
            except (OSError, TimeoutError) as error:
                self.reach.failed(self.key, str(error) or "no connection in time")
            else:
                await self._talk(reader, writer)
            await asyncio.sleep(self.backoff.next_s())

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.terminal.connected(time.monotonic())
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._listen(reader), name=f"{self.key} listens")
                tasks.create_task(self._speak(writer), name=f"{self.key} speaks")
        except* (LinkClosed, OSError, TimeoutError) as group:
            cause = group.exceptions[0]
            self.reach.failed(self.key, str(cause) or type(cause).__name__)
        finally:
            self.terminal.disconnected()
            writer.transport.abort()

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(READ_BYTES):
            was_ready = self.terminal.ready
            self.terminal.receive(data, time.monotonic())
            if self.terminal.ready and not was_ready:
                self._logged_in()
            self._wake.set()
            self._heard.set()
        raise LinkClosed("the platform closed the connection")

    def _logged_in(self) -> None:
        self.backoff.reset()
        self.reach.reached(self.key)
        log.debug("logged in", terminal=self.key)

    def _tell_notices(self) -> None:
        notices = self.terminal.cabin.notices
        for notice in notices:
            log.info(notice.what, terminal=self.key, **notice.fields)
        notices.clear()

    async def _speak(self, writer: asyncio.StreamWriter) -> None:
        if self.terminal.ready:
            self._logged_in()
        while True:
            self._wake.clear()
            self.terminal.advance(time.monotonic())
            self._tell_notices()
            if data := self.terminal.data_to_send():
                writer.write(data)
                async with asyncio.timeout(WRITE_S):
                    await writer.drain()
            if self.terminal.closing:
                raise LinkClosed(self.terminal.closing)
            await self._until(self.terminal.deadline())

    async def _until(self, deadline: float) -> None:
        """Until something happens, or monotonic `deadline`."""
        wait = None if deadline == NEVER else max(0.0, deadline - time.monotonic())
        try:
            async with asyncio.timeout(wait):
                await self._wake.wait()
        except TimeoutError:
            return
