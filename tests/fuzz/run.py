"""One target in a process of its own: guided by coverage with Atheris, or plain where that cannot be imported.

    python -m tests.fuzz.run TARGET --executions N --seed S --seconds LIMIT --corpus DIRECTORY --result FILE

The result is a JSON object; libFuzzer, which Atheris is made of, ends the process by itself, so it
is written before that. Exit status 0, or 1 when an input failed.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from collections.abc import Callable
from contextlib import nullcontext
from itertools import count
from pathlib import Path
from random import Random
from types import ModuleType
from typing import TYPE_CHECKING, NoReturn

import structlog

if TYPE_CHECKING:
    from tests.fuzz.targets import Target
    from tests.fuzz.watch import Watch

KEPT = 200
"""Inputs that the plain engine goes on from."""


def guide() -> ModuleType | None:
    """Atheris, where it can be imported."""
    try:
        return importlib.import_module("atheris")
    except ImportError:
        return None


def loaded(atheris: ModuleType | None) -> tuple[ModuleType, ModuleType]:
    """The targets and the watch; with Atheris, the gateway's own code tells which ways it takes."""
    with atheris.instrument_imports(include=["gateway"]) if atheris else nullcontext():
        return importlib.import_module("tests.fuzz.targets"), importlib.import_module("tests.fuzz.watch")


def plain(target: Target, watch: Watch, seed: int) -> None:
    """Inputs of the corpus and what became of them, changed at random; every seed gives its own row of inputs."""
    pool = list(target.corpus)
    for n in count():
        rng = Random(seed << 32 | n)
        data = target.mutate(rng.choice(pool), rng)
        watch(data)
        if len(pool) < len(target.corpus) + KEPT:
            pool.append(data)
        else:
            pool[rng.randrange(len(target.corpus), len(pool))] = data


def guided(
    atheris: ModuleType, target: Target, execute: Callable[[bytes], None], seed: int, corpus: Path
) -> None:  # fmt: skip
    """libFuzzer: what takes a new way through the gateway is kept in `corpus` and changed further."""

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        return target.mutate(data, Random(seed))[:most]

    if not corpus.exists():
        corpus.mkdir(parents=True)
        for n, data in enumerate(target.corpus):
            (corpus / f"{n:05}").write_bytes(data)
    flags = [f"-seed={seed % (1 << 32) or 1}", "-max_len=4096", "-timeout=60", "-rss_limit_mb=0", "-verbosity=0"]
    atheris.Setup([sys.argv[0], *flags, str(corpus)], execute, custom_mutator=mutate)
    atheris.Fuzz()


def main() -> NoReturn:
    parser = argparse.ArgumentParser()
    parser.add_argument("target")
    parser.add_argument("--executions", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--corpus", type=Path, help="directory that a guided run begins with and adds to")
    parser.add_argument("--result", type=Path, required=True)
    args = parser.parse_args()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    atheris = guide() if args.corpus else None
    targets, watching = loaded(atheris)
    target = targets.target(args.target)
    watch = watching.Watch(target.execute, args.executions, args.seconds, memory=atheris is None)

    def ended(fault: str | None) -> NoReturn:
        told = {
            "target": target.name, "guided": atheris is not None, "executions": watch.executions,
            "wall_s": watch.wall_s, "slowest_s": watch.slowest_s, "slowest": watch.slowest.hex(),
            "blocks": watch.growth.blocks, "octets": watch.growth.octets, "fault": fault,
        }  # fmt: skip
        args.result.write_text(json.dumps(told))
        os._exit(0 if fault is None else 1)  # libFuzzer would go on, or say more than is to be said

    def execute(data: bytes) -> None:
        try:
            watch(data)
        except watching.Finished:
            ended(None)
        except watching.Fault as fault:
            ended(str(fault))

    with watch.bounded():
        if atheris is None:
            plain(target, execute, args.seed)
        else:
            guided(atheris, target, execute, args.seed, args.corpus)
    raise RuntimeError("the fuzzer ended before all executions were made")


if __name__ == "__main__":
    main()
