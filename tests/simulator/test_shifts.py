"""A day of a taxi without a platform: every shift, every trip and their sums are on paper, and kept until answered."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gateway.protocols.jt905.messages import body_layout
from gateway.report import Position, Status
from simulator.crew import crew
from simulator.demand import Demand
from simulator.duty import Duty
from simulator.meter import Tariff
from simulator.roads.route import Roads
from simulator.roll import Cab
from simulator.terminal.car import Aboard, Car, Paid, ShiftBegun, ShiftEnded, SwitchedOff
from simulator.terminal.conversation import Timing
from simulator.terminal.jt905 import Jt905Terminal
from simulator.terminal.memory import Memory, StateError
from simulator.terminal.outfit import Outfitter
from simulator.terminal.reach import Reach
from tests.simulator.fast import FastTaxi, driver, fast_taxi

CAB = Cab("100200000004", "jt905", "苏ET1004", "鹿鸣出租")
TEN = datetime(2026, 3, 4, 2, 0, tzinfo=UTC)
SIGN_IN, SIGN_OUT, TRIP = 0x0B03, 0x0B04, 0x0B05
Paper = tuple[int, Mapping[str, Any]]


def outfitter(state: Path | None = None) -> Outfitter:
    return Outfitter({"jt905": Reach("jt905", "127.0.0.1", 1)}, Timing(), Memory(state) if state else None)


def papers(terminal: Jt905Terminal) -> list[Paper]:
    """Letters that wait, as (message, fields)."""
    return [
        (letter.message_id, body_layout(letter.message_id, letter.body)[1].decode(letter.body))
        for letter in terminal.letters
    ]


@pytest.fixture(scope="module")
def day(roads: Roads, demand: Demand) -> list[Paper]:
    """What an ISU writes in 24 hours from ten in the morning."""
    taxi = fast_taxi(CAB, driver(roads, demand, 2, TEN), TEN, outfitter())
    return papers(lived(taxi, timedelta(hours=24)))


def lived(taxi: FastTaxi, long: timedelta) -> Jt905Terminal:
    now = TEN
    taxi.taxi.clock = lambda: now
    taxi.taxi.switch_on()
    while now < TEN + long:
        now += timedelta(seconds=max(1, round(taxi.taxi.tell())))
    return taxi.isu


def shifts(day: list[Paper]) -> list[tuple[Mapping[str, Any], list[Mapping[str, Any]], Mapping[str, Any]]]:
    """(sign-in, trips, sign-out) of every shift that has ended."""
    found, trips, begun = [], [], None
    for number, fields in day:
        if number == SIGN_IN:
            begun, trips = fields, []
        elif number == TRIP:
            trips.append(fields)
        elif begun is not None:
            found.append((begun, trips, fields))
    return found


def test_two_drivers_share_a_day(day: list[Paper]):
    drivers = [fields["driver_licence"] for number, fields in day if number == SIGN_IN]
    assert drivers == [person.licence for person in (*crew(CAB.number), crew(CAB.number)[0])]
    assert [number for number, _ in day if number in (SIGN_IN, SIGN_OUT)] == [SIGN_IN, SIGN_OUT] * 2 + [SIGN_IN]


def test_the_sums_of_a_sign_out_are_those_of_the_trips(day: list[Paper]):
    assert len(shifts(day)) == 2
    for begun, trips, ended in shifts(day):
        meters = [trip["meter"] for trip in trips]
        assert (ended["driver_licence"], ended["on"], ended["mode"]) == (begun["driver_licence"], begun["on"], 0)
        assert ended["off"] > ended["on"]
        assert ended["trips"] == len(trips) > 5
        assert ended["amount"] == sum(meter["amount"] for meter in meters)
        assert ended["timing"] == sum(meter["waiting"] for meter in meters)
        assert ended["occupied_distance"] == pytest.approx(sum(m["distance"] for m in meters), abs=0.1 * len(trips))
        assert ended["distance"] > ended["occupied_distance"]
        assert {meter["driver_licence"] for meter in meters} == {begun["driver_licence"]}


def test_every_trip_follows_from_its_record(day: list[Paper]):
    trips = [fields for number, fields in day if number == TRIP]
    assert [trip["meter"]["trip"] for trip in trips] == list(range(1, len(trips) + 1))
    assert len({trip["operation"] for trip in trips}) == len(trips)
    for trip in trips:
        meter = trip["meter"]
        on, off = trip["pick_up"]["time"], trip["drop_off"]["time"]
        assert meter["on"] == on.replace(second=0)
        assert meter["off"] == off.time().replace(second=0)
        km = Decimal(str(meter["distance"]))
        fare = Tariff().fare(meter["on"], off.replace(second=0), km, meter["waiting"] // 60)
        assert (meter["amount"], meter["surcharge"], trip["order"]) == (fare, 0, 0)
        assert trip["pick_up"]["status"] & (1 << 5 | 1 << 9)
        assert trip["drop_off"]["status"] & 1 << 6
        assert not trip["drop_off"]["status"] & 1 << 9
        assert (trip["evaluation"] == 0) == (trip["rating"] == 0)


@pytest.mark.parametrize("duty", [Duty.OCCUPIED, Duty.ALIGHTING, Duty.BOARDING, Duty.HANDOVER])
def test_what_happened_before_power_came_is_not_told(roads: Roads, demand: Demand, duty: Duty):
    who = driver(roads, demand, 2, TEN)
    while who.leg.duty is not duty:
        who.advance(who.leg.end)
    taxi = fast_taxi(CAB, who, TEN, outfitter())
    taxi.taxi.clock = lambda: after
    after = who.leg.end + timedelta(seconds=1)
    taxi.taxi.switch_on()
    assert [number for number, _ in papers(taxi.isu)] == [SIGN_IN]
    assert taxi.isu.meter.running == (who.leg.duty in (Duty.OCCUPIED, Duty.ALIGHTING))


# across restarts


def at(minute: int, status: Status = Status.POSITIONED) -> Position:
    when = TEN + timedelta(minutes=minute)
    return Position(terminal=CAB.key, time=when, lat=31.38, lon=120.95, odometer=1000.0 * minute, status=status)


def isu(state: Path) -> Jt905Terminal:
    terminal = outfitter(state).link(CAB, Car(lambda: at(0)), np.random.default_rng(1)).terminal
    assert isinstance(terminal, Jt905Terminal)
    return terminal


def test_letters_and_the_meter_survive_a_kill(tmp_path: Path):
    first, (by_day, _) = isu(tmp_path), crew(CAB.number)
    first.occurred(ShiftBegun(by_day, at(0)), 0)
    first.occurred(Aboard(at(5)), 0)
    first.occurred(Paid(at(15)), 0)
    again = isu(tmp_path)  # nothing was put away
    assert papers(again) == papers(first)
    again.occurred(ShiftBegun(by_day, at(20)), 0)
    again.occurred(Aboard(at(20)), 0)
    again.occurred(Paid(at(30)), 0)
    again.occurred(ShiftEnded(at(40)), 0)
    (*_, second), ended = [fields for number, fields in papers(again) if number == TRIP], papers(again)[-1][1]
    assert second["meter"]["trip"] == 2
    assert [number for number, _ in papers(again)] == [SIGN_IN, TRIP, TRIP, SIGN_OUT]
    assert (ended["on"], ended["trips"], ended["total_trips"]) == (at(0).time, 2, 2)


def test_a_letter_goes_under_the_serial_that_it_had_before_the_restart(tmp_path: Path):
    first = isu(tmp_path)
    first.occurred(ShiftBegun(crew(CAB.number)[0], at(0)), 0)
    first.connected(0)
    sent = first.data_to_send()
    first.disconnected()
    again = isu(tmp_path)
    again.record(at(1), 1)
    again.connected(1)
    frames = again.data_to_send().split(b"~")
    assert sent.strip(b"~") in frames
    serials = [again.parse(frame)[0].serial for frame in frames if frame]
    assert len(serials) == len(set(serials)) == 2


def test_the_shift_of_a_driver_who_never_signed_out_is_closed_by_force(tmp_path: Path):
    first, (by_day, by_night) = isu(tmp_path), crew(CAB.number)
    first.occurred(ShiftBegun(by_day, at(0)), 0)
    again = isu(tmp_path)
    again.occurred(ShiftBegun(by_night, at(600)), 0)
    told = papers(again)
    assert [number for number, _ in told] == [SIGN_IN, SIGN_OUT, SIGN_IN]
    assert (told[1][1]["mode"], told[1][1]["driver_licence"]) == (1, by_day.licence)
    assert told[1][1]["off"] == at(0).time


def test_who_is_in_the_car_when_power_goes_gets_out_and_pays(tmp_path: Path):
    terminal = isu(tmp_path)
    terminal.occurred(ShiftBegun(crew(CAB.number)[0], at(0)), 0)
    terminal.occurred(Aboard(at(5)), 0)
    terminal.occurred(SwitchedOff(at(15)), 0)
    assert papers(terminal)[-1][1]["meter"]["distance"] == 10.0
    assert papers(isu(tmp_path)) == papers(terminal)


def test_a_state_of_another_kind_is_refused_with_its_file(tmp_path: Path):
    isu(tmp_path).occurred(ShiftBegun(crew(CAB.number)[0], at(0)), 0)
    (file,) = tmp_path.iterdir()
    file.write_text(file.read_text().replace('"trips": 0', '"trips": "many"', 1))
    with pytest.raises(StateError, match=file.name):
        isu(tmp_path)
