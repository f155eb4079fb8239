"""The sending side: all spools of this machine, each entry published until the cluster has confirmed it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import nats.js.errors
import structlog
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import StreamConfig

from gateway.shipping import cluster
from gateway.shipping.parcel import parcels
from gateway.spool import Entry, SpoolError, SpoolReader, StorageFull, spools

log = structlog.get_logger()
READER = "ship"
READ_BYTES = 8 << 20
CONFIRM_S = 5.0
"""A confirmation that has not come by then is asked for anew, by sending again."""
RETRY_S, LOOK_S = 0.5, 1.0


@dataclass
class Shipper:
    """directory: of the spools; url: of the cluster; replicas, limit_bytes: of each stream."""

    directory: Path
    url: str
    replicas: int
    limit_bytes: int
    poll_s: float = 0.02
    counts: Counter[str] = field(default_factory=Counter)

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set. What is away is waited for; the spools hold meanwhile."""
        work = asyncio.create_task(self._run(), name="ship")
        stopped = asyncio.create_task(stop.wait(), name="stop")
        await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work

    async def _run(self) -> None:
        for place in spools(self.directory):
            SpoolReader(place, READER).close()  # from here on nothing is trimmed that was not shipped
        client = await cluster.connected(self.url, "shipper")
        followed = set[Path]()
        try:
            async with asyncio.TaskGroup() as tasks:
                while True:
                    for place in set(spools(self.directory)) - followed:
                        followed.add(place)
                        tasks.create_task(self._follow(place, client), name=f"ship {place.name}")
                    await asyncio.sleep(LOOK_S)
        finally:
            await client.close()

    async def _follow(self, place: Path, client: Client) -> None:
        """One spool, from where it was left."""
        told = ""
        while True:
            try:
                with closing(SpoolReader(place, READER)) as reader:
                    context = client.jetstream(timeout=CONFIRM_S)
                    await _made(context, cluster.stream(reader.id, self.replicas, self.limit_bytes))
                    log.info("shipping", spool=reader.id, behind=reader.offset)
                    await self._ship(reader, context)
            except (SpoolError, StorageFull, *cluster.AWAY) as error:
                cause = str(error) or type(error).__name__
                if cause != told:
                    log.warning("shipping waits", spool=place.name, cause=cause)
                told = cause
                self.counts["waits"] += 1
                await asyncio.sleep(RETRY_S)

    async def _ship(self, reader: SpoolReader, context: JetStreamContext) -> None:
        """Entries in order, many at once; the reader passes what is confirmed. Raises when something is away."""
        after = reader.offset
        while True:
            entries = await asyncio.to_thread(reader.read_whole, after, READ_BYTES)
            if not entries:
                await asyncio.sleep(self.poll_s)
                continue
            await self._publish(reader.id, entries, context)
            after = entries[-1].seq
            await asyncio.to_thread(reader.passed, after)
            self.counts["entries"] += len(entries)

    async def _publish(self, spool: str, entries: Sequence[Entry], context: JetStreamContext) -> None:
        """Lot by lot, each confirmed before the next: what is sent again stands no further back than one lot."""
        sending = [one for entry in entries for one in parcels(spool, entry)]
        subject = cluster.SUBJECT.format(spool)
        for start in range(0, len(sending), cluster.LOT):
            sent = [
                await context.publish_async(subject, one.payload, wait_stall=CONFIRM_S, headers=dict(one.headers))
                for one in sending[start : start + cluster.LOT]
            ]
            async with asyncio.timeout(CONFIRM_S):
                await asyncio.gather(*sent)


async def _made(context: JetStreamContext, wanted: StreamConfig) -> None:
    """The stream, as it is wanted now."""
    try:
        await context.add_stream(wanted)
    except nats.js.errors.BadRequestError:  # it is there with other bounds
        await context.update_stream(wanted)
