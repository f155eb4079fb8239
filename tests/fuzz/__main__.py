"""`python -m tests.fuzz --executions N --seed S [--target T] [--seconds LIMIT]`: the gateway's readers under fire.

One in five executions is guided by coverage; the others are changed at random, which is faster, and
their memory is looked at. Ends with 1 when an input failed, and prints its bytes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fuzz.run import guide

SHARES = {"jt808": 15, "payloads": 25, "jt905": 10, "jsonl": 25, "explained": 2, "attachments": 23}
"""Target -> executions of a hundred; what costs most first."""
GUIDED = 5
"""One execution in so many is guided."""
ROUND = 100_000
"""Executions of one process; Atheris keeps some memory of each, and what it has learned is in the corpus."""
PATIENCE_S = 120
"""How long after its time is over a process may take to end."""
HEAD = f"{'target':14}{'by':10}{'executions':>12}{'per second':>12}{'slowest':>12}{'memory':>28}"


@dataclass(frozen=True, slots=True)
class Job:
    """Executions of one target in one way, one process after the other."""

    target: str
    executions: int
    guided: bool
    seed: int


def jobs(targets: Sequence[str], executions: int, seed: int) -> Iterator[Job]:
    """Jobs whose executions are together exactly as many as are wanted."""
    shares, given = sum(SHARES[name] for name in targets), 0
    for i, name in enumerate(targets):
        mine = executions - given if i == len(targets) - 1 else executions * SHARES[name] // shares
        given += mine
        guided = mine // GUIDED
        yield Job(name, mine - guided, False, seed)
        if guided:
            yield Job(name, guided, True, seed)


def done(job: Job, end: float, directory: Path) -> dict[str, Any]:
    """All rounds of a job, added up."""
    total: dict[str, Any] = {}
    left = job.executions
    while left and not (total and (total["fault"] or time.monotonic() > end)):
        found = _round(job, min(left, ROUND) if job.guided else left, job.seed * 1000 + left, end, directory)
        left -= found["executions"]
        total = _added(total, found) if total else found
    return total


def _round(job: Job, executions: int, seed: int, end: float, directory: Path) -> dict[str, Any]:
    seconds = max(end - time.monotonic(), 1)
    result = directory / f"{job.target}-{job.guided}.json"
    result.unlink(missing_ok=True)
    command = [sys.executable, "-m", "tests.fuzz.run", job.target, "--executions", str(executions),
               "--seed", str(seed), "--seconds", str(seconds), "--result", str(result)]  # fmt: skip
    command += ["--corpus", str(directory / job.target)] if job.guided else []
    ended = subprocess.run(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=seconds + PATIENCE_S, check=False
    )
    if not result.exists():
        said = ended.stderr.decode(errors="replace")[-4000:]
        return {"target": job.target, "guided": job.guided, "executions": 0, "wall_s": 0, "slowest_s": 0, "blocks": 0,
                "octets": 0, "fault": f"the process ended by itself with {ended.returncode}:\n{said}"}  # fmt: skip
    found: dict[str, Any] = json.loads(result.read_text())
    return found


def _added(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    sums = {key: one[key] + other[key] for key in ("executions", "wall_s")}
    most = {key: max(one[key], other[key]) for key in ("slowest_s", "blocks", "octets")}
    return {**other, **sums, **most}


def line(row: dict[str, Any]) -> str:
    by = "coverage" if row["guided"] else "chance"
    memory = f"{row['blocks']:+,} blocks {row['octets'] / (1 << 20):+.1f} MiB"
    rate, slowest = row["executions"] / max(row["wall_s"], 1e-9), 1000 * row["slowest_s"]
    return f"{row['target']:14}{by:10}{row['executions']:12,}{rate:12,.0f}{slowest:9.1f} ms{memory:>28}"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--executions", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--target", choices=list(SHARES), help="default: all of them")
    parser.add_argument("--seconds", type=float, default=7 * 24 * 3600, help="no execution begins later than this")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes at a time")
    parser.add_argument("--report", type=Path, help="the table as JSON")
    return parser.parse_args()


def main() -> int:
    args = arguments()
    began = time.monotonic()
    if guide() is None:
        print("*** atheris cannot be imported here: no input is guided by coverage ***", flush=True)
    wanted = list(jobs([args.target] if args.target else list(SHARES), args.executions, args.seed))
    print(HEAD, flush=True)
    rows = []
    with tempfile.TemporaryDirectory() as directory, ThreadPoolExecutor(args.jobs) as pool:
        for row in pool.map(lambda job: done(job, began + args.seconds, Path(directory)), wanted):
            rows.append(row)
            print(line(row), flush=True)
    total = sum(row["executions"] for row in rows)
    print(f"{total:,} of {args.executions:,} executions in {time.monotonic() - began:.0f} s, seed {args.seed}")
    for row in rows:
        if row["fault"]:
            print(f"\n{row['target']} failed: {row['fault']}")
    if args.report:
        args.report.write_text(json.dumps(rows))
    return int(any(row["fault"] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
