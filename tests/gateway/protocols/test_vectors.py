"""Real JT/T 808 and 905 packets: expected values, every truncation, every flipped bit, both paths."""

import json
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from gateway.errors import ProtocolError
from gateway.protocols.jt808 import messages as jt808
from gateway.protocols.jt808 import translate as translate808
from gateway.protocols.jt905 import messages as jt905
from gateway.protocols.jt905 import translate as translate905
from gateway.report import FIX, micros
from gateway.wire.clocks import CHINA
from gateway.wire.framing import FrameBuffer, unescape, wrap

CODECS = {"JT/T 808-2011": jt808, "JT/T 808-2013": jt808, "JT/T 808-2019": jt808, "JT/T 905-2014": jt905}
POSITIONS = {"0x0200", "0x0202"}


@pytest.fixture(scope="module")
def vectors(shared: Path) -> list[dict]:
    lines = (shared / "vectors" / "jtt.jsonl").read_text("utf-8").splitlines()
    return [v for v in map(json.loads, lines) if v["standard"] in CODECS]


@pytest.fixture(scope="module")
def decodable(vectors: list[dict]) -> list[dict]:
    known = {"JT/T 905-2014": jt905.MESSAGES}
    return [v for v in vectors if int(v["message_id"], 16) in known.get(v["standard"], jt808.MESSAGES)]


def test_headers_say_what_the_source_says(vectors: list[dict]):
    for v in vectors:
        header = CODECS[v["standard"]].decode(bytes.fromhex(v["hex"])).header
        expected = v["expected"]
        number = expected.get("header.phone", expected.get("header.isu"))
        assert (header.message_id, header.serial) == (int(v["message_id"], 16), expected["header.serial"]), v
        assert header.terminal == number or "header.phone" in v.get("self_decoded", {}) or number is None, v


SCALES = {"lat": 1e6, "lon": 1e6, "speed": 10, "direction": 1, "altitude": 1, "alarm": 1, "status": 1}


def test_positions_have_the_expected_values(decodable: list[dict]):
    compared = 0
    for v in decodable:
        if v["message_id"] not in POSITIONS | {"0x0201"}:
            continue
        fields = CODECS[v["standard"]].decode(bytes.fromhex(v["hex"])).fields
        taxi = v["standard"] == "JT/T 905-2014"
        scales = SCALES | ({"lat": 600_000, "lon": 600_000, "direction": 0.5} if taxi else {})
        for name, scale in scales.items():
            if name in v["expected"]:
                assert fields[name] * scale == pytest.approx(v["expected"][name], abs=1e-6), (name, v)
                compared += 1
        if "time" in v["expected"]:
            moment = datetime.fromisoformat(v["expected"]["time"]).replace(tzinfo=CHINA)
            assert fields["time"] == moment, v
        if "extra.0x01.mileage_0.1km" in v["expected"]:
            assert fields["items"]["0x01"]["odometer"] * 10 == pytest.approx(v["expected"]["extra.0x01.mileage_0.1km"])
    assert compared > 200


def test_registrations_have_the_expected_values(decodable: list[dict]):
    names = ("province", "city", "maker", "model", "terminal_id", "plate_color", "plate")
    for v in decodable:
        if v["message_id"] == "0x0100" and v["basis"] == "repo":
            fields = jt808.decode(bytes.fromhex(v["hex"])).fields
            assert {n: fields[n] for n in names} == {n: v["expected"][n] for n in names}


def test_every_frame_is_cut_out_of_a_stream_byte_by_byte(vectors: list[dict]):
    buffer, seen = FrameBuffer(), []
    stream = b"rubbish".join(bytes.fromhex(v["hex"]) for v in vectors)
    for i in range(len(stream)):
        seen += buffer.feed(stream[i : i + 1])
    contents = [unescape(f) for f in seen if f != b"rubbish"]
    assert contents == [unescape(bytes.fromhex(v["hex"]).strip(b"~")) for v in vectors]


def test_truncations_and_flipped_bits_stay_inside_our_errors(decodable: list[dict]):
    for v in decodable:
        codec, content = CODECS[v["standard"]], unescape(bytes.fromhex(v["hex"]).strip(b"~"))[:-1]
        whole = codec.decode(wrap(content))
        for cut in range(len(content)):
            with suppress(ProtocolError):
                cut_short = codec.decode(wrap(content[:cut]))
                assert (cut_short.header, cut_short.body) != (whole.header, whole.body)
        for bit in range(0, 8 * len(content), 5):
            flipped = bytearray(content)
            flipped[bit // 8] ^= 1 << bit % 8
            with suppress(ProtocolError):
                changed = codec.decode(wrap(bytes(flipped)))
                assert (changed.header, changed.body) != (whole.header, whole.body)


def test_re_encoding_positions_gives_the_same_frame(decodable: list[dict]):
    for v in decodable:
        if v["message_id"] not in POSITIONS:
            continue
        frame = bytes.fromhex(v["hex"])
        codec, message = CODECS[v["standard"]], CODECS[v["standard"]].decode(frame)
        version = {} if codec is jt905 else {"version": message.header.version}
        header = message.header
        again = codec.encode(
            header.message_id, message.fields, terminal=header.terminal, serial=header.serial, **version
        )
        if not message.fields.get("surplus"):
            assert again.hex() == frame.hex(), v


@pytest.mark.parametrize("standard", ["JT/T 808", "JT/T 905"])
def test_columns_equal_the_scalar_path(decodable: list[dict], standard: str):
    taxi = standard == "JT/T 905"
    codec, table = (jt905, translate905.TABLE) if taxi else (jt808, translate808.OLD)
    mine = [v for v in decodable if v["standard"].startswith(standard) and v["message_id"] in POSITIONS]
    bodies = [codec.decode(bytes.fromhex(v["hex"])).body for v in mine]
    columns = table.read(bodies)
    assert columns.source.tolist() == list(range(len(bodies)))
    for body, row, extra in zip(bodies, columns.rows, columns.attributes, strict=True):
        fields = codec.MESSAGES[0x0200].layout(2013).decode(body)
        if taxi:
            one = translate905.position("t", fields, body)
        else:
            one = translate808.position("t", fields, 2013, body)
        assert (micros(one.time), one.identity) == (row["time"], row["identity"])
        assert (int(one.alarms), int(one.status)) == (row["alarms"], row["status"])
        assert json.loads(extra or "{}") == json.loads(json.dumps(one.attributes))
        for name in ("lat", "lon", "speed", "course", "altitude", "recorder_speed", "fuel", "odometer"):
            value = getattr(one, name)
            assert np.isnan(row[name]) if value is None else FIX[name].type(value) == row[name], name
        for name in ("satellites", "signal"):
            assert row[name] == (-1 if getattr(one, name) is None else getattr(one, name))
