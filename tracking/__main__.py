"""`python -m tracking`: write what the gateway spooled, keep house and schema; trips and matched routes of files."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import uuid
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import psycopg
import structlog

from gateway.log import configure
from tracking import embedded, timescale
from tracking.audit.days import AT_ONCE as DAYS_AT_ONCE
from tracking.audit.days import judge_days
from tracking.audit.review import audit_trips
from tracking.cases import command as cases
from tracking.errors import TrackingError
from tracking.evidence import command as evidence
from tracking.evidence.checkpoint import LOG
from tracking.evidence.seal import Beside
from tracking.housekeeping import Housekeeper, Rules
from tracking.ingest import Writer
from tracking.migrate import migrate, migrate_when_there
from tracking.quarantine import Outcome, replay, waiting
from tracking.roads import command as roads
from tracking.roads.engine import Engine
from tracking.roads.routes import AT_ONCE, match_trips
from tracking.settings import Settings
from tracking.spools import Writers, in_streams, on_disk
from tracking.trips import command as trips
from tracking.trips.derive import derive

log = structlog.get_logger()
SWITCH_S = 0.0005
"""The thread that feeds a COPY gets the interpreter back before the server idles."""


def serve(settings: Settings) -> int:
    """Follow the spool until SIGINT or SIGTERM, from whenever the database is there."""
    stop = _until_told()
    sys.setswitchinterval(SWITCH_S)
    rules = _rules(settings)
    url = migrate_when_there(lambda: _url(settings), stop)
    if not url:
        return 0
    directory = settings.spool_dir or settings.var / "spool"
    find = partial(in_streams, settings.ship_url) if settings.ship_url else partial(on_disk, directory)
    revive = partial(_url, settings)
    writers = Writers(find, lambda source: Writer(url, source, stop, settings.poll_s, revive=revive), stop)
    with Housekeeper(url, rules, stop).beside(), _sealing(settings, url, stop):
        writers.run()
    log.info("counts", **writers.counts)
    return 0


def _sealing(settings: Settings, url: str, stop: threading.Event) -> AbstractContextManager[None]:
    """Beside the writer, unless it is switched off."""
    if not settings.seal_s:
        return nullcontext()
    return Beside(url, _evidence_files(settings).sealer, settings.seal_s, stop).running()


def _evidence_files(settings: Settings) -> evidence.Files:
    directory = (settings.evidence_dir or settings.var / "evidence").resolve()
    return evidence.Files(directory, settings.checkpoints or directory / LOG, settings.timezone)


def hold_database(settings: Settings, kind: str) -> int:
    """A database until SIGINT or SIGTERM; the one line printed is its URL, once its schema is this version's."""
    stop = _until_told()
    var = settings.var.resolve()
    if kind == "timescale":
        timescale.install()
        server: AbstractContextManager[str] = timescale.server(_data_name(var / "timescale.name"))
    else:
        server = nullcontext(embedded.start(_embedded(settings)))
    with server as url:
        migrate(url)
        print(url, flush=True)
        stop.wait()
    return 0


def _until_told() -> threading.Event:
    """Set by SIGINT and SIGTERM."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _url(settings: Settings) -> str:
    """Where the database is; starts the embedded one. Raises DatabaseAway."""
    return settings.database_url or embedded.start(_embedded(settings))


def _embedded(settings: Settings) -> Path:
    return settings.var.resolve() / "postgres"


def quarantine(url: str, command: str, ids: Sequence[int]) -> int:
    """What no table took: list it, or try it again; 1 where something still stands there."""
    with psycopg.connect(url) as db:
        if command == "list":
            rows = waiting(db)
            for row in rows:
                at = f"{row.at:%Y-%m-%dT%H:%M:%SZ}"
                print(row.id, at, row.kind, row.terminal or "-", f"{row.size} B", row.cause, sep="\t")
            print(f"{len(rows)} in quarantine", file=sys.stderr)
            return 0
        if missing := set(ids) - {one.id for one in waiting(db)}:
            raise TrackingError(f"not in quarantine: {', '.join(map(str, sorted(missing)))}")
        tried = replay(db, ids)
    kept = [one for one in tried if one.cause]
    for one in kept:
        print(f"{one.id}: {'the rest of it: ' if one.outcome == Outcome.PART else ''}{one.cause}")
    print(f"{len(tried) - len(kept)} stored, {len(kept)} refused again", file=sys.stderr)
    return 1 if kept else 0


def keep(settings: Settings, url: str, days: int | None) -> int:
    """The daily work, now."""
    rules = _rules(settings)
    rules = rules if days is None else replace(rules, keep_days=days)
    done = Housekeeper(url, rules, threading.Event()).once(datetime.now(UTC))
    print(f"{done.rolled_up} days rolled up")
    if rules.keep_days:
        print(f"{done.moved} days moved to {rules.directory}: {done.fixes} fixes")
    if done.compression == "on":
        print(f"{done.compressed} days compressed")
    return 0


def _rules(settings: Settings) -> Rules:
    """Raises TrackingError where there is no such time zone."""
    try:
        ZoneInfo(settings.timezone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise TrackingError(f"TAXIHUB_TIMEZONE: there is no time zone {settings.timezone!r}") from error
    directory = (settings.archive_dir or settings.var / "archive").resolve()
    return Rules(directory, settings.timezone, settings.keep_days, settings.compress_days, settings.keep_at)


def trips_of(settings: Settings, url: str, every_s: float | None) -> int:
    """Derive, match and audit the trips of what is stored: once, or again and again until SIGINT or SIGTERM."""
    stop, zone = _until_told(), ZoneInfo(_rules(settings).zone)
    directory = settings.roads_dir or settings.var / "roads"
    engine = Engine(directory) if directory.exists() else None
    if engine is None:
        log.warning("no road network: trips stay unmatched", directory=str(directory))
    while True:
        try:
            with psycopg.connect(url, autocommit=True) as db:
                while not stop.is_set():
                    rows, matched = derive(db), match_trips(db, engine) if engine else 0
                    audited = audit_trips(db, engine, zone) if engine else 0
                    judged = judge_days(db, zone, datetime.now(UTC))
                    if rows or matched or audited or judged:
                        log.info("trips", changed=rows, matched=matched, audited=audited, judged=judged)
                    if AT_ONCE in (matched, audited) or judged == DAYS_AT_ONCE:
                        continue
                    if every_s is None:
                        return 0
                    stop.wait(every_s)
            return 0
        except psycopg.OperationalError as error:
            if every_s is None:
                raise
            log.warning("trips wait", cause=str(error).splitlines()[0])
            if stop.wait(every_s):
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
    trips.add(commands)
    roads.add(commands)
    again = commands.add_parser("derive", help="of what is stored: trips, stops, routes on roads, what the audit finds")
    again.add_argument("--every", type=float, metavar="S", help="go on, with such pauses; default: once")
    refused = commands.add_parser("quarantine", help="what no table took").add_subparsers(dest="action", required=True)
    refused.add_parser("list", help="id, time, kind, terminal, size and cause of each")
    again = refused.add_parser("replay", help="try it again; what is stored leaves the quarantine")
    again.add_argument("ids", nargs="*", type=int, metavar="ID", help="default: all")
    old = commands.add_parser(
        "keep", help="do the daily work of `serve` now: roll days up, learn the speeds of roads, move old days to files"
    )
    old.add_argument(
        "--days", type=int, help="days of positions that stay in the database, instead of TAXIHUB_KEEP_DAYS"
    )
    evidence.add(commands)
    cases.add(commands)
    args = parser.parse_args()
    settings = Settings()
    files = _evidence_files(settings)
    try:
        if "run" in args:
            args.roads_dir = settings.roads_dir or settings.var / "roads"
            return int(args.run(args))
        if args.command == "database":
            return hold_database(settings, args.kind)
        if args.command == "timescale-install":
            timescale.install()
            return 0
        if args.command == "serve":
            return serve(settings)
        url = _url(settings)
        applied = migrate(url)
        if args.command == "derive":
            return trips_of(settings, url, args.every)
        if args.command == "keep":
            return keep(settings, url, args.days)
        if "with_database" in args:
            return int(args.with_database(url, files, args))
        if args.command == "quarantine":
            return quarantine(url, args.action, getattr(args, "ids", []))
        print(f"{applied} migrations applied")
        return 0
    except (TrackingError, psycopg.Error, OSError) as error:
        print(f"tracking: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
