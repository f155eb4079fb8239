"""Findings, cases and service credit, as people look at them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg.rows import class_row

from tracking.audit.finding import Rule
from tracking.cases import credit
from tracking.cases.feedback import Decided, Lesson, lessons
from tracking.cases.notice import Facts
from tracking.cases.process import OPEN
from tracking.database import Connection
from tracking.errors import UnknownCase

FINDING = """
SELECT finding.id, vehicle_id AS vehicle, plate, coalesce(company.name, '') AS company, trip_start AS start,
       trip_finish AS finish, rule, level, measured, allowed, confidence, edition, finding.state, found,
       (SELECT audit_case.id FROM audit_case WHERE finding_id = finding.id ORDER BY id DESC LIMIT 1) AS case_id
FROM finding JOIN vehicle ON vehicle.id = vehicle_id LEFT JOIN company ON company.id = vehicle.company_id
"""
CASE = """
SELECT audit_case.id, finding_id AS finding, audit_case.state, driver, coalesce(driver.name, '') AS driver_name, opened,
       changed, opener, proposer, confirm, points, deadline, plate, rule, trip_start AS start, trip_finish AS finish
FROM audit_case JOIN finding ON finding.id = finding_id JOIN vehicle ON vehicle.id = vehicle_id
LEFT JOIN driver ON driver.certificate = audit_case.driver
"""


@dataclass(frozen=True, slots=True)
class Found:
    """A finding as in `tracking.audit.finding.Finding`; case_id: of its newest case."""

    id: int
    vehicle: int
    plate: str
    company: str
    start: datetime
    finish: datetime
    rule: str
    level: str
    measured: float
    allowed: float
    confidence: float
    edition: str
    state: str
    found: datetime
    case_id: int | None


@dataclass(frozen=True, slots=True)
class Rests:
    """What a finding rests on: thresholds, fixes [terminal, time, identity], frames, and the trip where it is one's.

    trip  kind, length, matched, metered (m), fare (yuan), gaps; None where the finding is not one trip's
    """

    thresholds: Mapping[str, float]
    fixes: Sequence[Sequence[str]]
    frames: Sequence[Mapping[str, Any]]
    roads: str
    trip: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Case:
    """points: proposed or decided; deadline: of the notice."""

    id: int
    finding: int
    state: str
    driver: str
    driver_name: str
    opened: datetime
    changed: datetime
    opener: str
    proposer: str
    confirm: bool | None
    points: int | None
    deadline: datetime | None
    plate: str
    rule: str
    start: datetime
    finish: datetime


@dataclass(frozen=True, slots=True)
class Taken:
    """A step; words and detail are None where they were erased."""

    at: datetime
    who: str
    event: str
    state: str
    words: str | None
    detail: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Entry:
    """reversed: it counts no longer, or is what took another one back."""

    at: datetime
    points: int
    case: int | None
    reason: str
    who: str
    reversed: bool


async def findings(
    db: Connection, *, states: Sequence[str] = (), rule: str = "", level: str = "", vehicle: int | None = None,
    start: datetime | None = None, end: datetime | None = None, before: int = 2**63 - 1, limit: int = 100,
) -> Sequence[Found]:  # fmt: skip
    """Newest first, ids below `before`. start, end: of the trips."""
    async with db.cursor(row_factory=class_row(Found)) as cursor:
        await cursor.execute(
            FINDING + " WHERE finding.id < %(before)s"
            " AND (%(states)s::text[] = '{}' OR finding.state = ANY(%(states)s))"
            " AND (%(rule)s = '' OR rule = %(rule)s) AND (%(level)s = '' OR level = %(level)s)"
            " AND (%(vehicle)s::integer IS NULL OR vehicle_id = %(vehicle)s)"
            " AND (%(start)s::timestamptz IS NULL OR trip_start >= %(start)s)"
            " AND (%(end)s::timestamptz IS NULL OR trip_start < %(end)s) ORDER BY finding.id DESC LIMIT %(limit)s",
            {"states": list(states), "rule": rule, "level": level, "vehicle": vehicle, "start": start, "end": end,
             "before": before, "limit": limit},
        )  # fmt: skip
        return await cursor.fetchall()


async def finding(db: Connection, number: int) -> tuple[Found, Rests]:
    """Raises UnknownCase."""
    async with db.cursor(row_factory=class_row(Found)) as cursor:
        found = await (await cursor.execute(FINDING + " WHERE finding.id = %s", (number,))).fetchone()
    if found is None:
        raise UnknownCase(f"there is no finding {number}")
    cursor_ = await db.execute(
        "SELECT thresholds, finding.fixes, frames, finding.roads, CASE WHEN trip.start IS NOT NULL THEN"
        " jsonb_build_object('kind', kind, 'length', length, 'matched', matched, 'metered', metered,"
        " 'fare', fare::text, 'gaps', gaps) END FROM finding LEFT JOIN trip"
        " ON (trip.vehicle_id, trip.start, trip.finish) = (finding.vehicle_id, trip_start, trip_finish)"
        " WHERE finding.id = %s",
        (number,),
    )
    row = await cursor_.fetchone()
    assert row is not None
    return found, Rests(*row)


async def cases(
    db: Connection, *, open_only: bool = True, driver: str = "", before: int = 2**63 - 1, limit: int = 100
) -> Sequence[Case]:
    """Newest first, ids below `before`."""
    async with db.cursor(row_factory=class_row(Case)) as cursor:
        await cursor.execute(
            CASE + " WHERE audit_case.id < %(before)s AND (NOT %(open)s OR audit_case.state = ANY(%(states)s))"
            " AND (%(driver)s = '' OR driver = %(driver)s) ORDER BY audit_case.id DESC LIMIT %(limit)s",
            {"before": before, "open": open_only, "states": sorted(OPEN), "driver": driver, "limit": limit},
        )  # fmt: skip
        return await cursor.fetchall()


async def case(db: Connection, number: int) -> tuple[Case, Sequence[Taken]]:
    """A case and its steps, in order. Raises UnknownCase."""
    async with db.cursor(row_factory=class_row(Case)) as cursor:
        found = await (await cursor.execute(CASE + " WHERE audit_case.id = %s", (number,))).fetchone()
    if found is None:
        raise UnknownCase(f"there is no case {number}")
    async with db.cursor(row_factory=class_row(Taken)) as steps:
        await steps.execute(
            "SELECT at, who, event, state, words, detail FROM audit_case_step WHERE case_id = %s ORDER BY id", (number,)
        )
        return found, await steps.fetchall()


async def facts(db: Connection, number: int) -> Facts:
    """What a notice of a case tells. Raises UnknownCase."""
    one, _ = await case(db, number)
    found, _ = await finding(db, one.finding)
    return Facts(
        case=number, rule=Rule(found.rule), plate=found.plate, driver=one.driver, start=found.start,
        finish=found.finish, measured=found.measured, allowed=found.allowed, confidence=found.confidence,
        edition=found.edition,
    )  # fmt: skip


async def standing(db: Connection, driver: str, today: date) -> tuple[credit.Credit | None, Sequence[Entry]]:
    """A driver's service credit and what it is made of, newest first; None where his certificate is not on file."""
    async with db.cursor(row_factory=class_row(Entry)) as cursor:
        await cursor.execute(
            "SELECT at, points, case_id AS case, reason, who, reverses IS NOT NULL OR EXISTS"
            " (SELECT FROM credit_entry WHERE reverses = entry.id) AS reversed"
            " FROM credit_entry AS entry WHERE driver = %s ORDER BY id DESC",
            (driver,),
        )
        entries = await cursor.fetchall()
    row = await (await db.execute("SELECT issued FROM driver WHERE certificate = %s", (driver,))).fetchone()
    if row is None:
        return None, entries
    counted = [credit.Entry(entry.at.date(), entry.points) for entry in entries if not entry.reversed]
    return credit.credit(counted, row[0], today, credit.valid(today)), entries


async def learned(db: Connection) -> Sequence[Lesson]:
    """What decided cases say of the thresholds, by rule."""
    cursor = await db.execute(
        "SELECT rule, measured / nullif(allowed, 0), state = 'confirmed' FROM finding"
        " WHERE state IN ('confirmed', 'overturned') AND allowed > 0"
    )
    return lessons(Decided(*row) for row in await cursor.fetchall())
