"""The real parts as processes for tests: bus, gateway, writer. Each stops with its `with` block."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import psycopg

from gateway.spool import FILE, SpoolReader
from simulator.broker import BrokerFile
from tracking import embedded
from tracking.migrate import migrate

ROOT = Path(__file__).resolve().parents[1]
PATIENCE_S = 30.0
T = TypeVar("T")


def eventually(look: Callable[[], T | None], what: str, patience_s: float = PATIENCE_S) -> T:
    """The first result of `look` that is neither None nor False; fails when none comes."""
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        if (found := look()) is not None and found is not False:
            return found
        time.sleep(0.02)
    raise AssertionError(f"waited {patience_s:g} s in vain: {what}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass
class Running:
    """A process of ours and where it writes."""

    process: subprocess.Popen[bytes]
    log: Path

    def kill(self) -> None:
        """kill -9"""
        self.process.kill()
        self.process.wait(PATIENCE_S)

    def said(self) -> str:
        return self.log.read_text("utf-8", errors="replace")


@contextmanager
def running(name: str, command: Sequence[str], var: Path, env: Mapping[str, str] | None = None) -> Iterator[Running]:
    """A process with its output in `var/name.log`; ended by SIGTERM at the latest when the block ends."""
    var.mkdir(parents=True, exist_ok=True)
    log = var / f"{name}.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})}
        )
    try:
        yield Running(process, log)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                raise AssertionError(f"{name} did not stop: {log.read_text('utf-8', 'replace')[-2000:]}") from None


@dataclass(frozen=True)
class Bus:
    """url, mqtt_url: for our own processes; devices come to `mqtt_port` without a log-in."""

    url: str
    mqtt_url: str
    mqtt_port: int


@contextmanager
def bus(var: Path, phones: Mapping[str, str] | None = None) -> Iterator[Bus]:
    """A NATS server with its MQTT listener, on free ports. phones: passwords of drivers' phones, by number."""
    port, mqtt = free_port(), free_port()
    var.mkdir(parents=True, exist_ok=True)
    file = BrokerFile.write(var / "nats.conf", var / "jetstream", port, mqtt, "127.0.0.1", repeat_s=2, phones=phones)
    binary = shutil.which("nats-server", path=str(Path(sys.executable).parent)) or "nats-server"
    with running("nats", [binary, "-c", str(file.path)], var):
        eventually(lambda: listens(port) and listens(mqtt), "the bus listens")
        yield Bus(file.bus_url, file.mqtt_url, mqtt)


@dataclass
class GatewayProcess:
    running: Running
    ports: Mapping[str, int]


@contextmanager
def gateway(var: Path, *command: str, logs: Path | None = None, **settings: str) -> Iterator[GatewayProcess]:
    """`python -m gateway serve`, or another command, on free ports; `settings` are TAXIHUB_ variables in lower case.

    Its log stands in `logs`, by default in `var`.
    """
    env = {"VAR": str(var), "BUS_URL": "", "BIND": "127.0.0.1"}
    env |= {f"{name}_PORT": "0" for name in ("JT808", "JT905", "JSATL")}
    env |= {key.upper(): value for key, value in settings.items()}
    state = var / "gateway" / "listening.json"
    state.unlink(missing_ok=True)
    command = command or (sys.executable, "-m", "gateway", "serve")
    with running("gateway", command, logs or var, {f"TAXIHUB_{k}": v for k, v in env.items()}) as process:

        def ports() -> Mapping[str, int] | None:
            assert process.process.poll() is None, process.said()
            return json.loads(state.read_text())["ports"] if state.exists() else None

        yield GatewayProcess(process, eventually(ports, "the gateway listens"))


@contextmanager
def writer(
    var: Path, database_url: str, *command: str, logs: Path | None = None, **settings: str
) -> Iterator[Running]:  # fmt: skip
    """`python -m tracking serve`, or another command."""
    env = {"VAR": str(var), "DATABASE_URL": database_url} | {key.upper(): value for key, value in settings.items()}
    command = command or (sys.executable, "-m", "tracking", "serve")
    with running("tracking", command, logs or var, {f"TAXIHUB_{k}": v for k, v in env.items()}) as process:
        yield process


@contextmanager
def dispatch(var: Path, database_url: str, bus_url: str, **settings: str) -> Iterator[Running]:
    """`python -m dispatch serve`; `settings` are TAXIHUB_ variables in lower case."""
    env = {"VAR": str(var), "DATABASE_URL": database_url, "BUS_URL": bus_url}
    env = {f"TAXIHUB_{key.upper()}": value for key, value in (env | settings).items()}
    with running("dispatch", [sys.executable, "-m", "dispatch", "serve"], var, env) as process:
        yield process


def spools(var: Path) -> list[SpoolReader]:
    """Of all gateway processes of a machine."""
    return [SpoolReader(file.parent, "check") for file in (var / "spool").rglob(FILE)]


@dataclass
class Console:
    """The console's process and the account that may log in to it."""

    running: Running
    port: int
    user: str
    password: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def console(var: Path, database_url: str, **settings: str) -> Iterator[Console]:
    """`python -m dashboard serve` with an administrator; `settings` are TAXIHUB_ variables in lower case."""
    env = {"VAR": str(var), "DATABASE_URL": database_url, "BUS_URL": "", "DASHBOARD_PORT": "0"}
    env = {f"TAXIHUB_{key.upper()}": value for key, value in (env | settings).items()}
    account(env, "create", "admin")
    state = var / "dashboard" / "listening.json"
    state.unlink(missing_ok=True)
    with running("dashboard", [sys.executable, "-m", "dashboard", "serve"], var, env) as process:

        def port() -> int | None:
            assert process.process.poll() is None, process.said()
            return int(json.loads(state.read_text())["port"]) if state.exists() else None

        yield Console(process, eventually(port, "the console listens"), "admin", PASSWORD)


@contextmanager
def fresh_database(server_url: str) -> Iterator[str]:
    """URL of a database of its own name on a server, in this version's schema, dropped afterwards."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    create = f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(create)
    url = server_url.replace(f"/{embedded.NAME}?", f"/{name}?", 1)
    migrate(url)
    yield url
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


PASSWORD = "correct horse battery staple"


def account(env: Mapping[str, str], *command: str, password: str = PASSWORD) -> subprocess.CompletedProcess[str]:
    """`python -m dashboard admin ...` with the password on standard input."""
    return subprocess.run(
        [sys.executable, "-m", "dashboard", "admin", *command], cwd=ROOT, input=password + "\n", text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **env}, capture_output=True, timeout=PATIENCE_S,
    )  # fmt: skip


def enrol(var: Path, rows: Sequence[str]) -> None:
    """`python -m gateway roll import` of lines "terminal,protocol,plate,vehicle_class,company"."""
    var.mkdir(parents=True, exist_ok=True)
    file = var / "roll.csv"
    file.write_text("\n".join(["terminal,protocol,plate,vehicle_class,company", *rows]), "utf-8")
    command = [sys.executable, "-m", "gateway", "roll", "import", str(file)]
    subprocess.run(command, check=True, cwd=ROOT, env={**os.environ, "TAXIHUB_VAR": str(var)}, capture_output=True)
