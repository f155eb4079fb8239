"""What the console's process consists of, and how a route gets at it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends
from fastapi.requests import HTTPConnection

from dashboard.gate import Entrant
from dashboard.permission import Permission, permissions
from dashboard.problem import Problem
from dashboard.stream import LiveFeed
from dashboard.throttle import Throttle
from dispatch import places
from dispatch.desk import Desk
from dispatch.places import Gazetteer
from dispatch.tariff import Book
from gateway.bus import Bus
from tracking.database import Connection, Database
from tracking.roads.port import Place, Roads, Way


@dataclass(frozen=True)
class Options:
    """Plain values from the settings.

    login_lasts    how long a log-in lasts at most
    secure_cookie  send the cookie over https only; over https it always is
    timezone       IANA name
    center, zoom   what the map shows first: (lon, lat) in degrees, MapLibre's zoom
    base_map       PMTiles archive; may be missing
    static         the built front end; may be missing
    """

    login_lasts: timedelta
    secure_cookie: bool
    timezone: str
    center: tuple[float, float]
    zoom: float
    base_map: Path
    static: Path


GAZETTEER_S = 60.0


@dataclass
class _Places:
    """The gazetteer as it was read last."""

    found: Gazetteer | None = None
    read: float = 0.0


@dataclass(frozen=True)
class Parts:
    options: Options
    bus: Bus
    bus_name: str
    database: Database
    feed: LiveFeed
    desk: Desk
    tariffs: Book
    roads: Roads
    _places: _Places = field(default_factory=_Places)
    by_address: Throttle = field(default_factory=lambda: Throttle(free=20))
    by_account: Throttle = field(default_factory=lambda: Throttle(free=5))
    hashing: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))
    """argon2 takes 64 MiB and a core for each password: two at a time."""

    async def gazetteer(self, db: Connection) -> Gazetteer:
        """Places as they were a minute ago at the latest."""
        now = asyncio.get_running_loop().time()
        if self._places.found is None or now - self._places.read > GAZETTEER_S:
            found = await places.every(db)
            self._places.found, self._places.read = await asyncio.to_thread(Gazetteer, found), now
        return self._places.found

    async def routes(self, start: Place, goal: Place) -> list[Way]:
        """In a thread: an engine takes its time, and has one actor for each."""
        return await asyncio.to_thread(self.roads.routes, start, goal)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Bus, database and feed at work. When one of them fails, so does the block."""
        async with self.database, asyncio.TaskGroup() as tasks:
            started = [tasks.create_task(self.bus.run(), name="bus"), tasks.create_task(self.feed.run(), name="live")]
            try:
                yield
            finally:
                for task in started:
                    task.cancel()


def parts(connection: HTTPConnection) -> Parts:
    found: Parts = connection.app.state.parts
    return found


def entrant(connection: HTTPConnection) -> Entrant:
    found: Entrant = connection.scope["entrant"]
    return found


async def database(connection: HTTPConnection) -> AsyncIterator[Connection]:
    async with parts(connection).database.connection() as db:
        yield db


def permitted(permission: Permission) -> Any:
    """A dependency that lets only some roles pass."""

    def check(who: Who) -> None:
        if permission not in permissions(who.account.role):
            raise Problem(403, "not_permitted", f"the role {who.account.role} may not do this ({permission})")

    return Depends(check)


Process = Annotated[Parts, Depends(parts)]
Who = Annotated[Entrant, Depends(entrant)]
Db = Annotated[Connection, Depends(database)]
