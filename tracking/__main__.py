"""`python -m tracking`: write what the gateway spooled, keep the schema."""

from __future__ import annotations

import argparse
import signal
import sys
import threading

import psycopg
import structlog

from tracking import embedded, timescale
from tracking.errors import TrackingError
from tracking.ingest import Writer
from tracking.migrate import migrate
from tracking.settings import Settings

log = structlog.get_logger()


def serve(settings: Settings, url: str) -> int:
    """Follow the spool until SIGINT or SIGTERM."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    writer = Writer(url, settings.spool_dir or settings.var / "spool", stop, settings.poll_s)
    writer.run()
    log.info("counts", **writer.counts)
    return 0


def serve_timescale(settings: Settings) -> int:
    """TimescaleDB in its Debian root until SIGINT or SIGTERM; the first line printed is its URL."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    timescale.install()
    with timescale.server(str(settings.var.resolve())) as url:
        print(url, flush=True)
        stop.wait()
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tracking", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="write spooled fixes to the database; settings are TAXIHUB_... variables")
    commands.add_parser("migrate", help="bring the database to this version's schema")
    commands.add_parser("url", help="print the database's URL, starting the embedded one if there is no other")
    commands.add_parser("timescale", help="run TimescaleDB from Debian's packages; needs root")
    commands.add_parser("timescale-install", help="only make its Debian root, about 500 MB in ~/.cache/taxihub")
    args = parser.parse_args()
    settings = Settings()
    try:
        if args.command == "timescale":
            return serve_timescale(settings)
        if args.command == "timescale-install":
            timescale.install()
            return 0
        url = settings.database_url or embedded.start(settings.var.resolve() / "postgres")
        if args.command == "url":
            print(url)
            return 0
        applied = migrate(url)
        if args.command == "serve":
            return serve(settings, url)
        print(f"{applied} migrations applied")
        return 0
    except (TrackingError, psycopg.Error, OSError) as error:
        print(f"tracking: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
