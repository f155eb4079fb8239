"""The receiving side: a stream as if it were a spool of this machine. Entries come in order, whatever is sent twice."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine, Sequence
from concurrent.futures import TimeoutError as Late
from contextlib import suppress
from typing import Any, TypeVar

import nats.errors
import nats.js.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import StreamInfo

from gateway.errors import SpoolError
from gateway.shipping import cluster
from gateway.shipping.parcel import PART, PARTS, SEQ, Whole, unpacked
from gateway.spool import Entry

log = structlog.get_logger()
T = TypeVar("T")
ASK_S = 15.0
FETCH, FETCH_S = 64, 1.0
MOST_BYTES = 64 << 20
"""Of entries in memory, beyond which no more are fetched."""
GAP_S = 600.0
"""An entry that a later one overtook comes by then: it is sent until it is confirmed. Else, and when the stream holds
nothing else either, it is lost, and told so."""


def shipped(url: str) -> Sequence[str]:
    """Spools that are shipped. Raises SpoolError while the cluster is away."""

    async def ask() -> Sequence[str]:
        client = await cluster.connected(url, "tracking")
        try:
            context, found = client.jetstream(timeout=5), list[StreamInfo]()
            while page := await context.streams_info(offset=len(found)):
                found += page
        finally:
            await client.close()
        names = [one.config.name or "" for one in found]
        return [name.removeprefix(cluster.PREFIX) for name in names if name.startswith(cluster.PREFIX)]

    try:
        return asyncio.run(asyncio.wait_for(ask(), ASK_S))
    except cluster.AWAY as error:
        raise SpoolError(f"the cluster of streams is away: {error or type(error).__name__}") from error


class StreamReader:
    """To the writer what a `SpoolReader` is. It has a thread with an event loop; any thread may ask it.

    Nothing is consumed before the first question, so that a writer that waits for its turn disturbs nobody.
    Raises SpoolError from all questions while the cluster is away.
    """

    def __init__(self, url: str, spool: str) -> None:
        self.id = spool
        self._url = url
        self._entries: dict[int, Entry] = {}  # whole and not passed
        self._open: dict[int, Whole] = {}
        self._unacked: dict[int, dict[int, Msg]] = {}
        self._passed = 0
        self._size = 0
        self._has_all = False
        self._failed: BaseException | None = None
        self._client: Client | None = None
        self._fetching: asyncio.Task[None] | None = None
        self._loop = asyncio.new_event_loop()
        self._lock = threading.Lock()
        self._gap_since: float | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"stream {spool}", daemon=True)
        self._thread.start()

    def first(self) -> int:
        """Oldest sequence number that is still there; 0 where nothing is."""
        return self._ask(self._first())

    def given(self) -> int:
        """Not known here: what is sent twice looks like a spool put back in time."""
        return 1 << 62

    def read(self, after: int, limit_bytes: int) -> Sequence[Entry]:
        """What follows `after` without a gap, up to so many bytes of columns."""
        self._ask(self._begin())
        found, size = list[Entry](), 0
        with self._lock:
            if self._failed:
                raise SpoolError(f"the stream cannot be read: {self._failed}") from self._failed
            seq = self._next(after)
            while seq in self._entries and size < limit_bytes:
                found.append(self._entries[seq])
                size += len(found[-1].columns)
                seq += 1
        return found

    def _next(self, after: int) -> int:
        """What follows; where it does not come for a long time, what comes instead."""
        later = [seq for seq in self._entries if seq > after]
        if not later or after + 1 in self._entries:
            self._gap_since = None
            return after + 1
        now = time.monotonic()
        if self._gap_since is None:
            self._gap_since = now
        if now - self._gap_since < GAP_S or not self._has_all:
            return after + 1
        log.error(
            "entries are missing from the stream", spool=self.id, stored_up_to=after, stream_goes_on_at=min(later)
        )
        return min(later)

    def passed(self, seq: int) -> None:
        """Everything up to `seq` is committed: the cluster may forget it."""
        self._ask(self._acknowledge(seq))

    def close(self) -> None:
        with suppress(SpoolError):
            self._ask(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _ask(self, work: Coroutine[Any, Any, T]) -> T:
        asked = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return asked.result(ASK_S)
        except (Late, *cluster.AWAY) as error:
            asked.cancel()
            raise SpoolError(f"the stream of spool {self.id}: {error or type(error).__name__}") from error

    # in the loop

    async def _context(self) -> JetStreamContext:
        if self._client is None:
            self._client = await cluster.connected(self._url, "tracking")
        return self._client.jetstream(timeout=5)

    async def _first(self) -> int:
        context, name = await self._context(), cluster.PREFIX + self.id
        state = (await context.stream_info(name)).state
        if not state.messages:
            return 0
        try:  # what was confirmed goes meanwhile: the next that is there
            oldest = await context.get_msg(name, state.first_seq, cluster.SUBJECT.format(self.id), next=True)
        except nats.js.errors.NotFoundError:
            return 0
        return int((oldest.headers or {})[SEQ])

    async def _begin(self) -> None:
        """Consume from what is oldest: what a writer before this one had fetched comes again at once."""
        if self._fetching is not None:
            return
        context, name = await self._context(), cluster.PREFIX + self.id
        with suppress(nats.js.errors.NotFoundError):
            await context.delete_consumer(name, cluster.CONSUMER)
        await context.add_consumer(name, cluster.CONSUMING)
        pull = await context.pull_subscribe_bind(cluster.CONSUMER, stream=name)
        await pull.consumer_info()  # answered once it has a leader: before, nobody answers a fetch
        self._fetching = self._loop.create_task(self._fetch(pull), name="fetch")

    async def _fetch(self, pull: JetStreamContext.PullSubscription) -> None:
        try:
            while True:
                gap = self._gap_since is not None
                self._has_all = gap and (await pull.consumer_info()).num_pending == 0
                if self._size > MOST_BYTES:
                    await asyncio.sleep(0.05)
                    continue
                with suppress(TimeoutError, nats.errors.TimeoutError):
                    for message in await pull.fetch(FETCH, FETCH_S):
                        await self._take(message)
        except Exception as error:  # whatever it is, the writer is told and begins anew
            with self._lock:
                self._failed = error

    async def _take(self, message: Msg) -> None:
        headers = message.headers or {}
        try:
            seq, part, count = int(headers[SEQ]), int(headers[PART]), int(headers[PARTS])
        except (KeyError, ValueError) as error:
            log.error("a message of the stream is no part of a spool", spool=self.id, cause=repr(error))
            await message.term()
            return
        if seq <= self._passed:
            await message.ack()
            return
        with self._lock:
            data, message.data = message.data, b""
            self._unacked.setdefault(seq, {})[message.metadata.sequence.stream] = message
            if seq in self._entries:
                return
            whole = self._open.setdefault(seq, Whole(count))
            whole.parts[part] = data
            if whole.complete:
                del self._open[seq]
                self._entries[seq] = unpacked(seq, whole.content())
                self._size += _octets(self._entries[seq])

    async def _acknowledge(self, seq: int) -> None:
        with self._lock:
            self._passed = max(self._passed, seq)
            done = [n for n in self._unacked if n <= seq]
            messages = [message for n in done for message in self._unacked.pop(n).values()]
            for n in done:
                if (entry := self._entries.pop(n, None)) is not None:
                    self._size -= _octets(entry)
        for message in messages:
            await message.ack()

    async def _end(self) -> None:
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.wait([self._fetching])
        if self._client is not None:
            await self._client.close()


def _octets(entry: Entry) -> int:
    return len(entry.columns) + len(entry.raw)
