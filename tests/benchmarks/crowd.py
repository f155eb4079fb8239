"""Many connections, one frame a send: the gateway against a server that only counts the same frames.

The client is a process of its own: it logs terminals in, then writes prepared frames as fast as it
can and reads answers away. What is compared is CPU time of the server process per frame, since client
and server share two cores.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvloop

from gateway.protocols.jt808 import messages as jt808
from tests import stack
from tests.terminals import REGISTRATION, fix

CONNECTIONS = 10_000
FRAMES_EACH = 12
ROUNDS = 3
SOURCES = 4
"""Loopback addresses that the client connects from: each has ports of its own."""
START = datetime(2026, 11, 25, tzinfo=UTC)


def number(n: int) -> str:
    return f"0139{n:08}"


def frames(n: int, count: int) -> list[bytes]:
    """Positions of one terminal with the usual items; its number and the time make each unlike all others."""
    items = {"0x01": {"odometer": 1000.0 + n}, "0x03": {"recorder_speed": 35.0}}
    made = jt808.encode(0x0200, fix(START, lat=31.2 + n * 1e-5, items=items), terminal=number(n), serial=7)
    plain = jt808.parse(made)[1]
    return [
        jt808.build(0x0200, number(n), i + 10, plain[:22] + _bcd(START + timedelta(seconds=10 * i)) + plain[28:], 2013)
        for i in range(count)
    ]


def _bcd(moment: datetime) -> bytes:
    return bytes.fromhex((moment + timedelta(hours=8)).strftime("%y%m%d%H%M%S"))


# the client, a process of its own


def connect(port: int, count: int) -> list[socket.socket]:
    connections = []
    for n in range(count):
        one = socket.socket()
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        one.bind((f"127.0.0.{10 + n % SOURCES}", 0))
        one.connect(("127.0.0.1", port))
        connections.append(one)
    return connections


def log_in(connections: Sequence[socket.socket]) -> None:
    """Register, then authenticate, everybody at once."""
    for n, one in enumerate(connections):
        one.sendall(jt808.encode(0x0100, REGISTRATION, terminal=number(n), serial=0))
    codes = [jt808.decode(one.recv(1024)).fields["code"] for one in connections]
    for n, (one, code) in enumerate(zip(connections, codes, strict=True)):
        one.sendall(jt808.encode(0x0102, {"auth": code}, terminal=number(n), serial=1))
    for one in connections:
        assert jt808.decode(one.recv(1024)).fields["result"] == 0


def blast(connections: Sequence[socket.socket], prepared: Sequence[Sequence[bytes]], answers: bool) -> None:
    """Frame by frame over all connections; ends when every frame was answered."""
    poll = select.epoll()
    by_fd = {one.fileno(): one for one in connections}
    for one in connections:
        one.setblocking(False)
        poll.register(one.fileno(), select.EPOLLIN)
    left = 2 * len(connections) * len(prepared[0]) if answers else 0
    for step in range(len(prepared[0])):
        for i, one in enumerate(connections):
            one.send(prepared[i][step])
            if answers and i % 256 == 255:
                left -= _read(poll, by_fd, 0)
    while left > 0:
        left -= _read(poll, by_fd, 10)


def _read(poll: select.epoll, by_fd: dict[int, socket.socket], timeout_s: float) -> int:
    return sum(by_fd[fd].recv(65536).count(b"~") for fd, _ in poll.poll(timeout_s, 4096))


def client(port: int, count: int, each: int, gateway: bool) -> None:
    """Say "ready" when all are connected, "done" when all was sent, and leave when told to."""
    connections = connect(port, count)
    if gateway:
        log_in(connections)
    prepared = [frames(n, each) for n in range(count)]
    print("ready", flush=True)
    sys.stdin.readline()
    begin = time.monotonic()
    blast(connections, prepared, gateway)
    print(json.dumps({"wall_s": time.monotonic() - begin}), flush=True)
    sys.stdin.readline()


# the reference


class Counting(asyncio.Protocol):
    frames = 0

    def data_received(self, data: bytes) -> None:
        Counting.frames += data.count(b"~") >> 1


async def count_frames(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Counting, "127.0.0.1", port, backlog=8192)
    await server.serve_forever()


# the measurement


def cpu_s(pid: int) -> float:
    """CPU time of a process so far, all threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def counting(var: Path) -> Iterator[tuple[int, int]]:
    port = stack.free_port()
    command = [sys.executable, "-m", "tests.benchmarks.crowd", "count", str(port)]
    with stack.running("counting", command, var) as running:
        stack.eventually(lambda: stack.listens(port), "the counting server listens")
        yield port, running.process.pid


@contextmanager
def serving(var: Path, connections: int) -> Iterator[tuple[int, int]]:
    stack.enrol(var, [f"{number(n)},jt808,苏E{n:05},taxi," for n in range(connections)])
    with stack.gateway(var, connections=str(connections + 10), login_s="120") as gateway:
        yield gateway.ports["jt808"], gateway.running.process.pid


Server = AbstractContextManager[tuple[int, int]]
"""Gives its port and its process id."""


def measure(server: Server, connections: int, each: int, gateway: bool) -> float:
    """Frames per second of the server's CPU."""
    with server as (port, pid):
        command = [sys.executable, "-m", "tests.benchmarks.crowd", "client", str(port), str(connections), str(each)]
        with subprocess.Popen(
            [*command, *(["--gateway"] if gateway else [])], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            cwd=stack.ROOT,
        ) as process:  # fmt: skip
            assert process.stdin
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
            before = cpu_s(pid)
            print("go", file=process.stdin, flush=True)
            json.loads(process.stdout.readline())
            time.sleep(0.5)
            spent = cpu_s(pid) - before
            print("leave", file=process.stdin, flush=True)
    return connections * each / spent


def rounds(connections: int = CONNECTIONS, each: int = FRAMES_EACH) -> Sequence[tuple[float, float]]:
    found = []
    with tempfile.TemporaryDirectory() as directory:
        for n in range(ROUNDS):
            var = Path(directory) / str(n)
            through = measure(serving(var, connections), connections, each, True)
            counted = measure(counting(var), connections, each, False)
            found.append((through, counted))
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=["client", "count"])
    parser.add_argument("port", type=int)
    parser.add_argument("connections", type=int, nargs="?", default=CONNECTIONS)
    parser.add_argument("each", type=int, nargs="?", default=FRAMES_EACH)
    parser.add_argument("--gateway", action="store_true")
    args = parser.parse_args()
    if args.role == "count":
        uvloop.run(count_frames(args.port))
    else:
        client(args.port, args.connections, args.each, args.gateway)


if __name__ == "__main__":
    main()
