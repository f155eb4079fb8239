"""A bureau for tests: a centre with dispatch, a desk that takes calls, and taxis that speak JT/T 905 over sockets."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self, TypeVar

import psycopg

from dispatch import queries
from dispatch.booking import Actor, Booking, Event, Place, State
from dispatch.migrate import migrate
from dispatch.queries import Standing
from dispatch.store import Author, create, happen
from gateway.report import terminal_key
from gateway.wire.message import Message
from tests import stack
from tests.centre import Centre, centre
from tests.terminals import NUMBER, Terminal808, Terminal905, fix
from tracking.database import Connection

DOOR = Place("前进中路168号人民医院", 31.3850, 120.9550, "急诊门口")
GOAL = Place("昆山南站", 31.3510, 120.9560)
DESK = Author(Actor.DISPATCHER, "wang")
CALLER = Author(Actor.CALL_TAKER, "li")
OFFER, RESULT, CANCEL, GRAB, FINISHED, DROPPED = 0x8B00, 0x8B01, 0x8B09, 0x0B01, 0x0B07, 0x0B08
QUESTION, TEXT, SIGN_IN = 0x8302, 0x8300, 0x0B03
OCCUPIED = 1 << 9
T = TypeVar("T")


class Isu(Terminal905):
    """A taxi whose driver does what the test says. It is where it was put."""

    def at(self, lat: float, lon: float, *, kmh: float = 0.0, occupied: bool = False, in_s: float = 0.0) -> None:
        """A fix, of so much later than now: a test does not wait for taxis to drive."""
        time = (datetime.now(UTC) + timedelta(seconds=in_s)).replace(microsecond=0)
        fields = fix(time, lat=lat, lon=lon, speed=kmh, status=OCCUPIED if occupied else 0)
        assert self.result(0x0200, fields) == 0

    def by(self, place: Place, metres: float = 0.0, **more: Any) -> None:
        """A fix so far to the north of a place."""
        self.at(place.lat + metres / 111_195, place.lon, **more)

    def hears(self, message_id: int) -> Message:
        """The next such message, acknowledged like all before it."""
        while True:
            message = self.hear()
            self.acknowledge(message)
            if message.header.message_id == message_id:
                return message

    def signs_in(self, driver: str) -> None:
        """A driver by his licence, an hour ago by his meter."""
        on = datetime.now(UTC) - timedelta(hours=1)
        place = {
            key: value for key, value in fix(on.replace(microsecond=0)).items() if key not in ("altitude", "items")
        }
        fields = {"position": place, "company_licence": "1", "driver_licence": driver, "plate": "ET0001", "on": on}
        assert self.result(SIGN_IN, fields) == 0

    def shown(self) -> Message:
        """The next order on the screen."""
        return self.hears(OFFER)

    def grab(self, order: int) -> None:
        assert self.result(GRAB, {"order": order}) == 0

    def won(self, order: int) -> dict[str, Any]:
        """What the result of a grab says, which must be the order itself."""
        fields = self.hears(RESULT).fields
        assert fields["order"] == order
        assert "phone" in fields, "somebody else has it"
        return fields

    def chooses(self, question: Message, answer: int) -> None:
        """An answer to a question (JT/T 905, 0x0302)."""
        same = {"ack_serial": question.header.serial, "question_id": question.fields["question_id"]}
        self.socket.sendall(self.frame(0x0302, {**same, "answer_id": answer}))

    def lost(self, order: int) -> None:
        assert self.hears(RESULT).fields == {"order": order}

    def takes(self, order: int) -> dict[str, Any]:
        """Shown, grabbed, won."""
        assert self.shown().fields["order"] == order
        self.grab(order)
        return self.won(order)

    @property
    def key(self) -> str:
        return f"jt905/{self.number}"


class Tracker(Terminal808):
    """A taxi whose terminal of JT/T 808 (2013) has no screen for orders: its driver is asked questions."""

    def at(self, lat: float, lon: float) -> None:
        assert self.result(0x0200, fix(datetime.now(UTC).replace(microsecond=0), lat=lat, lon=lon, speed=0)) == 0

    def asked(self) -> Message:
        while (message := self.hear()).header.message_id != QUESTION:
            self.acknowledge(message)
        return message

    def chooses(self, question: Message, answer: int) -> None:
        fields = {"ack_serial": question.header.serial, "answer_id": answer}
        self.socket.sendall(self.frame(0x0302, fields))

    def told(self) -> str:
        while True:
            message = self.hear()
            self.acknowledge(message)
            if message.header.message_id == TEXT:
                return str(message.fields["text"])

    @property
    def key(self) -> str:
        return terminal_key("jt808", self.number)


@dataclass
class Bureau:
    centre: Centre
    settings: dict[str, str]
    dispatch: stack.Running
    _stack: ExitStack = field(default_factory=ExitStack)

    def desk(self, do: Callable[[Connection], Awaitable[T]]) -> T:
        """Something on a connection of the desk's own."""

        async def connected() -> T:
            async with await psycopg.AsyncConnection.connect(self.centre.database, autocommit=True) as db:
                return await do(db)

        with ThreadPoolExecutor(1) as thread:  # the test's own may have a loop already
            return thread.submit(lambda: asyncio.run(connected())).result()

    def book(self, key: str = "call 1", **more: Any) -> int:
        """A call is taken and placed; the booking's number."""

        async def take(db: Connection) -> int:
            now = datetime.now(UTC)
            asked = Booking(**{"key": key, "created": now, "pick_up": DOOR, "destination": GOAL, **more})
            made = await create(db, asked, CALLER)
            await happen(db, made.id, Event.PLACE, CALLER, now)
            return made.id

        return self.desk(take)

    def do(self, number: int, event: Event, **more: Any) -> State:
        """What the dispatcher does by hand."""
        return self.desk(lambda db: happen(db, number, event, DESK, datetime.now(UTC), **more))

    def booking(self, number: int) -> Standing:
        return self.desk(lambda db: queries.booking(db, number))

    def becomes(self, number: int, state: State) -> Standing:
        """Once the booking is in this state."""

        def reached() -> Standing | None:
            known = self.booking(number)
            return known if known.state is state else None

        return stack.eventually(reached, f"booking {number} becomes {state}")

    def past(self, number: int) -> list[tuple[str, str | None]]:
        """(event, taxi) of all that happened."""
        return [(step.event, step.taxi) for step in self.desk(lambda db: queries.past(db, number))]

    def taxi(self, number: str, place: Place = DOOR, metres: float = 0.0) -> Isu:
        """A vacant taxi near a place, that is ended with the bureau; in the live supply when this returns."""
        isu = self._stack.enter_context(Isu(self.centre.process.ports["jt905"], number))
        assert isinstance(isu, Isu)
        isu.by(place, metres)
        return isu

    def tracker(self, edition: int = 2013) -> Tracker:
        """A taxi with a terminal of JT/T 808, at the door."""
        told = self._stack.enter_context(Tracker(self.centre.process.ports["jt808"], NUMBER, edition))
        assert isinstance(told, Tracker)
        told.log_in()
        told.at(DOOR.lat, DOOR.lon)
        return told

    def start(self) -> Self:
        """Dispatch, or another one."""
        self.dispatch = self._stack.enter_context(
            stack.dispatch(self.centre.var, self.centre.database, self.centre.bus.url, **self.settings)
        )
        return self

    def environment(self) -> dict[str, str]:
        """For commands beside the bureau."""
        return {**os.environ, "TAXIHUB_DATABASE_URL": self.centre.database, "TAXIHUB_VAR": str(self.centre.var)}

    def decided(self, number: int) -> list[dict[str, Any]]:
        """Why, once anything was decided about a booking."""
        return stack.eventually(lambda: self.desk(lambda db: queries.decisions(db, number)) or None, "it is decided")

    def turns(self) -> None:
        """Until dispatch has gone about its work once more: a booking that nobody can serve is decided upon."""
        nobody = self.book(f"nobody {time.monotonic_ns()}", passengers=50)
        self.decided(nobody)
        self.do(nobody, Event.CANCEL)

    def close(self) -> None:
        self._stack.close()


@contextmanager
def bureau(
    var: Path, database: str, taxis: int, phones: Mapping[str, str] | None = None, **settings: str
) -> Iterator[Bureau]:
    """taxis: enrolled as 100200000001 and so on; phones: passwords by number; settings: of dispatch."""
    migrate(database)
    roll = [f"{number(n)},jt905,苏ET{n:04},taxi,鹿鸣出租" for n in range(1, taxis + 1)]
    roll.append(f"{NUMBER},jt808,苏ET1001,taxi,鹿鸣出租")
    roll += [f"{phone},mqtt,苏EP{n:04},taxi,鹿鸣出租" for n, phone in enumerate(phones or {}, 1)]
    with centre(var, database, roll, phones) as running:
        told = Bureau(running, settings, running.process.running)
        try:
            yield told.start()
        finally:
            told.close()


def number(taxi: int) -> str:
    return f"1002{taxi:08}"
