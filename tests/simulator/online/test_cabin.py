"""What a platform may ask of every terminal, over real sockets: settings, tracking, questions, doors, who drives."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from gateway import command
from gateway.protocols.jt808 import messages as jt808
from gateway.protocols.jt905 import messages as jt905
from gateway.report import Position, Status
from simulator.crew import crew
from simulator.roll import Cab
from simulator.terminal.car import AlarmSeen, Car, Event, ShiftBegun, ShiftEnded, Told, Tracked
from simulator.terminal.conversation import Timing
from simulator.terminal.link import Link
from simulator.terminal.memory import Memory
from simulator.terminal.outfit import Outfitter
from simulator.terminal.reach import Reach

CABS = [
    Cab("320583000001", "jt808", "苏ET1001", "鹿鸣出租", 2011),
    Cab("320583000002", "jt808", "苏ET1002", "鹿鸣出租", 2013),
    Cab("320583000003", "jt808", "苏ET1003", "鹿鸣出租", 2019),
    Cab("100200000004", "jt905", "苏ET1004", "鹿鸣出租"),
]
CODECS: dict[str, ModuleType] = {"jt808": jt808, "jt905": jt905}
each = pytest.mark.parametrize("cab", CABS, ids=lambda cab: f"{cab.protocol}-{cab.version}")
each808 = pytest.mark.parametrize("cab", CABS[:3], ids=lambda cab: f"{cab.protocol}-{cab.version}")
Done = Callable[[command.Command], Any]


def here(cab: Cab) -> Position:
    now = datetime.now(UTC).replace(microsecond=0)
    return Position(terminal=cab.key, time=now, lat=31.38, lon=120.95, status=Status.POSITIONED | Status.ACC_ON)


class Platform:
    """The gateway's end: says something, waits until it is answered, reads the answers."""

    def __init__(self, gateway: Any, until: Any, cab: Cab, link: Link, events: list[Event]) -> None:
        self._gateway, self._until, self._cab = gateway, until, cab
        self.link, self.events = link, events
        self._before = 0

    async def say(self, wanted: command.Command, outcome: str = "done") -> None:
        counts, key = self._gateway.hub.counts, f"{self._cab.protocol}.command_{outcome}"
        before, self._before = counts[key], self._gateway.last()
        assert self._gateway.hub.say(self._cab.key, wanted) is not None
        await self._until(lambda: counts[key] == before + 1)

    async def answer(self, name: str) -> dict[str, Any]:
        """Fields of the message of this name that came after what was said last."""
        await self._until(lambda: self._gateway.told(name, self._before))
        return self.fields(self._gateway.told(name, self._before)[-1])

    def fields(self, message: Any) -> dict[str, Any]:
        fields: dict[str, Any] = CODECS[self._cab.protocol].decode(bytes.fromhex(message["frame"])).fields
        return fields


@pytest.fixture
def platform(gateway, until, tmp_path) -> Any:
    @asynccontextmanager
    async def run(cab: Cab) -> AsyncIterator[Platform]:
        gateway.enrol(cab)
        events: list[Event] = []
        reach = Reach(cab.protocol, "127.0.0.1", gateway.ports[cab.protocol])
        outfitter = Outfitter({cab.protocol: reach}, Timing(heartbeat_s=60), Memory(tmp_path / "state"))
        car = Car(lambda: here(cab), events.append, lambda _question, answers: (max(answers), 0.0))
        link = outfitter.link(cab, car, np.random.default_rng(1))
        task = asyncio.create_task(link.run())
        link.record(here(cab))
        await until(lambda: link.terminal.ready and not link.store)
        try:
            yield Platform(gateway, until, cab, link, events)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    return run


@each
async def test_parameters_are_set_told_and_kept(platform, cab: Cab):
    wanted = {"0x0001": {"heartbeat_interval": 45}, "0x0055": {"max_speed": 80}}
    async with platform(cab) as told:
        await told.say(command.QueryParameters(terminal=cab.key, ids=[1]))
        assert (await told.answer("parameters_answer"))["parameters"] == {"0x0001": {"heartbeat_interval": 60}}
        await told.say(command.SetParameters(terminal=cab.key, parameters=wanted))
        assert told.link.terminal.heartbeat_s == 45
        assert isinstance(told.events[-1], Tracked)
    async with platform(cab) as told:
        await told.say(command.QueryParameters(terminal=cab.key, ids=[0x0001, 0x0055, 0x0058]))
        assert (await told.answer("parameters_answer"))["parameters"] == wanted


@each808
async def test_all_parameters_are_told_when_none_is_named(platform, cab: Cab):
    async with platform(cab) as told:
        await told.say(command.QueryParameters(terminal=cab.key))
        assert (await told.answer("parameters_answer"))["parameters"] == {"0x0001": {"heartbeat_interval": 60}}


@each
async def test_a_parameter_changes_how_often_the_car_reports(platform, cab: Cab):
    name, number = ("interval_vacant", "0x0025") if cab.protocol == "jt905" else ("interval_default", "0x0029")
    async with platform(cab) as told:
        assert told.link.interval_s(here(cab), 15.0) == 15.0
        await told.say(command.SetParameters(terminal=cab.key, parameters={number: {name: 7}}))
        assert told.link.interval_s(here(cab), 15.0) == 7.0


@each
async def test_a_tracked_car_reports_more_often_until_it_is_told_to_stop(platform, gateway, until, cab: Cab):
    async with platform(cab) as told:
        await told.say(command.Track(terminal=cab.key, interval_s=2, duration_s=600))
        assert told.link.interval_s(here(cab), 15.0) == 2.0
        assert isinstance(told.events[-1], Tracked)
        told.link.record(here(cab))
        await until(lambda: len(gateway.stored(cab.key)) == 2)
        await told.say(command.Track(terminal=cab.key, interval_s=0))
        assert told.link.interval_s(here(cab), 15.0) == 15.0


@each
async def test_a_question_gets_the_drivers_answer(platform, cab: Cab):
    async with platform(cab) as told:
        await told.say(command.Ask(terminal=cab.key, question="能否加班", answers=["能", "不能"]))
        assert (await told.answer("answer"))["answer_id"] == 2


@each
async def test_what_the_centre_writes_is_read_by_the_driver(platform, cab: Cab):
    async with platform(cab) as told:
        await told.say(command.SendText(terminal=cab.key, text="请到昆山南站载客", urgent=True))
        assert told.events == [Told("请到昆山南站载客")]


@each
async def test_doors_are_locked_and_the_positions_say_so(platform, gateway, until, cab: Cab):
    async with platform(cab) as told:
        for locked in (True, False):
            before = len(gateway.stored(cab.key))
            await told.say(command.LockDoors(terminal=cab.key, locked=locked))
            await until(lambda before=before: len(gateway.stored(cab.key)) > before)
            last = gateway.stored(cab.key)[-1]
            assert bool(Status(last["status"]) & Status.DOORS_LOCKED) is locked


@each
async def test_a_call_is_made_unless_there_is_nobody_to_call(platform, cab: Cab, capsys: pytest.CaptureFixture[str]):
    async with platform(cab) as told:
        await told.say(command.CallBack(terminal=cab.key, phone="051257000000"))
        await told.say(command.CallBack(terminal=cab.key, phone="051257000001", listen=True))
        await told.say(command.CallBack(terminal=cab.key, phone=""), outcome="refused")
    said = capsys.readouterr().out
    assert said.index("calls back") < said.index("listens in")


@each
async def test_an_alarm_that_the_centre_has_seen_is_told_in_the_car(platform, cab: Cab):
    async with platform(cab) as told:
        await told.say(command.ConfirmAlarm(terminal=cab.key, alarms=1))
        assert told.events == [AlarmSeen()]


@each808
async def test_a_terminal_says_what_it_is(platform, cab: Cab):
    async with platform(cab) as told:
        await told.say(command.QueryAttributes(terminal=cab.key))
        attributes = await told.answer("attributes")
        assert (attributes["maker"], attributes["model"]) == ("TXHUB", f"SIM{cab.version}")


@each808
async def test_the_drivers_card_is_told_at_the_shifts_ends_and_when_asked(platform, gateway, until, cab: Cab):
    driver = crew(cab.number)[0]
    async with platform(cab) as told:
        await told.say(command.QueryDriver(terminal=cab.key), outcome="refused")
        told.link.occurred(ShiftBegun(driver, here(cab)))
        await until(lambda: len(gateway.told("driver")) == 1)
        await told.say(command.QueryDriver(terminal=cab.key))
        await until(lambda: len(gateway.told("driver")) == 2)
        cards = [report for message in gateway.told("driver") for report in message["reports"]]
        assert {(card["name"], card["licence"]) for card in cards} == {(driver.name, driver.licence)}
        told.link.occurred(ShiftEnded(here(cab)))
        if cab.version > 2011:
            await until(lambda: len(gateway.told("driver")) == 3)
            assert gateway.told("driver")[-1]["reports"][0]["inserted"] is False
        await until(lambda: not told.link.terminal.letters)


async def test_an_isu_reports_on_itself(platform):
    cab = CABS[3]
    async with platform(cab) as told:
        await told.say(command.Inspect(terminal=cab.key))
        isu = (await told.answer("inspection"))["devices"]["0x00"]
        assert isu["id"] == cab.number[2:]
        assert (isu["sign_ins"], isu["sign_outs"], isu["trips"]) == (0, 0, 0)


async def test_attachments_are_asked_for_through_the_terminals_hook(platform):
    cab, asked = CABS[1], []
    label = (b"0000002" + bytes.fromhex("261125120000") + b"\1\2\0").hex()
    async with platform(cab) as told:
        told.link.terminal.attachments_wanted = lambda fields: asked.append(fields) or 0
        await told.say(
            command.RequestAttachments(terminal=cab.key, label=label, number="A1", host="127.0.0.1", port=7611)
        )
    (fields,) = asked
    assert [fields[name] for name in ("host", "tcp_port", "alarm_number")] == ["127.0.0.1", 7611, "A1"]
    assert fields["identification"]["attachments"] == 2


async def test_a_video_is_nothing_that_a_camera_takes(platform):
    for cab, result in ((CABS[1], 1), (CABS[3], None)):
        async with platform(cab) as told:
            await told.say(command.Shoot(terminal=cab.key, photos=0xFFFF), "refused" if result is None else "done")
            if result is not None:
                assert (await told.answer("shot_answer"))["result"] == result
        assert not told.link.terminal.cabin.camera.pictures
