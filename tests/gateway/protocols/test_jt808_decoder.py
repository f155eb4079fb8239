"""What the 808 decoder does beyond single frames: parts, compression, attachments, media, dialects, sentences."""

import gzip
import json
import zlib
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ProtocolError
from gateway.explain import Capture, Decoded
from gateway.protocols.jt808 import attachments
from gateway.protocols.jt808.compressed import MOST, inflate
from gateway.protocols.jt808.explain import Jt808Decoder
from gateway.protocols.jt808.header import E7, LONG, OLD, PACKAGED
from gateway.protocols.jt808.messages import encode, encode_body
from gateway.report import Alarm, DriverCard, MediaEvent, Position, Registration, SafetyEvent
from gateway.wire.framing import wrap
from tests.terminals import fix

PHONE = "013812345678"
NOW = datetime(2026, 11, 25, tzinfo=UTC)
POSITION = bytes.fromhex("000000010000000200BA7F0E07E4F11C0028003C00001810151010100104000000640202007D")


def frame(message_id: int, fields: dict, serial: int = 1, version: int = 2013) -> bytes:
    return encode(message_id, fields, terminal=PHONE, serial=serial, version=version)


def raw_frame(message_id: int, body: bytes, serial: int = 1, package: bytes = b"") -> bytes:
    attributes = len(body) | (PACKAGED if package else 0)
    return wrap(OLD.struct.pack(message_id, attributes, bytes.fromhex(PHONE), serial) + package + body)


def decode(data: bytes, decoder: Jt808Decoder | None = None, *, explain: bool = False) -> list[Decoded]:
    return (decoder or Jt808Decoder()).decode(Capture(data), explain=explain)


def parts_of(message_id: int, body: bytes, size: int) -> list[bytes]:
    pieces = [body[i : i + size] for i in range(0, len(body), size)]
    return [
        raw_frame(message_id, piece, 50 + n, len(pieces).to_bytes(2, "big") + (n + 1).to_bytes(2, "big"))
        for n, piece in enumerate(pieces)
    ]


def test_parts_are_put_together_across_captures_and_explained():
    body = encode_body(
        0x0104, {"ack_serial": 7, "parameters": {f"0x{n:04x}": {"raw": b"abc"} for n in range(0xF000, 0xF040)}}, 2013
    )
    decoder, frames = Jt808Decoder(), parts_of(0x0104, body, 200)
    *first, last = (one for f in frames for one in decode(f, decoder, explain=True))
    assert [one.fields["raw"] for one in first] == [body[i : i + 200] for i in range(0, 400, 200)]
    assert last.message == "parameters_answer"
    assert len(last.fields["parameters"]) == 64
    assert last.whole == body
    assert sorted(i for s in last.whole_spans for i in range(s.start, s.end)) == list(range(len(body)))
    assert "all parts together" in last.note


def test_a_picture_in_parts_becomes_one_event():
    medium = {"media_id": 9, "type": 0, "format": 0, "event": 2, "channel": 1}
    place = Jt808Decoder().decode(Capture(raw_frame(0x0200, POSITION)))[0].fields
    body = encode_body(
        0x0801, {**medium, "position": {k: v for k, v in place.items() if k != "items"}, "data": bytes(900)}, 2013
    )
    decoder = Jt808Decoder()
    said = [r for f in parts_of(0x0801, body, 300) for one in decode(f, decoder) for r in one.reports]
    (event,) = said
    assert isinstance(event, MediaEvent)
    assert (event.media, event.event, event.octets) == (9, "robbery", 900)
    assert event.position
    assert event.position.lat == 12.222222


def test_too_many_parts_are_refused_by_name():
    (one,) = decode(raw_frame(0x0801, b"x", package=b"\0\xff\0\1"))
    assert "255 parts are announced, at most 64" in str(one.error)


@pytest.mark.parametrize(
    "inside", [raw_frame(0x0200, POSITION), raw_frame(0x0200, POSITION)[1:-2].replace(b"\x7d\1", b"\x7d")]
)
def test_a_compressed_message_is_unfolded(inside: bytes):
    outer, inner = decode(frame(0x0901, {"data": gzip.compress(inside)}))
    assert outer.message == "compressed"
    assert (inner.message, inner.error) == ("position", None)
    assert isinstance(inner.reports[0], Position)


def test_what_is_not_compressed_or_too_large_stays_closed():
    assert len(decode(frame(0x0901, {"data": b"\1\2\3"}))) == 1
    bomb = zlib.compress(bytes(100 * MOST))
    assert len(bomb) < MOST
    assert inflate(bomb) is None
    assert inflate(gzip.compress(b"x")[:-9]) is None


@given(st.binary(max_size=60))
def test_any_bytes_are_unfolded_or_not(data: bytes):
    inflate(data)


def packet(name: str, offset: int, data: bytes) -> bytes:
    return attachments.PACKET.write({"magic": attachments.MAGIC, "name": name, "offset": offset, "data": data})


def test_attachment_packets_and_frames_share_a_stream():
    info = frame(0x1211, {"name": "00_64_6401_0_abc.jpg", "type": 0, "size": 700})
    stream = packet("00_64_6401_0_abc.jpg", 0, b"~" * 500) + info + packet("00_64_6401_0_abc.jpg", 500, bytes(200))
    for step in (1, 7, len(stream)):
        buffer, found = attachments.AttachmentBuffer(), []
        for i in range(0, len(stream), step):
            found += buffer.feed(stream[i : i + step])
        assert [len(f) for f in found] == [562, len(info), 262]
    names = [one.message for one in decode(stream, explain=True)]
    assert names == ["attachment_packet", "begin_file", "attachment_packet"]


def test_an_attachment_packet_that_claims_too_much_ends_the_stream():
    head = packet("x", 0, b"")[:-4] + (attachments.LARGEST + 1).to_bytes(4, "big")
    whole = packet("x", 0, b"data")
    buffer = attachments.AttachmentBuffer()
    assert buffer.feed(whole + head + whole) == [whole]
    assert "at most 65536" in str(buffer.error)
    assert buffer.feed(whole) == []
    assert "at most 65536" in str(decode(head)[0].error)
    (cut,) = decode(packet("x", 0, bytes(9))[:-1])
    assert "goes on" in str(cut.error)


PIECES = st.one_of(
    st.builds(packet, st.sampled_from(["00_65_6501_0_a.jpg", "~", ""]), st.integers(0, 9), st.binary(max_size=60)),
    st.builds(lambda size: frame(0x1211, {"name": "01cd~", "type": 0, "size": size}), st.integers(0, 0xFFFFFFFF)),
)
RUBBISH = st.binary(max_size=30) | st.sampled_from([b"~", b"~~", b"01c", b"~01cd", b"~01c", b"01cd\x81", b"~" * 9])


@given(st.lists(PIECES | RUBBISH, max_size=8), st.data())
def test_any_cutting_of_an_attachment_stream_gives_the_same(pieces: list[bytes], data: st.DataObject):
    stream = b"".join(pieces)
    at_once, in_steps = attachments.AttachmentBuffer(largest=60), attachments.AttachmentBuffer(largest=60)
    found = at_once.feed(stream)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=20)))
    again = [one for a, b in pairwise([0, *cuts, len(stream)]) for one in in_steps.feed(stream[a:b])]
    assert again == found
    assert (in_steps.skipped, str(in_steps.error)) == (at_once.skipped, str(at_once.error))
    assert all(one.startswith((b"~", attachments.MAGIC)) for one in found)


@given(st.lists(PIECES, max_size=6), st.lists(st.sampled_from([b"", b"abc", b"\r\n", b"01c", b"~", b"~~"]), min_size=7))
def test_rubbish_between_packets_costs_no_packet(pieces: list[bytes], rubbish: list[bytes]):
    stream = b"".join(a + b for a, b in zip(rubbish, pieces, strict=False))
    assert [one for one in attachments.AttachmentBuffer().feed(stream) if sound(one)] == pieces


def sound(one: bytes) -> bool:
    return not one.startswith(b"~") or decode(one)[0].error is None


def test_a_damaged_frame_is_handed_out_once_and_the_packet_after_it_is_whole():
    info, data = frame(0x1211, {"name": "a", "type": 0, "size": 700}), packet("a", 0, b"~" * 50)
    damaged = info[:-2] + bytes([info[-2] ^ 1]) + b"~"
    assert attachments.AttachmentBuffer().feed(damaged + data + info) == [damaged, data, info]


def test_a_flag_that_no_other_follows_is_dropped():
    buffer, data = attachments.AttachmentBuffer(), packet("a", 0, b"x" * 50)
    assert buffer.feed(b"~ab" + data) == []
    assert buffer.feed(data * 40)[0] == data
    assert buffer.overlong == 1


@pytest.mark.parametrize("rubbish", [b"x~", b"~", b"~x~", b"01c", b"~01c", b"~01cd\x40", b"~" + b"y" * 3000])
def test_rubbish_of_any_length_costs_what_its_bytes_cost(rubbish: bytes):
    """Ten million bytes: a cost that grew faster would not end here. A stream that is nothing else is given up."""
    buffer, data = attachments.AttachmentBuffer(), rubbish * (10_000_000 // len(rubbish))
    found = sum(len(buffer.feed(data[at : at + 250_000])) for at in range(0, len(data), 250_000))
    assert found <= attachments.MOST_DAMAGED
    if buffer.error is None:
        assert buffer.feed(packet("a", 0, b"b")) == [packet("a", 0, b"b")]


def test_damaged_frames_among_others_are_borne():
    whole = frame(0x1211, {"name": "a", "type": 0, "size": 1})
    assert attachments.AttachmentBuffer().feed((b"~x~" * 20 + whole) * 50).count(whole) == 50


def test_every_byte_on_its_own_is_cut_in_reasonable_time():
    """A packet of the largest size, whose every byte is looked at once."""
    data = packet("a", 0, b"~" * attachments.LARGEST)
    buffer = attachments.AttachmentBuffer()
    assert [one for i in range(len(data)) for one in buffer.feed(data[i : i + 1])] == [data]


def test_an_attachment_stream_of_any_length_costs_what_its_bytes_cost():
    """Frames, flags in a row, then garbage that looks like beginnings: a cost that grew faster would not end here."""
    buffer, heartbeat = attachments.AttachmentBuffer(), bytes.fromhex("7E000200001234567890120001897E")
    assert len(buffer.feed(heartbeat * 200_000 + b"~~" * 1_000_000 + heartbeat[1:])) == 200_001
    for _ in range(4):
        assert buffer.feed(b"x" * 500_000 + b"01c" * 500_000) == []
        assert buffer.pending <= len(attachments.MAGIC)
    for _ in range(100):
        assert buffer.feed(b"~" + b"x" * 10_000) == []
        assert buffer.pending <= 2 * attachments.MAX_FRAME + 2
    assert buffer.overlong == 100
    assert buffer.feed(heartbeat) == [heartbeat]


def test_media_packets_are_told_from_attachments(shared: Path):
    lines = map(json.loads, (shared / "vectors" / "traccar.jsonl").read_text("utf-8").splitlines())
    whole, wide, cut = (bytes.fromhex(v["input"]) for v in lines if v["test_class"] == "Jt1078FrameDecoderTest")
    for capture in (whole, wide):
        (one,) = decode(capture, explain=True)
        assert (one.message, one.error) == ("media_packet", None)
        assert sorted(i for s in one.spans for i in range(s.start, s.end)) == list(range(len(capture)))
        assert one.fields["magic"] + one.fields["data"] == capture[:4] + capture[-len(one.fields["data"]) :]
    assert "truncated" in str(decode(cut)[0].error)


def test_sentences_between_frames_are_texts():
    (one,) = decode(b"(794104004140,1,001,BASE,2,TIME)")
    assert (one.message, one.terminal, one.fields["parts"][3:5]) == ("sentence", "794104004140", ["BASE", "2"])


def test_a_registered_model_sets_its_dialect():
    registration = {
        "province": 32,
        "city": 583,
        "maker": "C5",
        "model": "C5L",
        "terminal_id": "1",
        "plate_color": 1,
        "plate": "苏E1",
    }
    body = POSITION + bytes.fromhex("f8020102")
    decoder = Jt808Decoder()
    assert decode(raw_frame(0x0200, body), decoder)[0].fields["items"]["0xf8"] == {"raw": b"\1\2"}
    (known,) = decode(frame(0x0100, registration), decoder)[0].reports
    assert isinstance(known, Registration)
    assert (known.plate, known.plate_color) == ("苏E1", "blue")
    assert decode(raw_frame(0x0200, body), decoder)[0].fields["items"]["0xf8"] == {"steps": 258}


def test_dialects_by_name_change_what_bytes_cannot_tell():
    body = bytes.fromhex("010100000001040000000a")
    standard, old = (decode(raw_frame(0x8103, body), Jt808Decoder(d))[0].fields for d in ("standard", "2011"))
    assert standard == old == {"total": 1, "parameters": {"0x0001": {"heartbeat_interval": 10}}}
    empty = bytes.fromhex("0000")
    assert decode(raw_frame(0x8103, empty), Jt808Decoder("2011"))[0].fields == {"total": 0, "parameters": {}}
    with pytest.raises(ProtocolError, match="klingon"):
        Jt808Decoder("klingon")


def test_frames_between_e7_have_their_own_escapes_and_header():
    body = POSITION[:16] + bytes.fromhex("e7e63e3d7d7e") + POSITION[22:]
    content = LONG.struct.pack(0x0200, len(body), bytes.fromhex("00013812345678"), 9) + body
    wire = wrap(content, E7)
    assert wire.count(b"\xe7") == 2
    for capture in (wire, wire[:-1], wire + wire):
        found = decode(capture, explain=True)
        assert {(f.terminal, f.serial, f.error) for f in found} == {("00013812345678", 9, None)}
        assert [f.fields["altitude"] for f in found] == [0xE7E6] * len(found)
        assert all([i for s in f.spans for i in range(s.start, s.end)] == list(range(len(f.raw))) for f in found)
    assert decode(raw_frame(0x0200, POSITION))[0].terminal == PHONE
    assert "E6 followed by 03" in str(decode(b"\xe7\xe6\x03" + bytes(20) + b"\xe7")[0].error)


def test_doors_turn_their_meaning_over_in_2019():
    (old,), (new,) = (
        decode(frame(0x8500, {"flag": 1})),
        decode(frame(0x8500, {"controls": [{"type": 1, "parameter": 1}]}, version=2019)),
    )
    assert (old.fields, new.fields) == ({"flag": 1}, {"controls": [{"type": 1, "parameter": 1}]})
    (bare,) = decode(frame(0x8500, {"type": 1, "parameter": 0}, version=2019))
    assert bare.fields == {"type": 1, "parameter": 0}


@pytest.mark.parametrize("edition", [2011, 2013, 2019])
def test_driver_cards_of_all_editions(edition: int):
    card = {"name": "张三", "licence": "320583", "issuer": "昆山", "id_number": "3205"}
    if edition > 2011:
        time = Jt808Decoder().decode(Capture(raw_frame(0x0200, POSITION)))[0].fields["time"]
        card |= {"status": 1, "time": time, "result": 0, "expires": None}
    if edition == 2013:
        del card["id_number"]
    (one,) = decode(frame(0x0702, card, version=max(edition, 2013)))
    (said,) = one.reports
    assert isinstance(said, DriverCard)
    assert (said.name, said.inserted, said.expires) == ("张三", None if edition == 2011 else True, None)
    assert said.id_number == card.get("id_number", "")


def test_a_safety_alarm_has_its_own_time_place_and_label(shared: Path):
    lines = [json.loads(line) for line in (shared / "vectors" / "jtt.jsonl").read_text("utf-8").splitlines()]
    (vector,) = (v for v in lines if "JSATL" in v["standard"] and v["message_id"] == "0x0200" and v["basis"] == "repo")
    position, adas, dsm, tpms, bsd = decode(bytes.fromhex(vector["hex"]))[0].reports
    assert isinstance(position, Position)
    assert [type(x) for x in (adas, dsm, tpms, bsd)] == [SafetyEvent] * 4
    assert (adas.device, adas.event, adas.phase, adas.level) == ("adas", "forward_collision", "start", 1)
    assert (dsm.event, tpms.event, bsd.event) == ("phone", "tyre", "4")
    assert adas.label == "37363534333231200707192359010101"
    assert (adas.lat, adas.lon, round(adas.speed * 3.6)) == (0.111111, 0.222222, 10)
    assert adas.details == {
        "front_speed_kmh": 10,
        "front_time_s": 1.0,
        "departure": "left",
        "sign": "speed",
        "sign_value": 10,
    }


def test_encryption_is_refused_in_words():
    content = OLD.struct.pack(0x0002, 1 << 10, bytes.fromhex(PHONE), 1)
    (one,) = decode(wrap(content))
    assert str(one.error) == "encrypted: body attributes 0400: encryption is not supported"


@pytest.mark.parametrize("dialect", ["standard", "jimi"])
def test_bits_have_the_names_of_their_edition(dialect: str):
    """Bit 16 is nothing before 2019, and bit 3 means another thing since."""
    alarm, named = 1 << 3 | 1 << 16, ("danger_warning", "dangerous_driving", "tyre_pressure")
    for version, expected in ((2013, named[:1]), (2019, named[1:])):
        capture = frame(0x0200, fix(NOW, alarm=alarm), version=version)
        (one,) = decode(capture, Jt808Decoder(dialect), explain=True)
        (span,) = (s for s in one.spans if s.path == "alarm")
        assert tuple(name for name in named if name in span.meaning) == expected
    place = {name: value for name, value in fix(NOW, alarm=alarm).items() if name != "items"}
    media = {"media_id": 1, "type": 0, "format": 0, "event": 0, "channel": 1, "position": place, "data": b"x"}
    (one,) = decode(frame(0x0801, media, version=2019), Jt808Decoder(dialect))
    (event,) = one.reports
    assert isinstance(event, MediaEvent)
    assert event.position
    assert event.position.alarms == Alarm.DANGEROUS_DRIVING | Alarm.TYRE_PRESSURE
