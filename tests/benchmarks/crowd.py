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
from pathlib import Path
from typing import cast

import uvloop

from gateway.protocols.jt808 import messages as jt808
from tests import stack
from tests.benchmarks.lines import Lines, frames, number, roll

CONNECTIONS = 10_000
FRAMES_EACH = 12
ROUNDS = 3
GATEWAY, ANSWERS = ("--gateway",), ("--answers",)


# the client, a process of its own


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


def client(port: int, count: int, each: int, gateway: bool, answers: bool) -> None:
    """Say "ready" when all are connected, "done" when all was sent, and leave when told to."""
    lines = Lines(port, 0, count)
    if gateway:
        lines.enter()
    else:
        lines.connect()
    prepared = [frames(n, each) for n in range(count)]
    print("ready", flush=True)
    sys.stdin.readline()
    begin = time.monotonic()
    blast(lines.sockets, prepared, answers)
    print(json.dumps({"wall_s": time.monotonic() - begin}), flush=True)
    sys.stdin.readline()


# the reference


class Counting(asyncio.Protocol):
    frames = 0

    def data_received(self, data: bytes) -> None:
        Counting.frames += data.count(b"~") >> 1


class Answering(Counting):
    """Sends the same bytes for each frame: what answering costs by itself."""

    answer = jt808.encode(0x8001, {"ack_serial": 0, "ack_id": 0x0200, "result": 0}, terminal=number(0), serial=0)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self.transport.write(self.answer * (data.count(b"~") >> 1))


async def count_frames(port: int, answer: bool) -> None:
    made = Answering if answer else Counting
    server = await asyncio.get_running_loop().create_server(made, "127.0.0.1", port, backlog=8192)
    await server.serve_forever()


# the measurement


def cpu_s(pid: int) -> float:
    """CPU time of a process so far, all threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def counting(var: Path, *flags: str) -> Iterator[tuple[int, int]]:
    port = stack.free_port()
    command = [sys.executable, "-m", "tests.benchmarks.crowd", "count", str(port), *flags]
    with stack.running("counting", command, var) as running:
        stack.eventually(lambda: stack.listens(port), "the counting server listens")
        yield port, running.process.pid


@contextmanager
def serving(var: Path, connections: int) -> Iterator[tuple[int, int]]:
    stack.enrol(var, roll(connections))
    with stack.gateway(var, connections=str(connections + 10), login_s="120") as gateway:
        yield gateway.ports["jt808"], gateway.running.process.pid


Server = AbstractContextManager[tuple[int, int]]
"""Gives its port and its process id."""


def measure(server: Server, connections: int, each: int, *flags: str) -> float:
    """Frames per second of the server's CPU."""
    with server as (port, pid):
        command = [sys.executable, "-m", "tests.benchmarks.crowd", "client", str(port), str(connections), str(each)]
        with subprocess.Popen(
            [*command, *flags], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=stack.ROOT
        ) as process:
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


def rounds(*flags: str, connections: int = CONNECTIONS, each: int = FRAMES_EACH) -> Sequence[tuple[float, float]]:
    """flags: of the reference, ANSWERS or none."""
    found = []
    with tempfile.TemporaryDirectory() as directory:
        for n in range(ROUNDS):
            var = Path(directory) / str(n)
            through = measure(serving(var, connections), connections, each, *GATEWAY, *ANSWERS)
            counted = measure(counting(var, *flags), connections, each, *flags)
            found.append((through, counted))
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=["client", "count"])
    parser.add_argument("port", type=int)
    parser.add_argument("connections", type=int, nargs="?", default=CONNECTIONS)
    parser.add_argument("each", type=int, nargs="?", default=FRAMES_EACH)
    parser.add_argument("--gateway", action="store_true", help="terminals log in")
    parser.add_argument("--answers", action="store_true", help="each frame is answered")
    args = parser.parse_args()
    if args.role == "count":
        uvloop.run(count_frames(args.port, args.answers))
    else:
        client(args.port, args.connections, args.each, args.gateway, args.answers)


if __name__ == "__main__":
    main()
