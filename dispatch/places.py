"""Places as callers name them: found by a part of the name, an alias, the pinyin or its initials, or likeness."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pypinyin import Style, lazy_pinyin
from rapidfuzz import fuzz

from dispatch.errors import InputError
from tracking.database import Connection

COLUMNS = ("name", "name_en", "kind", "town", "address", "lat", "lon", "aliases")
LIKE = 75.0
"""Of a hundred: how like a word must be that is not a part."""


@dataclass(frozen=True, slots=True)
class Named:
    """A place of the gazetteer; degrees, WGS-84."""

    name: str
    name_en: str
    kind: str
    town: str
    address: str
    aliases: Sequence[str]
    lat: float
    lon: float


def parse(path: Path) -> list[Named]:
    """CSV with these columns, aliases separated by |. Raises InputError with the line, and OSError."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = csv.DictReader(file)
        if missing := set(COLUMNS) - set(lines.fieldnames or ()):
            raise InputError(f"{path}: columns {', '.join(sorted(missing))} are missing")
        return [_named(f"{path}:{lines.line_num}", line) for line in lines]


def _named(where: str, line: dict[str, str]) -> Named:
    try:
        lat, lon = float(line["lat"]), float(line["lon"])
    except (TypeError, ValueError) as error:
        raise InputError(f"{where}: lat and lon are degrees, not {line['lat']!r} and {line['lon']!r}") from error
    if not (-90 <= lat <= 90 and -180 <= lon <= 180):
        raise InputError(f"{where}: lat {lat:g}, lon {lon:g} are no place")
    if not (line["name"] or "").strip():
        raise InputError(f"{where}: the name is missing")
    aliases = [alias.strip() for alias in (line["aliases"] or "").split("|") if alias.strip()]
    rest = {key: (line[key] or "").strip() for key in ("name", "name_en", "kind", "town", "address")}
    return Named(**rest, aliases=aliases, lat=lat, lon=lon)


async def store(db: Connection, places: Iterable[Named]) -> int:
    """Add these places, or put right those of the same name and town; returns how many."""
    rows = [(p.name, p.name_en, p.kind, p.town, p.address, list(p.aliases), p.lat, p.lon) for p in places]
    async with db.transaction(), db.cursor() as cursor:
        await cursor.executemany(
            "INSERT INTO place (name, name_en, kind, town, address, aliases, lat, lon)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (name, town) DO UPDATE SET"
            " name_en = excluded.name_en, kind = excluded.kind, address = excluded.address,"
            " aliases = excluded.aliases, lat = excluded.lat, lon = excluded.lon",
            rows,
        )
    return len(rows)


async def every(db: Connection) -> list[Named]:
    cursor = await db.execute("SELECT name, name_en, kind, town, address, aliases, lat, lon FROM place ORDER BY id")
    return [Named(*row) for row in await cursor.fetchall()]


class Gazetteer:
    """Places, ready to be searched while somebody types."""

    def __init__(self, places: Sequence[Named]) -> None:
        self._places = [(place, _keys(place)) for place in places]

    def search(self, text: str, most: int) -> list[Named]:
        """Best first: the name itself, its beginning, a part of it, its pinyin, and at last what is like it."""
        wanted = "".join(text.lower().split())
        if not wanted:
            return []
        scored = [(max(_score(wanted, key) for key in keys), place) for place, keys in self._places]
        found = sorted((s for s in scored if s[0] > 0), key=lambda s: (-s[0], len(s[1].name), s[1].name))
        return [place for _, place in found[:most]]


def _keys(place: Named) -> frozenset[str]:
    names = (place.name, place.name_en, *place.aliases)
    spelt = [lazy_pinyin(name) for name in (place.name, *place.aliases)]
    initials = ["".join(lazy_pinyin(name, style=Style.FIRST_LETTER)) for name in (place.name, *place.aliases)]
    words = [*names, *("".join(one) for one in spelt), *initials, place.address]
    return frozenset("".join(word.lower().split()) for word in words if word)


def _score(wanted: str, key: str) -> float:
    if key == wanted:
        return 1000.0
    if key.startswith(wanted):
        return 500.0 - len(key)
    if wanted in key:
        return 300.0 - len(key)
    if len(wanted) < 3:
        return 0.0
    like = fuzz.partial_ratio(wanted, key)
    return like if like >= LIKE and len(key) >= len(wanted) else 0.0
