"""Blind-area upload: from the terminals' sockets to committed rows, against a raw COPY of the same rows."""

from __future__ import annotations

import multiprocessing
import selectors
import socket
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from gateway.protocols.jt808 import messages as jt808
from gateway.report import FixBatch
from gateway.spool import SpoolReader
from tests import stack
from tests.terminals import Terminal808, fix
from tracking import embedded
from tracking.columns import COLUMNS, copy_rows
from tracking.migrate import migrate
from tracking.store import Store

CONNECTIONS = 50
FRAMES = 200
FIXES = 20
ROUNDS = 3
PATIENCE_S = 300.0


def number(n: int) -> str:
    return f"0138100{n:05}"


def wires(n: int, start: datetime) -> bytes:
    """All frames of one terminal: 0x0704 with FIXES fixes each."""
    parts = []
    for i in range(FRAMES):
        times = [start + timedelta(seconds=10 * (i * FIXES + j)) for j in range(FIXES)]
        positions = [fix(t, lat=31.2 + n * 1e-3, lon=120.9 + (i % 100) * 1e-4) for t in times]
        body = {"count": FIXES, "type": 1, "positions": positions}
        parts.append(jt808.encode(0x0704, body, terminal=number(n), serial=i + 10))
    return b"".join(parts)


def send(connections: list[socket.socket], payloads: list[bytes]) -> None:
    """Write everything to every socket and read the answers away, until each frame has one."""
    selector = selectors.DefaultSelector()
    left = [memoryview(p) for p in payloads]
    answers = [2 * FRAMES] * len(connections)
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
    with tempfile.TemporaryDirectory() as directory:
        url = embedded.start(Path(directory) / "postgres")
        migrate(url)
        return [_round(Path(directory) / f"round{n}", url, n) for n in range(ROUNDS)]


def _round(var: Path, url: str, n: int) -> tuple[float, float]:
    """Rows a second: the way through the gateway, then the same rows by COPY."""
    start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=7 * n)
    payloads = [wires(i, start) for i in range(CONNECTIONS)]
    rows = CONNECTIONS * FRAMES * FIXES
    stack.enrol(var, [f"{number(i)},jt808,苏E{i},taxi," for i in range(CONNECTIONS)])
    with stack.writer(var, url, poll_s="0.01"), stack.gateway(var) as gateway:
        terminals = [Terminal808(gateway.ports["jt808"], number(i)).log_in() for i in range(CONNECTIONS)]
        client = multiprocessing.get_context("fork").Process(
            target=send, args=([t.socket for t in terminals], payloads)
        )
        begin = time.monotonic()
        client.start()
        reader = SpoolReader(var / "spool", "bench")
        with psycopg.connect(url, autocommit=True) as db:
            stack.eventually(lambda: _stored(db, reader, client), "all is committed", PATIENCE_S)
        through = rows / (time.monotonic() - begin)
        batch = _batches(reader)
    assert len(batch) == rows
    return through, rows / _copy(url, batch)


def _stored(db: psycopg.Connection, reader: SpoolReader, client: multiprocessing.process.BaseProcess) -> bool:
    if client.is_alive():
        return False
    return db.execute("SELECT seq FROM spool_offset WHERE spool = %s", (reader.id,)).fetchone() == (reader.last(),)


def _batches(reader: SpoolReader) -> FixBatch:
    entries, after = [], 0
    while found := reader.read(after):
        entries += [e for e in found if e.kind == "fix"]
        after = found[-1].seq
    return FixBatch.concat(FixBatch.from_bytes(e.columns) for e in entries)


def _copy(url: str, batch: FixBatch) -> float:
    """Seconds of one raw COPY of these rows into the table, its stream built beforehand."""
    with psycopg.connect(url) as db:
        db.execute("TRUNCATE position")
        ids = Store(db)._terminal_ids(batch.terminals)[batch.rows["terminal"]]
        stream = copy_rows(batch, ids)
        db.commit()
        begin = time.monotonic()
        with (
            db.cursor() as cursor,
            cursor.copy(f"COPY position ({', '.join(COLUMNS)}) FROM STDIN (FORMAT BINARY)") as c,
        ):
            c.write(stream)
        db.commit()
        return time.monotonic() - begin
