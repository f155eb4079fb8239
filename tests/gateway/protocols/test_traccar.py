"""The frames of 808 devices that traccar's tests hold: plausible places, its values under our names.

Its protocol decoder is fed frames whose escapes were undone before, except where a frame holds the
escape itself.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.decode.captured import from_object
from gateway.decode.rim import report
from gateway.explain import Decoded
from gateway.protocols.jt808.explain import Jt808Decoder
from gateway.wire.framing import escape, unescape

REFUSED = {"Jt808ProtocolDecoderTest.java:328"}
"""Frames whose checksum is wrong however one reads them."""


def sensor(attributes: dict, number: int) -> dict:
    return next(s for s in attributes["sensors"] if s["sensor"] == number)


ALARMS = {"hardAcceleration": "hard_acceleration", "lowBattery": "power_low", "removing": "tampered"}
VALUES: dict[str, Any] = {
    "temp3": lambda attributes: sensor(attributes, 3)["temperature_c"],
    "batteryLevel": lambda attributes: attributes["battery_level_pct"],
    "lock1Locked": lambda attributes: "unlocked" not in attributes["locks"][0]["status"],
    "dtcs": lambda attributes: attributes["dtcs"].replace(",", " "),
    "charge": lambda attributes: attributes["battery"]["charger"] in ("charging", "full"),
    "power": lambda attributes: attributes["power_v"],
}


@pytest.fixture(scope="module")
def frames(shared: Path) -> list[dict]:
    lines = (shared / "vectors" / "traccar.jsonl").read_text("utf-8").splitlines()
    return [v for v in map(json.loads, lines) if v["test_class"].startswith("Jt808")]


def decode(vector: dict) -> list[Decoded]:
    line = {"protocol": "jt808", vector["input_kind"]: vector["input"]}
    return Jt808Decoder().decode(from_object(line).capture)


def test_every_frame_says_what_traccar_reads_in_it(frames: list[dict]):
    compared = 0
    for v in frames:
        if v["role"] != "ProtocolDecoder":
            continue
        found = decode(v)
        assert all((f.error is not None) == (v["source"] in REFUSED) for f in found), (found, v)
        if v["source"] in REFUSED:
            continue
        said = [report(r) for f in found for r in f.reports]
        compared += 1
        if v["verify"] == "verifyNull":
            assert all(r["kind"] != "position" for r in said), v
        elif v["verify"] == "verifyAttribute":
            assert_value(said, v["expected"]["attribute"], v["expected"]["value"])
        else:
            assert said, v
        for r in said:
            if r["kind"] == "position":
                assert -90 <= r["lat"] <= 90
                assert -180 <= r["lon"] <= 180
                assert r["time"].year > 1999
    assert compared >= 22


def assert_value(said: list[dict], name: str, value: Any) -> None:
    (position,) = (r for r in said if r["kind"] == "position")
    if name == "alarm":
        assert {ALARMS[a] for a in value.split(",")} <= set(position["alarms"])
    else:
        assert VALUES[name](position["attributes"]) == pytest.approx(value)


def test_frames_are_cut_and_escaped_as_traccar_does(frames: list[dict]):
    for v in frames:
        given = v["input"] if isinstance(v["input"], str) else ""
        if v["role"] == "FrameDecoder":
            wanted = bytes.fromhex(v["expected"]["data"])
            (found,) = decode(v)
            assert found.raw == wanted or unescape(found.raw.strip(b"~")) == wanted.strip(b"~"), v
        elif v["role"] == "FrameEncoder":
            inside = bytes.fromhex(given)[1:-1]
            assert (b"~" + escape(inside) + b"~").hex() == v["expected"]["data"]


def test_a_frame_that_holds_the_escape_itself_is_sound(frames: list[dict]):
    """Line 232 carries 7D 02, which is 7E: undone, its length and checksum are right; else both are wrong."""
    (v,) = (v for v in frames if v["source"].endswith("DecoderTest.java:232"))
    (found,) = decode(v)
    assert found.error is None
    assert "7d02" in v["input"]
    assert found.fields["items"]["0x87"] == {"intake_flow": 0x007E}
