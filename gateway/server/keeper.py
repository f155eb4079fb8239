"""Attachments of all connections into their store, in a thread of its own: a long fsync delays no fix's answer.

Files that have come whole become messages of the spool like any other; only when they stand there too
is the terminal told "done". Pieces get no answer and are made durable once a second.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from gateway.attachments import Finished
from gateway.server.committer import Source
from gateway.server.intake import Intake
from gateway.session import Held, Outcome, Said
from gateway.upload import Piece

T = TypeVar("T")
CHECKPOINT_S = 1.0
OVERHEAD = 500


class Sink(Protocol):
    """The committer, as the keeper sees it."""

    def add(self, source: Source, held: list[Held]) -> None: ...


@dataclass
class Keeper:
    """pending_bytes: of pieces in memory, beyond which `full` is told True."""

    intake: Intake
    sink: Sink
    full: Callable[[bool], None]
    pending_bytes: int
    counts: Counter[str] = field(default_factory=Counter)
    _pending: list[tuple[Source, Held]] = field(default_factory=list)
    _telling: dict[int, list[tuple[Source, Held]]] = field(default_factory=dict)  # file -> who waits for "done"
    _told: list[int] = field(default_factory=list)
    _size: int = 0
    _paused: bool = False
    _finishing: bool = False
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "attachments"))

    def add(self, source: Source, held: list[Held]) -> None:
        """Take what a session holds."""
        self._pending += [(source, one) for one in held]
        self._size += sum(_octets(one) for one in held)
        if self._size > self.pending_bytes and not self._paused:
            self._pause(True)
        self._wake.set()

    def settle(self, held: Held, _outcome: Outcome) -> None:
        """The committer's word: the history will know of a file. Whoever waits for it is told."""
        self._told.append(held.token)
        self.counts["attachments"] += 1
        for source, one in self._telling.pop(held.token):
            source.settle(one, Outcome(True))

    def finish(self) -> None:
        """Let `run` end. Nothing may be added afterwards."""
        self._finishing = True
        self._wake.set()

    async def run(self) -> None:
        """Store what comes until `finish`, and look after the store in between."""
        for finished in await self._ask(self.intake.store.untold):
            self._tell(finished)
        looked = 0.0
        while not self._finishing:
            with suppress(TimeoutError):
                async with asyncio.timeout(CHECKPOINT_S):
                    await self._wake.wait()
            due = time.monotonic() - looked >= CHECKPOINT_S
            looked = time.monotonic() if due else looked
            await self._store(due)
        await self._store(True)

    def close(self) -> None:
        """Once the committer has said its last word."""
        self.intake.told(self._told)
        self.intake.store.close()

    async def _ask(self, question: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, question)

    async def _store(self, upkeep: bool) -> None:
        self._wake.clear()
        taken, self._pending, self._size = self._pending, [], 0
        told, self._told = self._told, []
        if taken or told or upkeep:
            results, counts = await self._ask(lambda: self._work([held for _, held in taken], told, upkeep))
            self.counts.update(counts)
            for (source, held), result in zip(taken, results, strict=True):
                self._answer(source, held, result)
        if self._paused and self._size <= self.pending_bytes // 2:
            self._pause(False)

    def _work(
        self, held: list[Held], told: list[int], upkeep: bool
    ) -> tuple[list[Outcome | Finished], Counter[str]]:  # fmt: skip
        """In the thread."""
        if told:
            self.intake.told(told)
        results = [self.intake.take(one, _now()) for one in held]
        if upkeep:
            self.intake.upkeep(_now())
        counts, self.intake.counts = self.intake.counts, Counter()
        return results, counts

    def _answer(self, source: Source, held: Held, result: Outcome | Finished) -> None:
        if isinstance(result, Finished) and (result.told or result.id in self._told):
            source.settle(held, Outcome(True))
        elif isinstance(result, Finished):
            self._tell(result, (source, held))
        elif not (result.ok and isinstance(held.content, Piece)):
            source.settle(held, result)

    def _tell(self, finished: Finished, *waiting: tuple[Source, Held]) -> None:
        """Let the history know of a whole file, once."""
        if finished.id in self._telling:
            self._telling[finished.id] += waiting
            return
        self._telling[finished.id] = list(waiting)
        said = Said("end_file", [finished.report])
        self.sink.add(self, [Held(finished.report.terminal, finished.frame, said, finished.id)])

    def _pause(self, paused: bool) -> None:
        self._paused = paused
        self.full(paused)


def _octets(held: Held) -> int:
    """Bytes that something held takes in memory, about."""
    return OVERHEAD + len(held.content.data if isinstance(held.content, Piece) else held.raw)


def _now() -> int:
    return time.time_ns() // 1000
