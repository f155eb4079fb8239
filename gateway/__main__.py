"""`python -m gateway`: serve terminals, keep the roll, explain frames."""

from __future__ import annotations

import argparse
import asyncio
import gc
import resource
import signal
import sqlite3
import sys
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
from gateway.requests import Requests
from gateway.roll import Roll
from gateway.server.asking import Asking, follower, remember
from gateway.server.batch import Judge
from gateway.server.commands import Commands
from gateway.server.committer import Committer
from gateway.server.hub import Hub
from gateway.server.intake import Intake
from gateway.server.keeper import Keeper
from gateway.server.plausible import Region
from gateway.server.process import Gateway, Parts, networks, publisher
from gateway.server.topics import Broker, Topics
from gateway.session import Limits
from gateway.settings import Settings
from gateway.spool import Spool

log = structlog.get_logger()
GARBAGE_EVERY = 50_000
"""Allocations between two looks for cyclic garbage."""


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


def compose(settings: Settings) -> Gateway:
    """The process from its settings. Raises GatewayError."""
    roll = Roll(settings.var / "gateway")
    spool = Spool(
        settings.spool_dir or settings.var / "spool",
        limit_bytes=settings.spool_bytes, keep_us=int(settings.spool_keep_s * 1e6),
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
        settings.pending_bytes, settings.linger_s, follower(requests),
    )  # fmt: skip
    outbox = Outbox(settings.var / "gateway")
    commands = Commands(outbox, bus, committer.notice, settings.answer_s, remember(requests))
    hub.committer, hub.commands, commands.lines, asking.orders = committer, commands, hub, commands
    hub.attachments = (settings.jsatl_host, settings.jsatl_port)
    hub.takers["jsatl"] = keeper = _keeper(settings, files, requests, committer, hub)
    broker = Broker.parse(settings.mqtt_url) if settings.mqtt_url else None
    topics = Topics(broker, "taxihub-gateway", roll, committer) if broker else None
    ports = {"jt808": settings.jt808_port, "jt905": settings.jt905_port, "jsatl": settings.jsatl_port}
    return Gateway(Parts(roll, spool, bus, hub, committer, commands, topics, asking, keeper, settings.bind, ports))


def _keeper(settings: Settings, files: Files, requests: Requests, committer: Committer, hub: Hub) -> Keeper:
    store = AttachmentStore(files, file_octets=settings.attachment_bytes, alarm_octets=settings.attachments_bytes)
    intake = Intake(store, requests, int(settings.attachment_keep_s * 1e6))
    return Keeper(intake, committer, partial(hub.read_port, "jsatl"), settings.attachment_pending_bytes)


def serve(settings: Settings) -> int:
    gateway = compose(settings)
    gc.freeze()
    gc.set_threshold(GARBAGE_EVERY, 20, 50)  # the default walks all sessions of a city many times a second

    async def main() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await gateway.serve(settings.var / "gateway" / "listening.json", stop)

    uvloop.run(main())
    return 0


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
    commands.add_parser("serve", help="take terminals' connections; settings are TAXIHUB_... variables")
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
            return serve(settings)
        return import_roll(settings, args.file) if args.what == "import" else show_roll(settings)
    except (GatewayError, OSError, sqlite3.Error) as error:
        print(f"gateway: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
