"""`python -m dashboard`: serve the console, make accounts, make the base map."""

from __future__ import annotations

import argparse
import asyncio
import csv
import getpass
import signal
import sys
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import uvloop

from dashboard import basemap
from dashboard.errors import DashboardError
from dashboard.parts import Options, Parts
from dashboard.server import listen, serve
from dashboard.settings import Settings
from dashboard.stream import LiveFeed
from dispatch import intake, tariff, zones
from dispatch.desk import Desk
from dispatch.errors import DispatchError
from dispatch.migrate import migrate
from dispatch.sealing import Keys
from dispatch.tariff import Book
from gateway.bus import Bus, MemoryBus, NatsBus
from gateway.log import configure
from tracking import embedded, people
from tracking.database import Database
from tracking.errors import PeopleError, TrackingError
from tracking.people import Role
from tracking.roads.engine import Engine
from tracking.roads.port import Roads, RoadsError
from tracking.roads.straight import Straight

OPERATOR = "system:command line"
KUNSHAN = Path(tariff.__file__).parent / "tariffs" / "kunshan.toml"


def database_url(settings: Settings) -> str:
    return settings.database_url or embedded.start(settings.var.resolve() / "postgres")


def compose(settings: Settings) -> Parts:
    """The process from its settings. Raises DashboardError, DispatchError and TrackingError."""
    try:
        ZoneInfo(settings.timezone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise DashboardError(f"TAXIHUB_TIMEZONE: there is no time zone {settings.timezone!r}") from error
    bus: Bus = NatsBus(settings.bus_url, "dashboard") if settings.bus_url else MemoryBus()
    database = Database(database_url(settings))
    options = Options(
        timedelta(hours=settings.login_hours), settings.secure_cookie, settings.timezone,
        (settings.map_lon, settings.map_lat), settings.map_zoom,
        settings.map_file or settings.var / "map" / "base.pmtiles", Path(__file__).parent / "static",
    )  # fmt: skip
    feed = LiveFeed(bus, database, settings.live_tick_s)
    return Parts(options, bus, settings.bus_url, database, feed, _desk(settings), _tariffs(settings), _roads(settings))


def _desk(settings: Settings) -> Desk:
    ring = zones.read(settings.area)[0].ring if settings.area else ()
    return Desk(Keys.read(settings.keys or settings.var / "keys" / "phone.json"), intake.Rules(area=ring))


def _tariffs(settings: Settings) -> Book:
    text = settings.tariffs.read_text("utf-8") if settings.tariffs else KUNSHAN.read_text("utf-8")
    return tariff.read(text)


def _roads(settings: Settings) -> Roads:
    try:
        return Engine(settings.roads_dir or settings.var / "roads")
    except RoadsError:
        return Straight()


def run(settings: Settings) -> int:
    parts = compose(settings)
    sock = listen(settings.dashboard_bind, settings.dashboard_port)

    async def main() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await serve(parts, sock, settings.dashboard_proxies, settings.var / "dashboard" / "listening.json", stop)

    uvloop.run(main())
    return 0


def change_people(settings: Settings, what: str, name: str, role: str) -> int:
    """Create an account or give it another password; brings the database to this version's schema first."""
    password = read_password()
    url = database_url(settings)
    migrate(url)

    async def change() -> None:
        async with Database(url) as database, database.connection() as db:
            if what == "create":
                await people.create(db, name, password, Role(role), by=OPERATOR)
            else:
                await people.set_password(db, name, password, by=OPERATOR)

    asyncio.run(change())
    print(f"account {name} ({role}) created" if what == "create" else f"password of {name} changed")
    return 0


def import_people(settings: Settings, lines: Iterable[str]) -> int:
    """Accounts from CSV lines name,role,password; nothing is changed when one of them is bad. Raises PeopleError."""
    wanted = []
    for number, row in enumerate(csv.reader(lines), 1):
        try:
            name, role, password = row
            wanted.append((name, password, Role(role)))
        except ValueError as error:
            raise PeopleError(f"line {number}: name,role,password is expected ({error})") from error
    url = database_url(settings)
    migrate(url)

    async def put() -> int:
        async with Database(url) as database, database.connection() as db, db.transaction():
            return sum([await people.put(db, *one, by=OPERATOR) for one in wanted])

    print(f"{len(wanted)} accounts, {asyncio.run(put())} new or changed")
    return 0


def read_password() -> str:
    """Asked twice on a terminal; else the first line of standard input. Raises PeopleError."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass(f"password (at least {people.SHORTEST_PASSWORD} characters): ")
    if getpass.getpass("the same again: ") != first:
        raise PeopleError("the two passwords differ; nothing was changed")
    return first


def main() -> int:
    configure()
    parser = argparse.ArgumentParser(prog="python -m dashboard", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="serve the console; settings are TAXIHUB_... variables")
    admin = commands.add_parser("admin", help="accounts").add_subparsers(dest="what", required=True)
    create = admin.add_parser("create", help="a new account; the password is asked for, or read from standard input")
    create.add_argument("name")
    create.add_argument("--role", choices=[role.value for role in Role], default=Role.ADMINISTRATOR.value)
    reset = admin.add_parser("reset-password", help="another password; every log-in of the account ends")
    reset.add_argument("name")
    admin.add_parser("import", help="accounts from lines name,role,password on standard input, added or changed")
    make = commands.add_parser("basemap", help="an extract of OpenStreetMap -> the console's base map")
    make.add_argument("extract", type=Path, help="CITY.osm.pbf")
    make.add_argument("out", type=Path, help="OUT.pmtiles; the console looks for var/map/base.pmtiles")
    args = parser.parse_args()
    try:
        if args.command == "basemap":
            print(basemap.make(args.extract, args.out))
            return 0
        settings = Settings()
        if args.command == "serve":
            return run(settings)
        if args.what == "import":
            return import_people(settings, sys.stdin)
        return change_people(settings, args.what, args.name, getattr(args, "role", ""))
    except (DashboardError, DispatchError, TrackingError, OSError) as error:
        print(f"dashboard: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
