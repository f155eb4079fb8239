"""`python -m dispatch`: the live supply of taxis."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from datetime import UTC, datetime

import psycopg
import structlog
import uvloop

from dispatch.service import serve
from dispatch.settings import Settings
from dispatch.supply import Supply
from gateway.bus import NatsBus
from gateway.log import configure
from tracking import embedded
from tracking.errors import TrackingError
from tracking.migrate import migrate
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
    await serve(NatsBus(settings.bus_url, "dispatch"), supply, stop)


def main() -> int:
    configure()
    parser = argparse.ArgumentParser(prog="python -m dispatch", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="follow the live feed; settings are TAXIHUB_... variables")
    parser.parse_args()
    settings = Settings()
    try:
        url = settings.database_url or embedded.start(settings.var.resolve() / "postgres")
        migrate(url)
        uvloop.run(run(settings, url))
    except (TrackingError, psycopg.Error, OSError) as error:
        print(f"dispatch: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
