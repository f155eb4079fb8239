"""What taxis can take along and do: seats, wheelchairs, luggage. The office gives it as a table."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dispatch.errors import InputError
from dispatch.match.snapshot import Ability
from tracking.database import Connection

COLUMNS = ("plate", "seats", "abilities")
USUAL_SEATS, MOST_SEATS = 4, 60
NOTHING = Ability(0)


@dataclass(frozen=True, slots=True)
class Equipment:
    seats: int = USUAL_SEATS
    has: Ability = NOTHING


def parse(path: Path) -> dict[str, Equipment]:
    """CSV of plate, seats, abilities ("wheelchair luggage"), by plate. Raises InputError with the line, and OSError."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = csv.DictReader(file)
        if tuple(lines.fieldnames or ()) != COLUMNS:
            raise InputError(f"{path}: the first line must be {','.join(COLUMNS)}")
        return dict(_row(f"{path}:{lines.line_num}", line) for line in _complete(path, lines))


def _complete(path: Path, lines: csv.DictReader[str]) -> Iterator[dict[str, str]]:
    for line in lines:
        if None in line or None in line.values():
            raise InputError(f"{path}:{lines.line_num}: {len(COLUMNS)} columns are expected")
        yield line


def _row(where: str, line: dict[str, str]) -> tuple[str, Equipment]:
    plate = line["plate"].strip()
    if not plate:
        raise InputError(f"{where}: the plate is missing")
    try:
        seats = int(line["seats"] or USUAL_SEATS)
    except ValueError as error:
        raise InputError(f"{where}: seats: a whole number is expected, not {line['seats']!r}") from error
    if not 1 <= seats <= MOST_SEATS:
        raise InputError(f"{where}: seats: 1 to {MOST_SEATS} are expected, not {seats}")
    has = NOTHING
    for word in line["abilities"].split():
        if word.upper() not in Ability.__members__:
            known = ", ".join(sorted(ability.lower() for ability in Ability.__members__))
            raise InputError(f"{where}: abilities: {word!r} is none of {known}")
        has |= Ability[word.upper()]
    return plate, Equipment(seats, has)


async def store(db: Connection, rows: dict[str, Equipment]) -> None:
    """In place of all that was known."""
    async with db.transaction(), db.cursor() as cursor:
        await cursor.execute("DELETE FROM equipment")
        await cursor.executemany(
            "INSERT INTO equipment (plate, seats, has) VALUES (%s, %s, %s)",
            [(plate, one.seats, int(one.has)) for plate, one in rows.items()],
        )


async def known(db: Connection) -> dict[str, Equipment]:
    """By terminal, of those that are fitted now."""
    cursor = await db.execute(
        "SELECT terminal.key, seats, has FROM equipment JOIN vehicle USING (plate)"
        " JOIN fitting ON fitting.vehicle_id = vehicle.id AND fitting.until = 'infinity'"
        " JOIN terminal ON terminal.id = fitting.terminal_id"
    )
    return {key: Equipment(seats, Ability(has)) for key, seats, has in await cursor.fetchall()}
