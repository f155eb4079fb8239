"""Sessions under arbitrary frames: never an exception, always an outcome that is counted."""

import gzip
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import command
from gateway.errors import ProtocolError
from gateway.proof import Proof
from gateway.protocols.jt808 import commands as commands808
from gateway.protocols.jt808 import messages as jt808
from gateway.protocols.jt808.header import ODD, build_parts
from gateway.protocols.jt808.session import Jt808Session
from gateway.protocols.jt905 import commands as commands905
from gateway.protocols.jt905 import messages as jt905
from gateway.protocols.jt905.session import Jt905Session
from gateway.report import SafetyEvent, micros
from gateway.server.batch import decode
from gateway.server.page import Judge
from gateway.server.plausible import Region
from gateway.session import Answer, Columns, Fixes, Held, Limits, Outcome, Progress
from gateway.wire.framing import FrameBuffer, unwrap, wrap
from tests.terminals import ISU, NUMBER, REGISTRATION, fix

JUDGE = Judge(Region.parse("china"), 600_000_000)
NOW = datetime(2026, 11, 25, tzinfo=UTC)


class Book:
    """A roll in memory: everyone is on it, and every code but "wrong" is right."""

    def enrolled(self, terminal: str) -> bool:
        return "9999" not in terminal

    def issue_code(self, terminal: str, model: str) -> str:
        return f"code of {terminal}"

    def model(self, terminal: str) -> str:
        return ""

    def check_code(self, terminal: str, code: str) -> Proof:
        return Proof.OWN if self.enrolled(terminal) and code != "wrong" else Proof.NONE

    def adopt(self, terminal: str) -> None:
        return


def session808() -> Jt808Session:
    session = Jt808Session(Book(), 0, Limits())
    session.receive(jt808.encode(0x0102, {"auth": "right"}, terminal=NUMBER, serial=0), 0)
    session.data_to_send()
    session.counts.clear()
    return session


bodies = st.binary(max_size=300)
ids = st.sampled_from([*jt808.MESSAGES, *jt905.MESSAGES]) | st.integers(0, 0xFFFF)


@given(st.lists(st.tuples(ids, bodies, st.sampled_from([2013, 2019])), max_size=8))
def test_any_message_to_808_is_counted_and_nothing_raises(frames: list[tuple[int, bytes, int]]):
    session = session808()
    stream = b"".join(jt808.build(i, NUMBER, n, body, version) for n, (i, body, version) in enumerate(frames))
    held = session.receive(stream, 1)
    tick = decode(held, 0, JUDGE)
    for one, ok in zip(held, tick.ok, strict=True):
        session.answer(one, Outcome(ok))
    assert session.counts["frames"] == len(frames) or session.closing
    assert tick.counts["decoder_failed"] == 0
    jt808_answers = session.data_to_send()
    assert jt808_answers.count(b"~") % 2 == 0


@given(st.lists(st.tuples(ids, bodies), max_size=8))
def test_any_message_to_905_is_counted_and_nothing_raises(frames: list[tuple[int, bytes]]):
    session = Jt905Session(Book(), 0, Limits())
    stream = b"".join(jt905.frame(i, body, terminal=ISU, serial=n) for n, (i, body) in enumerate(frames))
    held = session.receive(stream, 1)
    tick = decode(held, 0, JUDGE)
    assert session.counts["frames"] == len(frames)
    assert tick.counts["decoder_failed"] == 0
    for one, ok in zip(held, tick.ok, strict=True):
        session.answer(one, Outcome(ok))


@given(st.binary(max_size=400))
def test_any_bytes_to_either_nothing_raises(data: bytes):
    for session in (session808(), Jt905Session(Book(), 0, Limits())):
        session.receive(data, 1)
        session.receive(b"~" + data + b"~", 2)


def test_the_handshake_answers_with_the_standards_messages():
    session = Jt808Session(Book(), 0, Limits())
    for version in (2011, 2013, 2019):
        session.receive(jt808.encode(0x0100, REGISTRATION, terminal=NUMBER, serial=1, version=version), 1)
        answer = jt808.decode(session.data_to_send())
        assert (answer.name, answer.fields["ack_serial"], answer.fields["result"]) == ("register_answer", 1, 0)
        assert answer.header.version == (2019 if version == 2019 else 2013)
        assert answer.fields["code"] == f"code of jt808/{NUMBER.lstrip('0')}"


def test_a_log_in_with_another_model_changes_the_dialect():
    """As after a module was changed in the workshop, on the same connection."""

    class Workshop(Book):
        fitted = ""

        def model(self, terminal: str) -> str:
            return self.fitted

    book = Workshop()
    session = Jt808Session(book, 0, Limits())
    log_in = jt808.encode(0x0102, {"auth": "right"}, terminal=NUMBER, serial=0)
    session.receive(log_in, 0)
    assert session.form is not None  # as the standard says
    book.fitted = "C5"
    session.receive(log_in, 1)
    assert session.form is None


def test_after_log_out_positions_need_a_new_log_in():
    session = session808()
    session.receive(jt808.encode(0x0003, {}, terminal=NUMBER, serial=1), 1)
    session.data_to_send()
    assert session.receive(jt808.encode(0x0200, fix(NOW), terminal=NUMBER, serial=2), 2) == []
    assert jt808.decode(session.data_to_send()).fields["result"] == 1
    assert session.deadline() == 1 + Limits().login_s


@pytest.mark.parametrize("version", [2013, 2019])
def test_commands_are_said_in_the_terminals_own_version(version: int):
    session = session808()
    session.receive(jt808.encode(0x0002, {}, terminal=NUMBER, serial=1, version=version), 1)
    session.data_to_send()
    session.send(command.SendText(terminal="t", text="昆山火车站北广场", urgent=True))
    text = jt808.decode(session.data_to_send())
    assert (text.name, text.fields["text"]) == ("text", "昆山火车站北广场")
    assert text.header.version == version


COMMANDS = [
    command.QueryPosition(terminal="t"),
    command.SendText(terminal="t", text="前方拥堵"),
    command.Track(terminal="t", interval_s=5, duration_s=60),
    command.Track(terminal="t", interval_s=0),
    command.CallBack(terminal="t", phone="051257300000", listen=True),
    command.Ask(terminal="t", question="能去昆山南站吗", answers=["能", "不能"]),
    command.Shoot(terminal="t", channel=2, photos=3),
    command.UploadMedium(terminal="t", medium=7),
    command.QueryParameters(terminal="t", ids=[1, 0x20]),
    command.SetParameters(terminal="t", parameters={"0x0001": {"heartbeat_interval": 30}}),
    command.QueryAttributes(terminal="t"),
    command.QueryDriver(terminal="t"),
    command.ConfirmAlarm(terminal="t", serial=3, alarms=1),
    command.ReleaseAlarm(terminal="t"),
    command.LockDoors(terminal="t", locked=True),
    command.Inspect(terminal="t", devices=[0, 2]),
    command.OfferOrder(terminal="t", order=9, kind="immediate", description="昆山站附近"),
    command.RefuseOrder(terminal="t", order=10),
    command.AwardOrder(
        terminal="t", order=11, kind="booking", description="正门", phone="13812345678", fee=Decimal("2.0")
    ),
    command.CancelOrder(terminal="t", order=12),
    command.RequestAttachments(terminal="t", label="00" * 16, number="A1", host="10.0.0.1", port=6909),
]


def codec_of(codec: object) -> Mapping[type, object]:
    """What a protocol can say."""
    return commands808.BUILDERS if codec is jt808 else commands905.BUILDERS


SAFETY = {
    "alarm_id": 7, "flag": 1, "type": 2, "level": 2, "fatigue": 5, "reserved": bytes(4), "speed": 60, "altitude": 3,
    "lat": 31.38, "lon": 120.95, "time": NOW, "vehicle": 1,
    "identification": {"terminal_id": "T1", "time": NOW, "sequence": 0, "attachments": 2, "reserved": 0},
}  # fmt: skip
"""A driver's phone call, seen by the camera in front of him (T/JSATL 12-2017, 0x65)."""


def test_the_list_of_commands_is_whole():
    assert {type(one) for one in COMMANDS} == set(command.NAMES)


@pytest.mark.parametrize("said", COMMANDS, ids=lambda c: command.NAMES[type(c)])
def test_a_command_is_said_and_its_answer_found_by_serial_or_it_is_refused(said: command.Command):
    assert command.from_json(command.to_json(said)) == said
    isu = Jt905Session(Book(), 0, Limits())
    isu.receive(jt905.encode(0x0002, {}, terminal=ISU, serial=0), 1)
    speakers = [(session808(), jt808, NUMBER), (isu, jt905, ISU)]
    said_by = 0
    for session, codec, number in speakers:
        session.data_to_send()
        if type(said) not in codec_of(codec):
            with pytest.raises(ProtocolError, match="unsupported"):
                session.send(said)
            continue
        serial, said_by = session.send(said), said_by + 1
        out = codec.decode(session.data_to_send())
        assert out.name != "unknown"
        assert out.header.serial == serial
        refusal = {"ack_serial": serial, "ack_id": out.header.message_id, "result": 1}
        session.receive(codec.encode(0x0001, refusal, terminal=number, serial=8), 2)
        assert session.answers == [Answer(serial, False, "failed")]
        session.receive(codec.encode(0x0001, refusal, terminal=number, serial=9), 2)
        assert len(session.answers) == 1
    assert said_by >= 1


def test_a_command_with_an_answer_of_its_own_waits_for_it():
    session = session808()
    serial = session.send(command.QueryParameters(terminal="t"))
    acknowledged = {"ack_serial": serial, "ack_id": 0x8104, "result": 0}
    session.receive(jt808.encode(0x0001, acknowledged, terminal=NUMBER, serial=3), 1)
    assert session.answers == []
    told = {"ack_serial": serial, "parameters": {"0x0001": {"heartbeat_interval": 30}}}
    session.receive(jt808.encode(0x0104, told, terminal=NUMBER, serial=4), 1)
    assert [(a.serial, a.ok, a.detail["parameters"]) for a in session.answers] == [(serial, True, told["parameters"])]


def test_a_long_command_goes_out_in_parts_which_may_be_asked_for_again():
    session = session808()
    serial = session.send(
        command.SetParameters(
            terminal="t", parameters={f"0x{n:04x}": {"raw": b"x" * 200} for n in range(0xF100, 0xF110)}
        )
    )
    frames = [b"~" + f + b"~" for f in FrameBuffer().feed(session.data_to_send())]
    headers = [jt808.decode(f).header for f in frames]
    assert [h.package for h in headers] == [(len(frames), n) for n in range(1, len(frames) + 1)]
    assert [h.serial for h in headers] == list(range(headers[0].serial, serial + 1))
    body = b"".join(jt808.decode(f).body for f in frames)
    assert len(jt808.body_layout(0x8103, 2013, body)[1].decode(body)["parameters"]) == 16
    again = {"first_serial": headers[0].serial, "parts": [2, 2, 2]}
    session.receive(jt808.encode(0x0005, again, terminal=NUMBER, serial=5, version=2019), 1)
    assert session.data_to_send() == frames[1]
    answered = {"ack_serial": headers[0].serial, "ack_id": 0x8103, "result": 0}
    session.receive(jt808.encode(0x0001, answered, terminal=NUMBER, serial=6), 1)
    assert [(a.serial, a.ok) for a in session.answers] == [(serial, True)]


def test_commands_to_a_terminal_that_has_not_logged_in_are_refused():
    for session in (Jt808Session(Book(), 0, Limits()), Jt905Session(Book(), 0, Limits())):
        with pytest.raises(ProtocolError, match="not_logged_in"):
            session.send(command.QueryPosition(terminal="t"))


def parts_of(message_id: int, body: bytes, first_serial: int) -> list[bytes]:
    return build_parts(message_id, NUMBER, first_serial, body, 2013)


def test_a_message_in_parts_is_put_together_and_what_lacks_is_asked_for():
    positions = [fix(NOW + timedelta(seconds=i)) for i in range(60)]
    body = jt808.encode_body(0x0704, {"count": 60, "type": 1, "positions": positions}, 2013)
    frames = parts_of(0x0704, body, 500)
    assert len(frames) > 2
    session = session808()
    held = session.receive(frames[0] + frames[2], 1)
    assert [one.content.message for one in held] == ["part", "part"]
    for one in held:
        assert jt808.decode(session.answer(one, Outcome(True))).fields["result"] == 0
    session.tick(1 + Limits().missing_s)
    assert session.data_to_send() == b""
    session.tick(2 + Limits().missing_s)
    asked = jt808.decode(session.data_to_send())
    assert (asked.name, asked.fields) == ("ask_parts", {"first_serial": 500, "parts": [2, *range(4, len(frames) + 1)]})
    held = session.receive(b"".join([frames[1], *frames[3:]]), 9)
    (whole,) = [one.content for one in held if isinstance(one.content, Fixes)]
    assert (len(whole.bodies), whole.backfill) == (60, True)


def test_safety_alarms_are_told_beside_their_position():
    fields = fix(NOW, items={"0x65": SAFETY})
    (held,) = session808().receive(jt808.encode(0x0200, fields, terminal=NUMBER, serial=1), 1)
    assert isinstance(held.content, Fixes)
    (event,) = held.content.reports
    assert isinstance(event, SafetyEvent)
    assert (event.device, event.time) == ("dsm", NOW)
    tick = decode([held], micros(NOW), JUDGE)
    assert [entry.kind for entry in tick.entries] == ["message", "fix"]
    assert [report["kind"] for report in tick.reports] == ["safety_event"]


def test_media_that_are_begun_and_left_are_bounded():
    session, isu = session808(), Jt905Session(Book(), 0, Limits(missing_s=5))
    isu.receive(jt905.encode(0x0002, {}, terminal=ISU, serial=0), 1)
    isu.data_to_send()
    session.resume([Progress(f"serial {2 * n} of 2", n, 2, [2]) for n in range(1000)])
    isu.resume([Progress(f"0806 {n}", n, 9, [4]) for n in range(1000)])
    for one, codec, name in ((session, jt808, "media_id"), (isu, jt905, "file_id")):
        one.tick(100)
        asked = [codec.decode(b"~" + frame + b"~") for frame in FrameBuffer().feed(one.data_to_send())]
        assert [message.fields[name] for message in asked] == list(range(984, 1000))
        assert one.counts["media_asked_again"] == 16


@given(st.binary(min_size=7, max_size=7) | st.binary(min_size=30, max_size=30), st.integers(0, 255))
def test_a_label_is_told_and_said_again_byte_by_byte(terminal_id: bytes, attachments: int):
    wide = len(terminal_id) == 30
    label = terminal_id + bytes.fromhex("26112508000007") + bytes([attachments]) + bytes(2 if wide else 1)
    name = "spare" if wide else "reserved"
    own = {"terminal_id": terminal_id, "time": NOW, "sequence": 7, "attachments": attachments, name: 0}
    session = session808()
    (held,) = session.receive(
        jt808.encode(0x0200, fix(NOW, items={"0x65": SAFETY | {"identification": own}}), terminal=NUMBER, serial=1), 1
    )
    (event,) = held.content.reports
    assert (event.label, event.attachments) == (label.hex(), attachments)
    session.data_to_send()
    session.send(command.RequestAttachments(terminal="t", label=event.label, number="A1", host="10.0.0.1", port=6909))
    assert label in unwrap(session.data_to_send())


@pytest.mark.parametrize("label", ["", "00", "0" * 31, "zz" * 16])
def test_attachments_are_not_asked_for_under_what_is_no_label(label: str):
    with pytest.raises(ProtocolError, match="range"):
        session808().send(command.RequestAttachments(terminal="t", label=label, number="A1", host="h", port=1))


def test_the_servers_time_is_told_in_utc():
    session = Jt808Session(Book(), 0, Limits(epoch=NOW.timestamp() - 100))
    session.receive(jt808.encode(0x0004, {}, terminal=NUMBER, serial=1, version=2019), 100)
    assert jt808.decode(session.data_to_send()).fields["time"] == NOW


def test_a_compressed_message_stands_for_the_one_inside():
    inner = jt808.encode(0x0200, fix(NOW), terminal=NUMBER, serial=7)
    data = gzip.compress(inner)
    outer = jt808.encode(0x0901, {"data": data}, terminal=NUMBER, serial=8)
    session = session808()
    (held,) = session.receive(outer, 1)
    assert isinstance(held.content, Fixes)
    answer = jt808.decode(session.answer(held, Outcome(True)))
    assert answer.fields == {"ack_serial": 8, "ack_id": 0x0901, "result": 0}


def test_a_decoder_that_fails_costs_one_frame_which_is_kept():
    def broken(bodies: list[bytes]) -> Columns:
        raise RuntimeError("a defect")

    good = session808().receive(jt808.encode(0x0200, fix(NOW), terminal=NUMBER, serial=1), 1)
    bad = Held("jt808/1", b"~bad~", Fixes([b"?"], broken), None)
    tick = decode([*good, bad], micros(NOW), JUDGE)
    assert tick.ok == [True, True]
    assert len(tick.fixes) == 1
    assert tick.counts == Counter(fixes=1, flagged=0, decoder_failed=1)
    assert [entry.kind for entry in tick.entries] == ["message", "fix"]
    assert b'"frame":"7e6261647e"' in tick.entries[0].columns


# what a terminal must not be able to say or to lose


def test_an_acknowledgement_of_another_message_settles_nothing():
    session = session808()
    serial = session.send(command.SendText(terminal="t", text="前方拥堵"))
    session.send(command.QueryPosition(terminal="t"))
    wrong = {"ack_serial": serial, "ack_id": 0x8104, "result": 0}
    session.receive(jt808.encode(0x0001, wrong, terminal=NUMBER, serial=1), 1)
    answer = {"ack_serial": serial, **fix(NOW)}
    session.receive(jt808.encode(0x0201, answer, terminal=NUMBER, serial=2), 1)
    session.receive(jt808.encode(0x0201, answer | {"ack_serial": 60_000}, terminal=NUMBER, serial=3), 1)
    assert session.answers == []
    assert session.counts["unasked_answer"] == 3
    session.receive(jt808.encode(0x0001, wrong | {"ack_id": 0x8300}, terminal=NUMBER, serial=4), 1)
    assert [(one.serial, one.ok) for one in session.answers] == [(serial, True)]


def test_strangers_are_refused_from_the_first_message_on_and_their_time_runs():
    session = Jt808Session(Book(), 0, Limits())
    for number, (message_id, at) in enumerate([(0x0002, 1), (0x0003, 5), (0x0003, 9)]):
        session.receive(jt808.encode(message_id, {}, terminal="999900009999", serial=number), at)
        assert jt808.decode(session.data_to_send()).fields["result"] == 1
    assert session.counts["unknown_terminal"] == 3
    assert session.deadline() == Limits().login_s


def test_an_encrypted_frame_is_declined_so_that_it_does_not_come_for_ever():
    session = session808()
    frame = unwrap(jt808.encode(0x0200, fix(NOW), terminal=NUMBER, serial=9))
    session.receive(wrap(frame[:2] + bytes([frame[2] | 0x04]) + frame[3:]), 1)
    answer = jt808.decode(session.data_to_send()).fields
    assert (answer["ack_serial"], answer["ack_id"], answer["result"]) == (9, 0x0200, 3)
    session.receive(wrap(bytes.fromhex("9207fc00013812345678000200020002950199")), 2)  # nor is its length right
    assert session.data_to_send() == b""
    assert session.counts["encrypted"] == 2


def test_a_compressed_message_is_answered_itself():
    session = session808()
    inside = gzip.compress(jt808.encode(0x0002, {}, terminal=NUMBER, serial=44))
    session.receive(jt808.encode(0x0901, {"data": inside}, terminal=NUMBER, serial=55), 1)
    answers = [jt808.decode(b"~" + one + b"~").fields for one in FrameBuffer().feed(session.data_to_send())]
    assert [one["ack_serial"] for one in answers] == [44, 55]


def test_a_picture_whose_first_part_was_lost_is_asked_for_by_its_serial():
    session = session808()
    place = {name: value for name, value in fix(NOW).items() if name != "items"}
    head = {"media_id": 7, "type": 0, "format": 0, "event": 0, "channel": 1, "position": place, "data": bytes(2400)}
    body = jt808.encode_body(0x0801, head, 2013)
    keys = set()
    for part in build_parts(0x0801, NUMBER, 100, body, 2013)[1:]:
        (held,) = session.receive(part, 1)
        keys.add(held.content.key)
        session.answer(held, Outcome(True, Progress(held.content.key, None, 3, [1])))
    session.tick(100)
    asked = jt808.decode(session.data_to_send())
    assert (asked.name, asked.fields) == ("ask_parts", {"first_serial": 100, "parts": [1]})
    with_a_serial_of_its_own = build_parts(0x0801, NUMBER, 300, body, 2013)[0]
    (held,) = session.receive(with_a_serial_of_its_own, 101)
    assert {held.content.key} == keys
    assert held.content.place == 1


@pytest.mark.parametrize("message_id", [0x0B03, 0x0B04, 0x0B05])
def test_what_the_meter_tells_is_kept_even_where_it_cannot_be_read(message_id: int):
    session = Jt905Session(Book(), 0, Limits())
    frame = jt905.frame(message_id, b"\x01" * 20, terminal=ISU, serial=1)
    (held,) = session.receive(frame, 1)
    assert held.raw == frame
    assert decode([held], 0, JUDGE).ok == [True]
    assert session.counts["truncated"] == 1


def test_a_long_catch_up_of_an_isu_is_taken():
    session = Jt905Session(Book(), 0, Limits())
    block = {name: value for name, value in fix(NOW).items() if name not in ("altitude", "items")}
    fields = {"positions": [block | {"time": NOW + timedelta(seconds=n)} for n in range(250)]}
    (held,) = session.receive(jt905.encode(0x0203, fields, terminal=ISU, serial=1), 1)
    assert len(held.content.bodies) == 250


@pytest.mark.parametrize("chunk", [1, 7, 10_000])
def test_a_terminal_that_delimits_by_e7_is_understood_and_answered_in_its_own_way(chunk: int):
    session, number = Jt808Session(Book(), 0, Limits()), "14312345678e7e"
    bodies = [(0x0100, jt808.encode_body(0x0100, REGISTRATION, 2013)), (0x0102, b"right")]
    bodies.append((0x0200, jt808.encode_body(0x0200, fix(NOW), 2013)))
    stream = b"".join(ODD.build(i, number, 0x3D3E + n, body, 2013) for n, (i, body) in enumerate(bodies))
    held = [one for at in range(0, len(stream), chunk) for one in session.receive(stream[at : at + chunk], 1)]
    assert [one.terminal for one in held] == [f"jt808/{number}"]
    assert held[0].raw == ODD.build(0x0200, number, 0x3D40, bodies[2][1], 2013)
    tick = decode(held, 0, JUDGE)
    assert tick.fixes.rows["time"].tolist() == [micros(NOW)]
    said = session.data_to_send() + session.answer(held[0], Outcome(True))
    answers = [ODD.parse(frame) for frame in FrameBuffer(flag=b"\xe7").feed(said)]
    assert [(header.message_id, header.terminal) for header, _ in answers] == [
        (0x8100, number), (0x8001, number), (0x8001, number),
    ]  # fmt: skip
    assert [body[:2] for _, body in answers] == [b"\x3d\x3e", b"\x3d\x3f", b"\x3d\x40"]
