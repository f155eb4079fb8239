"""A driver's service credit: points in the year of assessment, and the grade they give. Pure but for the scheme's file.

A year of assessment begins on the day on which the certificate was first issued (出租汽车服务质量信誉考核办法: base of
20 points, at most 10 more, breaches take 1, 3, 5, 10 or 20, never below 0).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tracking.errors import TrackingError

FILE = Path(__file__).parent / "credit.toml"
Points = Annotated[int, Field(ge=0, le=100)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Scheme(_Strict):
    """usual: points by the audit's rule."""

    since: date
    base: Points
    most_added: Points
    deductions: Annotated[Sequence[Points], Field(min_length=1)]
    grades: Annotated[Mapping[str, Points], Field(min_length=1)]
    usual: Mapping[str, Points]


class _File(_Strict):
    scheme: Annotated[Sequence[Scheme], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Entry:
    """points: below 0 for a breach, above for a merit."""

    day: date
    points: int


@dataclass(frozen=True, slots=True)
class Credit:
    """since, until: the year of assessment, until excluded."""

    since: date
    until: date
    score: int
    grade: str


def schemes(path: Path = FILE) -> Sequence[Scheme]:
    """Newest first. Raises TrackingError that names the entry."""
    try:
        found = _File.model_validate(tomllib.loads(path.read_text("utf-8"))).scheme
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise TrackingError(f"{path}: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise TrackingError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    days = [one.since for one in found]
    if days != sorted(set(days), reverse=True):
        raise TrackingError(f"{path}: schemes must stand newest first, each day once: {', '.join(map(str, days))}")
    return found


@cache
def _shipped() -> Sequence[Scheme]:
    return schemes()


def valid(day: date, among: Sequence[Scheme] | None = None) -> Scheme:
    """Raises TrackingError before the first one."""
    for scheme in among or _shipped():
        if scheme.since <= day:
            return scheme
    raise TrackingError(f"no scheme of service credit is valid on {day}")


def credit(entries: Iterable[Entry], issued: date, today: date, scheme: Scheme) -> Credit:
    """How a driver stands on a day.

    issued  when the certificate was first issued
    """
    since, until = year_of(issued, today)
    taken = added = 0
    for entry in entries:
        if since <= entry.day < until:
            taken, added = taken + min(entry.points, 0), added + max(entry.points, 0)
    score = max(scheme.base + min(added, scheme.most_added) + taken, 0)
    grade = max((least, name) for name, least in scheme.grades.items() if least <= score)[1]
    return Credit(since, until, score, grade)


def year_of(issued: date, today: date) -> tuple[date, date]:
    """The year of assessment in which a day lies, its end excluded. Who was certified on 29 February, begins on the
    1 March of other years."""
    years = today.year - issued.year
    if _anniversary(issued, years) > today:
        years -= 1
    return _anniversary(issued, years), _anniversary(issued, years + 1)


def _anniversary(issued: date, years: int) -> date:
    try:
        return issued.replace(year=issued.year + years)
    except ValueError:
        return date(issued.year + years, 3, 1)
