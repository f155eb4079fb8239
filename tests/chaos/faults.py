"""The kinds of faults. Each strikes the rig once, and ends what it began."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from random import Random

from tests.chaos.disks import Disk, ImageDisk, SmallDisk
from tests.chaos.proxy import struck
from tests.chaos.rig import Needs, Rig, instant
from tests.cluster import Node
from tests.stack import eventually

PLAIN, CLUSTER = Needs(), Needs(cluster_disk=Disk)
THROUGH = 20_000
"""Fixes acknowledged on a full disk after which nothing is waited for any more: some room always is left in files."""


@dataclass(frozen=True)
class Kind:
    """share: of a hundred faults of a whole run."""

    name: str
    strike: Callable[[Rig, Random], None]
    share: int
    needs: Needs = PLAIN


def kill_gateway(rig: Rig, rng: Random) -> None:
    rig.gateway.kill()
    time.sleep(rng.uniform(0, 0.5))
    rig.gateway.start()


def freeze_gateway(rig: Rig, rng: Random) -> None:
    rig.gateway.pause(rng.uniform(0.1, 3.0))


def kill_writer(rig: Rig, rng: Random) -> None:
    rig.writer.kill()
    time.sleep(rng.uniform(0, 2.0))
    rig.writer.start()


def crash_database(rig: Rig, rng: Random) -> None:
    assert rig.database is not None
    rig.database.crash(rng)


def restart(rig: Rig, rng: Random) -> None:
    """SIGTERM, as an update of the software does."""
    for part in rng.sample([rig.gateway, rig.writer], rng.choice([1, 2])):
        part.stop()
        part.start()


def kill_together(rig: Rig, rng: Random) -> None:
    """All three at once; the database is first to come back, the others in any order."""
    assert rig.database is not None
    for part in rng.sample([rig.gateway, rig.writer, rig.database], 3):
        part.kill()
    rig.database.start()
    for part in rng.sample([rig.gateway, rig.writer], 2):
        part.start()


def fill_disk(rig: Rig, rng: Random) -> None:
    assert isinstance(rig.disk, SmallDisk)
    waits = "spool full: terminals wait unanswered"
    said, acknowledged = rig.gateway.running.said().count(waits), rig.acknowledged
    with rig.disk.full():
        rig.wait(
            lambda: rig.gateway.running.said().count(waits) > said or rig.acknowledged > acknowledged + THROUGH,
            "the gateway says that the disk is full",
        )
        time.sleep(rng.uniform(0, 2.0))


def cut_power(rig: Rig, rng: Random) -> None:
    """Of the machine with gateway and writer, which was behind. The database, on another one, stays."""
    assert isinstance(rig.disk, ImageDisk)
    parts = (rig.writer, rig.gateway)
    for part in parts:
        part.freeze()
        instant(rng)
    left = rig.disk.snapshot()
    for part in parts:
        part.kill()
    rig.disk.replace(left)
    for part in parts:
        part.start()


def cut_database_power(rig: Rig, _rng: Random) -> None:
    assert rig.database is not None
    assert isinstance(rig.database_disk, ImageDisk)
    rig.database.freeze()
    left = rig.database_disk.snapshot()
    rig.database.kill()
    rig.database_disk.replace(left)
    rig.database.start()


def fail_sync(rig: Rig, _rng: Random) -> None:
    """An fdatasync of the spool fails: the gateway must end, and is started again."""
    assert rig.shim is not None
    rig.shim.fail_sync()
    ends_or_works(rig)


def cut_write(rig: Rig, rng: Random) -> None:
    """Half a write to the spool, and then: the rest, no space, or an error of the device."""
    assert rig.shim is not None
    rig.shim.cut_write(rng.choice([0, errno.ENOSPC, errno.EIO]))
    ends_or_works(rig)


def ends_or_works(rig: Rig) -> None:
    before = rig.acknowledged
    eventually(lambda: not rig.gateway.alive() or rig.acknowledged > before + 500, "the gateway ends or works")
    rig.gateway.revive()


def leads(rig: Rig) -> Node:
    """The server that leads the spool's stream."""
    assert rig.cluster is not None
    return rig.cluster.leader()


def kill_leader(rig: Rig, rng: Random) -> None:
    leader = leads(rig)
    leader.kill()
    time.sleep(rng.uniform(0, 2.0))
    leader.start()


def freeze_leader(rig: Rig, rng: Random) -> None:
    """Longer than it takes the others to choose a new one."""
    leader = leads(rig)
    leader.freeze()
    time.sleep(rng.uniform(0.5, 8.0))
    leader.thaw()


def partition(rig: Rig, rng: Random) -> None:
    """One server, most often the leader, is cut off from the others; its clients still reach it."""
    assert rig.cluster is not None
    cluster = rig.cluster
    alone = leads(rig) if rng.random() < 0.7 else rng.choice(cluster.nodes)
    cluster.routes.cut(cluster.nodes.index(alone))
    time.sleep(rng.uniform(0.5, 10.0))
    cluster.routes.mend()


def kill_cluster(rig: Rig, rng: Random) -> None:
    assert rig.cluster is not None
    for node in rng.sample(rig.cluster.nodes, len(rig.cluster.nodes)):
        node.kill()
    for node in rng.sample(rig.cluster.nodes, len(rig.cluster.nodes)):
        node.start()


def cut_cluster_power(rig: Rig, _rng: Random) -> None:
    """Of all three servers at once."""
    assert rig.cluster is not None
    assert isinstance(rig.cluster_disk, ImageDisk)
    for node in rig.cluster.nodes:
        node.freeze()
    left = rig.cluster_disk.snapshot()
    for node in rig.cluster.nodes:
        node.kill()
    rig.cluster_disk.replace(left)
    for node in rig.cluster.nodes:
        node.start()


def kill_shipper(rig: Rig, rng: Random) -> None:
    assert rig.shipper is not None
    rig.shipper.kill()
    time.sleep(rng.uniform(0, 0.5))
    rig.shipper.start()


def suffer(rig: Rig, _rng: Random) -> None:
    """The proxy strikes by itself: wait for the next toxic."""
    assert rig.proxy is not None
    proxy = rig.proxy
    before = struck(proxy.said())
    eventually(lambda: struck(proxy.said()) > before, "the proxy poisons a connection")


KINDS = {
    kind.name: kind
    for kind in (
        Kind("gateway-kill", kill_gateway, 20),
        Kind("gateway-freeze", freeze_gateway, 8),
        Kind("writer-kill", kill_writer, 12),
        Kind("database-kill", crash_database, 12, Needs(own_database=True)),
        Kind("together", kill_together, 6, Needs(own_database=True)),
        Kind("restart", restart, 5),
        Kind("disk-full", fill_disk, 5, Needs(SmallDisk, settings={"spool_keep_s": "3600"})),
        Kind("power-cut", cut_power, 10, Needs(partial(ImageDisk, megabytes=128))),
        Kind(
            "database-power-cut", cut_database_power, 4,
            Needs(database_disk=partial(ImageDisk, megabytes=512), own_database=True),
        ),
        Kind("sync-error", fail_sync, 5, Needs(shim=True)),
        Kind("short-write", cut_write, 5, Needs(shim=True)),
        Kind("proxy", suffer, 8, Needs(proxy=True)),
        Kind("far-writer-kill", kill_writer, 4, CLUSTER),
        Kind("leader-kill", kill_leader, 5, CLUSTER),
        Kind("leader-freeze", freeze_leader, 4, CLUSTER),
        Kind("partition", partition, 4, CLUSTER),
        Kind("cluster-kill", kill_cluster, 3, CLUSTER),
        Kind("shipper-kill", kill_shipper, 6, CLUSTER),
        Kind("cluster-power-cut", cut_cluster_power, 3, Needs(cluster_disk=partial(ImageDisk, megabytes=512))),
    )
}  # fmt: skip
