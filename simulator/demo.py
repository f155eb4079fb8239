"""The demo: the whole bureau and a simulated city on one machine, as processes of this one.

Started in the order of the data's flow and stopped against it, so that what terminals were told
"received" reaches the database. When a part ends by itself, the demo says which and stops.
"""

from __future__ import annotations

import asyncio
import contextlib
import csv
import fcntl
import io
import json
import secrets
import socket
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import urlopen

from simulator import scenario
from simulator.broker import BrokerFile
from simulator.processes import DemoError, Processes, module, program

DEFAULT_PORTS = {"jt808": 6808, "jt905": 6905, "jsatl": 6909, "mqtt": 1883, "nats": 4222, "http": 8080}
LOGINS = (
    ("admin", "administrator"),
    ("dispatcher", "dispatcher"),
    ("taker", "call_taker"),
    ("officer", "safety_officer"),
)
STARTING = "\0taxihub-demo-starts"
"""Name of a socket in Linux's abstract space: one demo at a time chooses ports and takes them."""
QUEUE_S = 300.0
GAZETTEER = Path(__file__).parent / "gazetteer" / "places.csv"
TRIPS_EVERY_S = 20
"""Between two looks for trips that are over."""


def choose_ports() -> dict[str, int]:
    """The usual port of each service, or a free one where that is taken."""
    return {name: port if _free(port) else _any_port() for name, port in DEFAULT_PORTS.items()}


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))
        except OSError:
            return False
        return True


def _any_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def _turn() -> AsyncIterator[None]:
    """Wait for other demos of this machine that are just starting, and keep the next one waiting. Raises DemoError."""
    with socket.socket(socket.AF_UNIX) as turn:
        end, told = time.monotonic() + QUEUE_S, False
        while True:
            try:
                turn.bind(STARTING)
                break
            except OSError:
                if time.monotonic() > end:
                    raise DemoError(f"another demo on this machine has been starting for {QUEUE_S:g} s") from None
                if not told:
                    print("another demo is starting on this machine, waiting for it ...", flush=True)
                told = True
            await asyncio.sleep(0.2)
        yield


@contextmanager
def _alone(var: Path) -> Iterator[None]:
    """One demo in a directory. Raises DemoError."""
    var.mkdir(parents=True, exist_ok=True)
    with (var / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise DemoError(f"a demo runs in {var} already; stop it first, or give another directory") from None
        yield


async def _first(work: asyncio.Task[None], stop: asyncio.Event) -> None:
    """Until the work is done, or `stop` is set: then it is given up. Raises what the work raises."""
    stopped = asyncio.create_task(stop.wait(), name="stop")
    await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not work.done():
        work.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await work


@dataclass
class Demo:
    """What to run, from the clone's root.

    var       directory of everything that it keeps
    database  "embedded", "timescale", or the URL of a server
    region    where fixes are plausible, as the gateway takes it
    """

    var: Path
    scenario: str
    database: str
    region: str = "china"
    ports: dict[str, int] = field(init=False)
    _processes: Processes = field(init=False)
    _broker: BrokerFile = field(init=False)

    async def run(self, stop: asyncio.Event) -> None:
        """Start everything, tell where it is, wait for `stop`. Raises DemoError."""
        with _alone(self.var):
            state = self.var / "run.json"
            state.unlink(missing_ok=True)
            self._processes = Processes(self.var / "log")
            try:
                async with AsyncExitStack() as parts:
                    started = asyncio.create_task(self._begin(parts, state), name="start")
                    await _first(started, stop)
                    await self._processes.until(stop)
                    print("stopping ...", flush=True)
            finally:
                state.unlink(missing_ok=True)

    async def _begin(self, parts: AsyncExitStack, state: Path) -> None:
        async with _turn():
            started = time.monotonic()
            self.ports = choose_ports()
            url = await self._start(parts)
            logins = await self._logins(url)
            await parts.enter_async_context(self._processes.part("callers", self._callers()))
        self._tell(state, url, logins, time.monotonic() - started)

    async def _start(self, parts: AsyncExitStack) -> str:
        """Every part in order; returns the database's URL."""
        run, ports = self._processes, self.ports
        self._broker = BrokerFile.write(
            self.var / "nats.conf", self.var / "jetstream", ports["nats"], ports["mqtt"], phones=self._phones()
        )
        await parts.enter_async_context(run.part("bus", [program("nats-server"), "-c", str(self._broker.path)]))
        city, basemap = self.var / "city", self.var / "map" / "base.pmtiles"
        made = asyncio.create_task(self._make_city(city, basemap), name="city")
        try:
            url = self.database
            if "://" not in url:
                url = await self._database(parts)
            env = self._environment(url)
            await parts.enter_async_context(run.part("tracking", module("tracking", "serve"), env))
            await made
            await run.once(
                module("simulator", "roll", "--scenario", self.scenario, "--out", str(self.var / "roll.csv"))
            )
            await run.once(module("gateway", "roll", "import", str(self.var / "roll.csv")), env)
        finally:
            made.cancel()
        (self.var / "gateway" / "listening.json").unlink(missing_ok=True)
        await parts.enter_async_context(run.part("gateway", module("gateway", "serve"), env))
        await run.when("gateway", (self.var / "gateway" / "listening.json").exists)
        await run.once(module("dispatch", "places", str(GAZETTEER)), env)
        await parts.enter_async_context(run.part("dispatch", module("dispatch", "serve"), env))
        await parts.enter_async_context(run.part("dashboard", module("dashboard", "serve"), env))
        address = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
        drive = module(
            "simulator", "drive", "--scenario", self.scenario, "--city", str(city), "--state", str(self.var / "cars"),
            "--jt808", address["jt808"], "--jt905", address["jt905"], "--mqtt", address["mqtt"],
            "--phones", str(self.var / "phones.json"),
        )  # fmt: skip
        await parts.enter_async_context(run.part("simulator", drive))
        trips = module("tracking", "derive", "--every", str(TRIPS_EVERY_S))
        await parts.enter_async_context(run.part("trips", trips, env))
        await run.when("dashboard", lambda: _healthy(f"http://{address['http']}/healthz"))
        return url

    def _phones(self) -> dict[str, str]:
        """Fresh passwords of drivers' phones, by number; written down for the city's taxis."""
        path = self.var / "phones.json"
        cabs = scenario.load(self.scenario).cabs()
        phones = {cab.number: secrets.token_hex(16) for cab in cabs if cab.protocol == "mqtt"}
        path.touch(mode=0o600)
        path.write_text(json.dumps(phones))
        return phones

    def _callers(self) -> list[str]:
        return module(
            "simulator", "call", "--scenario", self.scenario, "--city", str(self.var / "city"),
            "--bureau", f"http://127.0.0.1:{self.ports['http']}", "--logins", str(self.var / "logins.json"),
        )  # fmt: skip

    def _environment(self, url: str) -> dict[str, str]:
        settings = {
            "DATABASE_URL": url, "VAR": self.var, "BUS_URL": self._broker.bus_url, "MQTT_URL": self._broker.mqtt_url,
            "REGION": self.region, "JT808_PORT": self.ports["jt808"], "JT905_PORT": self.ports["jt905"],
            "JSATL_PORT": self.ports["jsatl"], "DASHBOARD_PORT": self.ports["http"],
        }  # fmt: skip
        return {f"TAXIHUB_{key}": str(value) for key, value in settings.items()}

    async def _make_city(self, city: Path, basemap: Path) -> None:
        """The city as an extract, its base map, and the network by which trips are matched, unless they are there."""
        extract, roads = city / "city.osm.pbf", self.var / "roads"
        if not extract.exists():
            await self._processes.once(module("simulator", "city", "--out", str(city)))
        basemap.parent.mkdir(parents=True, exist_ok=True)
        wanted = {
            basemap: module("dashboard", "basemap", str(extract), str(basemap)),
            roads: module("tracking", "roads", "build", str(extract), "--out", str(roads)),
        }
        await asyncio.gather(*(self._processes.once(command) for made, command in wanted.items() if not made.exists()))

    async def _database(self, parts: AsyncExitStack) -> str:
        """Run the database; it says its URL when its schema is ready."""
        command = module("tracking", "database", self.database)
        await parts.enter_async_context(self._processes.part("database", command, {"TAXIHUB_VAR": str(self.var)}))
        log = self._processes.log("database")

        def url() -> str | None:
            lines = log.read_text("utf-8", "replace").splitlines()
            return next((line for line in lines if line.startswith("postgresql://")), None)

        return await self._processes.when("database", url)

    async def _logins(self, url: str) -> list[dict[str, str]]:
        """Accounts with made-up passwords, the same ones at the next start."""
        path = self.var / "logins.json"
        if not path.exists():
            fresh = [{"user": u, "password": secrets.token_urlsafe(9), "role": r} for u, r in LOGINS]
            path.touch(mode=0o600)
            path.write_text(json.dumps(fresh))
        logins: list[dict[str, str]] = json.loads(path.read_text())
        lines = io.StringIO()
        csv.writer(lines).writerows((one["user"], one["role"], one["password"]) for one in logins)
        await self._processes.once(module("dashboard", "admin", "import"), self._environment(url), lines.getvalue())
        return logins

    def _tell(self, path: Path, url: str, logins: Sequence[Mapping[str, str]], took_s: float) -> None:
        address = f"http://127.0.0.1:{self.ports['http']}"
        state = {"url": address, "logins": logins, "ports": self.ports, "database_url": url}
        path.touch(mode=0o600)
        path.write_text(json.dumps(state, indent=1))
        print(f"\ntaxihub runs, {took_s:.0f} s after its start:  {address}\n")
        for login in logins:
            print(f"  {login['role']:<16} {login['user']:<12} {login['password']}")
        rest = ", ".join(f"{name} {port}" for name, port in self.ports.items() if name != "http")
        print(f"\nports: {rest}\ndatabase: {url}\nlogs: {self.var / 'log'}\nCtrl-C stops it all.", flush=True)


def _healthy(url: str) -> bool:
    with contextlib.suppress(OSError):
        return bool(urlopen(url, timeout=2).status == 200)
    return False
