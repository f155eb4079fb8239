"""`python -m simulator`: make a city, list a fleet, drive it, replay real traces, compare ways of dispatch."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import structlog
import uvloop

from simulator import fleet, gazetteer, replay, scenario
from simulator.calls import DISPATCHER, TAKER, Callers, Desk
from simulator.city.generate import CITY_FILE, PLACES_FILE, SEED, generate
from simulator.demand import Demand
from simulator.demo import Demo
from simulator.errand import Town
from simulator.gazetteer import GazetteerError
from simulator.processes import DemoError
from simulator.replay import Trace, TraceError
from simulator.roads.read import RoadsError
from simulator.roads.route import Roads
from simulator.roll import PROTOCOLS, Cab, to_csv
from simulator.scenario import Scenario, ScenarioError
from simulator.taxi import Taxi
from simulator.terminal.conversation import Timing
from simulator.terminal.ledger import Ledger
from simulator.terminal.memory import Memory, StateError
from simulator.terminal.outfit import Outfitter
from simulator.terminal.reach import Reach
from simulator.trial import table
from simulator.trial.compare import BASELINE, LOADS, NEAR, OURS, Comparison
from simulator.trial.town import PLANE, TOWNS
from simulator.trial.ways import WAYS

log = structlog.get_logger()
MISTAKES = (DemoError, GazetteerError, RoadsError, ScenarioError, StateError, TraceError, OSError)
"""What a user may have got wrong: told in one line, without a traceback."""
Address = tuple[str, int]


def main(argv: Sequence[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            ),
        ],
        wrapper_class=structlog.make_filtering_bound_logger("debug" if arguments.verbose else "info"),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    try:
        run: Callable[[argparse.Namespace], int] = arguments.run
        return run(arguments)
    except MISTAKES as error:
        print(f"simulator: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m simulator",
        description="A city of taxis that speak JT/T 808, JT/T 905 and MQTT over real sockets. 昆山出租车仿真。",
    )
    parser.add_argument("--verbose", action="store_true", help="say more, such as every log-in")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _city_arguments(commands.add_parser("city", help="make the city: city.osm.pbf and places.csv"))
    _roll_arguments(commands.add_parser("roll", help="list the taxis of a scenario as a roll for the gateway"))
    _drive_arguments(commands.add_parser("drive", help="drive a scenario's taxis until Ctrl-C"))
    _call_arguments(commands.add_parser("call", help="passengers who call the bureau over its API, until Ctrl-C"))
    _replay_arguments(commands.add_parser("replay", help="send recorded traces (cabspotting format)"))
    _compare_arguments(commands.add_parser("compare", help="the matcher against nearest first, in simulated time"))
    _demo_arguments(commands.add_parser("demo", help="the whole bureau and its city on this machine"))
    return parser


def _demo_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = "Starts database, bus, gateway, tracking, dispatch, dashboard and a city; Ctrl-C stops it all."
    parser.add_argument("--var", type=Path, default=Path("var"), metavar="DIR", help="where everything is kept")
    parser.add_argument("--scenario", default="kunshan", help="name or file (default %(default)s)")
    parser.add_argument(
        "--database", default=os.environ.get("TAXIHUB_DATABASE_URL") or "embedded",
        help="embedded, timescale (from Debian's packages, as root), or a URL (default %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--region", default=os.environ.get("TAXIHUB_REGION") or "china",
        help="where fixes are plausible: china, world, or west,south,east,north in degrees (default %(default)s)",
    )  # fmt: skip
    parser.set_defaults(run=_demo)


def _demo(arguments: argparse.Namespace) -> int:
    demo = Demo(arguments.var.resolve(), arguments.scenario, arguments.database, arguments.region)

    async def run() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await demo.run(stop)

    asyncio.run(run())
    return 0


def _compare_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Serves the same simulated riders with dispatch's matcher, soon-to-clear taxis and hints, and by nearest first,"
        " first come; prints service levels and where the matcher loses. 调度方案对比。"
    )
    known = ", ".join(scenario.names())
    parser.add_argument("scenario", nargs="?", default="kunshan", metavar="NAME", help=f"{known}, or a path to a .toml")
    parser.add_argument("--seeds", type=_positive, default=10, metavar="N", help="trials of each (default %(default)s)")
    parser.add_argument("--load", choices=LOADS, action="append", help="may be repeated; default: all")
    parser.add_argument("--town", choices=list(TOWNS), action="append", help="may be repeated; default: all")
    parser.add_argument(
        "--steps", action="store_true", help="also the matcher alone, and with soon-to-clear taxis but no hints"
    )
    parser.set_defaults(run=_compare)


def _compare(arguments: argparse.Namespace) -> int:
    began, chosen = time.perf_counter(), scenario.load(arguments.scenario)
    ways = list(WAYS) if arguments.steps else [BASELINE, NEAR, OURS]
    towns, loads = arguments.town or list(TOWNS), arguments.load or list(LOADS)
    print(f"{chosen.title}: {chosen.taxis} taxis, trials of each: {arguments.seeds}\n\n{table.head()}", flush=True)
    cases = []
    for case in Comparison(chosen, range(1, arguments.seeds + 1), loads, towns, ways).cases():
        cases.append(case)
        print(*table.rows(case), sep="\n", flush=True)
    print("", *table.LEGEND, sep="\n")
    for than in (BASELINE, NEAR):
        print("", *(table.summary(case, than) for case in cases), sep="\n")
    if arguments.seeds > 1:
        lost = [line for than in (BASELINE, NEAR) for case in cases for line in table.losses(case, than)]
        print(
            "", *map(table.age_gap, cases), "", f"Where {OURS} loses:", *(lost or ["nowhere, beyond chance"]), sep="\n"
        )
    else:
        print("\nOne trial cannot tell a loss from chance: --seeds 2 or more.")
    print(f"\n{time.perf_counter() - began:.0f} s")
    return 0


def _city_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = "Writes a generated city like Kunshan. The same seed gives the same bytes."
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="directory to write into")
    parser.add_argument("--seed", type=int, default=SEED, help="another number, another city (default %(default)s)")
    parser.set_defaults(run=_city)


def _roll_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = "Writes terminal,protocol,plate,vehicle_class,company for every taxi of a scenario."
    _scenario_argument(parser)
    parser.add_argument("--out", type=Path, metavar="FILE.csv", help="file to write; without it, the screen")
    parser.set_defaults(run=_roll)


def _drive_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Drives the taxis of a scenario through a city. Give the address of each gateway port that is to be used;"
        " taxis whose port is not given stay at home. Ends on Ctrl-C or SIGTERM."
    )
    _scenario_argument(parser)
    parser.add_argument("--city", type=Path, required=True, metavar="DIR", help="what `simulator city` wrote")
    for protocol, what in (("jt808", "JT/T 808"), ("jt905", "JT/T 905"), ("mqtt", "MQTT broker")):
        parser.add_argument(f"--{protocol}", type=_address, metavar="HOST:PORT", help=f"{what} address")
    parser.add_argument(
        "--phones", type=Path, metavar="FILE", help="JSON: passwords of the MQTT devices that are phones, by number"
    )
    parser.add_argument("--taxis", type=_positive, metavar="N", help="only the first N taxis")
    parser.add_argument(
        "--state", type=Path, metavar="DIR", help="where terminals keep codes and unsent fixes between runs"
    )
    _ledger_argument(parser)
    parser.set_defaults(run=_drive)


def _call_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Passengers of a scenario call the bureau's desk over its API, wait, give up, come to the door or do not."
        " Call only a bureau of your own."
    )
    _scenario_argument(parser)
    parser.add_argument("--city", type=Path, required=True, metavar="DIR", help="what `simulator city` wrote")
    parser.add_argument(
        "--bureau", required=True, metavar="URL", help="of the dashboard, such as http://127.0.0.1:8080"
    )
    parser.add_argument(
        "--logins", type=Path, required=True, metavar="FILE", help='JSON: [{"user","password","role"}, ...]'
    )
    parser.add_argument("--load", choices=LOADS, default="high", help="of the scenario's riders (default %(default)s)")
    parser.set_defaults(run=_call)


def _replay_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Sends recorded taxi traces, oldest fix first, with the times that they have. Lines are"
        " 'latitude longitude occupied(0/1) unix-seconds'. Ends when every fix is acknowledged."
    )
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="one file for each taxi")
    parser.add_argument("--protocol", choices=("jt808", "jt905"), required=True, help="what the terminals speak")
    parser.add_argument("--gateway", type=_address, metavar="HOST:PORT", help="where that protocol is spoken")
    pace = parser.add_mutually_exclusive_group()
    pace.add_argument(
        "--speed", type=_positive_float, metavar="X", help="live positions, X times as fast as it happened"
    )
    pace.add_argument(
        "--as-fast-as-acknowledged", action="store_true",
        help="stored (blind-area) positions, the next when the last were acknowledged (the default)",
    )  # fmt: skip
    parser.add_argument("--limit", type=_positive, metavar="N", help="only the oldest N fixes of each file")
    parser.add_argument("--roll", type=Path, metavar="FILE.csv", help="write the roll rows that these taxis need")
    _ledger_argument(parser)
    parser.set_defaults(run=_replay)


def _scenario_argument(parser: argparse.ArgumentParser) -> None:
    known = ", ".join(scenario.names())
    parser.add_argument(
        "--scenario", default="kunshan", metavar="NAME", help=f"{known}, or a path to a .toml (default %(default)s)"
    )


def _ledger_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--ledger", type=Path, metavar="FILE", help="write what was sent and acknowledged, as JSON lines"
    )


def _address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return host.strip("[]"), int(port)


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(text)


def _positive_float(text: str) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from error
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not above 0")
    return value


def _city(arguments: argparse.Namespace) -> int:
    began = time.perf_counter()
    network = generate(arguments.out, arguments.seed)
    print(
        f"{arguments.out / CITY_FILE}: {len(network.roads)} road ways, {len(network.signals)} signals;"
        f" {arguments.out / PLACES_FILE}; {time.perf_counter() - began:.1f} s"
    )
    return 0


def _roll(arguments: argparse.Namespace) -> int:
    _write_roll(scenario.load(arguments.scenario).cabs(), arguments.out)
    return 0


def _write_roll(cabs: Sequence[Cab], out: Path | None) -> None:
    if out is None:
        sys.stdout.write(to_csv(cabs))
    else:
        out.write_text(to_csv(cabs), "utf-8")


def _drive(arguments: argparse.Namespace) -> int:
    chosen = scenario.load(arguments.scenario)
    reaches = {name: _reach(name, getattr(arguments, name)) for name in PROTOCOLS if getattr(arguments, name)}
    cabs = [cab for cab in chosen.cabs()[: arguments.taxis] if cab.protocol in reaches]
    if not cabs:
        print("simulator: no taxi to drive: give --jt808, --jt905 or --mqtt HOST:PORT", file=sys.stderr)
        return 2
    ledger = Ledger(arguments.ledger) if arguments.ledger else None
    memory = Memory(arguments.state) if arguments.state else None
    lose = frozenset({chosen.camera.lost_piece} - {0})
    phones = json.loads(arguments.phones.read_text("utf-8")) if arguments.phones else {}
    outfitter = Outfitter(reaches, fleet.timing(chosen), memory, ledger, chosen.tariff, lose, phones)
    taxis = _taxis(chosen, cabs, arguments.city)
    log.info("driving", scenario=chosen.title, taxis=len(taxis), protocols=sorted(reaches))
    _until_stopped(lambda stop: fleet.drive(taxis, outfitter, chosen.seed, stop))
    return 0


def _call(arguments: argparse.Namespace) -> int:
    chosen = scenario.load(arguments.scenario)
    logins = {one["role"]: (one["user"], one["password"]) for one in json.loads(arguments.logins.read_text("utf-8"))}
    if missing := {TAKER, DISPATCHER} - logins.keys():
        print(f"simulator: {arguments.logins}: no log-in for {', '.join(sorted(missing))}", file=sys.stderr)
        return 2
    places = gazetteer.parse((arguments.city / PLACES_FILE).read_text("utf-8"))
    points = np.array([PLANE.point(place.lat, place.lon) for place in places])
    rng, per_h = np.random.default_rng(), chosen.riders.per_h(arguments.load)

    async def run(stop: asyncio.Event) -> None:
        desk = Desk(arguments.bureau, logins)
        calling = asyncio.create_task(
            Callers(desk, places, Demand(places, points), PLANE, chosen.riders, per_h, rng).run(), name="callers"
        )
        stopping = asyncio.create_task(stop.wait(), name="stop")
        await asyncio.wait((calling, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        calling.cancel()
        with suppress(asyncio.CancelledError):
            await calling

    log.info("calling", scenario=chosen.title, riders_per_h=per_h, bureau=arguments.bureau)
    _until_stopped(run)
    return 0


def _taxis(chosen: Scenario, cabs: Sequence[Cab], city: Path) -> list[Taxi]:
    roads = Roads.load(city / CITY_FILE)
    places = gazetteer.parse((city / PLACES_FILE).read_text("utf-8"))
    demand = Demand(places, np.array([roads.plane.point(place.lat, place.lon) for place in places]))
    return fleet.taxis(chosen, cabs, roads, demand, Town(places), datetime.now(UTC))


def _reach(protocol: str, address: Address) -> Reach:
    return Reach(protocol, *address)


def _replay(arguments: argparse.Namespace) -> int:
    cabs = replay.cabs(arguments.files, arguments.protocol)
    if arguments.roll:
        _write_roll(cabs, arguments.roll)
    if not arguments.gateway:
        if not arguments.roll:
            raise TraceError("nothing to do: give --gateway HOST:PORT to send, or --roll FILE.csv to write the roll")
        print(f"{arguments.roll}: {len(cabs)} taxis; import it, then send with --gateway HOST:PORT")
        return 0
    traces = [
        Trace(cab, replay.positions(cab, replay.read(path)[: arguments.limit]))
        for cab, path in zip(cabs, arguments.files, strict=True)
    ]
    ledger = Ledger(arguments.ledger) if arguments.ledger else None
    outfitter = Outfitter({arguments.protocol: _reach(arguments.protocol, arguments.gateway)}, Timing(), None, ledger)
    sent = _until_stopped(lambda stop: replay.replay(traces, outfitter, arguments.speed, stop))
    return 0 if sent == sum(len(trace.positions) for trace in traces) else 1


def _until_stopped(run: Callable[[asyncio.Event], Coroutine[Any, Any, Any]]) -> Any:
    """Run with an event that SIGINT and SIGTERM set."""

    async def body() -> Any:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        return await run(stop)

    return uvloop.run(body())


if __name__ == "__main__":
    sys.exit(main())
