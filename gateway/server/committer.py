"""Group commit: frames of all connections become durable together, then each is answered.

One thread decodes and writes, so that an fsync that stalls never stalls the event loop. While it
writes, the next group gathers. A group is bounded, so that neither the thread nor the answering
holds the event loop for long. What is pending is bounded in bytes; beyond the bound, and while the
spool is full, sockets are not read.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol

import orjson
import structlog

from gateway.errors import StorageFull
from gateway.form import Bools
from gateway.media import MediaStore
from gateway.report import FixBatch, Report, to_plain
from gateway.server.batch import Taken, Tick, decode
from gateway.server.page import Judge
from gateway.session import Chunk, Fixes, Held, Outcome, Progress, Said
from gateway.sheet import Sheet
from gateway.spool import Entry, Spool

log = structlog.get_logger()
FULL_RETRY_S = 1.0
UPKEEP_S = 1.0
GROUP_ITEMS = 2_000
"""Fixes and other messages of one commit."""
GROUP_BYTES = 512 * 1024
"""Bytes of one commit, counted as `octets` does. The last frame of a group may exceed either bound."""
SHEET_GAIN = 8
"""How many frames of a sheet are decoded and answered in the time of one by itself, at the least."""


def items(held: Taken) -> int:
    """Fixes, or the one message, of a frame; fixes of a sheet."""
    if isinstance(held, Sheet):
        return len(held.bodies)
    return len(held.content.bodies) if isinstance(held.content, Fixes) else 1


def octets(held: Taken) -> int:
    """Bytes to be kept and decoded: the last part of a long message stands for all its parts."""
    if isinstance(held, Sheet):
        return held.octets
    bodies = held.content.bodies if isinstance(held.content, Fixes) else ()
    return max(len(held.raw), sum(map(len, bodies)))


class Source(Protocol):
    """A connection, as the committer sees it."""

    def settle(self, held: Held, outcome: Outcome) -> None:
        """The frame is durable: answer it."""


class Sources(Protocol):
    """The connections of a sheet."""

    def settle(self, sheet: Sheet, ok: Bools) -> None:
        """The frames are durable: answer them all; ok: shape (frames,)."""


Pending = tuple[Any, Taken]
"""A frame and its `Source`, or a sheet and its `Sources`."""


@dataclass
class Committer:
    """Gathers held frames and commits them.

    publish  what is told of each batch and its reports after their commit (the live feed)
    full     told True when sockets must not be read, False when they may again
    follow   what must be remembered of reports before their frames are answered; in the spool's thread
    """

    spool: Spool
    media: MediaStore
    judge: Judge
    publish: Callable[[FixBatch, list[dict[str, Any]]], Awaitable[None]]
    full: Callable[[bool], None]
    pending_bytes: int
    linger_s: float
    follow: Callable[[list[dict[str, Any]], int], None] = lambda _reports, _now_us: None
    counts: Counter[str] = field(default_factory=Counter)
    spool_full_since: float | None = None
    _pending: deque[Pending] = field(default_factory=deque)
    _notices: list[Entry] = field(default_factory=list)
    _told: list[dict[str, Any]] = field(default_factory=list)
    _done: list[asyncio.Future[None]] = field(default_factory=list)
    _size: int = 0
    _sampled: float = -1.0
    _paused: bool = False
    _finishing: bool = False
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "spool"))

    def add(self, source: Source, held: list[Held]) -> None:
        """Take frames that a session holds."""
        for one in held:
            self._pending.append((source, one))
            self._size += octets(one)
        self._added()

    def add_sheet(self, sources: Sources, sheet: Sheet) -> None:
        """Take frames of many connections."""
        self._pending.append((sources, sheet))
        self._size += octets(sheet)
        self._added()

    def _added(self) -> None:
        if self._size > self.pending_bytes and not self._paused:
            self._pause(True)
        self._wake.set()

    def notice(self, entries: list[Entry]) -> asyncio.Future[None]:
        """Entries of other kinds; the future is done when they are durable."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._notices.extend(entries)
        self._done.append(done)
        self._wake.set()
        return done

    def tell(self, message: str, report: Report) -> None:
        """A report of the gateway's own, which no frame has brought; it stands for its own evidence."""
        plain = to_plain(report)
        said = {"terminal": report.terminal, "message": message, "frame": orjson.dumps(plain).hex(), "reports": [plain]}
        self._told.append(plain)
        self.notice([Entry("message", time.time_ns() // 1000, orjson.dumps([said]))])

    async def unfinished(self, terminal: str) -> list[Progress]:
        """Media that a terminal still owes pieces of."""
        if terminal not in self.media.owing:
            return []
        return await asyncio.get_running_loop().run_in_executor(self._thread, self.media.unfinished, terminal)

    def _pause(self, paused: bool) -> None:
        self._paused = paused
        self.full(paused)

    async def run(self) -> None:
        """Commit until `finish`; what is pending then is committed and answered before this returns."""
        while not self._finishing:
            await self._wake.wait()
            if self._size < GROUP_BYTES:
                await asyncio.sleep(self.linger_s)
            await self._commit()
        while self._pending or self._notices:
            await self._commit()

    def finish(self) -> None:
        """Let `run` end. Nothing may be added afterwards."""
        self._finishing = True
        self._wake.set()

    async def _commit(self) -> None:
        taken = self._group()
        if not self._pending:
            self._wake.clear()
        notices, self._notices = self._notices, []
        told, self._told = self._told, []
        done, self._done = self._done, []
        if not taken and not notices:
            return
        loop = asyncio.get_running_loop()
        now_us = time.time_ns() // 1000
        write = partial(self._write, [one for _, one in taken], notices, now_us)
        done_with = await loop.run_in_executor(self._thread, write)
        while done_with is None:
            if self._finishing:
                return  # unanswered, so the terminals still have it
            self._became_full()
            await asyncio.sleep(FULL_RETRY_S)
            done_with = await loop.run_in_executor(self._thread, write)
        tick, outcomes = done_with
        self.spool_full_since = None
        for future in done:
            future.set_result(None)
        for (source, one), outcome in zip(taken, outcomes, strict=True):
            source.settle(one, outcome)
        self.counts.update(tick.counts)
        self._sample(tick)
        self.counts["commits"] += 1
        if self._paused and self._size <= self.pending_bytes // 2:
            self._pause(False)
        if len(tick.fixes) or tick.reports or told:
            await self.publish(tick.fixes, [*told, *tick.reports])

    def _sample(self, tick: Tick) -> None:
        """Log a few frames a second whose fixes were not taken as good."""
        now = time.monotonic()
        if tick.refused and now - self._sampled >= 1:
            self._sampled = now
            for terminal, cause, frame in tick.refused:
                log.warning("fix not taken as good", terminal=terminal, cause=cause, frame=frame[:256].hex())

    def _group(self) -> list[Pending]:
        """The frames of the next commit, oldest first."""
        taken, count, size = list[Pending](), 0, 0
        while self._pending and count < GROUP_ITEMS and size < GROUP_BYTES:
            taken.append(self._pending.popleft())
            one = taken[-1][1]
            gain = SHEET_GAIN if isinstance(one, Sheet) else 1
            count, size = count + items(one) // gain, size + octets(one) // gain
            self._size -= octets(one)
        return taken

    def _became_full(self) -> None:
        if self.spool_full_since is None:
            self.spool_full_since = time.monotonic()
            log.error("spool full: terminals wait unanswered", bytes=self.spool.size())
        self.counts["spool_full"] += 1
        if not self._paused:
            self._pause(True)

    def _write(
        self, taken: list[Taken], notices: list[Entry], now_us: int
    ) -> tuple[Tick, list[Outcome | Bools]] | None:  # fmt: skip
        """In the spool's thread. None when the spool, or the disk of the media, is full."""
        try:
            kept, progress = self._keep_media(taken, now_us)
            tick = decode(kept, now_us, self.judge)
            self.follow(tick.reports, now_us)
            self.spool.append([*notices, *tick.entries])
        except StorageFull:
            with suppress(StorageFull):
                self.spool.trim(now_us)
            return None
        ok = iter(tick.ok)
        return tick, [progress[i] if i in progress else _outcome(next(ok)) for i in range(len(taken))]

    def _keep_media(self, taken: list[Taken], now_us: int) -> tuple[list[Taken], dict[int, Outcome]]:
        """Pieces of media go to their store; what is whole becomes a message that says so. Raises StorageFull."""
        kept, outcomes, said = list[Taken](), dict[int, Outcome](), list[Taken]()
        for i, one in enumerate(taken):
            if isinstance(one, Sheet) or not isinstance(one.content, Chunk):
                kept.append(one)
                continue
            progress = self.media.add(one.terminal, one.content, now_us)
            outcomes[i] = Outcome(progress is not None, progress)
            if progress is not None and progress.file is not None:
                told = orjson.dumps(to_plain(progress.file))  # the same for every piece that comes again
                said.append(replace(one, raw=told, content=Said("medium", [progress.file])))
        return [*kept, *said], outcomes

    async def upkeep(self) -> None:
        """Trim in the spool's thread, checkpoint in another, every second."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(UPKEEP_S)
            trim = partial(self.spool.trim, time.time_ns() // 1000)
            for thread, work in ((self._thread, trim), (None, self.spool.checkpoint)):
                try:
                    await loop.run_in_executor(thread, work)
                except StorageFull as error:
                    log.error("upkeep waits", cause=str(error))


def _outcome(ok: bool | Bools) -> Outcome | Bools:
    return Outcome(ok) if isinstance(ok, bool) else ok
