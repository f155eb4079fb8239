"""Several gateway processes on one machine behind the same ports: started, watched, and restarted one by one.

The kernel spreads connections over the workers (SO_REUSEPORT). Each has a spool of its own; they share the
roll, the outbox and the media. A worker that ends by itself is started again, as one must after an
error of its disk. SIGHUP restarts them in turn: one takes no more connections, commits and answers what
it holds and closes, its terminals come back to the others, and the next one follows when it is up again.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from gateway.errors import GatewayError
from gateway.server.process import write_state

log = structlog.get_logger()
AGAIN_S = 1.0
LOOK_S = 0.05
PATIENCE_S = 60.0
"""For a worker to end."""


def reserve(bind: str, ports: Mapping[str, int], held: ExitStack) -> dict[str, int]:
    """Ports that all workers can listen on, the free ones chosen; nobody else may take them while `held` is open."""
    chosen = {}
    for name, port in ports.items():
        family = socket.AF_INET6 if ":" in bind else socket.AF_INET
        one = held.enter_context(socket.socket(family))
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            one.bind((bind, port))
        except OSError as error:
            raise GatewayError(f"port {port} ({name}) on {bind}: {error.strerror}") from error
        chosen[name] = one.getsockname()[1]
    return chosen


@dataclass
class Workers:
    """count: how many; var: where they leave word that they listen; env: of their processes."""

    count: int
    var: Path
    env: Mapping[str, str]
    stop: asyncio.Event
    _processes: dict[int, asyncio.subprocess.Process] = field(default_factory=dict)
    _turning: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def run(self, state: Path, ports: Mapping[str, int]) -> None:
        """Until `stop` is set; then all end, which takes as long as their last commits."""
        async with asyncio.TaskGroup() as tasks:
            watching = [tasks.create_task(self._keep(n), name=f"worker {n}") for n in range(1, self.count + 1)]
            ready = tasks.create_task(self._ready(state, ports), name="ready")
            await self.stop.wait()
            ready.cancel()
            state.unlink(missing_ok=True)
            await asyncio.gather(*(_end(process) for process in self._processes.values()))
            await asyncio.wait(watching)

    async def turn_over(self) -> None:
        """Restart all workers, one after another."""
        async with self._turning:
            for number in range(1, self.count + 1):
                if self.stop.is_set():
                    return
                log.info("worker restarts", worker=number)
                process = self._processes[number]
                await _end(process)
                await self._listens(number, former=process)
            log.info("all workers were restarted", workers=self.count)

    async def _ready(self, state: Path, ports: Mapping[str, int]) -> None:
        for number in range(1, self.count + 1):
            await self._listens(number)
        write_state(state, {"ports": ports, "workers": [self._processes[n].pid for n in sorted(self._processes)]})
        log.info("gateway listens", workers=self.count, **ports)

    async def _listens(self, number: int, former: asyncio.subprocess.Process | None = None) -> None:
        """Wait until a worker, another one than `former`, takes connections."""
        while not self.stop.is_set():
            process = self._processes.get(number, former)
            if process is not former and self._state(number).exists():
                return
            await asyncio.sleep(LOOK_S)

    def _state(self, number: int) -> Path:
        return self.var / f"worker-{number}.json"

    async def _keep(self, number: int) -> None:
        """One worker, again and again."""
        while not self.stop.is_set():
            self._state(number).unlink(missing_ok=True)
            process = await asyncio.create_subprocess_exec(*command(number, self.count), env={**os.environ, **self.env})
            self._processes[number] = process
            if self.stop.is_set():  # nobody else will tell it
                await _end(process)
                return
            status = await process.wait()
            if not self.stop.is_set() and not self._turning.locked():
                log.error("a worker ended by itself and is started again", worker=number, status=status)
                await asyncio.sleep(AGAIN_S)


def command(number: int, count: int) -> Sequence[str]:
    return [sys.executable, "-m", "gateway", "serve", "--worker", f"{number}/{count}"]


async def _end(process: asyncio.subprocess.Process) -> None:
    """Let a worker commit, answer and close; one that does not come to an end is killed."""
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), PATIENCE_S)
    except TimeoutError:
        log.error("a worker does not end and is killed", pid=process.pid)
        process.kill()
        await process.wait()
