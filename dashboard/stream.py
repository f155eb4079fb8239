"""The live feed: one subscription of the bus, one state of the fleet, one encoding for all clients.

Changes are gathered and sent at most once per tick. A client gets every vehicle's description and a
snapshot first, then changes; one that does not keep up loses its queue and gets a snapshot again.
The database is read at the start, when the fleet changes, and whenever fixes may have been missed.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson
import structlog

from dashboard.fleet import Fleet
from dashboard.frame import Kind, encode
from gateway.bus import FIX_SUBJECT, Bus
from gateway.report import FixBatch, micros, moment
from tracking import queries
from tracking.database import Connection, Database
from tracking.errors import DatabaseAway
from tracking.vehicle import Vehicle

log = structlog.get_logger()
QUEUE_FRAMES = 64
"""A client that is further behind than this gets a snapshot instead."""
MOST_CLIENTS = 1_000
BEAT_S = 2.0
"""A frame is sent at least this often, so that a client knows that the silence is the fleet's."""
WATCH_S = 2.0
RELOAD_S = 60.0
AWAY_RELOAD_S = 5.0
"""How often last states are read from the database in any case, and while the bus is away."""
PAGE = 500

Frame = bytes | str


@dataclass(eq=False)
class Client:
    """One WebSocket's queue of frames."""

    _frames: deque[Frame] = field(default_factory=deque)
    _behind: bool = False
    _ready: asyncio.Event = field(default_factory=asyncio.Event)

    def offer(self, frame: Frame) -> None:
        if self._behind:
            return
        if len(self._frames) >= QUEUE_FRAMES:
            self.resynchronise()
            return
        self._frames.append(frame)
        self._ready.set()

    def resynchronise(self) -> None:
        """Begin again with everything."""
        self._frames.clear()
        self._behind = True
        self._ready.set()

    async def next(self, feed: LiveFeed) -> list[Frame]:
        """The frames to send next; waits for one."""
        await self._ready.wait()
        self._ready.clear()
        if self._behind:
            self._behind = False
            return feed.everything()
        frames = list(self._frames)
        self._frames.clear()
        return frames


@dataclass
class LiveFeed:
    """`run` keeps the state; clients come and go with `join` and `leave`.

    tick_s  shortest time between two frames
    """

    bus: Bus
    database: Database
    tick_s: float
    fleet: Fleet = field(default_factory=Fleet)
    clients: set[Client] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)
    sequence: int = 0
    received: datetime | None = None
    """When the gateway received the newest fix that the bus has brought."""
    stored: datetime | None = None
    """When it received the newest that is in the database."""
    _dirty: asyncio.Event = field(default_factory=asyncio.Event)
    _version: str | None = None
    _reloaded: float = 0.0
    _missed: bool = False
    _status: Mapping[str, Any] = field(default_factory=dict)
    _database_up: bool | None = None
    _described: str | None = None

    async def run(self) -> None:
        """Follow the fleet until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow(), name="live: follow the bus")
            tasks.create_task(self._watch(), name="live: watch the fleet")
            tasks.create_task(self._tick(), name="live: send")

    @property
    def unstored_s(self) -> float | None:
        """How far the database is behind what the bus has told; None while one of them has told nothing."""
        if self.received is None or self.stored is None:
            return None
        return max(0.0, (self.received - self.stored).total_seconds() - WATCH_S)

    def join(self) -> Client | None:
        """A new client, or None when there are too many."""
        if len(self.clients) >= MOST_CLIENTS:
            return None
        client = Client()
        client.resynchronise()
        self.clients.add(client)
        return client

    def leave(self, client: Client) -> None:
        self.clients.discard(client)

    def everything(self) -> list[Frame]:
        """What a client needs that knows nothing."""
        if self._described is None:
            self._described = _vehicles_event(self.fleet.vehicles.values(), complete=True)
        return [self._described, orjson.dumps(self._status).decode(), self._encode(Kind.SNAPSHOT, *self.fleet.all())]

    async def _follow(self) -> None:
        while True:
            async with self.bus.subscribe(FIX_SUBJECT) as messages:
                async for message in messages:
                    self._hear(message.payload)

    def _hear(self, payload: bytes) -> None:
        try:
            batch = FixBatch.from_bytes(payload)
            self.fleet.apply(batch)
        except (ValueError, LookupError) as error:
            self.counts["unreadable"] += 1
            log.warning("live feed: message refused", cause=str(error))
        else:
            self.counts["fixes"] += len(batch)
            if len(batch):
                self.received = moment(batch.rows["received"].max())
            self._dirty.set()

    # frames

    async def _tick(self) -> None:
        sent = judged = 0.0
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._dirty.wait(), 1.0)
            self._dirty.clear()
            now = time.monotonic()
            if self._send(beat=now - sent >= BEAT_S):
                sent = now
            if now - judged >= 1.0:
                judged = now
                self._tell_status()
            await asyncio.sleep(self.tick_s)

    def _send(self, *, beat: bool) -> bool:
        """Send what changed; tells whether there was a frame."""
        self.fleet.judge(datetime.now(UTC))
        ids, state = self.fleet.taken()
        if self.fleet.displaced:
            self.fleet.displaced = False
            self.sequence += 1
            self._offer(self._encode(Kind.SNAPSHOT, *self.fleet.all()))
        elif len(ids) or beat:
            self.sequence += 1
            self._offer(self._encode(Kind.CHANGES, ids, state))
        else:
            return False
        return True

    def _encode(self, kind: Kind, ids: Any, state: Any) -> bytes:
        return encode(kind, self.sequence, micros(datetime.now(UTC)), ids, state)

    def _offer(self, frame: Frame) -> None:
        for client in self.clients:
            client.offer(frame)

    # events

    def _tell_status(self) -> None:
        """Tell clients when a source of the feed goes or comes back."""
        status = {"type": "feed", "bus": self.bus.connected, "database": bool(self._database_up)}
        if status != self._status:
            self._status = status
            self._offer(orjson.dumps(status).decode())

    def _tell_vehicles(self, changed: list[Vehicle], gone: list[int]) -> None:
        if changed or gone:
            self._described = None
        if changed:
            self._offer(_vehicles_event(changed, complete=False))
        if gone:
            self._offer(orjson.dumps({"type": "gone", "ids": gone}).decode())

    # database

    async def _watch(self) -> None:
        """See vehicles come and go, and fill what the bus may have lost."""
        while True:
            self._missed |= not self.bus.connected
            try:
                async with self.database.connection() as db:
                    version, self.stored = await queries.fleet_version(db), await queries.stored_up_to(db)
                    if version != self._version or time.monotonic() - self._reloaded >= self._pause_s():
                        await self._load(db)
                        self._version = version
                self._set_database(up=True)
            except DatabaseAway as away:
                self._set_database(up=False, cause=str(away))
            await asyncio.sleep(WATCH_S)

    def _pause_s(self) -> float:
        """Time between two reloads; none when the bus is back after an absence."""
        if self._missed and self.bus.connected:
            return 0.0
        return AWAY_RELOAD_S if self._missed else RELOAD_S

    async def _load(self, db: Connection) -> None:
        """All vehicles and their last states, in pages, so that the feed goes on meanwhile."""
        self._missed = not self.bus.connected
        changed: list[Vehicle] = []
        present: list[int] = []
        page = await queries.vehicles(db, limit=PAGE)
        while page:
            changed += self.fleet.load(page)
            present += [vehicle.id for vehicle in page]
            page = await queries.vehicles(db, after=page[-1].id, limit=PAGE)
        gone = self.fleet.drop(present)
        self._tell_vehicles(changed, gone)
        self._reloaded = time.monotonic()
        self._dirty.set()
        if changed or gone:
            log.info("fleet loaded", vehicles=len(self.fleet), changed=len(changed), gone=len(gone))

    def _set_database(self, *, up: bool, cause: str = "") -> None:
        if up != self._database_up:
            log.info("database reached") if up else log.warning("database away, trying on", cause=cause)
        self._database_up = up


def _vehicles_event(vehicles: Iterable[Vehicle], *, complete: bool) -> str:
    items = [
        {"id": v.id, "plate": v.plate, "vehicle_class": v.vehicle_class, "company": v.company, "terminal": v.terminal}
        for v in vehicles
    ]
    return orjson.dumps({"type": "vehicles", "complete": complete, "items": items}).decode()
