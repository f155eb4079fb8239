"""`python -m tracking`: write what the gateway spooled, keep the schema."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import uuid
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path

import psycopg
import structlog

from gateway.log import configure
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


def hold_database(settings: Settings, kind: str) -> int:
    """A database until SIGINT or SIGTERM; the one line printed is its URL, once its schema is this version's."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    var = settings.var.resolve()
    if kind == "timescale":
        timescale.install()
        server: AbstractContextManager[str] = timescale.server(_data_name(var / "timescale.name"))
    else:
        server = nullcontext(embedded.start(var / "postgres"))
    with server as url:
        migrate(url)
        print(url, flush=True)
        stop.wait()
    return 0


def _data_name(path: Path) -> str:
    """Whose data it is: a name made once, so that a removed directory does not come back to old data."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError), path.open("x") as file:
        file.write(uuid.uuid4().hex)
    return path.read_text()


def main() -> int:
    configure()
    parser = argparse.ArgumentParser(prog="python -m tracking", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="write spooled fixes to the database; settings are TAXIHUB_... variables")
    commands.add_parser("migrate", help="bring the database to this version's schema")
    database = commands.add_parser("database", help="run a database until told to stop, and print its URL")
    database.add_argument("kind", choices=["embedded", "timescale"], help="timescale: from Debian's packages, as root")
    commands.add_parser("timescale-install", help="make the Debian root of TimescaleDB, 500 MB in ~/.cache/taxihub")
    args = parser.parse_args()
    settings = Settings()
    try:
        if args.command == "database":
            return hold_database(settings, args.kind)
        if args.command == "timescale-install":
            timescale.install()
            return 0
        url = settings.database_url or embedded.start(settings.var.resolve() / "postgres")
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
