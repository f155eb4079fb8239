"""Musters in the database: each step in one transaction, with what is to be said to the taxi, and who did it.

The muster's row is locked first, so that what happens to it happens one after the other; that a taxi is in one
muster at most, and has not a booking besides, is held by the database.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256

import orjson
from psycopg.errors import UniqueViolation
from psycopg.types.json import Jsonb

from dispatch.booking import Place
from dispatch.errors import KeyUsed, MusterError
from dispatch.gathering import BOUND, COUNTED, Part, Turn, after
from dispatch.saying import TAKES, Saying
from dispatch.store import Created, say
from tracking.database import Connection

SYSTEM = "system:dispatch"


@dataclass(frozen=True, slots=True)
class Muster:
    """stage: "open", "released" or "cancelled"."""

    id: int
    stage: str
    created: datetime
    changed: datetime
    place: Place
    cars: int
    reason: str
    who: str


@dataclass(frozen=True, slots=True)
class Member:
    """rolled: when it was asked at the last roll-call; present: what its driver said, None = nothing yet."""

    taxi: str
    part: Part
    asked: datetime
    changed: datetime
    rolled: datetime | None
    present: bool | None


@dataclass(frozen=True, slots=True)
class Step:
    at: datetime
    event: str
    taxi: str | None
    who: str
    reason: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a driver chose; saying: number of the question;  roll: it was a roll-call's."""

    saying: int
    muster: int
    taxi: str
    at: datetime
    yes: bool
    roll: bool


async def call(db: Connection, key: str, place: Place, cars: int, reason: str, who: str, now: datetime) -> Created:
    """Open a muster. The same again is the same one; raises KeyUsed."""
    digest = sha256(orjson.dumps([asdict(place), cars, reason])).digest()
    async with db.transaction():
        cursor = await db.execute(
            "INSERT INTO muster (key, digest, stage, created, changed, place, cars, reason, who)"
            " VALUES (%s, %s, 'open', %s, %s, %s, %s, %s, %s) ON CONFLICT (key) DO NOTHING RETURNING id",
            (key, digest, now, now, Jsonb(asdict(place)), cars, reason, who),
        )
        if (made := await cursor.fetchone()) is None:
            row = await (await db.execute("SELECT id, digest FROM muster WHERE key = %s", (key,))).fetchone()
            if row is None or bytes(row[1]) != digest:
                raise KeyUsed(f"key {key!r} stands for another muster already")
            return Created(row[0], new=False)
        await _record(db, made[0], now, "call", None, who, reason)
    return Created(made[0], new=True)


async def ask(db: Connection, one: Muster, taxis: Iterable[str], now: datetime) -> int:
    """Ask drivers whether they come; returns how many. One who is bound elsewhere by now is left in peace."""
    words, asked = f"应急集结{one.id}：{one.place.name}，需{one.cars}辆车，能到吗？", 0
    for taxi in taxis:
        try:
            async with db.transaction():
                await _open(db, one.id)
                await db.execute(
                    "INSERT INTO muster_member (muster_id, taxi, part, asked, changed) VALUES (%s, %s, %s, %s, %s)",
                    (one.id, taxi, Part.ASKED, now, now),
                )
                await _record(db, one.id, now, "ask", taxi, SYSTEM)
                await say(db, Saying.CALL, one.id, taxi, now, words=words)
        except UniqueViolation:
            continue
        asked += 1
    return asked


async def happen(db: Connection, number: int, taxi: str, turn: Turn, who: str, at: datetime, reason: str = "") -> Part:
    """Something of one member's. A driver who says yes when enough come, or it is over, is told so, and is not counted.

    Returns its part. Raises MusterError; then nothing has changed.
    """
    try:
        async with db.transaction():
            one = await _locked(db, number)
            before = await _part(db, number, taxi)
            if turn is Turn.YES and (one.stage != "open" or await _counted(db, number) >= one.cars):
                return await _in_vain(db, one, taxi, before, who, at)
            now = after(before, turn)
            await db.execute(
                "UPDATE muster_member SET part = %s, changed = %s WHERE muster_id = %s AND taxi = %s",
                (now, at, number, taxi),
            )
            await _record(db, number, at, turn, taxi, who, reason)
            if turn is Turn.YES:
                place = " ".join(filter(None, (one.place.name, one.place.note)))
                await say(db, Saying.TELL, number, taxi, at, words=f"应急集结{number}：请前往{place}，到达后待命")
    except UniqueViolation as error:
        raise MusterError(f"taxi {taxi} serves somebody else by now") from error
    return now


async def _in_vain(db: Connection, one: Muster, taxi: str, before: Part, who: str, at: datetime) -> Part:
    part = before if before is not Part.ASKED else Part.LAPSED
    await db.execute(
        "UPDATE muster_member SET part = %s, changed = %s WHERE muster_id = %s AND taxi = %s", (part, at, one.id, taxi)
    )
    full = one.stage == "open"
    await _record(db, one.id, at, "yes", taxi, who, "enough come" if full else f"the muster is {one.stage}")
    why = "车辆已满" if full else "已结束"
    await say(db, Saying.TELL, one.id, taxi, at, words=f"应急集结{one.id}{why}，请勿前往，谢谢")
    return part


async def close(db: Connection, number: int, who: str, now: datetime, reason: str, *, released: bool) -> int:
    """Let everybody go: it is done, or it is off. Returns how many were told. Raises MusterError."""
    async with db.transaction():
        await _open(db, number)
        stage = "released" if released else "cancelled"
        await db.execute("UPDATE muster SET stage = %s, changed = %s WHERE id = %s", (stage, now, number))
        cursor = await db.execute(
            "UPDATE muster_member SET part = %s, changed = %s WHERE muster_id = %s AND part = ANY(%s) RETURNING taxi",
            (Part.RELEASED, now, number, list(BOUND)),
        )
        taxis = [row[0] for row in await cursor.fetchall()]
        await _record(db, number, now, "release" if released else "cancel", None, who, reason)
        words = f"应急集结{number}{'解除，感谢配合，可恢复营运' if released else '取消，请勿前往'}"
        for taxi in taxis:
            await say(db, Saying.TELL, number, taxi, now, words=words)
    return len(taxis)


async def roll_call(db: Connection, number: int, who: str, now: datetime) -> int:
    """Ask everybody who comes or is there; returns how many. Raises MusterError."""
    async with db.transaction():
        await _open(db, number)
        cursor = await db.execute(
            "UPDATE muster_member SET rolled = %s, present = NULL WHERE muster_id = %s AND part = ANY(%s)"
            " RETURNING taxi",
            (now, number, list(COUNTED)),
        )
        taxis = [row[0] for row in await cursor.fetchall()]
        await _record(db, number, now, "roll_call", None, who)
        for taxi in taxis:
            await say(db, Saying.ROLL, number, taxi, now, words=f"应急集结{number}点名，您在岗吗？")
    return len(taxis)


async def answers(db: Connection, since: datetime) -> list[Answer]:
    """To questions that were said from `since` on, and were not followed yet."""
    cursor = await db.execute(
        """
        SELECT saying.id, saying.order_id, saying.taxi, command_step.at,
            (detail ->> 'answer_id')::integer = %s, saying.kind = 'roll'
        FROM saying JOIN command_step ON command_id = 'saying-' || saying.id
        WHERE saying.kind IN ('call', 'roll') AND saying.said >= %s AND detail ? 'answer_id'
        AND NOT EXISTS (SELECT FROM heard WHERE message_id = -saying.id) ORDER BY command_step.at, saying.id
        """,
        (TAKES, since),
    )
    return [Answer(*row) for row in await cursor.fetchall()]


async def follow(db: Connection, answer: Answer, now: datetime) -> None:
    """Do what a driver answered, as far as it can be done; it is never looked at again."""
    async with db.transaction():
        done = await db.execute(
            "INSERT INTO heard (message_id, at) VALUES (%s, %s) ON CONFLICT DO NOTHING", (-answer.saying, now)
        )
        if not done.rowcount:
            return
        if answer.roll:
            await db.execute(
                "UPDATE muster_member SET present = %s WHERE muster_id = %s AND taxi = %s AND rolled IS NOT NULL",
                (answer.yes, answer.muster, answer.taxi),
            )
            event = "present" if answer.yes else "absent"
            await _record(db, answer.muster, min(answer.at, now), event, answer.taxi, answer.taxi)
            return
        try:
            turn = Turn.YES if answer.yes else Turn.NO
            await happen(db, answer.muster, answer.taxi, turn, answer.taxi, min(answer.at, now))
        except MusterError as error:
            await _record(db, answer.muster, now, "unheeded", answer.taxi, answer.taxi, str(error))
            if answer.yes:
                words = f"应急集结{answer.muster}：您已有其他任务，请勿前往"
                await say(db, Saying.TELL, answer.muster, answer.taxi, now, words=words)


async def unanswered(db: Connection, before: datetime) -> list[tuple[int, str]]:
    """(muster, taxi) that were asked before that, or whose terminal could not be asked."""
    cursor = await db.execute(
        """
        SELECT muster_id, taxi FROM muster_member AS member WHERE part = 'asked' AND (asked < %s OR EXISTS (
            SELECT FROM saying LEFT JOIN command ON command.id = 'saying-' || saying.id
            WHERE saying.kind = 'call' AND saying.order_id = member.muster_id AND saying.taxi = member.taxi
            AND (saying.failure <> '' OR command.state = 'failed')
        )) ORDER BY muster_id, taxi
        """,
        (before,),
    )
    return [(number, taxi) for number, taxi in await cursor.fetchall()]


async def running(db: Connection) -> list[Muster]:
    return await _many(db, "stage = 'open' ORDER BY id")


async def page(db: Connection, before: int, limit: int) -> list[Muster]:
    """With numbers below `before`, newest first."""
    return await _many(db, "id < %s ORDER BY id DESC LIMIT %s", before, limit)


async def find(db: Connection, number: int) -> Muster:
    """Raises MusterError."""
    if not (found := await _many(db, "id = %s", number)):
        raise MusterError(f"there is no muster {number}")
    return found[0]


async def members(db: Connection, number: int) -> list[Member]:
    """In the order in which they were asked."""
    cursor = await db.execute(
        "SELECT taxi, part, asked, changed, rolled, present FROM muster_member WHERE muster_id = %s"
        " ORDER BY asked, taxi",
        (number,),
    )
    return [Member(taxi, Part(part), *rest) for taxi, part, *rest in await cursor.fetchall()]


async def parts(db: Connection, numbers: Iterable[int]) -> dict[int, dict[Part, int]]:
    """How many taxis have each part in these musters."""
    cursor = await db.execute(
        "SELECT muster_id, part, count(*) FROM muster_member WHERE muster_id = ANY(%s) GROUP BY muster_id, part",
        (list(numbers),),
    )
    found: dict[int, dict[Part, int]] = {}
    for number, part, many in await cursor.fetchall():
        found.setdefault(number, {})[Part(part)] = many
    return found


async def seen(db: Connection, taxis: Iterable[str]) -> dict[str, tuple[datetime, float, float]]:
    """When and where (degrees) taxis were last."""
    cursor = await db.execute(
        "SELECT terminal.key, last_state.time, last_state.lat, last_state.lon FROM last_state"
        " JOIN terminal ON terminal.id = last_state.terminal_id WHERE terminal.key = ANY(%s)",
        (list(taxis),),
    )
    return {taxi: (at, lat, lon) for taxi, at, lat, lon in await cursor.fetchall()}


async def steps(db: Connection, number: int) -> list[Step]:
    cursor = await db.execute(
        "SELECT at, event, taxi, who, reason FROM muster_step WHERE muster_id = %s ORDER BY id", (number,)
    )
    return [Step(*row) for row in await cursor.fetchall()]


async def _many(db: Connection, condition: str, *values: object) -> list[Muster]:
    query = f"SELECT id, stage, created, changed, place, cars, reason, who FROM muster WHERE {condition}"
    cursor = await db.execute(query.encode(), values)
    return [
        Muster(number, stage, created, changed, Place(**place), *rest)
        for number, stage, created, changed, place, *rest in await cursor.fetchall()
    ]


async def _locked(db: Connection, number: int) -> Muster:
    if not (found := await _many(db, "id = %s FOR UPDATE", number)):
        raise MusterError(f"there is no muster {number}")
    return found[0]


async def _open(db: Connection, number: int) -> Muster:
    one = await _locked(db, number)
    if one.stage != "open":
        raise MusterError(f"muster {number} is {one.stage} already")
    return one


async def _part(db: Connection, number: int, taxi: str) -> Part:
    cursor = await db.execute("SELECT part FROM muster_member WHERE muster_id = %s AND taxi = %s", (number, taxi))
    if (row := await cursor.fetchone()) is None:
        raise MusterError(f"taxi {taxi} was not called to muster {number}")
    return Part(row[0])


async def _counted(db: Connection, number: int) -> int:
    cursor = await db.execute(
        "SELECT count(*) FROM muster_member WHERE muster_id = %s AND part = ANY(%s)", (number, list(COUNTED))
    )
    (many,) = await cursor.fetchone() or (0,)
    return int(many)


async def _record(
    db: Connection, number: int, at: datetime, event: str, taxi: str | None, who: str, reason: str = ""
) -> None:  # fmt: skip
    await db.execute(
        "INSERT INTO muster_step (muster_id, at, event, taxi, who, reason) VALUES (%s, %s, %s, %s, %s, %s)",
        (number, at, event, taxi, who, reason),
    )
