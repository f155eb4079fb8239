"""`python -m gateway`: serve terminals, keep the roll, explain frames."""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import resource
import signal
import sqlite3
import sys
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import structlog
import uvloop

from gateway import decode, document
from gateway.attachments import AttachmentStore
from gateway.bus import Bus, MemoryBus, NatsBus
from gateway.catalog import ATTACHMENTS, PROTOCOLS, TCP
from gateway.content import Files
from gateway.enrolment import parse_csv
from gateway.errors import GatewayError
from gateway.log import configure
from gateway.media import MediaStore
from gateway.outbox import Outbox
from gateway.redecode import PLACE, Span, lines, redecode
from gateway.report import micros
from gateway.requests import Requests
from gateway.roll import Roll
from gateway.server.asking import Asking, follower, remember
from gateway.server.commands import Commands
from gateway.server.committer import Committer
from gateway.server.hub import Hub
from gateway.server.intake import Intake
from gateway.server.keeper import Keeper
from gateway.server.page import Judge
from gateway.server.plausible import Region
from gateway.server.presence import Presence
from gateway.server.process import Desk, Gateway, Parts, networks, publisher
from gateway.server.switchboard import Switchboard
from gateway.server.topics import Broker, Topics
from gateway.server.workers import Workers, reserve
from gateway.session import Limits
from gateway.settings import Settings
from gateway.shipping import Shipper
from gateway.spool import Spool

log = structlog.get_logger()
GARBAGE_EVERY = 50_000
"""Allocations between two looks for cyclic garbage."""


PARENT_S = 0.5
"""How often a worker looks whether its supervisor is there: without it nobody would start or stop it."""
SPARE_DESCRIPTORS = 200
"""Of the process: files, the bus, the broker, and what SQLite opens for a moment."""


def most_connections(wanted: int) -> int:
    """How many connections this process can hold, after asking the system for as many as it gives."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = wanted + SPARE_DESCRIPTORS
    if soft != resource.RLIM_INFINITY and soft < enough:
        soft = enough if hard == resource.RLIM_INFINITY else min(enough, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= enough:
        return wanted
    most = max(soft - SPARE_DESCRIPTORS, soft // 2)
    log.warning("fewer connections than wanted: raise the limit of open files", wanted=wanted, most=most, limit=soft)
    return most


@dataclass(frozen=True, slots=True)
class Place:
    """Which of how many gateway processes of this machine; the first does what is done once for all."""

    number: int = 1
    of: int = 1

    @classmethod
    def parse(cls, text: str) -> Place:
        number, _, of = text.partition("/")
        return cls(int(number), int(of))

    def spool(self, directory: Path) -> Path:
        return directory if self.of == 1 else directory / str(self.number)


def compose(settings: Settings, place: Place) -> Gateway:
    """The process from its settings. Raises GatewayError."""
    roll = Roll(settings.var / "gateway")
    spool = Spool(
        place.spool(settings.spool_dir or settings.var / "spool"),
        limit_bytes=settings.spool_bytes // place.of, keep_us=int(settings.spool_keep_s * 1e6),
    )  # fmt: skip
    bus: Bus = NatsBus(settings.bus_url, "gateway") if settings.bus_url else MemoryBus()
    hub = Hub(
        roll,
        Limits(
            login_s=settings.login_s, partial_s=settings.partial_s, idle_s=settings.idle_s, missing_s=settings.missing_s
        ),
        {**{name: protocol.session for name, protocol in TCP.items()}, **ATTACHMENTS},
        {"jt905": networks(settings.jt905_sources)},
        most_connections(settings.connections),
    )
    files, requests = Files(settings.var / "media"), Requests(settings.var / "gateway")
    asking = Asking(requests)
    committer = Committer(
        spool, MediaStore(files, most_octets=settings.medium_bytes),
        Judge(Region.parse(settings.region), int(settings.clock_ahead_s * 1e6)), publisher(bus, asking.heard), hub.read,
        settings.pending_bytes // place.of, settings.linger_s, follower(requests),
    )  # fmt: skip
    presence = Presence(uuid.uuid4().hex, time.time_ns() // 1000, desk=place.number == 1)
    board = Switchboard(bus, presence, lambda: gateway.counts())
    hub.committer, hub.board, board.lines = committer, board, hub
    hub.attachments = (settings.jsatl_host, settings.jsatl_port)
    ports = {"jt808": settings.jt808_port, "jt905": settings.jt905_port}
    desk = None
    if place.number == 1:
        commands = Commands(
            Outbox(settings.var / "gateway"), bus, committer.notice, settings.answer_s, remember(requests)
        )
        board.desk, commands.lines, asking.orders = commands, board, commands
        hub.takers["jsatl"] = keeper = _keeper(settings, files, requests, committer, hub)
        ports["jsatl"] = settings.jsatl_port
        broker = Broker.parse(settings.mqtt_url) if settings.mqtt_url else None
        topics = Topics(broker, "taxihub-gateway", roll, committer, hub) if broker else None
        desk = Desk(commands, asking, keeper, topics)
    gateway = Gateway(Parts(roll, spool, bus, hub, committer, board, desk, settings.bind, ports, place.of > 1))
    return gateway


def _keeper(settings: Settings, files: Files, requests: Requests, committer: Committer, hub: Hub) -> Keeper:
    store = AttachmentStore(files, file_octets=settings.attachment_bytes, alarm_octets=settings.attachments_bytes)
    intake = Intake(store, requests, int(settings.attachment_keep_s * 1e6))
    return Keeper(intake, committer, partial(hub.read_port, "jsatl"), settings.attachment_pending_bytes)


def serve(settings: Settings, place: Place) -> int:
    gateway = compose(settings, place)
    gc.freeze()
    gc.set_threshold(GARBAGE_EVERY, 20, 50)  # the default walks all sessions of a city many times a second
    state = "listening.json" if place.of == 1 else f"worker-{place.number}.json"
    parent = os.getppid() if place.of > 1 else 0
    uvloop.run(_until_told(lambda stop: gateway.serve(settings.var / "gateway" / state, stop), parent))
    return 0


def serve_by_many(settings: Settings, count: int) -> int:
    """Raises GatewayError."""
    if not settings.bus_url:
        raise GatewayError("several workers find each other's terminals over the bus: set TAXIHUB_BUS_URL")
    wanted = {"jt808": settings.jt808_port, "jt905": settings.jt905_port, "jsatl": settings.jsatl_port}
    directory = settings.var / "gateway"
    directory.mkdir(parents=True, exist_ok=True)
    Roll(directory)  # made here once, for all workers
    with ExitStack() as held:
        ports = reserve(settings.bind, wanted, held)
        env = {f"TAXIHUB_{name.upper()}_PORT": str(port) for name, port in ports.items()}

        async def run(stop: asyncio.Event) -> None:
            workers = Workers(count, directory, env, stop)
            turning = set[asyncio.Task[None]]()

            def turn_over() -> None:
                task = asyncio.get_running_loop().create_task(workers.turn_over(), name="turn over")
                turning.add(task)
                task.add_done_callback(turning.discard)

            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, turn_over)
            await workers.run(directory / "listening.json", ports)

        asyncio.run(_until_told(run))
    return 0


def ship(settings: Settings) -> int:
    """Raises GatewayError."""
    if not settings.ship_url:
        raise GatewayError("where to? set TAXIHUB_SHIP_URL to the servers of the cluster")
    directory = settings.spool_dir or settings.var / "spool"
    shipper = Shipper(directory, settings.ship_url, settings.ship_replicas, settings.ship_bytes)
    uvloop.run(_until_told(shipper.run))
    log.info("counts", **shipper.counts)
    return 0


def read_again(settings: Settings, span: Span, write: bool) -> int:
    """Raises GatewayError."""
    directory = settings.spool_dir or settings.var / "spool"
    judge = Judge(Region.parse(settings.region), int(settings.clock_ahead_s * 1e6))
    with ExitStack() as held:
        corrections = None
        if write:
            keep_us = int(settings.spool_keep_s * 1e6)
            corrections = Spool(directory / PLACE, limit_bytes=settings.spool_bytes, keep_us=keep_us)
            held.callback(corrections.close)
            corrections.trim(time.time_ns() // 1000)
        counts = redecode(directory, Roll(settings.var / "gateway"), judge, span, corrections)
    print("\n".join(lines(counts, write)))
    return 0


def _micros(text: str) -> int:
    """Raises ArgumentTypeError, also for a time without its zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text!r}: a zone is missing, such as +08:00 at the end")
    return micros(moment)


async def _until_told(work: Callable[[asyncio.Event], Awaitable[None]], parent: int = 0) -> None:
    """SIGINT and SIGTERM set the event, and so does the end of the process `parent`, where there is one."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)

    loop = asyncio.get_running_loop()

    def look() -> None:
        if os.getppid() != parent:
            stop.set()
        else:
            loop.call_later(PARENT_S, look)

    if parent:
        look()
    await work(stop)


def import_roll(settings: Settings, path: Path) -> int:
    """Add or change the terminals of a CSV file; nothing is changed when one of its lines is bad."""
    rows = parse_csv(path.read_bytes(), PROTOCOLS)
    roll = Roll(settings.var / "gateway")
    changed = roll.enrol(rows)
    print(f"{path}: {len(rows)} terminals, {changed} new or changed; {len(roll)} on the roll")
    return 0


def show_roll(settings: Settings) -> int:
    print("terminal,plate,vehicle_class,company,active")
    for row in Roll(settings.var / "gateway").rows():
        print(f"{row.terminal},{row.plate},{row.vehicle_class},{row.company},{int(row.active)}")
    return 0


def main() -> int:
    configure()
    parser = argparse.ArgumentParser(prog="python -m gateway", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    serving = commands.add_parser("serve", help="take terminals' connections; settings are TAXIHUB_... variables")
    serving.add_argument(
        "--workers", type=int, default=1, help="processes behind the same ports; SIGHUP restarts them in turn"
    )
    serving.add_argument("--worker", type=Place.parse, help=argparse.SUPPRESS)
    commands.add_parser("ship", help="send the spools of this machine to a NATS cluster, for tracking on another one")
    again = commands.add_parser("redecode", help="read the frames of the spools again, after a decoder was mended")
    since = "received from then on, such as 2026-01-31T08:00+08:00"
    again.add_argument("--from", dest="start", type=_micros, default=Span.start, help=since)
    again.add_argument("--to", dest="end", type=_micros, default=Span.end, help="received before")
    again.add_argument("--write", action="store_true", help="let the writer replace what reads otherwise now")
    roll = commands.add_parser("roll", help="the closed list of terminals").add_subparsers(dest="what", required=True)
    roll.add_parser("import", help="terminal,protocol,plate,vehicle_class,company").add_argument("file", type=Path)
    roll.add_parser("list", help="print the roll")
    decode.add_arguments(commands.add_parser("decode", help="explain captured frames"))
    document.add_arguments(commands.add_parser("document", help="write the pages on the protocols"))
    args = parser.parse_args()
    if args.command == "decode":
        return decode.run(args)
    if args.command == "document":
        return document.run(args)
    try:
        settings = Settings()
        if args.command == "serve":
            if args.workers < 1:
                raise GatewayError(f"--workers {args.workers}: at least 1 is expected")
            return (
                serve_by_many(settings, args.workers) if args.workers > 1 else serve(settings, args.worker or Place())
            )
        if args.command == "ship":
            return ship(settings)
        if args.command == "redecode":
            return read_again(settings, Span(args.start, args.end), args.write)
        return import_roll(settings, args.file) if args.what == "import" else show_roll(settings)
    except (GatewayError, OSError, sqlite3.Error) as error:
        print(f"gateway: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
