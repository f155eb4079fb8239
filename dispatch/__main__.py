"""`python -m dispatch`: bookings and the live supply of taxis, and the matcher on a file."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import psycopg
import structlog
import uvloop

from dispatch import solve
from dispatch.errors import DispatchError, InputError
from dispatch.loop import Loop
from dispatch.migrate import migrate
from dispatch.rules import Rules
from dispatch.service import serve
from dispatch.settings import Settings
from dispatch.supply import Supply
from dispatch.ways import Ways
from gateway.bus import NatsBus
from gateway.log import configure
from tracking import embedded
from tracking.errors import TrackingError
from tracking.queries import vehicles

log = structlog.get_logger()


async def run(settings: Settings, url: str) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    supply, now = Supply(), datetime.now(UTC)
    async with await psycopg.AsyncConnection.connect(url) as db:
        supply.start_with(await vehicles(db), now)
    supply.forget_stale(now)
    log.info("dispatch starts", vacant=len(supply))
    bus, rules = NatsBus(settings.bus_url, "dispatch"), Rules(answer=timedelta(seconds=settings.answer_s))
    ways = Ways(settings.roads_dir or settings.var / "roads", url)
    await serve(bus, supply, Loop(url, bus, supply, rules, ways, settings.call_back), stop)


def solve_file(path: str) -> int:
    """The matcher on a snapshot: its answer on standard output. Raises InputError, OSError."""
    try:
        question = solve.read(sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes())
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    result = solve.answer(question)
    if "fallback" in result:
        print("dispatch: there is no road network here: straight lines at 8.33 m/s are used", file=sys.stderr)
    print(orjson.dumps(result).decode())
    return 0


def serve_forever() -> int:
    settings = Settings()
    url = settings.database_url or embedded.start(settings.var.resolve() / "postgres")
    migrate(url)
    uvloop.run(run(settings, url))
    return 0


def main() -> int:
    configure()
    parser = argparse.ArgumentParser(prog="python -m dispatch", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="follow the live feed and work off bookings; settings are TAXIHUB_... variables")
    solving = commands.add_parser("solve", help="the best assignment for a snapshot in JSON")
    solving.add_argument("snapshot", help="file, - for standard input")
    arguments = parser.parse_args()
    try:
        return solve_file(arguments.snapshot) if arguments.command == "solve" else serve_forever()
    except (DispatchError, TrackingError, psycopg.Error, OSError) as error:
        print(f"dispatch: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
