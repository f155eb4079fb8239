"""The live feed: from a terminal's socket to a watcher's WebSocket, with database, writer and console at work."""

from __future__ import annotations

import json
import multiprocessing
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from websockets.sync.client import ClientConnection, connect

from gateway.protocols.jt808 import messages as jt808
from tests import stack
from tests.benchmarks.lines import Lines, number, roll
from tests.dashboard.decode import decode
from tests.terminals import fix
from tracking import embedded
from tracking.migrate import migrate

CARS, STEPS, PERIOD_S = 5_000, 4, 10.0
"""Every car says where it is once in a period, one after the other."""
STEP = 1e-4
"""Degrees of latitude that a car moves."""
LEAD_S, PATIENCE_S = 2.0, 60.0


def lat(car: int, step: int) -> float:
    return 31.2 + car * 2e-5 + step * STEP


def send(lines: Lines, prepared: Sequence[Sequence[bytes]], begin: float, sent: Any) -> None:
    """At its instant each; `sent`, shape (cars * steps,), is when that was (monotonic)."""
    for step, frames in enumerate(prepared):
        for car, frame in enumerate(frames):
            due = begin + (step + car / CARS) * PERIOD_S
            if (wait := due - time.monotonic()) > 0:
                time.sleep(wait)
            sent[step * CARS + car] = time.monotonic()
            lines.sockets[car].sendall(frame)


@contextmanager
def watching(console: stack.Console) -> Iterator[ClientConnection]:
    log_in = {"user": console.user, "password": console.password}
    token = httpx.post(f"{console.url}/api/v1/session", json=log_in).json()["token"]
    url = console.url.replace("http", "ws") + "/api/v1/live"
    headers = {"Authorization": f"Bearer {token}"}
    with connect(url, additional_headers=headers, max_size=None, compression=None) as live:
        yield live


def arrivals(live: ClientConnection, end: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    """When each car's steps came, monotonic; shape (cars * steps,), NaN for what did not come."""
    came = np.full(CARS * STEPS, np.nan)
    numbers = {number(car).lstrip("0"): car for car in range(CARS)}
    cars: dict[int, int] = {}
    while np.isnan(came).any() and (left := end - time.monotonic()) > 0:
        try:
            said = live.recv(timeout=left)
        except TimeoutError:
            break
        now = time.monotonic()
        if isinstance(said, str):
            event = json.loads(said)
            if event["type"] == "vehicles":
                cars |= {v["id"]: numbers[v["terminal"].partition("/")[2]] for v in event["items"] if v["terminal"]}
            continue
        for one, seen in decode(said).cars.items():
            step = round((seen.lat - lat(cars[one], 0)) / STEP)
            place = step * CARS + cars[one]
            if np.isnan(came[place]):
                came[place] = now
    return came


def rounds() -> Sequence[tuple[float, None]]:
    """Milliseconds, p99."""
    with tempfile.TemporaryDirectory() as directory:
        var = Path(directory)
        url = embedded.start(var / "postgres")
        migrate(url)
        stack.enrol(var, roll(CARS))
        with (
            stack.bus(var / "bus") as bus,
            stack.gateway(var, bus_url=bus.url, connections=str(CARS * 2), login_s="120", idle_s="3600") as gateway,
            stack.writer(var, url),
            stack.console(var, url, bus_url=bus.url) as console,
        ):
            lines = Lines(gateway.ports["jt808"], 0, CARS)
            lines.enter()
            waits = _waits(lines, console)
    print(f"    p50 {np.percentile(waits, 50):.1f} ms, p99 {np.percentile(waits, 99):.1f} ms, "
          f"longest {waits.max():.1f} ms of {len(waits):,}", flush=True)  # fmt: skip
    return [(float(np.percentile(waits, 99)), None)]


def _waits(lines: Lines, console: stack.Console) -> np.ndarray[Any, np.dtype[np.float64]]:
    start = datetime.now(UTC).replace(microsecond=0)
    prepared = [
        [
            jt808.encode(0x0200, fix(start + timedelta(seconds=step * PERIOD_S), lat=lat(car, step)),
                         terminal=number(car), serial=step + 7)
            for car in range(CARS)
        ]
        for step in range(STEPS)
    ]  # fmt: skip
    sent = multiprocessing.get_context("fork").Array("d", CARS * STEPS, lock=False)
    with watching(console) as live:
        begin = time.monotonic() + LEAD_S
        sender = multiprocessing.get_context("fork").Process(target=send, args=(lines, prepared, begin, sent))
        sender.start()
        came = arrivals(live, begin + STEPS * PERIOD_S + PATIENCE_S)
        sender.join()
    first = slice(CARS, None)  # of the first step cars appear that had no place before
    found: np.ndarray[Any, np.dtype[np.float64]] = (came - np.array(sent))[first] * 1e3
    assert not np.isnan(found).any(), f"{int(np.isnan(found).sum())} fixes never came"
    return found
