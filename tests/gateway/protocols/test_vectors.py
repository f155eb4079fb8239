"""Real packets of JT/T 808, JT/T 905 and T/JSATL 12: every expected value, every cut, flipped bits, both paths."""

import json
import re
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gateway.decode.rim import dumps, report
from gateway.errors import ProtocolError
from gateway.explain import Capture, Decoded, FramedDecoder
from gateway.protocols.jt808 import messages as jt808
from gateway.protocols.jt808 import translate as translate808
from gateway.protocols.jt808.control import PARAMETER_LIST
from gateway.protocols.jt808.explain import Jt808Decoder
from gateway.protocols.jt905 import devices
from gateway.protocols.jt905 import messages as jt905
from gateway.protocols.jt905 import translate as translate905
from gateway.protocols.jt905.explain import Jt905Decoder
from gateway.report import Position
from gateway.wire.clocks import CHINA
from gateway.wire.framing import FrameBuffer, unescape, wrap
from tests.gateway.protocols.expected import JT808, JT905, find
from tests.gateway.protocols.test_columns import assert_same

SERIAL = "JT/T 905-2014 ISU serial"
POSITIONS = {"0x0200", "0x0202"}


def taxi(vector: dict) -> bool:
    return vector["standard"].startswith("JT/T 905")


def codec(vector: dict) -> Any:
    return jt905 if taxi(vector) else jt808


def decoder(vector: dict) -> FramedDecoder:
    return Jt905Decoder() if taxi(vector) else Jt808Decoder()


def raw(vector: dict) -> bytes:
    return bytes.fromhex(vector["hex"])


@pytest.fixture(scope="module")
def lines(shared: Path) -> list[dict]:
    found = [json.loads(line) for line in (shared / "vectors" / "jtt.jsonl").read_text("utf-8").splitlines()]
    return [v for v in found if "809" not in v["standard"]]


@pytest.fixture(scope="module")
def vectors(lines: list[dict]) -> list[dict]:
    """The lines that are whole 0x7E frames and must decode."""
    return [v for v in lines if v["result"] == "pass" and v["standard"] != SERIAL]


def decode(vector: dict) -> Decoded:
    (found,) = decoder(vector).decode(Capture(raw(vector)))
    return found


def test_every_line_decodes_and_what_must_be_refused_is(lines: list[dict]):
    for v in lines:
        found = decode(v)
        assert (found.error is None) == (v["result"] == "pass"), (v, found.error)
        assert found.message != "unknown", v
        dumps(found.fields)
        for said in found.reports:
            dumps(report(said))


def test_headers_say_what_the_source_says(vectors: list[dict]):
    for v in vectors:
        header, expected = codec(v).parse(raw(v))[0], v["expected"]
        number = expected.get("header.phone", expected.get("header.isu"))
        assert (header.message_id, header.serial) == (int(v["message_id"], 16), expected["header.serial"]), v
        assert header.terminal == number or "header.phone" in v.get("self_decoded", {}) or number is None, v
        if "header.pkg_total" in expected:
            assert header.package == (expected["header.pkg_total"], expected["header.pkg_no"])
        assert expected.get("header.proto_ver", header.edition) == header.edition
        assert expected.get("header.body_len", header.length) == header.length


def test_every_expected_value_is_ours(lines: list[dict]):
    compared = 0
    for v in lines:
        if v["result"] != "pass":
            continue
        fields = decode(v).fields
        table = (JT905 if taxi(v) else JT808).get(v["message_id"], {})
        for theirs, value in v["expected"].items():
            if theirs.startswith("header."):
                continue
            compared += 1
            indices = re.findall(r"\[\d+\]", theirs)
            row = table.get(re.sub(r"\[\d+\]", "[]", theirs))
            if row is None:
                assert compare_elsewhere(v, fields, theirs, value), (theirs, value, v)
                continue
            path, scale = row if isinstance(row, tuple) else (row, None)
            for index in indices:
                path = path.replace("[]", index, 1)
            assert alike(find(fields, path), value, scale), (theirs, value, find(fields, path), v)
    assert compared > 1500


def alike(ours: Any, theirs: Any, scale: float | None) -> bool:
    """Whether our physical value is their raw one."""
    match ours:
        case datetime():
            ours = ours.astimezone(CHINA if ours.tzinfo is not UTC else UTC).replace(tzinfo=None)
            digits = re.sub(r"\D", "", str(theirs))
            return f"{ours:%Y%m%d%H%M%S}".startswith(digits) or f"{ours:%y%m%d%H%M%S}" == digits
        case date():
            return f"{ours:%Y%m%d}" == theirs
        case bytes():
            return cut_alike(ours.hex(), theirs)
        case Decimal() | float() | int() if not isinstance(theirs, str) or theirs.isdecimal():
            return float(ours) * (scale or 1) == pytest.approx(float(theirs), abs=1e-6)
        case str():
            return cut_alike(ours, theirs.strip())
    return bool(ours == theirs)


def compare_elsewhere(v: dict, fields: Any, theirs: str, value: Any) -> bool:
    """Values that have no field of their own: counts, items and parameters as bytes, pairs in lists."""
    if theirs == "error":
        return True
    if v["message_id"] == "0x0900":  # what is passed through is decoded further where we know it
        return cut_alike(jt808.parse(raw(v))[1][1:].hex(), value)
    if theirs in ("count", "len"):
        held = next(x for x in fields.values() if isinstance(x, list | dict | bytes))
        return len(held) == value
    if pair := re.fullmatch(r"params\[(\d+)\]\[(\d)\]", theirs):
        items = devices.PARAMETER_LIST.kind if taxi(v) else PARAMETER_LIST.kind
        key, item = list(fields["parameters"].items())[int(pair[1])]
        written = item["raw"] if "raw" in item else items.kind(int(key[:6], 16), item).write(item)
        ours = (int(key.partition("#")[0], 16), len(written), written.hex())[int(pair[2])]
        return cut_alike(ours, value)
    if pair := re.fullmatch(r"(?:items\[(\d+)\]\.)?extra\.(0x..)(\.raw)?", theirs):
        place = fields["positions"][int(pair[1])] if pair[1] else fields
        item, table = place["items"][pair[2]], (translate905.TABLE if taxi(v) else translate808.OLD).kind
        written = item["raw"] if "raw" in item else table.kind(int(pair[2], 16), item).write(item)
        return cut_alike(written.hex(), value)
    if pair := re.fullmatch(r"(items|missing)\[(\d+)\]\[(\d)\]", theirs):
        held = next(x for x in fields.values() if isinstance(x, list))[int(pair[2])]
        return list(held.values())[int(pair[3])] == value
    if theirs == "meter.off_time":
        return f"{fields['meter']['off']:%H:%M}" == value
    if theirs == "meter.wait":
        return f"{fields['meter']['waiting'] // 3600:02}:{fields['meter']['waiting'] % 3600 // 60:02}" == value
    return False


def cut_alike(ours: Any, theirs: Any) -> bool:
    """Long values are cut in the file and end with an ellipsis."""
    if isinstance(theirs, str) and theirs.endswith("…"):
        return str(ours).startswith(theirs[:-1])
    return bool(ours == theirs)


def test_every_frame_is_cut_out_of_a_stream_byte_by_byte(vectors: list[dict]):
    buffer, seen = FrameBuffer(), []
    stream = b"rubbish".join(map(raw, vectors))
    for i in range(len(stream)):
        seen += buffer.feed(stream[i : i + 1])
    contents = [unescape(f) for f in seen if f != b"rubbish"]
    assert contents == [unescape(raw(v).strip(b"~")) for v in vectors]


def test_rubbish_around_a_frame_does_not_hide_it(vectors: list[dict]):
    for v in vectors:
        whole = decode(v)
        for capture in (b"rubbish" + raw(v), raw(v) + b"\r\n", raw(v)[1:-1], b"\0" * 20 + raw(v) + b"?" * 20):
            good = [f for f in decoder(v).decode(Capture(capture)) if f.error is None]
            assert [(f.message, f.fields) for f in good] == [(whole.message, whole.fields)], v


def test_every_truncation_is_an_error(vectors: list[dict]):
    for v in vectors:
        frame = raw(v)
        for cut in range(2, len(frame) - 1):
            assert all(f.error for f in decoder(v).decode(Capture(frame[:cut]))), (cut, v)
            assert FrameBuffer().feed(frame[:cut]) == []


def test_cut_bodies_and_flipped_bits_stay_inside_our_errors(vectors: list[dict]):
    """Even with a checksum that fits."""
    for v in vectors:
        content = unescape(raw(v).strip(b"~"))[:-1]
        whole = codec(v).decode(wrap(content))
        start = len(content) - len(whole.body)
        for size in range(start, len(content)):
            shorter = bytearray(content[:size])
            shorter[2:4] = (int.from_bytes(content[2:4], "big") - len(content) + size).to_bytes(2, "big")
            with suppress(ProtocolError):
                assert codec(v).decode(wrap(bytes(shorter))).body != whole.body
        for bit in range(0, 8 * len(content), 11):
            flipped = bytearray(content)
            flipped[bit // 8] ^= 1 << bit % 8
            with suppress(ProtocolError):
                changed = codec(v).decode(wrap(bytes(flipped)))
                assert (changed.header, changed.body) != (whole.header, whole.body)


def test_every_flipped_bit_of_the_wire_is_noticed(vectors: list[dict]):
    """XOR finds every single bit, whatever the escapes make of it."""
    for v in vectors:
        frame = raw(v)
        for bit in range(8, 8 * (len(frame) - 1), 3):
            flipped = bytearray(frame)
            flipped[bit // 8] ^= 1 << bit % 8
            for found in decoder(v).decode(Capture(bytes(flipped))):
                assert found.error is not None, (bit, v)


DROPPED = {"0x0100": "0x00 around texts", "0x0107": "0x00 around texts", "0x0102": "0x00 around texts",
           "0x8400": "0x00 behind a phone", "0x8105": "0x00 around parameters", "0x0702": "spaces behind a name",
           "0x1210": "0x00 around texts", "0x0200": "0x00 behind a vendor's texts"}  # fmt: skip
"""What reading drops in some lines and writing puts back otherwise."""


def test_re_encoding_gives_the_same_body(vectors: list[dict]):
    for v in vectors:
        message = codec(v).decode(raw(v))
        again = message.layout.write(message.fields)
        if again != message.body:
            assert v["message_id"] in DROPPED, (again.hex(), v)
            assert message.layout.decode(again) == message.fields, v


def test_encoding_by_name_gives_what_decodes_to_the_same(vectors: list[dict]):
    for v in vectors:
        message = codec(v).decode(raw(v))
        header = message.header
        if header.package:
            continue
        version = {} if taxi(v) else {"version": header.version}
        frame = codec(v).encode(
            header.message_id, message.fields, terminal=header.terminal, serial=header.serial, **version
        )
        found = codec(v).decode(frame)
        assert (found.header.terminal, found.header.serial, found.fields) == (
            header.terminal,
            header.serial,
            message.fields,
        )


@pytest.mark.parametrize("standard", ["JT/T 808", "JT/T 905"])
def test_columns_equal_the_scalar_path(vectors: list[dict], standard: str):
    mine = [v for v in vectors if taxi(v) == (standard == "JT/T 905") and v["message_id"] in POSITIONS]
    bodies = [codec(v).decode(raw(v)).body for v in mine]
    table = translate905.TABLE if standard == "JT/T 905" else translate808.OLD
    columns = table.read(bodies)
    assert columns.source.tolist() == list(range(len(bodies)))
    for body, row, extra in zip(bodies, columns.rows, columns.attributes, strict=True):
        if standard == "JT/T 905":
            one = translate905.position("t", jt905.MESSAGES[0x0200].layout(2014).decode(body), body)
        else:
            one = translate808.position("t", jt808.MESSAGES[0x0200].layout(2013).decode(body), 2013, body)
        assert_same(one, row, extra)


def test_captures_of_real_devices_are_where_cars_can_be(vectors: list[dict]):
    """Physical invariants, for every position that a real terminal said to be a fix."""
    seen = 0
    for v in vectors:
        if v.get("note") != "real device capture":
            continue
        for said in decode(v).reports:
            if isinstance(said, Position) and said.valid:
                assert -90 <= said.lat <= 90
                assert -180 <= said.lon <= 180
                assert said.time.tzinfo is UTC
                assert said.time.year > 1999
                assert 0 <= (said.speed or 0) < 250 / 3.6
                assert 0 <= (said.course or 0) <= 360
                seen += 1
    assert seen > 30
