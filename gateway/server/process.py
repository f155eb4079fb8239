"""The gateway process: everything it consists of, put together in one place."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import sqlite3
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import structlog

from gateway.bus import FIX_SUBJECT, REPORT_SUBJECT, Bus
from gateway.errors import GatewayError
from gateway.report import FixBatch
from gateway.roll import Roll
from gateway.server.asking import Asking
from gateway.server.commands import Commands
from gateway.server.committer import Committer
from gateway.server.connection import Connection
from gateway.server.hub import Hub, Network
from gateway.server.keeper import Keeper
from gateway.server.switchboard import Switchboard
from gateway.server.topics import Topics
from gateway.spool import Entry, Spool

log = structlog.get_logger()
ROLL_S = 1.0
COUNTS_S = 60.0
FEED_ROWS = 2_000
"""Most fixes in one message of the live feed: 200 kB, under the bus's limit."""
FEED_REPORTS = 100
BACKLOG = 4_096


@dataclass(frozen=True, slots=True)
class Desk:
    """What one gateway of a machine does for all of them: commands, attachments, MQTT devices, telling of the roll."""

    commands: Commands
    asking: Asking
    keeper: Keeper
    topics: Topics | None


@dataclass(frozen=True, slots=True)
class Parts:
    """What `Gateway` is made of.

    ports   maps a TCP protocol to its port, 0 for a free one
    shared  other processes of this machine listen on the same ports
    """

    roll: Roll
    spool: Spool
    bus: Bus
    hub: Hub
    committer: Committer
    board: Switchboard
    desk: Desk | None
    bind: str
    ports: Mapping[str, int]
    shared: bool = False


def networks(text: str) -> list[Network]:
    """ "10.0.0.0/8,127.0.0.1" -> networks. Raises GatewayError."""
    try:
        return [ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise GatewayError(f"source networks {text!r}: {error}") from error


def publisher(
    bus: Bus, heard: Callable[[list[dict[str, Any]]], None]
) -> Callable[[FixBatch, list[dict[str, Any]]], Awaitable[None]]:
    """The live feed's end of the committer, and who else hears of reports."""

    async def publish(batch: FixBatch, reports: list[dict[str, Any]]) -> None:
        heard(reports)
        for part in batch.split(FEED_ROWS):
            await bus.publish(FIX_SUBJECT, part.to_bytes())
        for start in range(0, len(reports), FEED_REPORTS):
            await bus.publish(REPORT_SUBJECT, orjson.dumps(reports[start : start + FEED_REPORTS]))

    return publish


class Gateway:
    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.ports: dict[str, int] = {}
        """Where it really listens, once it does."""

    async def serve(self, state: Path, stop: asyncio.Event) -> None:
        """Run until `stop` is set: then listen no more, commit and answer what is held, close.

        Writes `state` (JSON: ports) when terminals may connect and removes it at the end.
        """
        p = self.parts
        async with asyncio.TaskGroup() as keepers:
            tasks = [
                keepers.create_task(p.bus.run(), name="bus"),
                keepers.create_task(p.committer.upkeep(), name="spool upkeep"),
                keepers.create_task(self._follow_roll(), name="roll"),
                keepers.create_task(p.board.run(), name="switchboard"),
                keepers.create_task(self._log_counts(), name="log counts"),
                keepers.create_task(p.hub.sweep(), name="sweep"),
            ]
            commits = keepers.create_task(p.committer.run(), name="commits")
            attachments = None
            if p.desk:
                tasks.append(keepers.create_task(p.desk.commands.listen(), name="commands"))
                tasks.append(keepers.create_task(p.desk.commands.run(), name="outbox"))
                tasks.append(keepers.create_task(p.desk.asking.run(), name="asking"))
                attachments = keepers.create_task(p.desk.keeper.run(), name="attachments")
                if p.desk.topics:
                    tasks.append(keepers.create_task(p.desk.topics.run(), name="topics"))
            servers = await self._listen()
            write_state(state, {"ports": self.ports})
            log.info("gateway listens", bind=p.bind, **self.ports, terminals=len(p.roll))
            try:
                await stop.wait()
            finally:
                state.unlink(missing_ok=True)
                for server in servers:
                    server.close()
                p.hub.read(paused=True)
                if p.desk and attachments:
                    p.desk.keeper.finish()
                    await asyncio.wait([attachments])
                p.committer.finish()
                await asyncio.wait([commits])
                if p.desk:
                    p.desk.keeper.close()
                p.hub.close()
                for task in tasks:
                    task.cancel()
        self._tell()

    async def _listen(self) -> list[asyncio.Server]:
        loop, servers = asyncio.get_running_loop(), []
        for name, port in self.parts.ports.items():
            server = await loop.create_server(
                partial(Connection, self.parts.hub, name), self.parts.bind, port, backlog=BACKLOG,
                reuse_port=self.parts.shared,
            )  # fmt: skip
            self.ports[name] = server.sockets[0].getsockname()[1]
            servers.append(server)
        host, port = self.parts.hub.attachments
        self.parts.hub.attachments = (host, self.ports.get("jsatl", port))
        return servers

    async def _follow_roll(self) -> None:
        """See other processes' changes of the roll, and announce them."""
        while True:
            try:
                await self._announce(self.parts.roll)
            except sqlite3.Error as error:
                log.error("the roll cannot be followed, trying on", cause=str(error))
            await asyncio.sleep(ROLL_S)

    async def _announce(self, roll: Roll) -> None:
        """Tell downstream, through the spool, which rows have changed."""
        await roll.ask(roll.refresh)
        if self.parts.desk is None:
            return
        rows, revision = await roll.ask(roll.unannounced)
        if rows:
            now_us = time.time_ns() // 1000
            entries = [Entry("terminal", now_us, json.dumps(asdict(row)).encode()) for row in rows]
            await self.parts.committer.notice(entries)
            await roll.ask(partial(roll.announced, revision))
            log.info("roll announced", terminals=len(rows))

    def counts(self) -> dict[str, int]:
        """Outcomes by cause since the start, and how many terminals are connected now, here and to other gateways."""
        p = self.parts
        total = p.hub.counts + p.committer.counts
        if p.desk:
            total += p.desk.keeper.counts + (p.desk.topics.counts if p.desk.topics else Counter())
        now = {"connections": len(p.hub), "terminals": len(p.hub.live), "elsewhere": len(p.board.presence.elsewhere)}
        return dict(sorted(total.items())) | now

    async def _log_counts(self) -> None:
        while True:
            await asyncio.sleep(COUNTS_S)
            self._tell()

    def _tell(self) -> None:
        log.info("counts", **self.counts())


def write_state(path: Path, state: Mapping[str, object]) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(state))
    fresh.replace(path)
