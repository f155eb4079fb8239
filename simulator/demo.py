"""The demo: the whole bureau and a simulated city on one machine, as processes of this one.

Started in the order of the data's flow and stopped against it, so that what terminals were told
"received" reaches the database. When a part ends by itself, the demo says which and stops.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import urlopen

START_S = 120.0
STOP_S = 20.0
DEFAULT_PORTS = {"jt808": 6808, "jt905": 6905, "jsatl": 6909, "mqtt": 1883, "nats": 4222, "http": 8080}
LOGINS = (("admin", "administrator"), ("dispatcher", "dispatcher"), ("officer", "safety_officer"))
PR_SET_PDEATHSIG = 1


class DemoError(Exception):
    """A part did not come up or went away; the message says which and shows its last words."""


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


def _end_with_parent() -> None:
    """Linux: SIGTERM when this process dies, however it dies."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass
class Demo:
    """What to run, from the clone's root.

    var       directory of everything that it keeps
    database  "embedded", "timescale", or the URL of a server
    """

    var: Path
    scenario: str
    database: str
    region: str = "china"
    ports: dict[str, int] = field(default_factory=choose_ports)
    _failed: asyncio.Future[str] = field(init=False)

    async def run(self, stop: asyncio.Event) -> None:
        """Start everything, tell where it is, wait for `stop`. Raises DemoError."""
        self._failed = asyncio.get_running_loop().create_future()
        started = time.monotonic()
        self.var.mkdir(parents=True, exist_ok=True)
        async with AsyncExitStack() as parts:
            url = await self._start(parts, stop)
            if stop.is_set():
                return
            logins = await self._logins(url)
            self._tell(url, logins, time.monotonic() - started)
            await self._until(stop)
            print("stopping ...", flush=True)
        (self.var / "run.json").unlink(missing_ok=True)

    async def _start(self, parts: AsyncExitStack, stop: asyncio.Event) -> str:
        """Every part in order; returns the database's URL."""
        ports = self.ports
        await parts.enter_async_context(self._part("bus", [_program("nats-server"), "-c", str(self._bus_config())]))
        city, basemap = self.var / "city", self.var / "map" / "base.pmtiles"
        made = asyncio.create_task(self._make_city(city, basemap), name="city")
        try:
            url = self.database
            if "://" not in url:
                url = await self._database(parts)
            env = {"TAXIHUB_DATABASE_URL": url, **self._environment()}
            await parts.enter_async_context(self._part("tracking", _module("tracking", "serve"), env))
            await made
            await self._once(
                _module("simulator", "roll", "--scenario", self.scenario, "--out", str(self.var / "roll.csv"))
            )
            await self._once(_module("gateway", "roll", "import", str(self.var / "roll.csv")), env)
        finally:
            made.cancel()
        (self.var / "gateway" / "listening.json").unlink(missing_ok=True)
        await parts.enter_async_context(self._part("gateway", _module("gateway", "serve"), env))
        await self._when("gateway", (self.var / "gateway" / "listening.json").exists)
        await parts.enter_async_context(self._part("dispatch", _module("dispatch", "serve"), env))
        await parts.enter_async_context(self._part("dashboard", _module("dashboard", "serve"), env))
        address = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
        drive = _module(
            "simulator", "drive", "--scenario", self.scenario, "--city", str(city), "--state", str(self.var / "cars"),
            "--jt808", address["jt808"], "--jt905", address["jt905"], "--mqtt", address["mqtt"],
        )  # fmt: skip
        await parts.enter_async_context(self._part("simulator", drive))
        await self._when("dashboard", lambda: stop.is_set() or _healthy(f"http://{address['http']}/healthz"))
        return url

    def _environment(self) -> dict[str, str]:
        settings = {
            "VAR": self.var, "BUS_URL": f"nats://127.0.0.1:{self.ports['nats']}", "REGION": self.region,
            "MQTT_URL": f"mqtt://127.0.0.1:{self.ports['mqtt']}", "JT808_PORT": self.ports["jt808"],
            "JT905_PORT": self.ports["jt905"], "JSATL_PORT": self.ports["jsatl"], "DASHBOARD_PORT": self.ports["http"],
        }  # fmt: skip
        return {f"TAXIHUB_{key}": str(value) for key, value in settings.items()}

    def _bus_config(self) -> Path:
        """One server is bus and MQTT broker; MQTT sessions need its store."""
        path = self.var / "nats.conf"
        path.write_text(
            f"server_name: taxihub\nhost: 127.0.0.1\nport: {self.ports['nats']}\nmax_payload: 4MB\n"
            f'jetstream {{ store_dir: "{self.var / "jetstream"}" }}\n'
            f"mqtt {{ host: 0.0.0.0, port: {self.ports['mqtt']}, max_ack_pending: 10000, ack_wait: 10s }}\n"
        )
        return path

    async def _make_city(self, city: Path, basemap: Path) -> None:
        """The city's roads and its base map, unless they are there."""
        if not (city / "city.osm.pbf").exists():
            await self._once(_module("simulator", "city", "--out", str(city)))
        if not basemap.exists():
            basemap.parent.mkdir(parents=True, exist_ok=True)
            await self._once(_module("dashboard", "basemap", str(city / "city.osm.pbf"), str(basemap)))

    async def _database(self, parts: AsyncExitStack) -> str:
        """Run the database; it says its URL when its schema is ready."""
        command = _module("tracking", "database", self.database)
        await parts.enter_async_context(self._part("database", command, {"TAXIHUB_VAR": str(self.var)}))
        log = self._log("database")

        def url() -> str | None:
            lines = log.read_text("utf-8", "replace").splitlines()
            return next((line for line in lines if line.startswith("postgresql://")), None)

        return await self._when("database", url)

    async def _logins(self, url: str) -> list[dict[str, str]]:
        """Accounts with made-up passwords, the same ones at the next start."""
        path = self.var / "logins.json"
        if not path.exists():
            fresh = [{"user": u, "password": secrets.token_urlsafe(9), "role": r} for u, r in LOGINS]
            path.touch(mode=0o600)
            path.write_text(json.dumps(fresh))
        logins: list[dict[str, str]] = json.loads(path.read_text())
        env = {"TAXIHUB_DATABASE_URL": url, **self._environment()}
        for login in logins:
            create = _module("dashboard", "admin", "create", login["user"], "--role", login["role"])
            reset = _module("dashboard", "admin", "reset-password", login["user"])
            try:
                await self._once(create, env, login["password"])
            except DemoError:
                await self._once(reset, env, login["password"])
        return logins

    def _tell(self, url: str, logins: Sequence[Mapping[str, str]], took_s: float) -> None:
        address = f"http://127.0.0.1:{self.ports['http']}"
        state = {"url": address, "logins": logins, "ports": self.ports, "database_url": url}
        path = self.var / "run.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(state, indent=1))
        print(f"\ntaxihub runs, {took_s:.0f} s after its start:  {address}\n")
        for login in logins:
            print(f"  {login['role']:<16} {login['user']:<12} {login['password']}")
        rest = ", ".join(f"{name} {port}" for name, port in self.ports.items() if name != "http")
        print(f"\nports: {rest}\ndatabase: {url}\nlogs: {self.var / 'log'}\nCtrl-C stops it all.", flush=True)

    # processes

    def _log(self, name: str) -> Path:
        return self.var / "log" / f"{name}.log"

    @asynccontextmanager
    async def _part(
        self, name: str, command: Sequence[str], env: Mapping[str, str] | None = None
    ) -> AsyncIterator[None]:
        """A process that must live while the block runs; then SIGTERM, and SIGKILL if it does not listen."""
        log = self._log(name)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
                env={**os.environ, **(env or {})}, preexec_fn=_end_with_parent,
            )  # fmt: skip
        watch = asyncio.create_task(self._watch(name, process), name=name)
        try:
            yield
        finally:
            watch.cancel()
            if process.returncode is None:
                process.terminate()
                try:
                    await asyncio.wait_for(process.wait(), STOP_S)
                except TimeoutError:
                    print(f"{name} does not stop, killing it", file=sys.stderr)
                    process.kill()
                    await process.wait()

    async def _watch(self, name: str, process: asyncio.subprocess.Process) -> None:
        code = await process.wait()
        if not self._failed.done():
            self._failed.set_result(f"{name} ended with code {code}:\n{_tail(self._log(name))}")

    async def _until(self, stop: asyncio.Event) -> None:
        """Until `stop`, or until a part ends. Raises DemoError."""
        while not stop.is_set():
            if self._failed.done():
                raise DemoError(self._failed.result())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 0.2)

    async def _when(self, name: str, ready: Callable[[], object]) -> str:
        """The first true result of `ready`. Raises DemoError."""
        end = time.monotonic() + START_S
        while time.monotonic() < end:
            if self._failed.done():
                raise DemoError(self._failed.result())
            if found := await asyncio.to_thread(ready):
                return str(found)
            await asyncio.sleep(0.05)
        raise DemoError(f"{name} is not ready after {START_S:g} s:\n{_tail(self._log(name))}")

    async def _once(self, command: Sequence[str], env: Mapping[str, str] | None = None, text: str = "") -> None:
        """A command that ends. Raises DemoError with what it said."""
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            start_new_session=True, env={**os.environ, **(env or {})}, preexec_fn=_end_with_parent,
        )  # fmt: skip
        said, _ = await process.communicate(f"{text}\n".encode() if text else b"")
        if process.returncode:
            raise DemoError(f"{' '.join(command[2:])} failed:\n{said.decode('utf-8', 'replace')[-2000:]}")


def _module(name: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", name, *arguments]


def _program(name: str) -> str:
    """A program that was installed beside our Python."""
    return str(Path(sys.executable).parent / name)


def _healthy(url: str) -> bool:
    with contextlib.suppress(OSError):
        return bool(urlopen(url, timeout=2).status == 200)
    return False


def _tail(log: Path) -> str:
    with contextlib.suppress(OSError):
        return "\n".join(log.read_text("utf-8", "replace").splitlines()[-15:])
    return ""
