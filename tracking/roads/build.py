"""`.osm.pbf` -> a directory with the road network: Valhalla's tiles, and `network.json` that says what they cover.

The directory may be moved: paths are put together when it is opened. It is made beside its place and renamed, so
that a network is whole or not there.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from hashlib import file_digest
from importlib import resources
from pathlib import Path
from typing import Any, Self

import numpy as np
import osmium
from valhalla.config import get_config

from tracking.roads.port import Place, RoadsError

TILES, MANIFEST = "tiles", "network.json"
LONGEST_BUILD_S = 6 * 3600
DRIVEN = {
    "motorway", "trunk", "primary", "secondary", "tertiary", "unclassified", "residential", "living_street", "service",
    "road", "motorway_link", "trunk_link", "primary_link", "secondary_link", "tertiary_link",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Network:
    """What a network was built of. Degrees; `ways` for cars."""

    source: str
    sha256: str
    ways: int
    south: float
    west: float
    north: float
    east: float

    def covers(self, place: Place, margin: float = 0.01) -> bool:
        """Whether a place lies in the box of its roads, with a margin of about a kilometre."""
        return (
            self.south - margin <= place.lat <= self.north + margin
            and self.west - margin <= place.lon <= self.east + margin
        )

    @classmethod
    def read(cls, directory: Path) -> Self:
        """Raises RoadsError where there is none."""
        try:
            return cls(**json.loads((directory / MANIFEST).read_text("utf-8")))
        except FileNotFoundError as error:
            hint = f"python -m tracking roads build FILE --out {directory}"
            raise RoadsError(f"{directory} holds no road network; make one: {hint}") from error
        except (OSError, ValueError, TypeError) as error:
            raise RoadsError(f"{directory / MANIFEST} cannot be read: {error}") from error


def build(source: Path, directory: Path) -> Network:
    """Build, or build anew. Raises RoadsError when the file is no extract or has no road for cars."""
    network = _survey(source)
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{directory.name}-", dir=directory.parent) as beside:
        made = Path(beside) / "made"
        (made / TILES).mkdir(parents=True)
        _tiles(source.resolve(), made, Path(beside))
        (made / MANIFEST).write_text(json.dumps(asdict(network), ensure_ascii=False, indent=1) + "\n", "utf-8")
        if directory.exists():
            Network.read(directory)  # never replace a directory that is something else
            directory.rename(Path(beside) / "former")
        made.rename(directory)
    return network


def config(tiles: Path) -> dict[str, Any]:
    """Valhalla's settings: driving on the right without an admin database, silent, without a public server's limits."""
    settings: dict[str, Any] = get_config(tile_extract="", tile_dir=str(tiles.resolve()))
    settings["mjolnir"]["data_processing"]["use_admin_db"] = False
    settings["mjolnir"]["concurrency"] = 1  # the same bytes on every machine
    for name in ("admin", "timezone", "landmarks", "traffic_extract", "transit_dir", "transit_feeds_dir"):
        settings["mjolnir"].pop(name, None)
    for part in ("mjolnir", "loki", "thor", "odin", "meili"):
        settings[part].setdefault("logging", {})["type"] = ""
    settings["thor"]["source_to_target_algorithm"] = "timedistancematrix"
    settings["meili"]["default"]["breakage_distance"] = 12_000
    settings["meili"]["default"] |= {"max_route_distance_factor": 10, "max_route_time_factor": 10}
    limits = settings["service_limits"]
    limits["auto"]["max_matrix_location_pairs"] = (
        1_000_000  # not max_matrix_distance: queues of its size slow everything
    )
    limits["trace"] |= {"max_distance": 1e9, "max_shape": 1_000_000}
    limits["max_exclude_locations"] = 1000
    return settings


def _survey(source: Path) -> Network:
    """Ways for cars and their box, and the file's digest."""
    places, ways = [(np.inf, np.inf), (-np.inf, -np.inf)], 0
    try:
        with source.open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
        for way in osmium.FileProcessor(source, osmium.osm.NODE | osmium.osm.WAY).with_locations():
            if isinstance(way, osmium.osm.Way) and way.tags.get("highway") in DRIVEN:
                ways += 1
                found = [(node.lat, node.lon) for node in way.nodes if node.location.valid()]
                places = [_each(min, [places[0], *found]), _each(max, [places[1], *found])]
    except (OSError, RuntimeError) as error:
        raise RoadsError(f"cannot read roads from {source}: {error}") from error
    if not ways or not np.isfinite(places).all():
        raise RoadsError(f"no road for cars in {source}")
    (south, west), (north, east) = places
    return Network(source.name, digest, ways, south, west, north, east)


def _each(pick: Callable[[Iterable[float]], float], places: Sequence[tuple[float, float]]) -> tuple[float, float]:
    lat, lon = zip(*places, strict=True)
    return pick(lat), pick(lon)


def _tiles(source: Path, made: Path, work: Path) -> None:
    """Run Valhalla's builder, which comes in its wheel. It leaves statistics where it runs."""
    settings = work / "valhalla.json"
    settings.write_text(json.dumps(config(made / TILES)), "utf-8")
    builder = str(resources.files("valhalla") / "bin" / "valhalla_build_tiles")
    command = [builder, "-c", str(settings), str(source)]
    try:
        done = subprocess.run(
            command, cwd=work, capture_output=True, text=True, errors="replace", timeout=LONGEST_BUILD_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RoadsError(f"Valhalla's builder does not run: {error}") from error
    if done.returncode or not any((made / TILES).rglob("*.gph")):
        told = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no word"]
        raise RoadsError(f"Valhalla's builder made nothing of {source} (exit {done.returncode}): {told[0]}")
