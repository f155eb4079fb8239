"""Blind-area upload: from the terminals' sockets to committed rows, against a raw COPY of the same rows."""

from __future__ import annotations

import multiprocessing
import selectors
import socket
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import psycopg

from gateway.protocols.jt808 import messages as jt808
from gateway.spool import SpoolReader
from tests import stack
from tests.benchmarks.reference import in_turn, raw_copy, spooled, stored
from tests.terminals import Terminal808, fix

CONNECTIONS = 50
FRAMES = 1_000
FIXES = 20
ROUNDS = 3
BLIND = (2_000, 48)
"""Terminals, and frames of each: 4 hours at a fix in 15 s."""
PATIENCE_S = 600.0


def number(n: int) -> str:
    return f"0138100{n:05}"


def wires(n: int, start: datetime, frames: int) -> bytes:
    """All frames of one terminal: 0x0704 with FIXES fixes each."""
    parts = []
    for i in range(frames):
        times = [start + timedelta(seconds=10 * (i * FIXES + j)) for j in range(FIXES)]
        positions = [fix(t, lat=31.2 + n % 1000 * 1e-3, lon=120.9 + (i % 100) * 1e-4) for t in times]
        body = {"count": FIXES, "type": 1, "positions": positions}
        parts.append(jt808.encode(0x0704, body, terminal=number(n), serial=i + 10))
    return b"".join(parts)


def send(connections: list[socket.socket], payloads: list[bytes], frames: int) -> None:
    """Write everything to every socket and read the answers away, until each frame has one."""
    selector = selectors.DefaultSelector()
    left = [memoryview(p) for p in payloads]
    answers = [2 * frames] * len(connections)
    for i, connection in enumerate(connections):
        connection.setblocking(False)
        selector.register(connection, selectors.EVENT_READ | selectors.EVENT_WRITE, i)
    while any(answers):
        for key, events in selector.select():
            i, connection = key.data, connections[key.data]
            if events & selectors.EVENT_READ:
                answers[i] -= connection.recv(1 << 16).count(b"~")
            if events & selectors.EVENT_WRITE and left[i]:
                left[i] = left[i][connection.send(left[i][: 1 << 16]) :]
                if not left[i]:
                    selector.modify(connection, selectors.EVENT_READ, i)


def rounds() -> Sequence[tuple[float, float]]:
    return in_turn(partial(_round, CONNECTIONS, FRAMES), ROUNDS)


def blind() -> Sequence[tuple[float, float]]:
    return in_turn(partial(_round, *BLIND), 1)


def _round(connections: int, frames: int, var: Path, url: str, n: int) -> tuple[float, float]:
    """Rows a second: the way through the gateway, then the same rows by COPY."""
    start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=7 * n)
    payloads = [wires(i, start, frames) for i in range(connections)]
    rows = connections * frames * FIXES
    stack.enrol(var, [f"{number(i)},jt808,苏E{i},taxi," for i in range(connections)])
    with stack.writer(var, url, poll_s="0.01"), stack.gateway(var) as gateway:
        terminals = [Terminal808(gateway.ports["jt808"], number(i)).log_in() for i in range(connections)]
        client = multiprocessing.get_context("fork").Process(
            target=send, args=([t.socket for t in terminals], payloads, frames)
        )
        begin = time.monotonic()
        client.start()
        reader = SpoolReader(var / "spool", "bench")
        with psycopg.connect(url, autocommit=True) as db:
            stack.eventually(lambda: not client.is_alive() and stored(db, reader), "all is committed", PATIENCE_S)
        through = rows / (time.monotonic() - begin)
        batch = spooled(reader)
    assert len(batch) == rows
    return through, rows / raw_copy(url, batch)
