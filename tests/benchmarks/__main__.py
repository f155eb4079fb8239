"""`make bench`: measures, prints the table, writes bench.json. Ratios in one run; nothing here is a test."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path

from simulator.trial.town import TOWNS
from tests.benchmarks import crowd, decode, fleet, live, map_matching, matching, service, trips, upload, writer
from tests.benchmarks.table import Benchmark, line, page, write
from tests.machine import machine

COPY, SPARSE = "raw COPY of the same rows", "scipy's sparse matching alone"
NEAREST = "nearest first, first come"
RIGHT, BIG = "of the length on the right roads", (1_000, 50_000, 100_000)


def growth(count: int) -> Benchmark:
    rounds = partial(fleet.growth, count)
    return Benchmark(f"growth: {count:,} connections", "us of CPU a frame", "10,000 connections", 1.3, rounds, False)


def wait(town: str, load: str, goal: float) -> Benchmark:
    rounds = partial(service.measured, "wait_s", town, load)
    return Benchmark(f"service: mean wait, {load} load, {town}", "s to the door", NEAREST, goal, rounds, False)


def answered(town: str) -> Benchmark:
    rounds = partial(service.measured, "answered", town, "high")
    return Benchmark(f"service: calls answered, high load, {town}", "of all", NEAREST, 1, rounds)


BENCHMARKS = (
    Benchmark("decode: positions in batch", "frames/s of CPU", "one at a time", 10, decode.rounds),
    Benchmark(
        "crowd: 10,000 connections, a frame a send", "frames/s of CPU", "a server that only counts", 0.45, crowd.rounds
    ),
    Benchmark(
        "crowd: the same", "frames/s of CPU", "a server that counts, and sends an answer each", None,
        partial(crowd.rounds, *crowd.ANSWERS),
    ),
    Benchmark("writer: spool to committed", "rows/s", COPY, 0.85, writer.rounds),
    Benchmark("upload: socket to committed", "rows/s", COPY, 0.60, upload.rounds),
    Benchmark("blind: 4 hours of 2,000 terminals, socket to committed", "rows/s", COPY, 0.60, upload.blind),
    Benchmark(
        "latency: p99 of an answer at half load, less the linger", "ms", "p99 of an fdatasync of 64 KiB", 4,
        fleet.latency, False,
    ),
    Benchmark(f"live: p99 from socket to WebSocket, {live.CARS:,} cars", "ms", None, 100, live.rounds, False),
    Benchmark("storm: 10,000 terminals back and logged in", "s", None, 10, fleet.storm, False),
    Benchmark(
        f"dribblers: p99 of an answer beside {fleet.DRIBBLERS:,} of them", "ms", "p99 without them", 1.2,
        fleet.dribblers, False,
    ),
    Benchmark("memory: a connection with its session", "bytes", None, 12_000, fleet.memory, False),
    *map(growth, BIG),
    Benchmark("matcher: 1,000 x 10,000 evenly spread", "ms of CPU", SPARSE, 2, matching.speed_even, False),
    Benchmark("matcher: 1,000 x 10,000 crowded", "ms of CPU", SPARSE, 2, matching.speed_crowded, False),
    Benchmark(
        "matcher: growth to 10,000 x 50,000 evenly spread", "ms of CPU", "1,000 x 10,000", None, matching.growth, False,
    ),
    Benchmark(
        "matcher: total cost", "s of pick-up", "the optimum on the complete graph", 1 + 1e-9, matching.gap, False,
    ),
    Benchmark(
        "index: 50,000 cars moved, 1,000 places asked", "s of CPU", "numpy looks at every car", 0.5, matching.index,
        False,
    ),
    *(wait(town, load, goal) for town in TOWNS for load, goal in (("low", 1), ("high", 0.7))),
    *map(answered, TOWNS),
    *(
        Benchmark(
            f"service: the elderly, high load, {town}", "s to the door", "others with the matcher", 1,
            partial(service.elderly, town, "high"), False,
        )
        for town in TOWNS
    ),
    Benchmark("trips: cleaned, cut and measured", "fixes/s", "the published method", 1, trips.rounds),
    Benchmark("match: a fix in 10 s, 1 in 20 thrown", RIGHT, None, 0.97, map_matching.every_10_s),
    Benchmark("match: a fix in 30 s, 1 in 20 thrown", RIGHT, None, 0.93, map_matching.every_30_s),
)  # fmt: skip


def main() -> int:
    only = os.environ.get("ONLY", "")
    chosen = [b for b in BENCHMARKS if only in b.name]
    if not chosen:
        print(f"no row has {only!r} in its name; rows: {', '.join(b.name for b in BENCHMARKS)}", file=sys.stderr)
        return 2
    print(machine())
    rows = []
    for benchmark in chosen:
        row, spread = benchmark.measure()
        rows.append((row, spread))
        print(line(row, spread), flush=True)
    write([row for row, _ in rows], Path("bench.json"))
    if report := os.environ.get("REPORT"):
        Path(report).write_text(page(rows, f"make bench{f' ONLY={only!r}' if only else ''}", machine()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
