"""`python -m tracking roads build` and `python -m tracking match`."""

from __future__ import annotations

import argparse
import os
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

from tracking.roads import lines
from tracking.roads.build import build
from tracking.roads.engine import Engine
from tracking.roads.match import match

AHEAD = 64
"""Trips that wait for each thread; the file itself may be longer than memory."""
MATCH = """Match trips to roads. Reads JSON lines {"id", "fixes": [{"time", "lat", "lon"}]} and writes one line for
each with its length, confidence, geometry, edges (OpenStreetMap ways) and gaps. A trip that the network does not
cover gets a line that says so. A line that cannot be read is named on stderr. Exit code: 0, or 1 if there was one."""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    roads = commands.add_parser("roads", help="the road network").add_subparsers(dest="what", required=True)
    parser = roads.add_parser("build", help="build the road network from an OpenStreetMap extract")
    parser.add_argument("file", type=Path, help="an .osm.pbf")
    parser.add_argument("--out", type=Path, help="directory; default: TAXIHUB_ROADS_DIR, or roads in TAXIHUB_VAR")
    parser.set_defaults(run=_build)
    parser = commands.add_parser("match", help="match trips (JSON lines) to roads", description=MATCH)
    parser.add_argument("file", nargs="?", type=Path, help="JSON lines; default: standard input")
    parser.add_argument(
        "--roads", type=Path, help="directory of the network; default: TAXIHUB_ROADS_DIR, or roads in var"
    )
    parser.set_defaults(run=_match)


def _build(args: argparse.Namespace) -> int:
    out: Path = args.out or args.roads_dir
    network = build(args.file, out)
    box = f"{network.south:.4f},{network.west:.4f} to {network.north:.4f},{network.east:.4f}"
    print(f"{out}: {network.ways} ways for cars from {network.source}, {box}")
    return 0


def _match(args: argparse.Namespace) -> int:
    engine, bad = Engine(args.roads or args.roads_dir), 0
    with args.file.open("rb") if args.file else nullcontext(sys.stdin.buffer) as file:
        for number, answer in _answers(file, engine):
            if isinstance(answer, bytes):
                sys.stdout.buffer.write(answer + b"\n")
            else:
                print(f"match: line {number}, {answer}", file=sys.stderr)
                bad += 1
    sys.stdout.buffer.flush()
    return 1 if bad else 0


def _answers(file: Iterable[bytes], engine: Engine) -> Iterator[tuple[int, bytes | str]]:
    """Line numbers with the answer, or with what is wrong, in order; matched by several threads."""
    threads = os.cpu_count() or 1
    waiting: deque[tuple[int, Future[bytes | str]]] = deque()
    with ThreadPoolExecutor(threads, "match") as pool:
        for number, line in enumerate(file, 1):
            if line.strip():
                waiting.append((number, pool.submit(_answer, line, engine)))
            while len(waiting) > AHEAD * threads or (waiting and waiting[0][1].done()):
                number, future = waiting.popleft()
                yield number, future.result()
        yield from ((number, future.result()) for number, future in waiting)


def _answer(line: bytes, engine: Engine) -> bytes | str:
    try:
        asked = lines.parse(line)
    except ValueError as error:
        return str(error)
    return lines.write(asked, match(asked.fixes, engine))
