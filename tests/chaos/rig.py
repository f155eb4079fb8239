"""The system under chaos: gateway, writer, a database, and terminals that write down what they sent and were told."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import psycopg

from gateway.spool import SpoolReader
from tests import load, stack
from tests.chaos.database import Server
from tests.chaos.disks import Disk
from tests.chaos.part import Part
from tests.chaos.shim import Shim
from tests.checker import Ledger, Verdict, check
from tests.cluster import Cluster, cluster

SETTINGS = {"linger_s": "0.01", "spool_keep_s": "0"}
"""Of the gateway: some time between receipt and answer for faults to strike in, and a spool trimmed at once."""
SHIP_BYTES = str(64 << 20)
PATIENCE_S = 60.0


@dataclass(frozen=True)
class Needs:
    """What a kind of fault needs beside gateway and writer.

    disk           makes the disk on which everything of gateway and writer stands
    database_disk  the same for the database
    own_database   the fault is the database's: no other run may use it
    shim, proxy    are they in their places
    cluster_disk   makes the disk of a cluster of streams, through which the spool is shipped; None: no cluster
    terminals      how many send
    pause_s        between two rounds of sending of each, on average
    settings       more TAXIHUB_ variables of the gateway, in lower case
    """

    disk: Callable[[Path], Disk] = Disk
    database_disk: Callable[[Path], Disk] = Disk
    own_database: bool = False
    shim: bool = False
    proxy: bool = False
    cluster_disk: Callable[[Path], Disk] | None = None
    terminals: int = 12
    pause_s: float = 0.06
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Rig:
    gateway: Part
    writer: Part
    database: Server | None
    disk: Disk
    database_disk: Disk | None
    shim: Shim | None
    clients: stack.Running
    proxy: stack.Running | None
    cluster: Cluster | None
    cluster_disk: Disk | None
    shipper: Part | None
    ledger: Ledger
    url: Callable[[], str]

    @property
    def acknowledged(self) -> int:
        return len(self.ledger.read().acknowledged)

    @property
    def stored(self) -> int:
        """How far the writer has come in the spool; -1 while the database is away."""
        try:
            with psycopg.connect(self.url(), connect_timeout=2) as db:
                (seq,) = db.execute("SELECT coalesce(max(seq), 0) FROM spool_offset").fetchone() or (0,)
                return int(seq)
        except psycopg.OperationalError:
            return -1

    def works(self, frames: int) -> None:
        """Wait until terminals are acknowledged and rows are stored, more of both than now."""
        acknowledged = self.acknowledged
        self.wait(lambda: self.acknowledged >= acknowledged + frames, "terminals are acknowledged")
        stored = max(self.stored, 0)
        self.wait(lambda: self.stored > stored, "fixes are stored")

    def wait(self, look: Callable[[], bool], what: str) -> None:
        """`eventually`, in which a part that ends by itself is a failure."""

        def seen() -> bool:
            for name, part in (("gateway", self.gateway), ("writer", self.writer), ("shipper", self.shipper)):
                assert part is None or part.alive(), f"the {name} ended by itself:\n{part.running.said()[-3000:]}"
            return look()

        stack.eventually(seen, what, PATIENCE_S)

    def quiet(self) -> Verdict:
        """Terminals end, what is spooled gets stored; then the comparison."""
        self.clients.process.terminate()
        self.clients.process.wait(stack.PATIENCE_S)
        reader = SpoolReader(self.disk.place / "spool", "check")
        try:
            self.wait(lambda: self.stored >= reader.given(), "all is stored")  # shipped entries are trimmed already
        finally:
            reader.close()
        return check(self.ledger, self.url())


COMMANDS = {"gateway": ["gateway", "serve"], "tracking": ["tracking", "serve"], "shipper": ["gateway", "ship"]}


def program(part: str, mutant: str) -> list[str]:
    """The command of a part, or of a mutant of it."""
    module = ["tests.chaos.mutants", mutant, part] if mutant else COMMANDS[part]
    return [sys.executable, "-m", *module]


@contextmanager
def rig(var: Path, needs: Needs, url: str, seed: int, mutant: str = "", kind: str = "embedded") -> Iterator[Rig]:
    """Everything running while the block is; raises Unavailable where this machine lacks what is needed.

    url     of an empty database; not used where the fault needs one of its own, of this `kind`
    mutant  a name of tests.chaos.mutants
    """
    logs, ledger = var / "logs", Ledger(var / "ledger")
    port, front = stack.free_port(), stack.free_port() if needs.proxy else 0
    with ExitStack() as held:
        disk = needs.disk(var / "node")
        held.callback(disk.close)
        database, database_disk = None, None
        if needs.own_database:
            database_disk = needs.database_disk(var / "database")
            held.callback(database_disk.close)
            database = Server(database_disk.place, logs, kind)
            held.callback(database.close)
            database.start()
        servers, cluster_disk = None, needs.cluster_disk(var / "cluster") if needs.cluster_disk else None
        if cluster_disk is not None:
            held.callback(cluster_disk.close)
            servers = held.enter_context(cluster(logs, cluster_disk.place))
        shim = Shim(var) if needs.shim else None
        if shim:
            held.callback(shim.close)
        where = (lambda: database.url) if database else (lambda: url)
        stack.enrol(disk.place, [f"{n},jt808,苏E{n[-5:]},taxi," for n in load.numbers(needs.terminals)])
        settings = {"jt808_port": str(port), **SETTINGS, **needs.settings}
        command = [*(shim.command if shim else []), *program("gateway", mutant)]

        @contextmanager
        def run_gateway() -> Iterator[stack.Running]:
            with stack.gateway(disk.place, *command, logs=logs, **settings) as process:
                yield process.running

        gateway = Part(run_gateway)
        ship_url = servers.url if servers else ""
        writer = Part(
            lambda: stack.writer(
                disk.place, where(), *program("tracking", mutant), logs=logs, poll_s="0.02", ship_url=ship_url
            )
        )
        shipper = None
        if servers:
            env = {"TAXIHUB_VAR": str(disk.place), "TAXIHUB_SHIP_URL": servers.url, "TAXIHUB_SHIP_BYTES": SHIP_BYTES}
            shipper = Part(lambda: stack.running("shipper", program("shipper", mutant), logs, env))
        for part in (writer, gateway, *([shipper] if shipper else [])):
            held.callback(part.stop)
            part.start()
        proxy = None
        if needs.proxy:
            command_of_proxy = [sys.executable, "-m", "tests.chaos.proxy", "--port", str(front), "--to", str(port)]
            proxy = held.enter_context(stack.running("proxy", [*command_of_proxy, "--seed", str(seed)], logs))
            stack.eventually(lambda: stack.listens(front), "the proxy listens")
        clients = held.enter_context(stack.running("load", terminals(needs, front or port, ledger.path, seed), logs))
        yield Rig(
            gateway, writer, database, disk, database_disk, shim, clients, proxy, servers, cluster_disk, shipper,
            ledger, where,
        )  # fmt: skip


def terminals(needs: Needs, port: int, ledger: Path, seed: int) -> list[str]:
    return [
        sys.executable, "-m", "tests.load", "--port", str(port), "--terminals", str(needs.terminals),
        "--ledger", str(ledger), "--seed", str(seed), "--pause", str(needs.pause_s),
    ]  # fmt: skip


def instant(rng: Random) -> None:
    """Any moment of the next third of a second."""
    time.sleep(rng.uniform(0, 0.3))
