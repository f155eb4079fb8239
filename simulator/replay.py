"""Real traces driven again: files of the cabspotting format through terminals that speak JT/T 808 or 905.

A line is `latitude longitude occupied(0/1) unix-seconds`, in any order of time; fixes go out oldest
first and keep their time. What the file does not say is worked out from neighbouring fixes: mean speed
and course, where they are less than two minutes apart.
"""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import structlog

from gateway.report import Position, Status
from simulator.plane import Plane, course
from simulator.receiver import with_edges
from simulator.roll import Cab
from simulator.terminal.car import Car
from simulator.terminal.link import Link
from simulator.terminal.outfit import Outfitter
from simulator.terminal.store import Fix

log = structlog.get_logger()
NEAR_S = 120.0
FASTEST = 55.0  # m/s; a pair of fixes that would be faster says nothing about speed
AHEAD = 500  # stored fixes at a time


class TraceError(Exception):
    """A trace cannot be read; the message names file and line."""


@dataclass(frozen=True, slots=True)
class Row:
    time: int
    lat: float
    lon: float
    occupied: bool


def read(path: Path) -> list[Row]:
    """A trace, oldest fix first. Raises TraceError naming the line."""
    try:
        lines = path.read_text("ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise TraceError(f"cannot read {path}: {error}") from error
    rows = [_row(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if not rows:
        raise TraceError(f"{path} has no fixes")
    return sorted(rows, key=lambda row: row.time)


def _row(path: Path, number: int, line: str) -> Row:
    try:
        lat, lon, occupied, moment = line.split()
        row = Row(int(moment), float(lat), float(lon), {"0": False, "1": True}[occupied])
    except (ValueError, KeyError) as error:
        raise TraceError(f"{path}:{number}: 'lat lon 0/1 unix-seconds' expected, got {line!r}") from error
    if not (-90 <= row.lat <= 90 and -180 <= row.lon <= 180):
        raise TraceError(f"{path}:{number}: {row.lat}, {row.lon} are no degrees")
    return row


def cab_of(path: Path, protocol: str) -> Cab:
    """The terminal of a file: `new_abboip.txt` is cab abboip; its number is the CRC-32 of that name, cut to
    nine digits after 415 for JT/T 808, to six after 104100 (ISU of maker 41) for JT/T 905."""
    name = path.stem.removeprefix("new_")
    digest = zlib.crc32(name.encode())
    number = f"415{digest % 10**9:09d}" if protocol == "jt808" else f"104100{digest % 10**6:06d}"
    return Cab(number, protocol, f"SF-{name.upper()}", "cabspotting", 2013 if protocol == "jt808" else 0)


def cabs(paths: Sequence[Path], protocol: str) -> list[Cab]:
    """Terminals of several files. Raises TraceError when two would have one number."""
    found: dict[str, Path] = {}
    for path in paths:
        other = found.setdefault(cab_of(path, protocol).number, path)
        if other != path:
            raise TraceError(f"{path} and {other} give the same terminal number")
    return [cab_of(path, protocol) for path in paths]


def positions(cab: Cab, rows: Sequence[Row]) -> list[Position]:
    """Rows as the terminal would have reported them."""
    out: list[Position] = []
    occupied = rows[0].occupied
    for before, row in pairwise([rows[0], *rows]):
        speed, heading = _motion(before, row)
        status = Status.POSITIONED | Status.ACC_ON | (Status.OCCUPIED if row.occupied else Status(0))
        position = Position(
            terminal=cab.key, time=datetime.fromtimestamp(row.time, UTC), lat=row.lat, lon=row.lon, speed=speed,
            course=heading, status=status,
        )  # fmt: skip
        out.append(with_edges(position, occupied))
        occupied = row.occupied
    return out


def _motion(before: Row, row: Row) -> tuple[float, float]:
    """Mean speed (m/s) and course since the fix before; 0, 0 where they say nothing."""
    elapsed = row.time - before.time
    step = Plane(before.lat, before.lon).point(row.lat, row.lon)
    if not 0 < elapsed <= NEAR_S or abs(step) / elapsed > FASTEST:
        return 0.0, 0.0
    return abs(step) / elapsed, course(step) if step else 0.0


@dataclass(frozen=True, slots=True)
class Trace:
    """What one terminal will say."""

    cab: Cab
    positions: Sequence[Position]


async def replay(traces: Sequence[Trace], outfitter: Outfitter, speed: float | None, stop: asyncio.Event) -> int:
    """Send all traces until every fix is acknowledged, or until `stop`; returns the number acknowledged.

    speed  how much faster than it happened, as live positions; None: as stored positions, as fast as
           the platform acknowledges
    """
    links = [_link(outfitter, trace) for trace in traces]
    first = min(trace.positions[0].time for trace in traces)
    began = time.monotonic()
    running = asyncio.create_task(_run(traces, links, speed, first), name="replay")
    stopping = asyncio.create_task(stop.wait(), name="stop")
    await asyncio.wait((running, stopping), return_when=asyncio.FIRST_COMPLETED)
    finished = running.done()
    for task in (running, stopping):
        task.cancel()
    await asyncio.wait((running, stopping))
    if finished:
        running.result()
    acknowledged = sum(link.terminal.counts["acknowledged"] for link in links)
    log.info("replayed", cabs=len(traces), acknowledged=acknowledged, seconds=round(time.monotonic() - began, 1))
    return acknowledged


def _link(outfitter: Outfitter, trace: Trace) -> Link:
    rng = np.random.default_rng(zlib.crc32(trace.cab.key.encode()))
    return outfitter.link(trace.cab, Car(lambda: trace.positions[-1]), rng)


async def _run(traces: Sequence[Trace], links: Sequence[Link], speed: float | None, first: datetime) -> None:
    async with asyncio.TaskGroup() as connections:
        kept = [connections.create_task(link.run(), name=f"{link.key} connection") for link in links]
        async with asyncio.TaskGroup() as feeds:
            for trace, link in zip(traces, links, strict=True):
                feed = _stored(trace, link) if speed is None else _live(trace, link, speed, first)
                feeds.create_task(feed, name=f"{link.key} feed")
        for connection in kept:
            connection.cancel()


async def _live(trace: Trace, link: Link, speed: float, first: datetime) -> None:
    """Each fix when its time comes, `speed` times faster."""
    began = time.monotonic()
    for position in trace.positions:
        due = began + (position.time - first).total_seconds() / speed
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        link.record(position)
    await link.drained(0)


async def _stored(trace: Trace, link: Link) -> None:
    """All fixes through the terminal's store, a part at a time."""
    for position in trace.positions:
        link.terminal.keep(Fix(position.time, link.terminal.body(position), live=False))
        if len(link.terminal.store) >= AHEAD:
            link.wake()
            await link.drained(AHEAD // 2)
    link.wake()
    await link.drained(0)
