"""`python -m tests.chaos.soak --messages N`: so many fixes in one go; what the processes hold after either half.

Ends with 1 when memory after the second half is more than 1.02 times that after the first, when more
descriptors are open, or when the comparison of ledger and database is not clean.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil

from gateway.log import configure
from tests import stack
from tests.chaos import table
from tests.chaos.rig import Needs, Rig, rig
from tests.checker import Verdict
from tests.machine import machine
from tracking import embedded

GROWTH = 1.02
LOOKS, EVERY_S = 60, 0.25
NEEDS = Needs(terminals=40, pause_s=0.1)
STALL_S = 120.0
HEAD = ("process", "memory after the first half, MiB", "after the second", "ratio", "descriptors", "then", "verdict")


@dataclass(frozen=True)
class Held:
    """What a process holds. octets: memory that is its own alone, the least of some looks; descriptors: likewise."""

    octets: int
    descriptors: int


@dataclass(frozen=True)
class Pair:
    """A process after either half."""

    process: str
    first: Held
    second: Held

    @property
    def growth(self) -> float:
        return self.second.octets / self.first.octets

    @property
    def flat(self) -> bool:
        return self.growth <= GROWTH and self.second.descriptors <= self.first.descriptors

    def cells(self) -> list[str]:
        first, second = (f"{held.octets / (1 << 20):.1f}" for held in (self.first, self.second))
        descriptors = (str(self.first.descriptors), str(self.second.descriptors))
        return [self.process, first, second, f"{self.growth:.3f}", *descriptors, "flat" if self.flat else "GROWS"]


@dataclass(frozen=True)
class Soaked:
    pairs: list[Pair]
    verdict: Verdict
    seconds: float

    @property
    def good(self) -> bool:
        return self.verdict.clean and all(pair.flat for pair in self.pairs)

    def summary(self) -> str:
        v = self.verdict
        return (
            f"{v.acknowledged:,} acknowledged in {self.seconds:.0f} s ({v.acknowledged / self.seconds:,.0f} a second), "
            f"missing {len(v.missing)}, twice {len(v.twice)}, never sent {len(v.invented)}, "
            f"overtaken {len(v.overtaken)}, altered {len(v.altered)}, longest wait {v.wait_s:.1f} s"
        )


def measured(system: Rig, looks: int) -> dict[str, Held]:
    """Both processes, looked at while they work.

    The least is what stays: frames on their way come and go by megabytes, and a look at a directory opens it.
    """
    parts = {"gateway": system.gateway, "writer": system.writer}
    processes = {name: psutil.Process(part.running.process.pid) for name, part in parts.items()}
    octets: dict[str, list[int]] = {name: [] for name in parts}
    descriptors: dict[str, list[int]] = {name: [] for name in parts}
    for _ in range(looks):
        for name, process in processes.items():
            octets[name].append(process.memory_full_info().uss)
            descriptors[name].append(process.num_fds())
        time.sleep(EVERY_S)
    return {name: Held(min(octets[name]), min(descriptors[name])) for name in parts}


def soak(
    messages: int, seed: int, var: Path, url: str, told: Callable[[str], None], looks: int = LOOKS
) -> Soaked:  # fmt: skip
    """Everything it leaves is in `var`. looks: at what is held, after either half."""
    with rig(var, NEEDS, url, seed) as system:
        began = time.monotonic()
        reach(system, messages // 2)
        first = measured(system, looks)
        told(f"{system.acknowledged:,} acknowledged")
        reach(system, messages)
        second = measured(system, looks)
        seconds = time.monotonic() - began
        verdict = system.quiet()
    return Soaked([Pair(name, first[name], second[name]) for name in first], verdict, seconds)


def reach(system: Rig, messages: int) -> None:
    """Wait for so many acknowledgements; that none come for a long time is a failure."""
    while (before := system.acknowledged) < messages:
        end = time.monotonic() + STALL_S
        while system.acknowledged == before:
            assert time.monotonic() < end, f"no acknowledgement for {STALL_S:g} s after {before}"
            time.sleep(0.1)
        time.sleep(1.0)


def page(soaked: Soaked, command: str) -> str:
    body = table.markdown(HEAD, [pair.cells() for pair in soaked.pairs])
    return f"# Soak\n\n`{command}` on {machine()}.\n\n{soaked.summary()}.\n\n{body}{EXPLAINED}"


EXPLAINED = f"""
{NEEDS.terminals} terminals of JT/T 808, positions and blind-area uploads, through gateway and spool into PostgreSQL.
Memory is what belongs to the process alone (USS), the least of {LOOKS} looks in {LOOKS * EVERY_S:.0f} s, since frames
on their way come and go by megabytes. It may grow by {GROWTH - 1:.0%}, descriptors not at all.
"""


def main() -> int:
    configure()
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.soak", description=__doc__)
    parser.add_argument("--messages", type=int, default=2_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report", type=Path, help="write the result as a Markdown page")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="taxihub-soak-") as work:
        server = embedded.start(Path(work) / "postgres")
        with stack.fresh_database(server) as url:
            soaked = soak(args.messages, args.seed, Path(work) / "soak", url, partial(print, flush=True))
    for cells in (HEAD, *(pair.cells() for pair in soaked.pairs)):
        print(table.line(HEAD, cells))
    print(soaked.summary())
    if args.report:
        args.report.write_text(page(soaked, f"python -m tests.chaos.soak --messages {args.messages}"), "utf-8")
    return int(not soaked.good)


if __name__ == "__main__":
    sys.exit(main())
