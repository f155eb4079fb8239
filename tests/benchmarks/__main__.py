"""`make bench`: measures, prints the table, writes bench.json. Ratios in one run; nothing here is a test."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.benchmarks import crowd, decode, upload
from tests.benchmarks.table import Benchmark, line, machine, write

BENCHMARKS = (
    Benchmark("decode: positions in batch", "frames/s of CPU", "one at a time", 10, decode.rounds),
    Benchmark(
        "crowd: 10,000 connections, a frame a send", "frames/s of CPU", "a server that only counts", 0.45, crowd.rounds
    ),
    Benchmark("upload: socket to committed", "rows/s", "raw COPY of the same rows", 0.60, upload.rounds),
)


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
        rows.append(row)
        print(line(row, spread), flush=True)
    write(rows, Path("bench.json"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
