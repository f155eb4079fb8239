"""Spools through a real cluster of three servers: everything arrives, in order, whatever is killed meanwhile."""

from __future__ import annotations

import asyncio
import sys
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import nats
import psutil
import psycopg
import pytest
from nats.js import JetStreamContext
from nats.js.errors import NoStreamResponseError

from gateway.shipping import StreamReader
from gateway.shipping.cluster import SUBJECT, stream
from gateway.shipping.parcel import ID, parcels
from gateway.spool import Entry, Spool, SpoolError, SpoolReader
from tests import stack
from tests.cluster import Cluster, cluster
from tests.stack import eventually
from tests.tracking.fixes import batch
from tracking.ingest import Writer
from tracking.spools import Sources, in_streams


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("cluster")) as made:
        yield made


@contextmanager
def shipping(var: Path, servers: Cluster, **settings: str) -> Iterator[stack.Running]:
    env = {"TAXIHUB_VAR": str(var), "TAXIHUB_SHIP_URL": servers.url}
    env |= {f"TAXIHUB_{name.upper()}": value for name, value in settings.items()}
    with stack.running("ship", [sys.executable, "-m", "gateway", "ship"], var, env) as process:
        yield process


def spool_in(var: Path) -> Spool:
    return Spool(var / "spool", limit_bytes=1 << 30, keep_us=0)


def sources(url: str) -> Sources | None:
    """What is shipped, once the cluster has found itself and something is."""
    try:
        return in_streams(url)
    except SpoolError:
        return None


def entries(count: int, size: int = 100) -> list[Entry]:
    return [Entry("message", n, bytes([n % 256]) * size, b"raw" * n) for n in range(count)]


def all_of(reader: StreamReader, after: int, count: int) -> list[Entry]:
    found = list[Entry]()

    def more() -> bool:
        found.extend(reader.read(found[-1].seq if found else after, 1 << 30))
        return len(found) >= count

    eventually(more, f"{count} entries come", 60)
    return found


def test_entries_arrive_whole_and_in_order_and_only_then_may_be_trimmed(tmp_path: Path, servers: Cluster):
    sent = [*entries(50), *entries(3, 2_000_000), *entries(50)]
    spool = spool_in(tmp_path)
    spool.append(sent)
    with shipping(tmp_path, servers), closing(SpoolReader(tmp_path / "spool", "test")) as reader:
        eventually(partial(sources, servers.url), "the spool is shipped", 60)
        with closing(StreamReader(servers.url, reader.id)) as far:
            found = all_of(far, 0, len(sent))
            assert [(e.seq, e.kind, e.received, e.columns, e.raw) for e in found] == [
                (n, e.kind, e.received, e.columns, e.raw) for n, e in enumerate(sent, 1)
            ]
            assert far.first() == 1
            far.passed(60)
            eventually(lambda: far.first() == 61, "the cluster forgets what was passed")
        with closing(StreamReader(servers.url, reader.id)) as again:
            assert [e.seq for e in all_of(again, 60, len(sent) - 60)] == list(range(61, len(sent) + 1))
    spool.close()


async def send(url: str, spool: str, order: Sequence[int]) -> None:
    """Entries by their numbers, as a shipper would that had to send some again."""
    client = await nats.connect(url.split(","))
    context = client.jetstream(timeout=10)
    await context.add_stream(stream(spool, 3, 1 << 26))
    for seq in order:
        for one in parcels(spool, Entry("message", seq, bytes([seq]) * 10, b"", seq)):
            await taken(context, SUBJECT.format(spool), one.payload, {**one.headers, ID: uuid.uuid4().hex})
    await client.close()


async def taken(context: JetStreamContext, subject: str, payload: bytes, headers: dict[str, str]) -> None:
    """One parcel sent, again under the same id while the stream has no leader yet."""
    async with asyncio.timeout(60):
        while True:
            with suppress(NoStreamResponseError):
                await context.publish(subject, payload, headers=headers)
                return
            await asyncio.sleep(0.1)


def test_what_was_overtaken_or_sent_again_is_read_once_and_in_order(tmp_path: Path, servers: Cluster):
    asyncio.run(send(servers.url, "overtaken", [2, 3, 1, 3, 5, 2, 4]))
    with closing(StreamReader(servers.url, "overtaken")) as reader:
        assert [e.seq for e in all_of(reader, 0, 5)] == [1, 2, 3, 4, 5]
        reader.passed(5)
        eventually(lambda: reader.first() == 0, "what was sent again is acknowledged, too")
    asyncio.run(send(servers.url, "overtaken", [8, 7]))
    with closing(StreamReader(servers.url, "overtaken")) as reader:
        eventually(lambda: reader.first() == 8, "a later one is there")
        assert not reader.read(5, 1 << 20)  # the next one lacks, and is waited for
        asyncio.run(send(servers.url, "overtaken", [6]))
        assert [e.seq for e in all_of(reader, 5, 3)] == [6, 7, 8]


def is_shipped(var: Path, seq: int) -> bool:
    with closing(SpoolReader(var / "spool", "ship")) as reader:
        return reader.offset == seq


def test_a_server_that_is_cut_off_leads_no_longer(servers: Cluster):
    """What the faults of the kind "partition" stand on."""
    asyncio.run(send(servers.url, "parted", [1]))
    for node in servers.nodes:
        assert node.running is not None
        far = {one.raddr.port for one in psutil.Process(node.running.process.pid).net_connections("tcp") if one.raddr}
        assert not far & set(servers.route_ports), "servers reach each other past the ways that are cut"
    alone = servers.leader_of("parted")
    others = [node for node in servers.nodes if node is not alone]
    servers.routes.cut(servers.nodes.index(alone))
    try:
        eventually(lambda: servers.leader_of("parted", others) is not alone, "the others choose one of themselves", 30)
        asyncio.run(send(",".join(node.url for node in others), "parted", [2]))
    finally:
        servers.routes.mend()
    eventually(lambda: numbers_at(alone.url, 2) == [1, 2], "it knows what it has missed", 60)


def numbers_at(url: str, count: int) -> Sequence[int]:
    """Of the entries that a server gives; none while it is not back among the others, after which one begins anew."""
    with closing(StreamReader(url, "parted")) as reader:
        try:
            return [entry.seq for entry in all_of(reader, 0, count)]
        except SpoolError:
            return ()


def test_other_bounds_of_a_stream_are_taken_over(tmp_path: Path, servers: Cluster):
    with closing(spool_in(tmp_path)) as spool:
        for octets, seq in (("100000000", 1), ("200000000", 2)):
            spool.append(entries(1))
            with shipping(tmp_path, servers, ship_bytes=octets):
                eventually(partial(is_shipped, tmp_path, seq), "it is shipped", 60)


def test_without_a_cluster_nothing_is_trimmed_and_it_is_waited_for(tmp_path: Path):
    spool = spool_in(tmp_path)
    spool.append(entries(5))
    SpoolReader(tmp_path / "spool", "tracking").passed(5)
    nowhere = f"nats://127.0.0.1:{stack.free_port()}"
    env = {"TAXIHUB_VAR": str(tmp_path), "TAXIHUB_SHIP_URL": nowhere}
    with stack.running("ship", [sys.executable, "-m", "gateway", "ship"], tmp_path, env) as process:
        eventually(lambda: "no server of the cluster" in process.said(), "it says so")
        assert process.process.poll() is None
    assert spool.trim(1 << 60) == 0
    assert SpoolReader(tmp_path / "spool", "tracking").first() == 1
    spool.close()


def test_a_writer_far_away_stores_what_is_shipped_although_the_leader_is_killed(tmp_path: Path, database: str):
    with cluster(tmp_path / "cluster") as servers, shipping(tmp_path, servers):
        spool, stop = spool_in(tmp_path), threading.Event()
        start = datetime(2026, 11, 25, tzinfo=UTC)
        batches = [batch(200, terminals=20, start=start, seed=n) for n in range(40)]
        spool.append([Entry("fix", 1, one.to_bytes()) for one in batches[:20]])
        found = eventually(partial(sources, servers.url), "the spool is shipped", 60)
        (source,) = found.values()
        writer = Writer(database, source, stop, poll_s=0.02)
        thread = threading.Thread(target=writer.run)
        thread.start()
        try:
            with psycopg.connect(database, autocommit=True) as db:
                query = "SELECT coalesce(max(seq), 0) FROM spool_offset"
                eventually(lambda: db.execute(query).fetchone() == (20,), "the first half is stored", 60)
                leader = servers.leader()
                leader.kill()
                spool.append([Entry("fix", 1, one.to_bytes()) for one in batches[20:]])
                eventually(lambda: db.execute(query).fetchone() == (40,), "the second half is stored", 60)
                assert db.execute("SELECT count(*) FROM position").fetchone() == (40 * 200,)
        finally:
            stop.set()
            thread.join()
        spool.close()
