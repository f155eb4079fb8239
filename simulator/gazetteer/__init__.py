"""The gazetteer: some 340 well-known places of Kunshan, of our own writing (`places.csv`).

Names are public facts. Coordinates are WGS-84 and written down from general knowledge of the city:
good to a few hundred metres, which is enough to try a booking by name, and no survey. Columns:
`name,name_en,kind,town,address,lat,lon,aliases` (aliases separated by "|"), UTF-8.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files

COLUMNS = ("name", "name_en", "kind", "town", "address", "lat", "lon", "aliases")
KINDS = (
    "station", "metro", "coach", "hospital", "government", "college", "school", "mall", "market", "hotel", "park",
    "scenic", "culture", "sports", "community", "works", "office", "rank", "other",
)  # fmt: skip


class GazetteerError(Exception):
    """A gazetteer file cannot be read; the message names the line."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place that callers name. `kind` is one of KINDS, degrees are WGS-84."""

    name: str
    name_en: str
    kind: str
    town: str
    address: str
    lat: float
    lon: float
    aliases: Sequence[str] = ()


def load() -> list[Place]:
    """The places that are shipped with the package."""
    return parse(files(__name__).joinpath("places.csv").read_text("utf-8"))


def parse(text: str) -> list[Place]:
    """A gazetteer file -> places. Raises GazetteerError naming the line that is wrong."""
    reader = csv.DictReader(io.StringIO(text, newline=""))
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise GazetteerError(f"line 1: the header must be {','.join(COLUMNS)}, not {reader.fieldnames}")
    return [_place(row, reader.line_num) for row in reader]


def _place(row: dict[str, str | None], line: int) -> Place:
    value = {name: (row.get(name) or "").strip() for name in COLUMNS}
    if not value["name"] or value["kind"] not in KINDS:
        raise GazetteerError(f"line {line}: a name and a kind out of {', '.join(KINDS)} are needed, got {row}")
    try:
        lat, lon = float(value["lat"]), float(value["lon"])
    except ValueError as error:
        raise GazetteerError(f"line {line}: {value['name']}: lat and lon must be degrees ({error})") from error
    aliases = tuple(alias for alias in value["aliases"].split("|") if alias)
    return Place(value["name"], value["name_en"], value["kind"], value["town"], value["address"], lat, lon, aliases)


def to_csv(places: Iterable[Place]) -> str:
    """Inverse of `parse`."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for p in places:
        writer.writerow(
            (p.name, p.name_en, p.kind, p.town, p.address, f"{p.lat:.6f}", f"{p.lon:.6f}", "|".join(p.aliases))
        )
    return out.getvalue()
