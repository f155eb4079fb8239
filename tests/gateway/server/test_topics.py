"""Devices behind a real MQTT broker: read, refused with a cause, and never lost once the broker has them."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import nats
from aiomqtt import Client, MqttError
from nats.aio.msg import Msg

from gateway.bus import COUNTS_SUBJECT, FIX_SUBJECT
from gateway.report import Alarm, FixBatch, Flag, Status, moment, names
from gateway.spool import SpoolReader
from tests import stack

START = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)
ROLL = ["car-7,mqtt,苏ET7007,taxi,", "wang/phone,owntracks,苏ET7008,taxi,"]


@contextmanager
def served(var: Path, bus: stack.Bus) -> Iterator[stack.GatewayProcess]:
    with stack.gateway(var, mqtt_url=bus.mqtt_url, bus_url=bus.url) as gateway:
        stack.eventually(lambda: "broker connected" in gateway.running.said(), "the broker is connected")
        yield gateway


def publish(port: int, messages: Sequence[tuple[str, bytes]]) -> None:
    """At QoS 1: returns when the broker has answered for each."""

    async def all_of_them() -> None:
        async with Client("127.0.0.1", port) as client:
            for topic, payload in messages:
                await client.publish(topic, payload, qos=1)

    asyncio.run(all_of_them())


def counts(url: str) -> dict[str, int]:
    async def ask() -> dict[str, int]:
        client = await nats.connect(url)
        answer = await client.request(COUNTS_SUBJECT, b"", timeout=10)
        await client.close()
        found: dict[str, int] = json.loads(answer.data)
        return found

    return asyncio.run(ask())


def rows(var: Path) -> list[tuple]:
    reader = SpoolReader(var / "spool", "test")
    batches = [FixBatch.from_bytes(e.columns) for e in reader.read(0, 1 << 30) if e.kind == "fix"]
    return [(b.terminals[r["terminal"]], r) for b in batches for r in b.rows]


def attributes(var: Path) -> list[dict]:
    reader = SpoolReader(var / "spool", "test")
    batches = [FixBatch.from_bytes(e.columns) for e in reader.read(0, 1 << 30) if e.kind == "fix"]
    return [json.loads(text or b"{}") for batch in batches for text in batch.attributes]


def one(seconds: int, **changes: object) -> dict:
    time = (START + timedelta(seconds=seconds)).isoformat()
    return {"time": time, "lat": 31.38, "lon": 120.95, "speed_kmh": 36.0, "course_deg": 90.0, **changes}


def test_json_fixes_and_owntracks_become_fixes(tmp_path: Path):
    stack.enrol(tmp_path, ROLL)
    with stack.bus(tmp_path) as bus, served(tmp_path, bus):
        owntracks = {
            "_type": "location",
            "lat": 31.4,
            "lon": 121.0,
            "tst": int(START.timestamp()),
            "vel": 18,
            "tid": "w",
        }
        messages = [
            ("taxihub/car-7/fix", one(0, status={"occupied": True, "acc_on": True}, odometer_km=12.5)),
            ("taxihub/car-7/fix", [one(10), one(20)]),
            ("owntracks/wang/phone", owntracks),
            ("owntracks/wang/phone", {"_type": "lwt", "tst": 1}),
        ]
        publish(bus.mqtt_port, [(topic, json.dumps(m).encode()) for topic, m in messages])
        stack.eventually(lambda: len(rows(tmp_path)) == 4, "four fixes are spooled")
        (_, first), _, (_, third), (key, phone) = rows(tmp_path)
        assert moment(first["time"]) == START
        assert (first["lat"], first["lon"], first["speed"], first["course"]) == (31.38, 120.95, 10.0, 90.0)
        assert Status(int(first["status"])) == Status.OCCUPIED | Status.ACC_ON | Status.POSITIONED
        assert first["odometer"] == 12_500.0
        assert moment(third["time"]) == START + timedelta(seconds=20)
        assert (key, phone["lat"], phone["speed"]) == ("owntracks/wang/phone", 31.4, 5.0)


def test_bad_messages_are_counted_by_cause_and_stop_nothing(tmp_path: Path):
    stack.enrol(tmp_path, ROLL)
    with stack.bus(tmp_path) as bus, served(tmp_path, bus):
        bad = [b"{", b"[]", b"7", b"\xff\xfe", b'{"time": "2026-11-25T09:00:00"}']
        bad.append(json.dumps(one(0, lat="31")).encode())
        publish(bus.mqtt_port, [("taxihub/car-7/fix", payload) for payload in bad])
        publish(bus.mqtt_port, [("taxihub/stranger/fix", json.dumps(one(0)).encode())])
        publish(bus.mqtt_port, [("taxihub/car-7/fix", json.dumps([one(1), {"lat": 1}, one(2)]).encode())])
        stack.eventually(lambda: len(rows(tmp_path)) == 2, "the good ones are spooled")
        found = counts(bus.url)
        assert found["mqtt.unknown_terminal"] == 1
        assert found["mqtt.json"] == 2
        assert found["mqtt.length"] == 1
        assert found["fix_json"] + found["fix_time"] == 4


def test_what_cannot_be_believed_is_kept_with_its_flag_and_what_is_unknown_as_an_attribute(tmp_path: Path):
    stack.enrol(tmp_path, ROLL)
    with stack.bus(tmp_path) as bus, served(tmp_path, bus):
        said = [
            one(0, lat=99), one(1, lon=-200.5), one(2, speed_kmh=5000), one(3, speed_kmh=-3), one(4, course_deg=700),
            one(5, altitude_m=12_000), one(6, satellites=4000), one(7, status={"occupied": True, "sleepy": True}),
            one(8, alarms=["overspeed", "volcano"]), one(9, status="parked"),
        ]  # fmt: skip
        publish(bus.mqtt_port, [("taxihub/car-7/fix", json.dumps(said).encode())])
        found = stack.eventually(lambda: r if len(r := rows(tmp_path)) == len(said) else None, "all are spooled")
        flags = [names(Flag(int(row["flags"]))) for _, row in found]
        assert flags == [["place"], ["place"], ["motion"], ["motion"], ["motion"], [], [], [], [], []]
        assert Status(int(found[7][1]["status"])) == Status.OCCUPIED | Status.POSITIONED
        assert Alarm(int(found[8][1]["alarms"])) == Alarm.OVERSPEED
        assert attributes(tmp_path)[6:] == [
            {"satellites": 4000}, {"status": {"sleepy": True}}, {"alarms": {"volcano": True}}, {"status": "parked"},
        ]  # fmt: skip
        told = counts(bus.url)
        assert (told["flagged"], told["flagged_place"], told["flagged_motion"]) == (5, 2, 3)


def test_a_device_reaches_nothing_on_the_bus_but_its_own_subject(tmp_path: Path):
    """It may publish positions; commands, forged batches and everybody's positions are out of its reach."""
    stack.enrol(tmp_path, ROLL)
    with stack.bus(tmp_path) as bus, served(tmp_path, bus):

        async def trespass() -> tuple[list[str], list[str]]:
            on_bus, on_broker = [], []
            inside = await nats.connect(bus.url)

            async def note(message: Msg) -> None:
                on_bus.append(message.subject)

            await inside.subscribe("taxihub.>", cb=note)
            async with Client("127.0.0.1", bus.mqtt_port) as device:
                with suppress(MqttError):
                    await device.subscribe("#", qos=0)
                for topic in ("taxihub/command", "taxihub/fix", "taxihub/report", "taxihub/counts"):
                    await device.publish(topic, json.dumps({"type": "query_position", "terminal": "x"}), qos=0)
                await device.publish("taxihub/car-7/fix", json.dumps(one(0)), qos=1)
                stack.eventually(lambda: len(rows(tmp_path)) == 1, "the device's fix is spooled")
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.5):
                        async for message in device.messages:
                            on_broker.append(str(message.topic))
            await inside.close()
            return on_bus, on_broker

        on_bus, on_broker = asyncio.run(trespass())
        told = {subject for subject in on_bus if not subject.startswith("taxihub.gateway.")}
        assert told == {FIX_SUBJECT}  # the gateway's own batch, beside what gateways tell each other
        assert on_broker == []


def test_what_the_broker_took_while_the_gateway_was_killed_and_away_arrives(tmp_path: Path):
    stack.enrol(tmp_path, ROLL)
    sent = 0
    with stack.bus(tmp_path) as bus:
        for _ in range(3):
            with served(tmp_path, bus) as gateway:
                batch = [("taxihub/car-7/fix", json.dumps(one(sent + i)).encode()) for i in range(300)]
                publish(bus.mqtt_port, batch)
                gateway.running.kill()
                sent += len(batch)
            batch = [("taxihub/car-7/fix", json.dumps(one(sent + i)).encode()) for i in range(50)]
            publish(bus.mqtt_port, batch)
            sent += len(batch)
        with served(tmp_path, bus):
            stack.eventually(lambda: len({int(r["time"]) for _, r in rows(tmp_path)}) == sent, "all have arrived")
