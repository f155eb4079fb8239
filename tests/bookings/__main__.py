"""`python -m tests.bookings --bookings N --seed S`: simulated bookings until there are N, dispatch killed among them.

Drivers refuse, ignore and drop orders, passengers give up, terminals fall silent, dispatch is killed and comes back
with its journal alone. Every trial's journal is checked; ends with 1 at the first trial in which anything is wrong.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import sys
import time

from tests.bookings.checker import Verdict
from tests.bookings.trials import Job


def run(job: Job) -> tuple[Job, Verdict]:
    return job, job.run()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bookings", description=__doc__)
    parser.add_argument("--bookings", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=multiprocessing.cpu_count(), help="processes (default %(default)s)")
    args = parser.parse_args()
    began, bookings, kills, trials = time.monotonic(), 0, 0, 0
    jobs = (Job(args.seed * 1_000_000 + n) for n in itertools.count())
    with multiprocessing.Pool(args.jobs) as pool:
        for job, verdict in pool.imap(run, jobs):
            bookings, kills, trials = bookings + verdict.bookings, kills + job.kills, trials + 1
            if verdict.found:
                print(f"seed {job.seed}: {verdict.found}\n{verdict}")
                return 1
            if bookings >= args.bookings:
                break
            if trials % 50 == 0:
                print(f"{bookings:,} bookings in {trials} trials, {time.monotonic() - began:.0f} s", flush=True)
        pool.terminate()
    print(
        f"{bookings:,} bookings in {trials} trials, {kills} kills of dispatch: double assignments 0, lost bookings 0;"
        f" {time.monotonic() - began:.0f} s, seed {args.seed}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
