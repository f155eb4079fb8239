"""All spools that are to be stored: each has a writer of its own, in a thread and with a connection of its own.

A gateway process has one spool, and several of one machine have one each. A spool is followed as soon as it appears,
also one whose gateway does not run any more; it stands on this machine, or is shipped from another one.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import structlog

from gateway.shipping import StreamReader, shipped
from gateway.spool import SpoolError, SpoolReader, spools
from tracking.ingest import READER, Source, Writer

log = structlog.get_logger()
LOOK_S = 1.0
MOST = 4_096
"""Spools at once; a thread is made for each that there is."""
Sources = Mapping[str, Callable[[], Source]]


def on_disk(directory: Path) -> Sources:
    """Those of this machine. Raises SpoolError where there is none."""
    found = {str(place): partial(SpoolReader, place, READER) for place in spools(directory)}
    if not found:
        raise SpoolError(f"no spool in {directory}: has the gateway been started?")
    return found


def in_streams(url: str) -> Sources:
    """Those that are shipped to a cluster. Raises SpoolError."""
    found = {spool: partial(StreamReader, url, spool) for spool in shipped(url)}
    if not found:
        raise SpoolError("no spool is shipped: does `python -m gateway ship` run beside the gateways?")
    return found


@dataclass
class Writers:
    """find: what there is to write; made: a writer of one source, which ends when `stop` is set."""

    find: Callable[[], Sources]
    made: Callable[[Callable[[], Source]], Writer]
    stop: threading.Event
    _writers: dict[str, Writer] = field(default_factory=dict)

    @property
    def counts(self) -> Counter[str]:
        return sum((writer.counts for writer in self._writers.values()), Counter())

    def run(self) -> None:
        """Until `stop` is set. Raises what a writer raises, which is a defect; the others end first."""
        stop, told = self.stop, ""
        with ThreadPoolExecutor(MOST, "writer") as threads:
            running = list[Future[None]]()
            while not stop.is_set() and not any(one.done() for one in running):
                try:
                    for name, source in self.find().items():
                        if name not in self._writers:
                            self._writers[name] = self.made(source)
                            running.append(threads.submit(self._writers[name].run))
                except SpoolError as error:
                    if str(error) != told and not running:
                        log.warning("writer waits", cause=str(error))
                    told = str(error)
                stop.wait(LOOK_S)
            stop.set()
        for one in running:
            one.result()
