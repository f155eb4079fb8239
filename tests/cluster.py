"""A NATS cluster with JetStream on loopback: three servers that synchronise every write."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from nats.aio.client import Client

from gateway.shipping.cluster import PREFIX
from tests import stack
from tests.routes import Routes

SERVERS = 3
PATIENCE_S = 60.0


@dataclass
class Node:
    """One server. `store` is all that it has on its disk."""

    name: str
    port: int
    config: Path
    store: Path
    logs: Path
    _held: ExitStack = field(default_factory=ExitStack)
    running: stack.Running | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def start(self) -> None:
        binary = shutil.which("nats-server", path=str(Path(sys.executable).parent)) or "nats-server"
        self.running = self._held.enter_context(stack.running(self.name, [binary, "-c", str(self.config)], self.logs))
        stack.eventually(lambda: stack.listens(self.port), f"{self.name} listens")

    def kill(self) -> None:
        assert self.running is not None
        self.running.kill()

    def freeze(self) -> None:
        assert self.running is not None
        self.running.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.running is not None
        self.running.process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        if self.running is not None and self.running.process.poll() is None:
            self.thaw()
        self._held.close()


@dataclass
class Cluster:
    """route_ports: where each server takes the others, by way of `routes` only."""

    nodes: list[Node]
    routes: Routes
    route_ports: Sequence[int]

    @property
    def url(self) -> str:
        return ",".join(node.url for node in self.nodes)

    def leader(self) -> Node:
        """Of the first stream that there is."""
        return self.leader_of("")

    def leader_of(self, spool: str, asked: Sequence[Node] = ()) -> Node:
        """Of the first stream whose spool's name begins so, as those who are asked (all) know it."""
        ask = partial(self._leader, spool, [node.url for node in asked or self.nodes])
        name = stack.eventually(lambda: asyncio.run(ask()), "a stream has a leader", PATIENCE_S)
        return next(node for node in self.nodes if node.name == name)

    async def _leader(self, spool: str, urls: list[str]) -> str | None:
        client = Client()
        try:
            await client.connect(urls, connect_timeout=2, max_reconnect_attempts=1, error_cb=_silent)
            for info in await client.jetstream(timeout=2).streams_info():
                if (info.config.name or "").startswith(PREFIX + spool) and info.cluster and info.cluster.leader:
                    return info.cluster.leader
        except Exception:  # none yet
            await asyncio.sleep(0.2)
        finally:
            await client.close()
        return None


async def _silent(_error: Exception) -> None:
    """The test waits until it goes on."""


@contextmanager
def cluster(var: Path, stores: Path | None = None) -> Iterator[Cluster]:
    """Three servers in `var`, what they keep in `stores`; started, and ready for streams."""
    ports = [(stack.free_port(), stack.free_port()) for _ in range(SERVERS)]
    route_ports = [route for _, route in ports]
    routes, nowhere = Routes(route_ports), stack.free_port()
    nodes = []
    for n, (port, route) in enumerate(ports, 1):
        others = ", ".join(f"nats://127.0.0.1:{other}" for other in routes.ports[n - 1] if other)
        config, store = var / f"n{n}.conf", (stores or var) / f"n{n}"
        var.mkdir(parents=True, exist_ok=True)
        config.write_text(
            f"server_name: n{n}\nhost: 127.0.0.1\nport: {port}\n"
            f'jetstream {{ store_dir: "{store}", sync_interval: always }}\n'
            # what servers tell each other of a third one must not lead past the ways that can be cut
            f'cluster {{ name: taxihub, host: 127.0.0.1, port: {route}, advertise: "127.0.0.1:{nowhere}", '
            f"routes: [{others}] }}\n"
        )
        nodes.append(Node(f"n{n}", port, config, store, var))
    made = Cluster(nodes, routes, route_ports)
    try:
        for node in nodes:
            node.start()
        yield made
    finally:
        for node in nodes:
            node.close()
        routes.close()
