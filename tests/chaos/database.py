"""A database server that can be killed: `python -m tracking database`, as an installation without a server runs it."""

from __future__ import annotations

import sys
import urllib.parse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random

import psutil

from tests import stack
from tests.chaos.part import Part
from tracking import timescale

DEATH_S = 20.0


class Server(Part):
    """directory: of its data; kind: embedded, or timescale."""

    def __init__(self, directory: Path, logs: Path, kind: str = "embedded") -> None:
        super().__init__(self._run)
        self._directory, self._logs, self._kind = directory, logs, kind
        self.url = ""

    @contextmanager
    def _run(self) -> Iterator[stack.Running]:
        command = [sys.executable, "-m", "tracking", "database", self._kind]
        log = self._logs / "database.log"
        log.unlink(missing_ok=True)
        with stack.running("database", command, self._logs, {"TAXIHUB_VAR": str(self._directory)}) as process:

            def url() -> str | None:
                assert process.process.poll() is None, process.said()
                lines = process.said().splitlines()
                return next((line for line in lines if line.startswith("postgresql://")), None)

            self.url = stack.eventually(url, "the database is up")
            yield process

    def _postmaster(self) -> psutil.Process | None:
        """By the number in its data directory, where it works; another process may have got the number since."""
        hosts = urllib.parse.parse_qs(urllib.parse.urlsplit(self.url).query).get("host", [])
        for data in (self._directory / "postgres", *map(Path, hosts)):
            with suppress(psutil.NoSuchProcess, FileNotFoundError, IndexError, ValueError):
                process = psutil.Process(int((data / "postmaster.pid").read_text().split()[0]))
                if process.cwd() == str(data):
                    return process
        return None

    def processes(self) -> list[psutil.Process]:
        """The postmaster and all its children; nothing where none runs."""
        postmaster = self._postmaster()
        return [postmaster, *postmaster.children(recursive=True)] if postmaster else []

    def kill(self) -> None:
        """kill -9 of all of it."""
        processes = self.processes()
        self._end(processes, processes)

    def crash(self, rng: Random) -> None:
        """kill -9 of the postmaster alone, or of all at once; or of one of its children, which it survives."""
        postmaster, *children = self.processes()
        which = rng.randrange(3)
        if which == 0:
            rng.choice(children).kill()
            return
        self._end([postmaster] if which == 1 else [postmaster, *children], [postmaster, *children])
        self.start()

    def _end(self, victims: Sequence[psutil.Process], processes: Sequence[psutil.Process]) -> None:
        """Kill these, then who started the server, and wait: while one of all lives, none may start."""
        for victim in victims:
            with suppress(psutil.NoSuchProcess):
                victim.kill()
        super().kill()
        psutil.wait_procs(processes, DEATH_S)

    def close(self) -> None:
        """End, and leave nothing in the Debian root, where TimescaleDB's data are."""
        self.kill()
        name = self._directory / "timescale.name"
        if name.exists():
            timescale.remove(name.read_text())

    def freeze(self) -> None:
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                process.suspend()
