"""Scenarios: taxis, what their terminals speak and how often, who rides and who drives them, from TOML files."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import cycle
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from simulator.danger import Dangers
from simulator.meter import Tariff
from simulator.riders import Riders, Traffic
from simulator.roll import PROTOCOLS, Cab
from simulator.temper import Roving, Temper

T = TypeVar("T")
EDITIONS = (2011, 2013, 2019)
FIRST_PLATE = 1001
COUNTY = "320583"


class ScenarioError(Exception):
    """A scenario cannot be found or read; the message says what is wrong and where."""


@dataclass(frozen=True, slots=True)
class Reporting:
    """Seconds between fixes."""

    occupied_s: float = 10.0
    vacant_s: float = 15.0
    parked_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Habits:
    """Of terminals: see `simulator.terminal.conversation.Timing`."""

    heartbeat_s: float = 60.0
    answer_s: float = 10.0
    retries: int = 2
    kept: int = 10_000


@dataclass(frozen=True, slots=True)
class Lens:
    """lost_piece: number, from 1, of the piece of a picture that every camera loses once; 0 for none."""

    lost_piece: int = 0


R = TypeVar("R", Reporting, Habits, Lens, Dangers, Tariff, Temper, Riders, Roving, Traffic)
SHARES = {"waved", "elderly", "tells", "no_show", "cruises", "obeys", "silent", "detours"}


@dataclass(frozen=True, slots=True)
class Scenario:
    """protocols: name -> share of the fleet; editions: of JT/T 808 -> share of its terminals."""

    title: str
    seed: int
    taxis: int
    companies: Sequence[str]
    protocols: Mapping[str, float]
    editions: Mapping[int, float]
    report: Reporting
    terminal: Habits
    orders: Temper
    tariff: Tariff
    camera: Lens
    dangers: Dangers
    riders: Riders
    roving: Roving
    traffic: Traffic

    def cabs(self) -> list[Cab]:
        """The fleet: always the same for one scenario."""
        rng = np.random.default_rng(self.seed)
        spoken = _dealt(self.protocols, self.taxis, rng)
        editions = iter(_dealt(self.editions, spoken.count("jt808"), rng))
        companies = cycle(self.companies)
        return [
            Cab(
                _number(protocol, i + 1), protocol, f"苏ET{FIRST_PLATE + i}", next(companies),
                next(editions) if protocol == "jt808" else 0,
            )
            for i, protocol in enumerate(spoken)
        ]  # fmt: skip


def _dealt(shares: Mapping[T, float], count: int, rng: np.random.Generator) -> list[T]:
    """So many of each as its share says, in random order."""
    total = sum(shares.values())
    upto = np.rint(np.cumsum(list(shares.values())) / total * count).astype(int).tolist()
    hand = [key for key, first, last in zip(shares, [0, *upto], upto, strict=False) for _ in range(last - first)]
    return [hand[i] for i in rng.permutation(count)]


def _number(protocol: str, serial: int) -> str:
    """Digits that cannot be mistaken for somebody's telephone number."""
    if protocol == "jt905":
        return f"100200{serial:06d}"  # 0x10, maker 02, device 00 (an ISU), serial
    return f"{COUNTY}{serial:06d}" if protocol == "jt808" else f"kunshan-{serial:04d}"


def names() -> list[str]:
    """Scenarios that are shipped with the package."""
    return sorted(entry.name.removesuffix(".toml") for entry in _shipped().iterdir() if entry.name.endswith(".toml"))


def load(name: str) -> Scenario:
    """A shipped scenario by name, or a file that ends in .toml. Raises ScenarioError."""
    source = Path(name) if name.endswith(".toml") else _shipped().joinpath(f"{name}.toml")
    try:
        text = source.read_text("utf-8")
    except OSError as error:
        raise ScenarioError(f"no scenario {name!r} (shipped: {', '.join(names())}; or a path to a .toml)") from error
    try:
        return parse(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, ScenarioError) as error:
        raise ScenarioError(f"scenario {name}: {error}") from error


def _shipped() -> Traversable:
    return files("simulator").joinpath("scenarios")


def parse(data: Mapping[str, Any]) -> Scenario:
    """Tables of a scenario file -> scenario. Raises ScenarioError naming the key."""
    _known(data, [f.name for f in fields(Scenario)], "")
    missing = [name for name in ("title", "seed", "taxis", "companies", "protocols") if name not in data]
    if missing:
        raise ScenarioError(f"{', '.join(missing)} missing")
    if not 1 <= data["taxis"] <= 999_999:
        raise ScenarioError(f"taxis = {data['taxis']}: from 1 to 999999")
    _known(data["protocols"], PROTOCOLS, "protocols.")
    editions = {str(key): share for key, share in data.get("editions", {"2013": 1.0}).items()}
    _known(editions, [str(edition) for edition in EDITIONS], "editions.")
    return Scenario(
        data["title"], data["seed"], data["taxis"], data["companies"], data["protocols"],
        {int(key): share for key, share in editions.items()},
        _table(Reporting, data, "report"), _table(Habits, data, "terminal"), _orders(data),
        _table(Tariff, data, "tariff"), _table(Lens, data, "camera"), _table(Dangers, data, "dangers"),
        _table(Riders, data, "riders"), _table(Roving, data, "roving"), _traffic(data),
    )  # fmt: skip


def _table(kind: type[R], data: Mapping[str, Any], name: str) -> R:
    given = data.get(name, {})
    _known(given, [f.name for f in fields(kind)], f"{name}.")
    for key, value in given.items():
        if not isinstance(value, int | float) or value < 0:
            raise ScenarioError(f"{name}.{key} = {value!r}: a number from 0 on")
        if key in SHARES and value > 1:
            raise ScenarioError(f"{name}.{key} = {value!r}: a share from 0 to 1")
    money = {key: Decimal(str(value)) for key, value in given.items()}
    return kind(**(money if kind is Tariff else given))


def _orders(data: Mapping[str, Any]) -> Temper:
    temper = _table(Temper, data, "orders")
    if (together := round(temper.grabbed + temper.refused, 6)) > 1:
        raise ScenarioError(f"orders: grabbed and refused are {together:g} together, more than 1")
    return temper


def _traffic(data: Mapping[str, Any]) -> Traffic:
    traffic = _table(Traffic, data, "traffic")
    if traffic.detour < 1 or not traffic.speed_kmh:
        raise ScenarioError(
            "traffic: no way is shorter than the straight line (detour), none takes forever (speed_kmh)"
        )
    return traffic


def _known(given: Iterable[str], known: Sequence[str], prefix: str) -> None:
    strange = [prefix + key for key in given if key not in known]
    if strange:
        raise ScenarioError(f"unknown {', '.join(strange)} (known: {', '.join(known)})")
