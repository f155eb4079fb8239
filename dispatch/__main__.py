"""`python -m dispatch`: bookings and the live supply of taxis, and the matcher on a file."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, time, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import orjson
import psycopg
import structlog
import uvloop

from dispatch import equipment, lookout, places, queries, sealing, solve, tariff, zones
from dispatch.errors import DispatchError, InputError
from dispatch.hinting import Hinting
from dispatch.keeping import Keep
from dispatch.loop import Loop
from dispatch.match.plan import Policy
from dispatch.migrate import migrate
from dispatch.mustering import Mustering
from dispatch.rounds import Rounds
from dispatch.rules import Rules
from dispatch.scene import Scene
from dispatch.service import serve
from dispatch.settings import Settings
from dispatch.shift import Shifts, handovers
from dispatch.supply import Supply
from dispatch.ways import Ways
from dispatch.wheel import Hours
from gateway.bus import NatsBus
from gateway.log import configure
from tracking import embedded
from tracking.database import Connection
from tracking.errors import TrackingError
from tracking.queries import vehicles

log = structlog.get_logger()
T = TypeVar("T")


async def run(settings: Settings, url: str) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    areas = zones.read(settings.zones) if settings.zones else ()
    hours = Hours(driving=timedelta(hours=settings.driving_h))
    rules = Rules(
        policy=Policy(zones=tuple(area.zone for area in areas)), answer=timedelta(seconds=settings.answer_s),
        dropped=timedelta(seconds=settings.lock_out_s), hours=hours,
        shifts=Shifts(handovers=_handovers(settings.handovers)),
        keep=Keep(timedelta(days=settings.keep_snapshots_days), timedelta(days=settings.keep_phones_days)),
    )  # fmt: skip
    supply = await _supply(url, hours)
    log.info("dispatch starts", vacant=len(supply))
    bus, ways = NatsBus(settings.bus_url, "dispatch"), Ways(settings.roads_dir or settings.var / "roads", url)
    scene = Scene(supply, rules, areas)
    loop = Loop(
        url, bus, rules, Rounds(scene, ways), settings.call_back, Hinting(scene), Mustering(scene, ways)
    )  # fmt: skip
    await serve(bus, supply, loop, stop)


def _handovers(text: str) -> tuple[time, ...]:
    """Raises InputError."""
    try:
        return handovers(text)
    except ValueError as error:
        raise InputError(f"TAXIHUB_HANDOVERS={text!r}: {error}") from error


async def _supply(url: str, hours: Hours) -> Supply:
    """As the history knows it, for the time before the first fixes come."""
    supply, now = Supply(hours if hours.driving else None), datetime.now(UTC)
    async with await psycopg.AsyncConnection.connect(url) as db:
        supply.start_with(await vehicles(db), now)
        if hours.driving:
            for terminals, times, moves in await lookout.driven(db, now - hours.driving - hours.rest):
                supply.drove(terminals, np.array(times, np.int64), np.array(moves, bool))
    supply.forget_stale(now)
    return supply


def with_database(do: Callable[[Connection], Awaitable[T]]) -> T:
    """Something on a connection of our own, in this version's schema."""
    url = _database(Settings())

    async def connected() -> T:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as db:
            return await do(db)

    return asyncio.run(connected())


def import_equipment(path: str) -> int:
    """Raises InputError and OSError."""
    rows = equipment.parse(Path(path))
    with_database(lambda db: equipment.store(db, rows))
    print(f"{len(rows)} taxis")
    return 0


def import_places(path: str) -> int:
    """Raises InputError and OSError."""
    rows = places.parse(Path(path))
    print(f"{with_database(lambda db: places.store(db, rows))} places")
    return 0


def explain(number: int) -> int:
    """Why a booking was decided as it was, newest first, as JSON lines. Raises UnknownBooking."""

    async def read(db: Connection) -> list[dict[str, Any]]:
        await queries.booking(db, number)
        return await queries.decisions(db, number)

    for decision in reversed(with_database(read)):
        print(orjson.dumps(decision).decode())
    return 0


def preview_tariff(path: str, class_: str, days: int) -> int:
    """What the newest edition of a file would do to the journeys of the last days. Raises InputError, OSError."""
    now = datetime.now(UTC)
    book = tariff.read(Path(path).read_text("utf-8"))
    editions = [one for one in book.editions if one.class_ == class_]
    if not editions:
        raise InputError(f"{path}: no edition of class {class_!r}")
    former = [*editions[:-1], *(one for one in own_tariffs().editions if one.class_ == class_)]
    earlier = [one for one in former if one.from_ < editions[-1].from_]
    if not earlier:
        raise InputError(
            f"{path}: nothing to compare with: no edition of {class_!r} begins before {editions[-1].from_}"
        )
    before, after = max(earlier, key=lambda one: one.from_), editions[-1]
    trips = with_database(lambda db: queries.metered(db, now - timedelta(days=days)))
    print(f"{before.title_zh} {before.from_} → {after.from_}, {days} d, {len(trips)} journeys")
    if not trips:
        print("没有计价器记录 no meter records in that time")
        return 1
    print(tariff.in_words(tariff.preview(before, after, trips)))
    return 0


def own_tariffs() -> tariff.Book:
    return tariff.read(files("dispatch").joinpath("tariffs", "kunshan.toml").read_text("utf-8"))


def rotate_keys() -> int:
    settings = Settings()
    path = settings.keys or settings.var / "keys" / "phone.json"
    print(f"{with_database(lambda db: sealing.rotate(db, path))} numbers sealed by a new key; restart the console")
    return 0


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
    uvloop.run(run(settings, _database(settings)))
    return 0


def _database(settings: Settings) -> str:
    """URL of the database, in this version's schema."""
    url = settings.database_url or embedded.start(settings.var.resolve() / "postgres")
    migrate(url)
    return url


def main() -> int:
    configure()
    parser = argparse.ArgumentParser(prog="python -m dispatch", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="follow the live feed and work off bookings; settings are TAXIHUB_... variables")
    solving = commands.add_parser("solve", help="the best assignment for a snapshot in JSON")
    solving.add_argument("snapshot", help="file, - for standard input")
    equipping = commands.add_parser("equipment", help="what taxis can take along, in place of what was known")
    equipping.add_argument("file", help="CSV of plate, seats, abilities")
    placing = commands.add_parser("places", help="add places that callers name, or put them right")
    placing.add_argument("file", help=f"CSV of {', '.join(places.COLUMNS)}")
    pricing = commands.add_parser("tariff", help="what a new tariff would do to the journeys of the last days")
    pricing.add_argument("file", help="TOML with [[edition]] tables, as dispatch/tariffs/")
    pricing.add_argument("--class", dest="class_", default="taxi", help="of taxis (default %(default)s)")
    pricing.add_argument("--days", type=int, default=28, help="so far back (default %(default)s)")
    explaining = commands.add_parser("explain", help="why a booking was decided as it was")
    explaining.add_argument("booking", type=int)
    commands.add_parser("rotate-keys", help="seal all telephone numbers by a new key")
    arguments = parser.parse_args()
    run_command: dict[str, Callable[[], int]] = {
        "serve": serve_forever, "solve": lambda: solve_file(arguments.snapshot),
        "equipment": lambda: import_equipment(arguments.file), "places": lambda: import_places(arguments.file),
        "explain": lambda: explain(arguments.booking), "rotate-keys": rotate_keys,
        "tariff": lambda: preview_tariff(arguments.file, arguments.class_, arguments.days),
    }  # fmt: skip
    try:
        return run_command[arguments.command]()
    except (DispatchError, TrackingError, psycopg.Error, OSError) as error:
        print(f"dispatch: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
