"""A gateway out of its real parts, a real broker, and a line that can go deaf: what terminals meet."""

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from subprocess import DEVNULL

import pytest

from gateway.bus import MemoryBus
from gateway.catalog import PROTOCOLS, TCP
from gateway.content import Files
from gateway.enrolment import parse_csv
from gateway.media import MediaStore
from gateway.report import FixBatch, moment
from gateway.roll import Roll
from gateway.server.committer import Committer
from gateway.server.connection import Connection
from gateway.server.hub import Hub
from gateway.server.page import Judge
from gateway.server.plausible import Region
from gateway.server.presence import Presence
from gateway.server.switchboard import Switchboard
from gateway.session import Limits
from gateway.spool import Spool, SpoolReader
from simulator.roll import Cab, to_csv

Row = dict[str, object]


async def until(true: Callable[[], object], within_s: float = 20.0) -> None:
    """Wait for something to become true; fails with what it was that did not."""
    async with asyncio.timeout(within_s):
        while not true():  # noqa: ASYNC110 - the things waited for live in other processes too
            await asyncio.sleep(0.01)


@pytest.fixture(name="until")
def waiting() -> Callable[..., Awaitable[None]]:
    return until


class Gateway:
    """Listeners, sessions, roll, group commit and spool as in the gateway's process. It can go and come back."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.roll = Roll(directory)
        self.ports = dict.fromkeys(TCP, 0)

    def enrol(self, *cabs: Cab) -> None:
        self.roll.enrol(parse_csv(to_csv(cabs).encode(), PROTOCOLS))

    async def start(self) -> None:
        self._spool = Spool(self.directory, limit_bytes=1 << 30, keep_us=0)
        hub = self.hub = Hub(self.roll, Limits(), {name: TCP[name].session for name in TCP}, {}, 1000)
        judge = Judge(Region.parse("world"), 600_000_000)
        media = MediaStore(Files(self.directory / "media"))
        hub.committer = Committer(self._spool, media, judge, lambda *_: asyncio.sleep(0), hub.read, 1 << 20, 0.002)
        hub.board = Switchboard(MemoryBus(), Presence("here", 0, desk=False), lambda: hub.counts)
        loop = asyncio.get_running_loop()
        self._committing = loop.create_task(hub.committer.run(), name="committer")
        self._lines: list[Connection] = []
        self._servers = [await loop.create_server(partial(self._line, n), "127.0.0.1", self.ports[n]) for n in TCP]
        self.ports = {n: s.sockets[0].getsockname()[1] for n, s in zip(TCP, self._servers, strict=True)}

    def _line(self, port: str) -> Connection:
        self._lines.append(Connection(self.hub, port))
        return self._lines[-1]

    async def stop(self) -> None:
        for server in self._servers:
            server.close()
        for line in self._lines:
            line.abort()
        self.hub.committer.finish()  # its thread may be writing: the spool must not be closed under it
        await self._committing
        self._spool.close()

    def last(self) -> int:
        """The newest entry of the spool."""
        with closing(SpoolReader(self.directory, "test")) as reader:
            return reader.last()

    def told(self, name: str, after: int = 0) -> list[Row]:
        """Messages of a name in the spool, as {"terminal", "message", "frame", "reports"}, behind an entry."""
        reader = SpoolReader(self.directory, "test")
        entries = [entry for entry in reader.read(after, 1 << 30) if entry.kind == "message"]
        reader.close()
        return [one for entry in entries for one in json.loads(entry.columns) if one["message"] == name]

    def stored(self, key: str = "") -> list[Row]:
        """Fixes in the spool, in the order of their commit."""
        reader = SpoolReader(self.directory, "test")
        rows = []
        for entry in reader.read(0, 1 << 30):
            if entry.kind != "fix":
                continue
            batch = FixBatch.from_bytes(entry.columns)
            for row in batch.rows:
                fields = {name: row[name].item() for name in row.dtype.names}
                rows.append(fields | {"terminal": batch.terminals[row["terminal"]], "time": moment(row["time"])})
        reader.close()
        return [row for row in rows if key in ("", row["terminal"])]


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    gateway = Gateway(tmp_path / "gateway")
    await gateway.start()
    yield gateway
    await gateway.stop()


class Line:
    """A TCP proxy. While `deaf`, what the platform says is swallowed."""

    def __init__(self, port: int) -> None:
        self.port, self.deaf, self._target = 0, False, port

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._target)
        with suppress(OSError):
            await asyncio.gather(
                self._pass(reader, up_writer, lambda: False), self._pass(up_reader, writer, lambda: self.deaf)
            )

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, deaf: Callable[[], bool]) -> None:
        while data := await reader.read(65536):
            if not deaf():
                writer.write(data)
        writer.close()

    def stop(self) -> None:
        self._server.close()


@pytest.fixture
async def line(gateway: Gateway) -> AsyncIterator[Line]:
    """In front of the gateway's JT/T 808 port."""
    line = Line(gateway.ports["jt808"])
    await line.start()
    yield line
    line.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Broker:
    """nats-server with its MQTT listener. It keeps its port over restarts."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self._file = directory / "nats.json"
        config = {
            "host": "127.0.0.1", "port": free_port(), "server_name": "test", "jetstream": {"store_dir": str(directory)},
            "mqtt": {"host": "127.0.0.1", "port": self.port},
        }  # fmt: skip
        self._file.write_text(json.dumps(config))
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        program = Path(sys.executable).with_name("nats-server")
        self._process = await asyncio.create_subprocess_exec(program, "-c", self._file, stdout=DEVNULL, stderr=DEVNULL)
        await until(self._answers)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    async def stop(self) -> None:
        if self._process:
            self._process.terminate()
            await self._process.wait()
            self._process = None


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Broker]:
    (tmp_path / "nats").mkdir()
    broker = Broker(tmp_path / "nats")
    await broker.start()
    yield broker
    await broker.stop()
