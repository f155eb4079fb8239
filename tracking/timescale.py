"""TimescaleDB from Debian's packages, in a Debian 13 root of its own that any Debian or Ubuntu can make.

The root stands in the user's cache, outside the clone. The server runs in it by chroot as user
postgres and listens on a Unix socket in its data directory only. Making and starting it needs root.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import psycopg

from tracking.embedded import ensure_database
from tracking.errors import TrackingError

ROOT = Path.home() / ".cache" / "taxihub" / "timescale-trixie"
SUITE, PACKAGE, MIRROR = "trixie", "postgresql-17-timescaledb", "http://deb.debian.org/debian"
BINARIES = "/usr/lib/postgresql/17/bin"
START_S = 30.0
STOP_S = 60.0


def installed(root: Path = ROOT) -> bool:
    return (root / BINARIES.lstrip("/") / "postgres").exists()


def why_not() -> str:
    """What keeps this machine from running it; "" when nothing does."""
    if os.geteuid() != 0:
        return "TimescaleDB's Debian root is made and entered by root only"
    if not installed() and shutil.which("mmdebstrap") is None and shutil.which("apt-get") is None:
        return "neither mmdebstrap nor apt-get is here to make TimescaleDB's Debian root"
    return ""


def install(root: Path = ROOT) -> None:
    """Make the root unless it stands: about 500 MB. Raises TrackingError."""
    if installed(root):
        return
    if reason := why_not():
        raise TrackingError(reason)
    if shutil.which("mmdebstrap") is None:
        _run(["apt-get", "update", "-qq"])
        _run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "mmdebstrap"])
    fresh = root.with_name(root.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    root.parent.mkdir(parents=True, exist_ok=True)
    _run(["mmdebstrap", "--variant=apt", f"--include={PACKAGE}", SUITE, str(fresh), MIRROR])
    fresh.replace(root)


def _run(command: list[str]) -> None:
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    )
    if done.returncode:
        raise TrackingError(f"{' '.join(command)} failed:\n{(done.stdout + done.stderr)[-2000:]}")


@contextmanager
def server(name: str, root: Path = ROOT) -> Iterator[str]:
    """A server while the block runs; gives the URL of its database. Raises TrackingError.

    name  says whose data it is, e.g. the directory that a clone keeps everything in
    """
    data = f"/var/lib/taxihub/{sha256(name.encode()).hexdigest()[:16]}"
    inside = ["chroot", "--userspec=postgres:postgres", str(root), "env", "LC_ALL=C.UTF-8"]
    directory = root / data.lstrip("/")
    if not (directory / "PG_VERSION").exists():
        directory.mkdir(parents=True, exist_ok=True)
        _run(["chroot", str(root), "chown", "-R", "postgres:postgres", data])
        _run(
            [
                *inside,
                f"{BINARIES}/initdb",
                "-D",
                data,
                "-A",
                "trust",
                "-U",
                "postgres",
                "--locale=C.UTF-8",
                "-E",
                "UTF8",
            ]
        )
    settings = {
        "shared_preload_libraries": "timescaledb", "listen_addresses": "", "unix_socket_directories": data,
        "dynamic_shared_memory_type": "mmap", "timescaledb.telemetry_level": "off",
    }  # fmt: skip
    options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
    with (directory / "log").open("ab") as log:
        process = subprocess.Popen(
            [*inside, "setpriv", "--pdeathsig", "INT", f"{BINARIES}/postgres", "-D", data, *options],
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        url = f"postgresql://postgres@/postgres?host={directory}"
        _wait(process, url, directory / "log")
        yield ensure_database(url)
    finally:
        process.send_signal(signal.SIGINT)  # fast shutdown
        process.wait(STOP_S)


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    end = time.monotonic() + START_S
    while True:
        try:
            psycopg.connect(url, connect_timeout=2).close()
            return
        except psycopg.OperationalError as error:
            if process.poll() is not None or time.monotonic() > end:
                raise TrackingError(f"TimescaleDB did not start: {error}\n{log.read_text()[-2000:]}") from error
            time.sleep(0.05)


def remove(name: str, root: Path = ROOT) -> None:
    """Forget the data of one name."""
    shutil.rmtree(root / "var/lib/taxihub" / sha256(name.encode()).hexdigest()[:16], ignore_errors=True)
