"""A fleet that is connected: what it costs as it grows, how fast it comes back, how long its terminals wait.

Clients are processes of their own, as many as descriptors demand, and so are the gateway's workers. One line of
JSON commands a client: connect, log in, send so many frames at a pace; one line answers what it took.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import select
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import Any

import psutil

from tests import stack
from tests.benchmarks.crowd import cpu_s
from tests.benchmarks.lines import EACH, Lines, frames, roll

PATIENCE_S = 300.0


# the client, a process of its own


class Client(Lines):
    """Lines of a fleet that are commanded."""

    def send(self, each: int, rate: float) -> dict[str, Any]:
        """`each` frames of every terminal at `rate` a second over all; seconds from frame to answer, sorted sample."""
        prepared = [frames(self.first + n, each) for n in range(self.count)]
        poll, places = select.epoll(), {}
        for n, one in enumerate(self.sockets):
            one.setblocking(False)
            poll.register(one.fileno(), select.EPOLLIN)
            places[one.fileno()] = n
        sent_at = [deque[float]() for _ in range(self.count)]
        waits, total, sent, answered = list[float](), self.count * each, 0, 0
        begin = time.monotonic()
        while answered < total:
            now = time.monotonic()
            due = min(total, int((now - begin) * rate) + 1)
            while sent < due:
                step, n = divmod(sent, self.count)
                sent_at[n].append(time.monotonic())
                self.sockets[n].send(prepared[n][step])
                sent += 1
            for fd, _ in poll.poll(0.0005 if sent < total else 1, 4096):
                n = places[fd]
                came = self.sockets[n].recv(65536).count(b"~") >> 1
                answered += came
                now = time.monotonic()
                waits += (now - sent_at[n].popleft() for _ in range(came))
        took = time.monotonic() - begin
        for one in self.sockets:
            one.setblocking(True)
        cuts = quantiles(waits, n=100)
        return {"took_s": took, "p50_s": cuts[49], "p99_s": cuts[98]}


def client(port: int, first: int, count: int) -> None:
    """Follow commands from standard input."""
    made = Client(port, first, count)
    for line in sys.stdin:
        name, *given = json.loads(line)
        begin = time.monotonic()
        told = getattr(made, name)(*given) or {}
        print(json.dumps({"took_s": time.monotonic() - begin, **told}), flush=True)


# the fleet


@dataclass
class Fleet:
    """Clients, the port that they connect to, and the process ids of the gateway's workers."""

    port: int
    clients: Sequence[subprocess.Popen[str]]
    workers: Sequence[int]

    def all(self, name: str, *given: object) -> list[dict[str, Any]]:
        """Let all clients do something at once; what each says."""
        for one in self.clients:
            assert one.stdin
            print(json.dumps([name, *given]), file=one.stdin, flush=True)
        return [json.loads(one.stdout.readline()) for one in self.clients if one.stdout]

    def cpu_s(self) -> float:
        return sum(cpu_s(pid) for pid in self.workers)

    def memory(self) -> int:
        """Bytes that belong to the workers alone."""
        return sum(psutil.Process(pid).memory_full_info().uss for pid in self.workers)


@contextmanager
def fleet(var: Path, count: int, others: int = 0) -> Iterator[Fleet]:
    """A gateway with as many workers as it needs, and clients that have not connected yet.

    others  terminals behind those of the clients that are on the roll, too
    """
    processes = math.ceil(count / EACH)
    stack.enrol(var, roll(count + others))
    with ExitStack() as held:
        settings = {"connections": str(EACH * 2), "login_s": "120", "idle_s": "3600"}
        command = [sys.executable, "-m", "gateway", "serve"]
        if processes > 1:
            settings["bus_url"] = held.enter_context(stack.bus(var / "bus")).url
            command += ["--workers", str(processes)]
        gateway = held.enter_context(stack.gateway(var, *command, **settings))
        listening = json.loads((var / "gateway" / "listening.json").read_text())
        clients = []
        for first in range(0, count, EACH):
            one = subprocess.Popen(
                [sys.executable, "-m", "tests.benchmarks.fleet", str(gateway.ports["jt808"]), str(first),
                 str(min(EACH, count - first))],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=stack.ROOT,
            )  # fmt: skip
            held.callback(one.kill)
            clients.append(one)
        yield Fleet(gateway.ports["jt808"], clients, listening.get("workers") or [gateway.running.process.pid])


@contextmanager
def connected(count: int) -> Iterator[Fleet]:
    with tempfile.TemporaryDirectory() as directory, fleet(Path(directory), count) as made:
        made.all("enter")
        yield made


# rows


def cost(count: int, frames_all: int = 120_000) -> float:
    """Microseconds of the gateway's CPU a frame, as fast as it is answered."""
    each = max(1, frames_all // count)
    with connected(count) as made:
        time.sleep(2)
        before = made.cpu_s()
        made.all("send", each, 1e9)
        time.sleep(0.5)
        return (made.cpu_s() - before) / (count * each) * 1e6


def growth(count: int) -> Sequence[tuple[float, float]]:
    """Cost of a frame with so many connections, against 10,000."""
    return [(cost(count), cost(10_000))]


def memory(count: int = 10_000) -> Sequence[tuple[float, None]]:
    """Bytes of a connection with its session."""
    with tempfile.TemporaryDirectory() as directory, fleet(Path(directory), count) as made:
        before = made.memory()
        made.all("enter")
        made.all("send", 1, 1e9)
        time.sleep(1)
        return [((made.memory() - before) / count, None)]


def storm(count: int = 10_000) -> Sequence[tuple[float, None]]:
    """Seconds until a fleet that was cut off is back and logged in, all at once, and the gateway has noticed."""
    with connected(count) as made:
        found = []
        for _ in range(3):
            made.all("leave")
            begin = time.monotonic()
            made.all("connect")
            made.all("log_in")
            found.append((time.monotonic() - begin, None))
        return found


SHARE, SYNCS, LINGER_S = 0.5, 300, 0.003


def latency(count: int = 10_000) -> Sequence[tuple[float, float]]:
    """Milliseconds from a frame's sending to its answer's reading at half load, p99 without the linger, against the
    p99 of an fdatasync of 64 KiB."""
    with connected(count) as made:
        full = sum(count * 6 / told["took_s"] for told in made.all("send", 6, 1e9))
        found = []
        for _ in range(3):
            (told,) = made.all("send", 6, full * SHARE)
            found.append((max(told["p99_s"] - LINGER_S, 0) * 1e3, synced() * 1e3))
            print(f"    half load {full * SHARE:,.0f} frames/s: p50 {told['p50_s'] * 1e3:.1f} ms, "
                  f"p99 {told['p99_s'] * 1e3:.1f} ms", flush=True)  # fmt: skip
        return found


def synced() -> float:
    """p99 of an fdatasync of 64 KiB, in seconds."""
    times = []
    with tempfile.NamedTemporaryFile() as file:
        for _ in range(SYNCS):
            begin = time.monotonic()
            os.write(file.fileno(), bytes(64 << 10))
            os.fdatasync(file.fileno())
            times.append(time.monotonic() - begin)
    return quantiles(times, n=100)[98]


DRIBBLERS, PACE, SAID_EACH = 2_000, 4_000, 40
GONE_S = 40.0


def dribblers(count: int = DRIBBLERS) -> Sequence[tuple[float, float]]:
    """Milliseconds to an answer, p99, of as many ordinary terminals while others send their frames byte by byte, and
    before; and how long it takes until these are gone."""
    with tempfile.TemporaryDirectory() as directory, fleet(Path(directory), count, count) as made:
        slow = Lines(made.port, count, count)
        made.all("enter")
        slow.enter()
        (alone,) = made.all("send", SAID_EACH, PACE)
        gone = list[float]()
        dribbling = threading.Thread(target=dribble, args=(slow, gone))
        dribbling.start()
        (beside,) = made.all("send", SAID_EACH, PACE)
        dribbling.join()
        print(f"    {len(gone):,} of {count:,} are gone, the last after {max(gone, default=0):.1f} s", flush=True)
    return [(beside["p99_s"] * 1e3, alone["p99_s"] * 1e3)]


def dribble(slow: Lines, gone: list[float]) -> None:
    """A byte a second of a frame that does not end, on each line until it is closed; after how many seconds it was."""
    frame, begin, left = frames(slow.first, 1)[0][:-1], time.monotonic(), list(slow.sockets)
    for one in left:
        one.setblocking(False)
    while left and (passed := time.monotonic() - begin) < GONE_S:
        staying = []
        for one in left:
            try:
                one.send(frame[int(passed) % len(frame) :][:1])
                closed = one.recv(1024) == b""
            except BlockingIOError:
                closed = False
            except OSError:
                closed = True
            if closed:
                gone.append(time.monotonic() - begin)
            else:
                staying.append(one)
        left = staying
        time.sleep(1)


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("port", "first", "count"):
        parser.add_argument(name, type=int)
    args = parser.parse_args()
    client(args.port, args.first, args.count)


if __name__ == "__main__":
    main()
