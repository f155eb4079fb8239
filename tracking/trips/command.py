"""`python -m tracking trips`: occupied trips out of a CSV of fixes."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from tracking.trips import table
from tracking.trips.cut import OCCUPIED, Rules, occupied, spans

ABOUT = """Occupied trips out of a CSV of fixes with the head vehicle,time,lat,lon,occupied,speed_kmh (in any order).
Times are ISO 8601 or seconds since 1970. Rows may come in any order and more than once. Written is one trip a line,
vehicle,start,end,start_lat,start_lon,end_lat,end_lon,length_m,fixes: from the first occupied fix to the first that is
no longer. Trips that began before a vehicle's first fix or end after its last are counted, not written.
Exit code: 0 all was read, 1 some rows could not be, 2 nothing could be."""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("trips", help="occupied trips out of a CSV of fixes", description=ABOUT)
    parser.add_argument("file", nargs="?", type=Path, help="the CSV; default: standard input")
    parser.add_argument(
        "--flicker-s", type=float, default=math.inf, metavar="S",
        help="a lone fix of another state is a flicker only if its neighbours are no further apart; default: always",
    )  # fmt: skip
    parser.add_argument("--zone", type=_zone, default="UTC", help="of times without an offset; default: UTC")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    with _opened(args.file) as file:
        read = table.read(file, args.zone)
    found = spans(read.fixes, Rules(flicker_s=args.flicker_s))
    trips = occupied(found)
    table.write(sys.stdout, read, trips)
    for fault in read.faults:
        print(f"trips: {fault}", file=sys.stderr)
    cut_off = int(np.isin(found["kind"], OCCUPIED).sum()) - len(trips)
    print(
        f"trips: {len(trips)} trips of {len(read.names)} vehicles from {len(read.fixes)} fixes;"
        f" {len(read.faults)} rows could not be read, {cut_off} trips go on beyond the fixes",
        file=sys.stderr,
    )
    return 1 if read.faults else 0


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"no time zone {name!r}") from error


@contextmanager
def _opened(path: Path | None) -> Iterator[TextIO]:
    """The file, or standard input; bytes that are no UTF-8 only spoil their own row."""
    if path is None:
        sys.stdin.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
        yield sys.stdin
        return
    with path.open(encoding="utf-8", errors="replace") as file:
        yield file
