"""A driver's phone over a real broker: offered, taken, awarded, cancelled; repeats, strangers and kills."""

from __future__ import annotations

import json
import queue
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import psycopg
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from dispatch.booking import Event, State
from tests import stack
from tests.dispatch.bureau import DOOR, Bureau, bureau

PHONES = {"phone-1": "secret of the first", "phone-2": "secret of the second"}
WAIT_S = 15.0


class Phone:
    """Says what a test wants, and hears what it is told. QoS 1 up, 0 down."""

    def __init__(self, port: int, number: str, password: str) -> None:
        self.number, self.told = number, queue.Queue[dict[str, Any]]()
        self.client = paho.Client(CallbackAPIVersion.VERSION2, client_id=f"test-{number}")
        self.client.username_pw_set(number, password)
        self.client.on_message = lambda _client, _data, message: self.told.put(json.loads(message.payload))
        listening = queue.Queue[int]()
        self.client.on_subscribe = lambda _client, _data, _mid, codes, _properties: listening.put(codes[0].value)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        self.client.subscribe(f"taxihub/{number}/told")
        assert listening.get(timeout=WAIT_S) == 0

    def publish(self, what: str, body: Any) -> None:
        """Until the broker has acknowledged it."""
        self.client.publish(f"taxihub/{self.number}/{what}", json.dumps(body), qos=1).wait_for_publish(WAIT_S)

    def say(self, kind: str, **more: Any) -> None:
        self.publish("said", {"v": 1, "kind": kind, **more})

    def at(self, lat: float, lon: float, **status: bool) -> None:
        time = datetime.now(UTC).isoformat()
        self.publish("fix", {"time": time, "lat": lat, "lon": lon, "speed_kmh": 0, "status": status})

    def hears(self, kind: str) -> dict[str, Any]:
        """The next of this kind, acknowledged like all before it."""
        while True:
            told = self.told.get(timeout=WAIT_S)
            if told["kind"] != "question":
                self.say("ack", serial=told["serial"])
            if told["kind"] == kind:
                return told

    @property
    def key(self) -> str:
        return f"mqtt/{self.number}"


@contextmanager
def phone(office: Bureau, number: str = "phone-1", password: str = "") -> Iterator[Phone]:
    one = Phone(office.centre.bus.mqtt_port, number, password or PHONES[number])
    try:
        yield one
    finally:
        one.client.disconnect()
        one.client.loop_stop()


@contextmanager
def on_duty(office: Bureau, number: str = "phone-1") -> Iterator[Phone]:
    """At the door, with a driver."""
    with phone(office, number) as one:
        one.say("hello")
        one.say("sign_in", driver="3205830001")
        one.at(DOOR.lat, DOOR.lon)
        yield one


@pytest.fixture
def office(tmp_path: Path, database: str) -> Iterator[Bureau]:
    with bureau(tmp_path, database, 0, phones=PHONES) as running:
        yield running


def test_an_order_is_offered_taken_awarded_and_cancelled_on_a_phone(office: Bureau):
    with on_duty(office) as driver:
        order = office.book()
        offer = driver.hears("offer")
        assert (offer["order"], offer["urgency"], offer["when"]) == (order, "immediate", None)
        assert "168" not in offer["text"]
        assert "昆山南站" not in json.dumps(offer, ensure_ascii=False)
        driver.say("order", order=order, does="grab")
        award = driver.hears("award")
        assert award["order"] == order
        assert "急诊门口" in award["text"]
        assert award["pick_up"] == {"lat": DOOR.lat, "lon": DOOR.lon}
        assert office.becomes(order, State.ACCEPTED).taxi == driver.key
        office.do(order, Event.CANCEL)
        assert driver.hears("cancelled")["order"] == order


def test_a_whole_journey_and_the_drivers_own_end_of_it(office: Bureau):
    with on_duty(office) as driver:
        order = office.book()
        driver.hears("offer")
        driver.say("order", order=order, does="grab")
        driver.hears("award")
        driver.at(DOOR.lat, DOOR.lon, occupied=True)
        office.becomes(order, State.ON_BOARD)
        driver.say("order", order=order, does="finish")
        office.becomes(order, State.COMPLETED)


def test_who_refuses_is_not_asked_again_and_who_repeats_himself_is_followed_once(office: Bureau):
    with on_duty(office, "phone-1") as first:
        order = office.book()
        first.hears("offer")
        for _ in range(3):
            first.say("order", order=order, does="refuse")
        stack.eventually(lambda: ("pass", first.key) in office.past(order), "the refusal is followed")
        with on_duty(office, "phone-2") as second:
            second.hears("offer")
            for _ in range(3):
                second.say("order", order=order, does="grab")
            second.hears("award")
            assert office.becomes(order, State.ACCEPTED).taxi == second.key
            assert [event for event, _ in office.past(order)].count("accept") == 1


def test_a_driver_answers_an_order_that_is_gone_and_is_told_so(office: Bureau):
    with on_duty(office) as driver:
        order = office.book()
        driver.hears("offer")
        office.do(order, Event.CANCEL)
        driver.hears("cancelled")
        driver.say("order", order=order, does="grab")
        assert driver.hears("lost")["order"] == order
        driver.say("order", order=99_999, does="grab")
        assert driver.hears("lost")["order"] == 99_999


def test_a_phone_without_a_driver_gets_no_orders(office: Bureau):
    with phone(office) as driver:
        driver.say("hello")
        driver.at(DOOR.lat, DOOR.lon)
        order = office.book()
        office.decided(order)
        driver.say("sign_in", driver="3205830001")
        assert driver.hears("offer")["order"] == order
        driver.say("sign_out", driver="3205830001")


def test_an_answer_that_the_broker_took_while_the_gateway_was_killed_is_not_lost(office: Bureau):
    with on_duty(office) as driver:
        order = office.book()
        driver.hears("offer")
        office.centre.process.running.kill()
        driver.say("order", order=order, does="grab")
        with stack.gateway(office.centre.var, bus_url=office.centre.bus.url, mqtt_url=office.centre.bus.mqtt_url):
            driver.say("hello")
            driver.hears("award")
            assert office.becomes(order, State.ACCEPTED).taxi == driver.key


def test_no_phone_speaks_for_another_and_none_without_its_password(office: Bureau):
    with on_duty(office, "phone-1") as first, phone(office, "phone-2") as stranger:
        order = office.book()
        first.hears("offer")
        stranger.number = "phone-1"
        forged = {"v": 1, "kind": "order", "order": order, "does": "grab"}
        stranger.client.publish("taxihub/phone-1/said", json.dumps(forged), qos=1)
        stranger.client.subscribe("taxihub/+/told")
        first.say("order", order=order, does="refuse")
        stack.eventually(lambda: ("pass", first.key) in office.past(order), "the phone's own answer is followed")
        assert stranger.told.empty()
        with psycopg.connect(office.centre.database) as db:
            query = "SELECT count(*) FROM message WHERE name = 'grab_order'"
            assert db.execute(query).fetchone() == (0,)
    with pytest.raises((queue.Empty, AssertionError)), phone(office, "phone-1", "a guess"):
        pass


@pytest.mark.parametrize(
    "body",
    [
        {"v": 2, "kind": "order", "order": 1, "does": "grab"}, {"v": 1, "kind": "dance"},
        {"v": 1, "kind": "order", "order": "1", "does": "grab"}, {"v": 1, "kind": "order", "order": -1, "does": "grab"},
        {"v": 1, "kind": "order", "order": 1, "does": "sing"}, {"v": 1, "kind": "sign_in", "driver": ""},
        {"v": 1, "kind": "answer", "serial": 1 << 20, "answer": 1}, [1, 2], "x" * 100_000,
    ],
)  # fmt: skip
def test_what_nobody_can_read_is_refused_and_costs_nobody_anything(office: Bureau, body: Any):
    with on_duty(office) as driver:
        before = refused(office)
        driver.publish("said", body)
        stack.eventually(lambda: refused(office) > before, "it is counted")
        order = office.book()
        assert driver.hears("offer")["order"] == order


def refused(office: Bureau) -> int:
    counts = office.centre.counted()
    return sum(value for key, value in counts.items() if key.startswith("mqtt.json") or key == "mqtt.length")
