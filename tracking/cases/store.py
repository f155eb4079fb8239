"""Cases in the database: each step in one transaction, with its digest in the sealed journal.

The case's row is locked first, so that steps happen one after the other; who acts on a case that has changed since
he saw it is told so.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any

from psycopg.errors import UniqueViolation
from psycopg.types.json import Jsonb

from tracking import people
from tracking.announce import FINDINGS
from tracking.cases import credit
from tracking.cases.process import OPEN, Event, Standing, State, Step, after
from tracking.database import Connection
from tracking.errors import CaseError, UnknownCase

STANDING = """
SELECT audit_case.state, opener, proposer, confirm, deadline, points, driver, finding_id, trip_start, rule
FROM audit_case JOIN finding ON finding.id = finding_id WHERE audit_case.id = %s FOR UPDATE OF audit_case
"""
SIGNED_IN = """
SELECT coalesce(report ->> 'driver_licence', report ->> 'licence')
FROM finding JOIN fitting USING (vehicle_id) JOIN message USING (terminal_id)
CROSS JOIN jsonb_array_elements(reports) AS report
WHERE finding.id = %s AND name IN ('sign_in', 'driver') AND since <= received AND received < until
    AND received BETWEEN trip_start - interval '24 hours' AND trip_start
    AND (report ->> 'kind' = 'sign_in'
        OR (report ->> 'kind' = 'driver_card' AND coalesce((report ->> 'inserted')::boolean, true)))
ORDER BY received DESC, message.id DESC LIMIT 1
"""
LEFT: Mapping[State, str] = {State.DROPPED: "dismissed", State.CONFIRMED: "confirmed", State.OVERTURNED: "overturned"}
"""How the finding stands once its case has come there; a case that goes on makes it "case"."""


@dataclass(frozen=True, slots=True)
class _Locked:
    standing: Standing
    points: int | None
    driver: str
    finding: int
    breach: datetime
    rule: str


async def open_case(db: Connection, finding: int, who: str, now: datetime, words: str, driver: str = "") -> int:
    """Take a finding up; returns the number of its case.

    driver  certificate of who is asked; by default of who was signed in when the trip began

    Raises UnknownCase, CaseError.
    """
    if not words.strip():
        raise CaseError("no_words", "opening a case needs reasons")
    try:
        async with db.transaction():
            cursor = await db.execute("SELECT state FROM finding WHERE id = %s FOR UPDATE", (finding,))
            row = await cursor.fetchone()
            if row is None:
                raise UnknownCase(f"there is no finding {finding}")
            if row[0] not in ("lead", "dismissed"):
                raise CaseError("not_now", f"finding {finding} is {row[0]}: no case is opened of it")
            asked = driver.strip() or await signed_in(db, finding)
            cursor = await db.execute(
                "INSERT INTO audit_case (finding_id, state, driver, opened, changed, opener)"
                " VALUES (%s, %s, %s, %s, %s, %s) RETURNING id",
                (finding, State.OPENED, asked, now, now, who),
            )
            made = await cursor.fetchone()
            assert made is not None
            await _note(
                db, made[0], State.OPENED, Step(event=Event.OPEN, who=who, at=now, words=words), {"driver": asked}
            )
            await _mark(db, finding, "case")
            return int(made[0])
    except UniqueViolation as error:
        raise CaseError("not_now", f"there is a case of finding {finding} already") from error


async def signed_in(db: Connection, finding: int) -> str:
    """Certificate of who was signed in last before the trip, at most 24 hours; "" where no meter told of one."""
    row = await (await db.execute(SIGNED_IN, (finding,))).fetchone()
    return str(row[0] or "") if row else ""


async def take(
    db: Connection, case: int, step: Step, *, seen: State, points: int | None = None, driver: str | None = None,
    channel: str = "",
) -> State:  # fmt: skip
    """One step of a case; returns its new state.

    seen     the state in which whoever acts saw it
    points   of a proposal to confirm: how many are to be taken from the driver's service credit; 0 for none
    driver   of a notice: certificate of who is told, where it is not as the case has it
    channel  of a notice: how it reaches him

    Raises UnknownCase, CaseError.
    """
    async with db.transaction():
        known = await _locked(db, case)
        if known.standing.state is not seen:
            raise CaseError("changed", f"case {case} is {known.standing.state} by now, not {seen}")
        now = after(known.standing, step)
        told = known.driver if driver is None else driver.strip()
        detail: dict[str, Any] = {}
        if step.event is Event.NOTIFY:
            assert step.deadline is not None
            detail = {"deadline": step.deadline.isoformat(), "channel": channel, "driver": told}
        if step.event is Event.PROPOSE:
            detail = {"confirm": step.confirm, "points": _points(known, step, points, told)}
        await _write(db, case, now, step, detail, told)
        await _note(db, case, now, step, detail)
        await _mark(db, known.finding, LEFT.get(now, "case"))
        if now is State.CONFIRMED and known.points:
            await db.execute(
                "INSERT INTO credit_entry (driver, at, points, case_id, reason, who, made)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s)",
                (known.driver, known.breach, -known.points, case, known.rule, step.who, step.at),
            )
        if step.event is Event.REOPEN:
            await db.execute(
                "INSERT INTO credit_entry (driver, at, points, case_id, reason, who, made, reverses)"
                " SELECT driver, at, -points, case_id, %s, %s, %s, id FROM credit_entry AS entry WHERE case_id = %s"
                " AND reverses IS NULL AND NOT EXISTS (SELECT FROM credit_entry WHERE reverses = entry.id)",
                (step.words, step.who, step.at, case),
            )
    return now


async def merit(db: Connection, driver: str, points: int, who: str, at: datetime, reason: str) -> None:
    """Points added to a driver's service credit, as for property given back. Raises CaseError, UnknownCase."""
    if points <= 0 or not reason.strip():
        raise CaseError("bad_points", "a merit adds points, and has a reason; breaches come out of cases alone")
    async with db.transaction():
        row = await (await db.execute("SELECT FROM driver WHERE certificate = %s", (driver,))).fetchone()
        if row is None:
            raise UnknownCase(f"there is no driver with the certificate {driver!r}")
        await db.execute(
            "INSERT INTO credit_entry (driver, at, points, reason, who, made) VALUES (%s, %s, %s, %s, %s, %s)",
            (driver, at, points, reason, who, at),
        )
        await people.record(db, who, "credit.merit", detail={"points": points})


def _points(known: _Locked, step: Step, points: int | None, driver: str) -> int | None:
    if not step.confirm:
        if points:
            raise CaseError("bad_points", "nothing is taken for a finding that is overturned")
        return None
    allowed = credit.valid(known.breach.date()).deductions
    if points and not driver:
        raise CaseError("no_driver", "points are taken from somebody: the case names no driver")
    if points is None or (points and points not in allowed):
        raise CaseError("bad_points", f"a breach takes 0 or {', '.join(map(str, allowed))} points")
    return points


async def _write(db: Connection, case: int, now: State, step: Step, detail: Mapping[str, Any], driver: str) -> None:
    if step.event is Event.PROPOSE:
        proposed: tuple[Any, ...] = (step.who, step.confirm, detail["points"])
        await db.execute(
            "UPDATE audit_case SET (proposer, confirm, points) = (%s, %s, %s) WHERE id = %s", (*proposed, case)
        )
    elif now is State.HEARD:
        await db.execute("UPDATE audit_case SET (proposer, confirm, points) = ('', NULL, NULL) WHERE id = %s", (case,))
    if step.event is Event.NOTIFY:
        await db.execute(
            "UPDATE audit_case SET (deadline, driver) = (%s, %s) WHERE id = %s", (step.deadline, driver, case)
        )
    await db.execute("UPDATE audit_case SET state = %s, changed = %s WHERE id = %s", (now, step.at, case))


async def _locked(db: Connection, case: int) -> _Locked:
    row = await (await db.execute(STANDING, (case,))).fetchone()
    if row is None:
        raise UnknownCase(f"there is no case {case}")
    state, opener, proposer, confirm, deadline, points, driver, finding, breach, rule = row
    standing = Standing(state=State(state), opener=opener, proposer=proposer, confirm=confirm, deadline=deadline)
    return _Locked(standing, points, driver, finding, breach, rule)


async def _note(db: Connection, case: int, state: State, step: Step, detail: Mapping[str, Any]) -> None:
    salt = secrets.token_bytes(16)
    digest = digest_of(case, step.event, step.who, step.at, state, step.words, detail, salt)
    cursor = await db.execute(
        "INSERT INTO audit_case_step (case_id, at, who, event, state, words, detail, salt, digest)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id",
        (case, step.at, step.who, step.event, state, step.words, Jsonb(dict(detail)), salt, digest),
    )
    row = await cursor.fetchone()
    assert row is not None
    what = {"step": row[0], "state": state, "sha256": digest.hex()}
    await people.record(db, step.who, f"case.{step.event}", str(case), what)


async def _mark(db: Connection, finding: int, state: str) -> None:
    """Announced, as the finding is sealed with its state."""
    await db.execute(
        "WITH changed AS (UPDATE finding SET state = %s WHERE id = %s AND state <> %s RETURNING id) " + FINDINGS,
        (state, finding, state),
    )


def digest_of(
    case: int, event: str, who: str, at: datetime, state: str, words: str, detail: Mapping[str, Any], salt: bytes
) -> bytes:
    """SHA-256 of a step, as the journal holds it. The salt hides short words from whoever tries them out."""
    said = [case, event, who, at.astimezone(UTC).isoformat(), state, words, dict(detail), salt.hex()]
    return sha256(json.dumps(said, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()).digest()


async def register(db: Connection, certificate: str, name: str, issued: date, who: str) -> None:
    """Put a driver on file, or right. Raises CaseError."""
    if not certificate.strip() or len(certificate) > 32:
        raise CaseError("no_driver", "a certificate has 1 to 32 characters")
    async with db.transaction():
        await db.execute(
            "INSERT INTO driver (certificate, name, issued) VALUES (%s, %s, %s)"
            " ON CONFLICT (certificate) DO UPDATE SET (name, issued) = (excluded.name, excluded.issued)",
            (certificate.strip(), name.strip(), issued),
        )
        await people.record(db, who, "driver.register")


async def erase(db: Connection, certificate: str, who: str, reason: str) -> int:
    """Forget a driver: his name and number, and what the cases about him say. Outcomes and digests stay.

    Returns how many cases told of him. Raises CaseError where one goes on, UnknownCase where nothing tells of him.
    """
    if not certificate or not reason.strip():
        raise CaseError("no_words", "erasing a driver needs his certificate and reasons")
    async with db.transaction():
        await db.execute("SELECT set_config('taxihub.erasing', 'yes', true)")
        cursor = await db.execute(
            "UPDATE audit_case SET driver = '' WHERE driver = %s RETURNING id, state", (certificate,)
        )
        told = await cursor.fetchall()
        if going := [number for number, state in told if state in OPEN]:
            raise CaseError("not_now", f"case {going[0]} of this driver goes on")
        await db.execute(
            "UPDATE audit_case_step SET (words, detail, salt) = (NULL, NULL, NULL) WHERE case_id = ANY(%s)",
            ([number for number, _ in told],),
        )
        entries = await db.execute("UPDATE credit_entry SET driver = '', reason = '' WHERE driver = %s", (certificate,))
        gone = await db.execute("DELETE FROM driver WHERE certificate = %s", (certificate,))
        if not (told or entries.rowcount or gone.rowcount):
            raise UnknownCase("nothing tells of a driver with this certificate")
        await people.record(db, who, "driver.erase", detail={"reason": reason, "cases": [number for number, _ in told]})
        await db.execute("SELECT set_config('taxihub.erasing', '', true)")
    return len(told)
