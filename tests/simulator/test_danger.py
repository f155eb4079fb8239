"""What goes wrong on the road: nothing by default, and by the scenario's shares where it wants some."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise

import numpy as np
import pytest

from gateway.protocols.jt808.messages import body_layout
from gateway.protocols.jt808.reports import reports
from gateway.report import Alarm, Position, SafetyEvent
from gateway.wire.message import Header
from simulator.danger import HAZARDS, HURRIED, Dangers, Fate, Hazard
from simulator.demand import Demand
from simulator.duty import Duty, Reading
from simulator.roads.route import Roads
from simulator.roll import Cab
from simulator.terminal.car import Car
from simulator.terminal.conversation import Timing
from simulator.terminal.jt808 import Jt808Terminal
from simulator.terminal.outfit import Outfitter
from simulator.terminal.reach import Reach
from tests.simulator import fast

NOW = datetime(2026, 3, 4, 4, 0, tzinfo=UTC)
LIMIT = 50 / 3.6
CRUISING = Reading(31.38, 120.95, 14.0, 90.0, 5e6, Duty.CRUISING, LIMIT)


def fate(seed: int = 1, **dangers: float) -> Fate:
    return Fate(Dangers(**dangers), np.random.default_rng(seed))


def hours(one: Fate, count: int, reading: Reading = CRUISING) -> list[tuple[Alarm, Hazard | None]]:
    """What is seen every ten seconds."""
    return [one.look(reading, NOW + timedelta(seconds=10 * step)) for step in range(360 * count)]


def test_an_ordinary_day_is_without_danger():
    one = fate()
    assert set(hours(one, 24)) == {(Alarm(0), None)}
    assert {one.haste() for _ in range(100)} == {1.0}


@pytest.mark.parametrize(("speed", "alarm"), [(1.0, Alarm(0)), (1.09, Alarm(0)), (1.2, Alarm.OVERSPEED)])
def test_who_drives_well_above_the_limit_is_told_so(speed: float, alarm: Alarm):
    assert fate().look(replace(CRUISING, speed=speed * LIMIT), NOW)[0] == alarm


def test_hurry_is_as_frequent_as_the_scenario_says():
    one = fate(overspeed=0.2)
    drawn = [one.haste() for _ in range(2000)]
    assert set(drawn) == {1.0, HURRIED}
    assert drawn.count(HURRIED) / 2000 == pytest.approx(0.2, abs=0.04)


@pytest.mark.parametrize("alarm", [Alarm.FATIGUE, Alarm.EMERGENCY])
def test_alarms_come_by_the_hour_and_last(alarm: Alarm):
    assert alarm.name is not None
    told = [bool(alarm & seen) for seen, _ in hours(fate(3, **{alarm.name.lower(): 0.5}), 200)]
    episodes = sum(now and not before for before, now in pairwise(told))
    assert 60 < episodes < 140
    assert sum(told) / episodes > 15


def test_an_emergency_ends_when_the_centre_has_seen_to_it():
    one = fate(emergency=3600)
    one.look(CRUISING, NOW)
    assert one.look(CRUISING, NOW + timedelta(seconds=1))[0] == Alarm.EMERGENCY
    one.dangers = Dangers()
    assert one.look(CRUISING, NOW + timedelta(seconds=2))[0] == Alarm.EMERGENCY
    one.calm()
    assert one.look(CRUISING, NOW + timedelta(seconds=3))[0] == Alarm(0)


def test_cameras_see_all_kinds_of_hazards_from_moving_cars_alone():
    seen = [hazard for _, hazard in hours(fate(safety=6), 100) if hazard]
    assert 450 < len(seen) < 750
    assert {(hazard.device, hazard.kind) for hazard in seen} == set(HAZARDS)
    assert not any(hazard for _, hazard in hours(fate(safety=60), 2, replace(CRUISING, speed=2.0)))


def test_a_driver_in_a_hurry_breaks_the_limit_and_others_do_not(roads: Roads, demand: Demand):
    def above(haste: float) -> int:
        car = fast.driver(roads, demand, 5, NOW)
        car.haste = lambda: haste
        car.advance(NOW + timedelta(minutes=30))
        readings = [car.read(NOW + timedelta(minutes=30, seconds=s)) for s in range(0, 1800, 5)]
        return sum(reading.speed > reading.limit * 1.001 for reading in readings)

    assert above(1.0) == 0
    assert above(HURRIED) > 20


@pytest.mark.parametrize("version", [2011, 2013, 2019])
@pytest.mark.parametrize(("device", "kind"), HAZARDS)
def test_what_a_camera_saw_is_read_by_the_gateway(version: int, device: int, kind: int):
    cab = Cab("320583000001", "jt808", "苏ET1001", "", version)
    place = Position(terminal=cab.key, time=NOW, lat=31.38, lon=120.95, speed=15.0, altitude=4.0)
    link = Outfitter({"jt808": Reach("jt808", "127.0.0.1", 1)}, Timing()).link(
        cab, Car(partial(replace, place)), np.random.default_rng(1)
    )
    assert isinstance(link.terminal, Jt808Terminal)
    link.record(place, Hazard(device, kind, 2))
    (fix,) = link.store.fixes()
    header = Header(0x0200, cab.number, 0, version)
    fields = body_layout(0x0200, version, fix.body)[1].decode(fix.body)
    (event,) = (said for said in reports(header, fields, fix.body) if isinstance(said, SafetyEvent))
    assert (event.level, event.attachments, event.time) == (2, 2, NOW)
    assert event.speed == pytest.approx(15.0, abs=0.2)
    assert (event.lat, event.lon) == pytest.approx((31.38, 120.95), abs=1e-5)


def test_positions_with_hazards_are_uploaded_in_frames_that_hold_them():
    cab = Cab("320583000001", "jt808", "苏ET1001", "", 2013)
    place = Position(terminal=cab.key, time=NOW, lat=31.38, lon=120.95, speed=15.0)
    link = Outfitter({"jt808": Reach("jt808", "127.0.0.1", 1)}, Timing()).link(
        cab, Car(lambda: place), np.random.default_rng(1)
    )
    for second in range(30):
        link.record(replace(place, time=NOW + timedelta(seconds=second)), Hazard(*HAZARDS[0], 1))
    link.terminal.connected(0)
    link.terminal.started(0)
    frames = [frame for frame in link.terminal.data_to_send().split(b"~") if frame]
    sizes = {header.message_id: len(body) for header, body in map(link.terminal.parse, frames)}
    assert 900 < sizes[0x0704] <= 1003
