"""Orders by telephone between a gateway's process and a whole ISU in a car that drives: offered, grabbed, decided."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gateway import command
from gateway.protocols.jt905 import messages as jt905
from gateway.report import Status
from simulator.demand import Demand
from simulator.duty import Duty
from simulator.meter import Tariff
from simulator.plane import Plane
from simulator.roads.route import Roads
from simulator.roll import Cab
from simulator.temper import Temper
from simulator.terminal.conversation import Timing
from simulator.terminal.ledger import Ledger
from simulator.terminal.memory import Memory
from simulator.terminal.outfit import Outfitter
from simulator.terminal.reach import Reach
from simulator.terminal.task import State
from tests import stack
from tests.centre import Centre, centre
from tests.simulator.fast import EAGER, FastTaxi, driver, fast_taxi
from tests.simulator.online.tap import Tap
from tests.terminals import Terminal905

CAB = Cab("100200000004", "jt905", "苏ET1004", "鹿鸣出租")
ROLL = [f"{CAB.number},jt905,{CAB.plate},taxi,{CAB.company}"]
MORNING = datetime(2026, 3, 4, 2, 0, tzinfo=UTC)
STATION, LAKE = (31.3940, 120.9502), (31.3800, 120.9800)
ORDER = 7001
FEE = Decimal("2.0")
SPEED = 120.0
NOTHING, BOOKED = Status(0), Status.BOOKED
EDGES = [NOTHING, BOOKED, BOOKED | Status.PICK_UP_EDGE, BOOKED, Status.DROP_OFF_EDGE, NOTHING]
"""What the fixes of a ride by order say one after the other; the task ends with the ride."""
WITHIN_M = 150.0
CANCELS = Temper(grabbed=1, refused=0, cancelled=1, patience_s=0, quickest_s=0, slowest_s=0)
Start = Callable[..., AbstractAsyncContextManager["Road"]]


@dataclass
class Road:
    """A taxi on the road, its wire, and the centre that it talks to."""

    taxi: FastTaxi
    tap: Tap
    centre: Centre

    @property
    def task(self) -> State:
        return self.taxi.isu.orders.task.state

    @property
    def duty(self) -> Duty:
        return self.taxi.taxi.driver.leg.duty

    async def say(self, wanted: command.Command) -> dict[str, Any]:
        return await asyncio.to_thread(self.centre.say, wanted, expires_s=600)

    async def offer(self, order: int = ORDER, kind: str = "immediate") -> None:
        await self.say(command.OfferOrder(terminal=CAB.key, order=order, kind=kind, description="昆山南站附近"))

    async def award(self, order: int = ORDER) -> None:
        await self.say(
            command.AwardOrder(
                terminal=CAB.key, order=order, kind="immediate", description="昆山南站北广场", phone="05125700000",
                lat=STATION[0], lon=STATION[1], destination_lat=LAKE[0], destination_lon=LAKE[1], fee=FEE,
            )
        )  # fmt: skip

    async def heard(self, kind: str, **equal: Any) -> dict[str, Any]:
        """The first such report in the history."""

        def found() -> list[dict[str, Any]] | None:
            return self.centre.reports(kind, **equal) or None

        return (await asyncio.to_thread(stack.eventually, found, f"{kind} {equal}"))[0]

    async def grabbed(self, order: int = ORDER) -> None:
        await self.heard("order_answer", order=order, answer="grab")

    def wire(self) -> list[str]:
        """What went over the wire about orders, in its order; answers with what they answer."""
        told = []
        for _, frame in self.tap.frames:
            message = jt905.decode(frame)
            number, answered = message.header.message_id, message.fields.get("ack_id", 0)
            if (answered or number) >> 8 in (0x0B, 0x8B):
                told.append(f"{number:04x} {answered:04x}" if answered else f"{number:04x}")
        return told


@pytest.fixture
def start(tmp_path: Path, database: str, roads: Roads, demand: Demand) -> Start:
    """A taxi that is signed in, vacant, connected, and has told so."""

    @asynccontextmanager
    async def run(temper: Temper = EAGER, **settings: str) -> AsyncIterator[Road]:
        with centre(tmp_path, database, ROLL, **settings) as told:
            tap = Tap(told.process.ports["jt905"])
            await tap.start()
            reach = Reach("jt905", "127.0.0.1", tap.port)
            kept = Memory(tmp_path / "state"), Ledger(tmp_path / "ledger.jsonl")
            outfitter = Outfitter({"jt905": reach}, Timing(answer_s=2, retries=5), *kept)
            taxi = fast_taxi(CAB, driver(roads, demand, 2, MORNING, STATION), MORNING, outfitter, temper, SPEED)
            taxi.taxi.driver.engaged = True  # nobody in the street is to come between
            async with taxi.on_the_road():
                road = Road(taxi, tap, told)
                await road.heard("sign_in")
                yield road
            await tap.close()

    return run


def metres(place: dict[str, Any], point: tuple[float, float]) -> float:
    return abs(Plane(*point).point(place["lat"], place["lon"]))


async def test_an_order_is_offered_grabbed_won_driven_and_reported(start: Start, until, database: str):
    async with start() as road:
        await road.offer()
        await road.grabbed()
        assert road.task is State.GRAB_ACK
        await road.award()
        await until(lambda: road.duty is Duty.CALLED)
        assert Status.BOOKED in road.taxi.isu.dressed(road.taxi.taxi.sense()).status
        await road.heard("order_answer", order=ORDER, answer="finished")
        trip = await road.heard("trip", order=ORDER)
        await until(lambda: road.task is State.IDLE)
        await asyncio.to_thread(stack.eventually, lambda: stops(database) == EDGES, "the stops are seen in the fixes")
    record = trip["meter"]
    assert metres(trip["pick_up"], STATION) < WITHIN_M
    assert metres(trip["drop_off"], LAKE) < WITHIN_M
    on, off = (datetime.fromisoformat(record[name]) for name in ("on", "off"))
    fare = Tariff().fare(on, off, Decimal(str(record["distance"])) / 1000, int(record["waiting"]) // 60)
    assert fare > Tariff().flag_fall_yuan
    assert (Decimal(record["surcharge"]), Decimal(record["amount"])) == (FEE, FEE + fare)
    assert record["plate"] == "ET1004"
    assert record["driver_licence"] == (await road.heard("sign_in"))["driver_licence"]
    said = [step for step in road.wire() if not step.endswith("0b03") and step != "0b03"]
    assert said[:7] == ["8b00", "0001 8b00", "0b01", "8001 0b01", "8b01", "0001 8b01", "0b07"]
    assert sorted(said[7:]) == ["0b05", "8001 0b05", "8001 0b07"]


def stops(database: str) -> list[Status]:
    """What fixes say of the order: first booked, then the two edges of the meter."""
    with psycopg.connect(database) as db:
        rows = db.execute("SELECT status FROM position ORDER BY time").fetchall()
    told = [Status(status) & (Status.BOOKED | Status.PICK_UP_EDGE | Status.DROP_OFF_EDGE) for (status,) in rows]
    return [said for said, _ in groupby(told)]


async def test_who_loses_an_order_can_be_offered_the_next(start: Start, until):
    async with start() as road:
        await road.offer()
        await road.grabbed()
        await road.say(command.RefuseOrder(terminal=CAB.key, order=ORDER))
        await until(lambda: road.task is State.IDLE)
        assert not road.taxi.taxi.driver.engaged
        road.taxi.taxi.driver.engaged = True
        await until(lambda: road.duty is Duty.CRUISING)
        await road.offer(ORDER + 1)
        await road.grabbed(ORDER + 1)


async def test_an_assigned_order_is_taken_without_the_driver(start: Start):
    async with start(Temper(grabbed=0, refused=0)) as road:
        await road.offer(kind="assigned")
        await road.grabbed()


async def test_a_refused_order_is_confirmed_but_not_grabbed(start: Start, until):
    async with start(Temper(grabbed=0, refused=1, quickest_s=0, slowest_s=0)) as road:
        await road.offer()
        await until(lambda: "0001 8b00" in road.wire() and road.task is State.IDLE)
        await road.offer(ORDER + 1)
        await until(lambda: road.wire().count("0001 8b00") == 2 and road.task is State.IDLE)
        assert "0b01" not in road.wire()


async def test_a_driver_changes_his_mind_and_says_why(start: Start, until):
    async with start(CANCELS) as road:
        await road.offer()
        await road.grabbed()
        await road.award()
        cancelled = await road.heard("order_answer", order=ORDER, answer="cancelled")
        assert cancelled["reason"] in ("accident", "jam", "other")
        await until(lambda: road.task is State.IDLE and road.duty is not Duty.CALLED)
        assert not road.centre.reports("trip", order=ORDER)


async def test_the_centre_cancels_and_the_car_turns_away(start: Start, until):
    async with start() as road:
        await road.offer()
        await road.grabbed()
        await road.award()
        await until(lambda: road.duty is Duty.CALLED)
        order = await road.say(command.CancelOrder(terminal=CAB.key, order=ORDER))
        await asyncio.to_thread(road.centre.steps, order["id"], "acknowledged")
        assert (road.task, road.duty is Duty.CALLED) == (State.IDLE, False)
        assert Status.BOOKED not in road.taxi.isu.dressed(road.taxi.taxi.sense()).status


async def test_a_kill_in_the_middle_of_a_ride_loses_neither_fixes_nor_the_record(
    start: Start, until, tmp_path: Path, database: str
):
    port = str(stack.free_port())
    async with start(jt905_port=port) as road:
        await road.offer()
        await road.grabbed()
        await road.award()
        await until(lambda: road.duty is Duty.OCCUPIED, 40)
        road.centre.process.running.kill()
        await until(lambda: {0x0B05, 0x0B07} <= {letter.message_id for letter in road.taxi.isu.letters}, 60)
        with stack.gateway(tmp_path, bus_url=road.centre.bus.url, jt905_port=port):
            await road.heard("trip", order=ORDER)
            await until(lambda: not road.taxi.isu.letters and len(road.taxi.link.store) <= 1)
            acknowledged = road.taxi.isu.counts["acknowledged"]
            await asyncio.to_thread(
                stack.eventually, lambda: stored(database) >= acknowledged, "every fix is in the history"
            )
        assert len(road.centre.reports("trip", order=ORDER)) == 1
        assert [one["answer"] for one in road.centre.reports("order_answer")] == ["grab", "finished"]
    assert stored(database) == stored(database, "DISTINCT (terminal_id, time, identity)")


def stored(database: str, what: str = "*") -> int:
    with psycopg.connect(database) as db:
        return int(db.execute(f"SELECT count({what}) FROM position").fetchone()[0])


def test_a_grab_that_comes_again_gets_the_same_result_again(tmp_path: Path, database: str):
    with centre(tmp_path, database, ROLL) as told, Terminal905(told.process.ports["jt905"], CAB.number) as isu:
        assert isu.result(0x0002, {}) == 0
        told.say(command.OfferOrder(terminal=CAB.key, order=ORDER, kind="immediate", description="南站"))
        isu.acknowledge(isu.hear())
        grab = isu.frame(0x0B01, {"order": ORDER})
        serial, results = isu.serial, []
        for attempt in range(2):
            isu.socket.sendall(grab)
            answer = isu.hear()
            told_so = (answer.name, answer.fields["ack_serial"], answer.fields["result"])
            assert told_so == ("centre_answer", serial, 0)
            if attempt == 0:
                told.say(
                    command.AwardOrder(
                        terminal=CAB.key, order=ORDER, kind="immediate", description="南站", phone="05125700000"
                    )
                )
            results.append(isu.hear())
            isu.acknowledge(results[-1])  # else the award is said again while the test goes on
        assert [one.name for one in results] == ["order_result"] * 2
        assert results[0].body == results[1].body
