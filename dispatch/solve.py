"""`python -m dispatch solve`: a snapshot from a JSON file -> the assignment, as JSON. No bus, no database, no clock.

Input   {"now", "bookings": [{"id","lat","lon","wait_s"}], "taxis": [{"id","lat","lon","state"}], "cost"}
Output  {"assignments": [{"booking","taxi","cost_s"}], "unserved": [...], "total_cost_s"}

Only vacant taxis serve. Most bookings are served, then total cost is least. Everything in the order of
ids: the same file in any order gives the same answer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import orjson

from dispatch.errors import InputError
from dispatch.match.costs import UNIT, Costs
from dispatch.match.plan import pairs
from dispatch.match.snapshot import Snapshot, State
from dispatch.match.terms import Straight

STATES = {"vacant": State.VACANT, "occupied": State.OCCUPIED, "booked": State.BOOKED, "off": State.OFF}
COSTS = ("straight", "road")
DAY_0 = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Question:
    """What a file asks. cost: "straight" or "road"; numbers: ids that are numbers there, by what they are here."""

    snapshot: Snapshot
    cost: str
    numbers: Mapping[str, int]

    def shown(self, key: str) -> str | int:
        return self.numbers.get(key, key)


def read(text: bytes) -> Question:
    """A file's bytes -> what it asks. Raises InputError that says which row and which field."""
    try:
        content = orjson.loads(text.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise InputError(f"not JSON: {error}") from error
    if not isinstance(content, dict):
        raise InputError(f'an object {{"now","bookings","taxis","cost"}} is expected, not {_shown(content)}')
    cost = content.get("cost", "straight")
    if cost not in COSTS:
        raise InputError(f'cost: "straight" or "road" is expected, not {_shown(cost)}')
    now = _moment(content.get("now"))
    bookings = _table(content, "bookings", "booking", _booking)
    taxis = _table(content, "taxis", "taxi", _taxi)
    rows = (row["id"] for name in ("bookings", "taxis") for row in content[name])
    return Question(Snapshot.of(now, bookings, taxis), cost, {str(key): key for key in rows if isinstance(key, int)})


def answer(question: Question) -> dict[str, Any]:
    """The best assignment, as it stands in the output. A road network there is none: "road" is answered straight."""
    snapshot = question.snapshot
    vacant = np.flatnonzero(snapshot.taxis["state"] == State.VACANT)
    chosen = pairs(Costs(snapshot, np.arange(len(snapshot.bookings)), vacant, Straight()))
    way_s = Straight().seconds(snapshot, np.array(list(chosen), np.intp), np.array(list(chosen.values()), np.intp))
    cost = np.rint(UNIT * way_s).astype(np.int64).tolist()
    result = {
        "assignments": [
            {
                "booking": question.shown(snapshot.booking_ids[b]),
                "taxi": question.shown(snapshot.taxi_ids[t]),
                "cost_s": units / UNIT,
            }
            for (b, t), units in zip(chosen.items(), cost, strict=True)
        ],
        "unserved": [question.shown(key) for n, key in enumerate(snapshot.booking_ids) if n not in chosen],
        "total_cost_s": sum(cost) / UNIT,
    }
    return result if question.cost == "straight" else {**result, "fallback": "straight"}


def _moment(value: Any) -> datetime:
    """ISO 8601, or seconds since 1970. A time without a zone is taken as UTC; none at all as the epoch."""
    if value is None:
        return DAY_0
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise InputError(f"now: {_shown(value)} is no time: {error}") from error
    raise InputError(f"now: a time in ISO 8601 is expected, not {_shown(value)}")


Reader = Callable[[Mapping[str, Any]], dict[str, Any]]


def _table(content: Mapping[str, Any], name: str, one: str, reader: Reader) -> dict[str, dict[str, Any]]:
    """Rows by id."""
    rows = content.get(name)
    if not isinstance(rows, list):
        problem = "is missing" if name not in content else f"is no list but {_shown(rows)}"
        raise InputError(f'"{name}" {problem}')
    table: dict[str, dict[str, Any]] = {}
    places: dict[str, int] = {}
    for n, row in enumerate(rows):
        where = f"{name}[{n}]"
        if not isinstance(row, dict):
            raise InputError(f"{where}: an object is expected, not {_shown(row)}")
        key = _id(row, where)
        if key in table:
            raise InputError(f'{where}: {one} id "{key}" stands twice, first in {name}[{places[key]}]')
        try:
            table[key], places[key] = reader(row), n
        except InputError as error:
            raise InputError(f'{where}, {one} "{key}": {error}') from error
    return table


def _id(row: Mapping[str, Any], where: str) -> str:
    key = row.get("id")
    if isinstance(key, bool) or not isinstance(key, str | int) or key == "":
        problem = "is missing" if "id" not in row else f"must be a text or a whole number, not {_shown(key)}"
        raise InputError(f"{where}: id {problem}")
    return str(key)


def _booking(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**_place(row), "wait_s": _number(row, "wait_s", 0, math.inf, default=0.0)}


def _taxi(row: Mapping[str, Any]) -> dict[str, Any]:
    if "state" not in row:
        raise InputError("state is missing")
    state = row["state"]
    if not isinstance(state, str) or state not in STATES:
        raise InputError(f"state {_shown(state)} is none of {', '.join(STATES)}")
    return {**_place(row), "state": int(STATES[state])}


def _place(row: Mapping[str, Any]) -> dict[str, float]:
    return {"lat": _number(row, "lat", -90, 90), "lon": _number(row, "lon", -180, 180)}


def _number(row: Mapping[str, Any], name: str, low: float, high: float, default: float | None = None) -> float:
    value = row.get(name, default)
    if value is None:
        raise InputError(f"{name} is missing" if name not in row else f"{name} is null")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"{name} must be a number, not {_shown(value)}")
    if not low <= value <= high:
        limits = f"within {low:g}..{high:g}" if high < math.inf else f"at least {low:g}"
        raise InputError(f"{name} {value:g} must be {limits}")
    return float(value)


def _shown(value: Any) -> str:
    """A value as it stands in JSON, not longer than a line can bear."""
    text = orjson.dumps(value).decode()
    return text if len(text) <= 60 else f"{text[:57]}..."
