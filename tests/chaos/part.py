"""A process of the system under chaos: it can be killed, stopped for a while, ended, and started again."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from tests.stack import Running


class Part:
    """start: runs the process while its block is open; called anew for every start."""

    def __init__(self, start: Callable[[], AbstractContextManager[Running]]) -> None:
        self._start = start
        self._block: AbstractContextManager[Running] | None = None
        self.running: Running
        self.ended = 0
        """How often it ended by itself."""

    def start(self) -> None:
        assert self._block is None
        block = self._start()
        self.running = block.__enter__()
        self._block = block

    def kill(self) -> None:
        """kill -9"""
        self.running.process.kill()
        self.stop()

    def stop(self) -> None:
        """SIGTERM, and wait for its end; nothing where it is not running."""
        block, self._block = self._block, None
        if block is not None:
            block.__exit__(None, None, None)

    def alive(self) -> bool:
        return self.running.process.poll() is None

    def revive(self) -> None:
        """What a service manager does: start it where it has ended by itself."""
        if self._block is not None and not self.alive():
            self.ended += 1
            self.stop()
            self.start()

    def freeze(self) -> None:
        """SIGSTOP"""
        self.running.process.send_signal(signal.SIGSTOP)

    def pause(self, for_s: float) -> None:
        """SIGSTOP, and SIGCONT after a while."""
        self.freeze()
        try:
            time.sleep(for_s)
        finally:
            self.running.process.send_signal(signal.SIGCONT)
