"""What terminals write is what the gateway reads, for any position; receivers err, but not far."""

from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import or_

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.report import Alarm, Position, Status
from simulator.duty import Duty, Reading
from simulator.plane import Plane
from simulator.receiver import FARTHEST_M, Receiver, with_edges
from simulator.roll import Cab
from simulator.terminal import jt808, jt905, mqtt
from simulator.terminal.backoff import Backoff
from simulator.terminal.outfit import reader

SHARED_FLAGS = [Status.ACC_ON, Status.OUT_OF_SERVICE, Status.OCCUPIED, Status.OIL_CUT, Status.DOORS_LOCKED]
CAB808, CAB905, CAB_MQTT = (Cab("1", protocol, "苏ET1", "", 2013) for protocol in ("jt808", "jt905", "mqtt"))
NOW = datetime(2026, 3, 4, 4, 0, tzinfo=UTC)

positions = st.builds(
    Position,
    terminal=st.just("x/1"),
    time=st.datetimes(datetime(2001, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC)).map(
        lambda t: t.replace(microsecond=0)
    ),
    lat=st.floats(-90, 90),
    lon=st.floats(-180, 180),
    speed=st.floats(0, 80),
    course=st.floats(0, 359.99),
    altitude=st.integers(-400, 8000).map(float),
    recorder_speed=st.floats(0, 80),
    odometer=st.floats(0, 4e8),
    satellites=st.integers(0, 60),
    signal=st.integers(0, 99),
    alarms=st.sampled_from([Alarm(0), Alarm.EMERGENCY, Alarm.OVERSPEED, Alarm.FATIGUE | Alarm.POWER_LOST]),
    status=st.lists(st.sampled_from(SHARED_FLAGS)).map(lambda flags: reduce(or_, flags, Status.POSITIONED)),
)


def same(read: Position, sent: Position, degrees: float, course: float) -> None:
    assert read.time == sent.time
    assert (read.lat, read.lon) == pytest.approx((sent.lat, sent.lon), abs=degrees)
    assert read.speed == pytest.approx(sent.speed, abs=0.015)
    assert abs((read.course - sent.course + 180) % 360 - 180) <= course
    assert read.altitude == sent.altitude
    assert read.odometer == pytest.approx(sent.odometer, abs=51)
    assert read.status & reduce(or_, SHARED_FLAGS, Status.POSITIONED) == sent.status


@given(positions)
def test_jt808_bodies_are_read_as_meant(sent: Position):
    read = reader(CAB808)(jt808.encode_body(0x0200, jt808.fields_of(sent), 2013))
    same(read, sent, 6e-7, 0.5)
    assert read.alarms == sent.alarms
    assert (read.satellites, read.signal) == (sent.satellites, sent.signal)
    assert read.recorder_speed == pytest.approx(sent.recorder_speed, abs=0.015)


@given(positions)
def test_jt905_bodies_are_read_as_meant(sent: Position):
    read = reader(CAB905)(jt905.POSITION.write(jt905.fields_of(sent)))
    same(read, sent, 1e-6, 1.0)
    assert read.alarms == sent.alarms


@given(positions)
def test_json_bodies_are_read_as_meant(sent: Position):
    read = reader(CAB_MQTT)(mqtt.body_of(sent))
    same(read, sent, 6e-7, 0.5)
    assert (read.alarms, read.satellites, read.terminal) == (sent.alarms, sent.satellites, "mqtt/1")


@given(positions)
def test_a_position_without_a_fix_says_so(sent: Position):
    lost = Position(terminal="x/1", time=sent.time, lat=sent.lat, lon=sent.lon, status=Status.ACC_ON, valid=False)
    assert not reader(CAB808)(jt808.encode_body(0x0200, jt808.fields_of(lost), 2013)).valid
    assert not reader(CAB905)(jt905.POSITION.write(jt905.fields_of(lost))).valid
    assert not reader(CAB_MQTT)(mqtt.body_of(lost)).valid


def test_edges_stand_in_exactly_one_report():
    free = Position(terminal="x/1", time=NOW, lat=31, lon=121, status=Status.POSITIONED)
    busy = Position(terminal="x/1", time=NOW, lat=31, lon=121, status=Status.POSITIONED | Status.OCCUPIED)
    said, occupied = [], False
    for position in (free, busy, busy, free, free):
        marked = with_edges(position, occupied)
        occupied = Status.OCCUPIED in marked.status
        said.append(reader(CAB905)(jt905.POSITION.write(jt905.fields_of(marked))).status)
    assert [Status.PICK_UP_EDGE in status for status in said] == [False, True, False, False, False]
    assert [Status.DROP_OFF_EDGE in status for status in said] == [False, False, False, True, False]


@given(seed=st.integers(0, 10**6), speeds=st.lists(st.floats(0, 30), min_size=1, max_size=40))
def test_a_receiver_errs_but_not_far(seed: int, speeds: list[float]):
    receiver, near = Receiver("x/1", np.random.default_rng(seed)), Plane(31.38, 120.95)
    for step, speed in enumerate(speeds):
        fix = receiver.fix(Reading(31.38, 120.95, speed, 77.0, 5e6, Duty.CRUISING), NOW + timedelta(seconds=10 * step))
        assert abs(near.point(fix.lat, fix.lon)) <= FARTHEST_M * 1.5
        assert fix.speed is not None
        assert abs(fix.speed - speed) < 2
        assert fix.speed > 0 or speed < 1.5


def test_a_standing_receiver_holds_its_position():
    receiver = Receiver("x/1", np.random.default_rng(1))
    parked = Reading(31.38, 120.95, 0.0, 10.0, 5e6, Duty.RESTING)
    first, second = (receiver.fix(parked, NOW + timedelta(seconds=s)) for s in (0, 600))
    assert (first.lat, first.lon, first.course) == (second.lat, second.lon, second.course)
    assert Status.ACC_ON not in first.status


@given(seed=st.integers(0, 10**6))
def test_waits_between_tries_double_up_to_a_minute_and_are_jittered(seed: int):
    backoff = Backoff(np.random.default_rng(seed))
    for most in (1, 2, 4, 8, 16, 32, 60, 60, 60):
        assert most / 2 <= backoff.next_s() <= most
    backoff.reset()
    assert backoff.next_s() <= 1
