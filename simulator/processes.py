"""Processes that make up a demo: parts that must live on, and commands that end."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

START_S = 120.0
STOP_S = 20.0
PR_SET_PDEATHSIG = 1


class DemoError(Exception):
    """A part did not come up or went away; the message says which and shows its last words."""


def module(name: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", name, *arguments]


def program(name: str) -> str:
    """A program that was installed beside our Python."""
    return str(Path(sys.executable).parent / name)


def _end_with_parent() -> None:
    """Linux: SIGTERM when this process dies, however it dies."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Processes:
    """logs: directory of what each part says. Made inside a running loop."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        logs.mkdir(parents=True, exist_ok=True)
        self._failed: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    @asynccontextmanager
    async def part(
        self, name: str, command: Sequence[str], env: Mapping[str, str] | None = None
    ) -> AsyncIterator[None]:
        """A process that must live while the block runs; then SIGTERM, and SIGKILL if it does not listen."""
        with self.log(name).open("wb") as output:
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
            self._failed.set_result(f"{name} ended with code {code}:\n{_tail(self.log(name))}")

    async def until(self, stop: asyncio.Event) -> None:
        """Until `stop`, or until a part ends. Raises DemoError."""
        while not stop.is_set():
            if self._failed.done():
                raise DemoError(self._failed.result())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 0.2)

    async def when(self, name: str, ready: Callable[[], object]) -> str:
        """The first true result of `ready`. Raises DemoError."""
        end = time.monotonic() + START_S
        while time.monotonic() < end:
            if self._failed.done():
                raise DemoError(self._failed.result())
            if found := await asyncio.to_thread(ready):
                return str(found)
            await asyncio.sleep(0.05)
        raise DemoError(f"{name} is not ready after {START_S:g} s:\n{_tail(self.log(name))}")

    async def once(self, command: Sequence[str], env: Mapping[str, str] | None = None, text: str = "") -> None:
        """A command that ends, with `text` on its standard input. Raises DemoError with what it said."""
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            start_new_session=True, env={**os.environ, **(env or {})}, preexec_fn=_end_with_parent,
        )  # fmt: skip
        try:
            said, _ = await process.communicate(text.encode())
        finally:
            if process.returncode is None:
                process.terminate()
        if process.returncode:
            raise DemoError(f"{' '.join(command[2:])} failed:\n{said.decode('utf-8', 'replace')[-2000:]}")


def _tail(log: Path) -> str:
    with contextlib.suppress(OSError):
        return "\n".join(log.read_text("utf-8", "replace").splitlines()[-15:])
    return ""
