"""What is asked of every execution: no exception but our own, not much CPU, no memory that stays.

CPU is that of the process, so that a busy machine slows nothing down in here; an input is slow when
it was slow four times out of four. Memory is looked at after a warm-up, in which caches fill, and at
the end; not under Atheris, whose instrumentation itself keeps a few objects of each execution.
"""

from __future__ import annotations

import gc
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.errors import GatewayError

SLOW_S = 0.050
AGAIN = 3
HANG_S = 10.0
"""CPU between two looks at whether executions go on."""
WARM_UP = 5
"""The part of the executions, one in so many, after which memory is measured first."""
MOST_BLOCKS, MOST_BYTES = 20_000, 64 << 20
"""How many of Python's small blocks, and how many bytes of the process, may be more at the end."""
PAGE = 4096


class Finished(Exception):
    """All executions were made, or the time is over."""


class Fault(Exception):
    """An input that must not be. data: its bytes."""

    def __init__(self, cause: str, data: bytes) -> None:
        super().__init__(f"{cause}\ninput, {len(data)} bytes: {data.hex()}")


@dataclass(frozen=True, slots=True)
class Memory:
    """blocks: small ones that Python holds; octets: resident bytes of the process."""

    blocks: int
    octets: int

    @classmethod
    def now(cls) -> Memory:
        gc.collect()
        resident = int(Path("/proc/self/statm").read_text().split()[1])
        return cls(sys.getallocatedblocks(), resident * PAGE)


class Watch:
    """A target with its bounds; called with one input after the other until it raises Finished or Fault."""

    def __init__(
        self, execute: Callable[[bytes], None], executions: int, seconds: float, *, memory: bool = True
    ) -> None:
        self._execute = execute
        self._judges_memory = memory
        self._wanted = executions
        self._warm = -(-executions // WARM_UP)
        self._began = time.monotonic()
        self._end = self._began + seconds
        self._before = Memory.now()
        self._seen = -1
        self.executions = 0
        self.slowest_s = 0.0
        self.slowest = b""

    @contextmanager
    def bounded(self, hang_s: float = HANG_S) -> Iterator[None]:
        """Within it, an input that never ends is a fault as well."""
        signal.signal(signal.SIGVTALRM, self._look)
        signal.setitimer(signal.ITIMER_VIRTUAL, hang_s, hang_s)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)

    def _look(self, *_: object) -> None:
        if self.executions == self._seen:
            raise TimeoutError("no end to be seen")
        self._seen = self.executions

    def __call__(self, data: bytes) -> None:
        spent = self._measured(data)
        self.executions += 1
        if spent > SLOW_S:
            spent = min(spent, *(self._measured(data) for _ in range(AGAIN)))
        if spent > SLOW_S:
            raise Fault(f"slow: {1000 * spent:.1f} ms of CPU, each of {AGAIN + 1} times", data)
        if spent > self.slowest_s and (spent := min(spent, self._measured(data))) > self.slowest_s:
            self.slowest_s, self.slowest = spent, data
        if self.executions == self._warm:
            self._before = Memory.now()
        if self.executions >= self._wanted or (self.executions % 256 == 0 and time.monotonic() > self._end):
            self._check_memory(data)
            raise Finished

    def _measured(self, data: bytes) -> float:
        begin = time.process_time()
        try:
            self._execute(data)
        except GatewayError:
            pass
        except Exception as defect:
            raise Fault(traceback.format_exc(), data) from defect
        return time.process_time() - begin

    def _check_memory(self, data: bytes) -> None:
        more = self.growth
        if self._judges_memory and (more.blocks > MOST_BLOCKS or more.octets > MOST_BYTES):
            raise Fault(f"memory grew by {more.blocks} blocks and {more.octets >> 20} MiB; the last", data)

    @property
    def growth(self) -> Memory:
        """What is held more than after the warm-up."""
        now = Memory.now()
        return Memory(now.blocks - self._before.blocks, now.octets - self._before.octets)

    @property
    def wall_s(self) -> float:
        return time.monotonic() - self._began
