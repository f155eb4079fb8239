"""The JetStream side of shipping: names, the shape of a stream, connections."""

from __future__ import annotations

import nats.errors
import nats.js.errors
import structlog
from nats.aio.client import Client
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, DiscardPolicy, RetentionPolicy, StreamConfig

log = structlog.get_logger()
PREFIX = "taxihub-spool-"
SUBJECT = "taxihub.spool.{}"
CONSUMER = "tracking"
DUPLICATES_S = 120.0
"""How long the servers know what they have got; later repetitions are recognised by their numbers."""
ACK_WAIT_S = 60.0
MOST_UNACKED, LOT = 4_096, 512
"""Messages that a reader may hold, and that are sent before they are confirmed: much less, or what is sent again after
a failure could stand behind all that the reader may hold."""


AWAY = (nats.errors.Error, nats.js.errors.Error, OSError, TimeoutError)
"""What is raised while servers, or a leader of a stream, are away."""


def stream(spool: str, replicas: int, limit_bytes: int) -> StreamConfig:
    """One for each spool. What is consumed goes; when it is full the shipper waits, and nothing is dropped."""
    return StreamConfig(
        name=PREFIX + spool, subjects=[SUBJECT.format(spool)], retention=RetentionPolicy.WORK_QUEUE,
        discard=DiscardPolicy.NEW, max_bytes=limit_bytes, num_replicas=replicas, duplicate_window=DUPLICATES_S,
    )  # fmt: skip


CONSUMING = ConsumerConfig(
    durable_name=CONSUMER, ack_policy=AckPolicy.EXPLICIT, deliver_policy=DeliverPolicy.ALL, ack_wait=ACK_WAIT_S,
    max_ack_pending=MOST_UNACKED,
)  # fmt: skip


async def connected(url: str, name: str) -> Client:
    """A connection to any of the servers "nats://one:4222,nats://two:4222", tried and kept for ever."""
    before = ""

    async def told(error: Exception) -> None:
        nonlocal before
        cause = str(error) or type(error).__name__
        if cause != before:
            log.warning("no server of the cluster, trying on", cause=cause)
        before = cause

    client = Client()
    await client.connect(
        url.split(","), name=name, error_cb=told, max_reconnect_attempts=-1, reconnect_time_wait=1, connect_timeout=5,
        ping_interval=5, max_outstanding_pings=2, pending_size=64 << 20,
    )  # fmt: skip
    return client
