"""The session of attachments with its real store: every vector, every cutting of the stream, and its own patience."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import command
from gateway.attachments import AttachmentStore, Finished
from gateway.content import Files
from gateway.errors import ProtocolError
from gateway.protocols.jt808 import messages as jt808
from gateway.protocols.jt808.attachment_session import AttachmentSession
from gateway.protocols.jt808.attachments import RTP
from gateway.protocols.jt808.commands import BUILDERS
from gateway.protocols.jt808.header import build_parts
from gateway.report import terminal_key
from gateway.requests import Request, Requests
from gateway.server.intake import Intake
from gateway.session import Limits, Outcome
from gateway.wire.message import Message
from tests.terminals import NUMBER, label_of, packet

LONG = "12345678901234567890"
ENROLLED = {terminal_key("jt808", n) for n in (NUMBER, "123456789012", LONG, "000000001558")}
ALARM = "a1" * 16


class Book:
    """A roll of four terminals."""

    def enrolled(self, terminal: str) -> bool:
        return terminal in ENROLLED

    def issue_code(self, terminal: str, model: str) -> str:
        raise AssertionError("nobody registers on this port")

    def model(self, terminal: str) -> str:
        return ""

    def check_code(self, terminal: str, code: str) -> bool:
        raise AssertionError("nobody logs in on this port")


@dataclass
class Line:
    """A session and the store behind it; every held frame is answered by the store's word."""

    session: AttachmentSession
    intake: Intake
    media: Path
    said: list[Message] = field(default_factory=list)

    def feed(self, data: bytes, now: float = 0) -> None:
        held = self.session.receive(data, now)
        self.hear(self.session.data_to_send())
        for one in held:
            result = self.intake.take(one, 1)
            self.hear(self.session.answer(one, Outcome(True) if isinstance(result, Finished) else result))

    def hear(self, data: bytes) -> None:
        self.said += [jt808.decode(frame) for frame in data.split(b"~") if frame]

    @property
    def files(self) -> list[tuple[str, str]]:
        return [(one.report.name, one.report.sha256) for one in self.intake.store.untold()]


@contextmanager
def line(*requests: Request) -> Iterator[Line]:
    with tempfile.TemporaryDirectory() as directory:
        asked = Requests(Path(directory))
        for request in requests or [Request(ALARM, terminal_key("jt808", NUMBER), label(label_of(1, 2)))]:
            asked.expect(request, 0)
        media = Path(directory) / "media"
        store = AttachmentStore(Files(media), file_octets=1 << 20, alarm_octets=1 << 22)
        yield Line(AttachmentSession(Book(), 0, Limits()), Intake(store, asked, 1 << 50), media)
        store.close()
        asked.close()


def announcement(files: dict[bytes, bytes], own: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "terminal_id": "1234567", "identification": own or label_of(1, 2), "alarm_number": ALARM, "info_type": 0,
        "files": [{"name": name, "size": len(content)} for name, content in files.items()],
    }  # fmt: skip


def label(own: dict[str, Any]) -> str:
    """A label as hex."""
    body = jt808.encode_body(0x1210, announcement({}, own), 2013)
    return body[7:23].hex() if "reserved" in own else body[30:70].hex()


def frame(message_id: int, fields: dict[str, Any], serial: int = 0, **more: Any) -> bytes:
    return jt808.encode(message_id, fields, terminal=more.pop("terminal", NUMBER), serial=serial, **more)


def info(name: bytes, content: bytes) -> dict[str, Any]:
    return {"name": name, "type": 0, "size": len(content)}


@pytest.fixture(scope="module")
def vectors(shared: Path) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """(message id, standard) -> vectors."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for one in map(json.loads, (shared / "vectors" / "jtt.jsonl").read_text("utf-8").splitlines()):
        if one["message_id"] in ("0x1210", "0x1211", "0x1212", "0x9208", "0x9212"):
            found.setdefault((one["message_id"], one["standard"].rpartition("-")[2]), []).append(one)
    return found


def announced(vector: dict[str, Any]) -> Request:
    """The request that a vector's 0x1210 answers, read off its bytes."""
    message = jt808.decode(bytes.fromhex(vector["hex"]))
    terminal = terminal_key("jt808", message.header.terminal)
    return Request(message.fields["alarm_number"], terminal, message.body[7:23].hex())


@pytest.mark.parametrize("step", [1, 7, 1 << 20])
def test_every_announcement_of_the_vectors_is_taken_where_it_was_asked_for(
    vectors: dict[tuple[str, str], list[dict[str, Any]]], step: int
):
    samples = vectors["0x1210", "2013"]
    assert len(samples) == 2
    for vector in samples:
        data = bytes.fromhex(vector["hex"])
        with line(announced(vector)) as one:
            for at in range(0, len(data), step):
                one.feed(data[at : at + step])
            (answer,) = one.said
            assert (answer.name, answer.fields["ack_id"], answer.fields["result"]) == ("platform_answer", 0x1210, 0)
        with line() as one:
            one.feed(data)
            assert one.said[0].fields["result"] == 1
            assert one.session.closing
            assert one.intake.counts["jsatl.unsolicited"] == 1


def test_a_file_of_the_vectors_is_answered_as_the_vectors_say(
    vectors: dict[tuple[str, str], list[dict[str, Any]]],
):
    """0x1210, 0x1211, data with a hole of 200 bytes, 0x1212 -> the vectors' two 0x9212, to the byte."""
    announce, begin, end = (bytes.fromhex(vectors[i, "2013"][0]["hex"]) for i in ("0x1210", "0x1211", "0x1212"))
    done, resend = (jt808.decode(bytes.fromhex(v["hex"])).body for v in vectors["0x9212", "2013"])
    name, content = b"www.jtt808.cn", bytes(range(256)) * 4
    with line(announced(vectors["0x1210", "2013"][0])) as one:
        one.feed(announce + begin + packet(name, 0, content[:100]) + packet(name, 300, content[300:]) + end + b"~\0\1")
        one.feed(packet(name, 100, content[100:300]) + end)
        assert [m.name for m in one.said] == ["platform_answer"] * 2 + ["file_answer"] * 2
        assert [m.body for m in one.said[2:]] == [resend, done]


def test_the_vectors_of_2019_are_answered_in_their_edition(vectors: dict[tuple[str, str], list[dict[str, Any]]]):
    (begin,), (resend,) = vectors["0x1211", "2019"], vectors["0x9212", "2019"]
    request = Request(ALARM, terminal_key("jt808", LONG), label(label_of(1, 2, wide=True)))
    with line(request) as one:
        hello = announcement({}, label_of(1, 2, wide=True))
        one.feed(frame(0x1210, hello, terminal=LONG, version=2019) + bytes.fromhex(begin["hex"]))
        one.feed(frame(0x1212, info(b"www.jtt808.cn", bytes(1024)), terminal=LONG, version=2019))
        assert [m.fields.get("result") for m in one.said[:2]] == [0, 0]
        assert one.said[2].body == jt808.decode(bytes.fromhex(resend["hex"])).body
        assert {(m.header.version, m.header.terminal) for m in one.said} == {(2019, LONG)}


def test_the_request_of_the_vectors_is_what_the_gateway_says(vectors: dict[tuple[str, str], list[dict[str, Any]]]):
    (vector,) = vectors["0x9208", "2013"]
    message = jt808.decode(bytes.fromhex(vector["hex"]))
    at = 1 + len(message.fields["host"]) + 4
    wanted = command.RequestAttachments(
        terminal="t", label=message.body[at : at + 16].hex(), number=message.fields["alarm_number"],
        host=message.fields["host"], port=message.fields["tcp_port"],
    )  # fmt: skip
    out = BUILDERS[command.RequestAttachments](wanted, 2013)
    body = jt808.encode_body(out.message_id, dict(out.fields) | {"udp_port": message.fields["udp_port"]}, 2013)
    assert body == message.body


CONTENT = st.binary(max_size=400) | st.sampled_from([b"~" * 50, b"01cd" * 20, b"~01cd~" * 9, b"\x7d\1\x7d\2"])
NAMES = st.binary(min_size=1, max_size=60).filter(lambda name: name[0] not in RTP)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.sampled_from([b"a.jpg", b"~", b"01cd", b"../x", b"7e\x7d"]), CONTENT, min_size=1, max_size=3),
    st.integers(1, 90),
    st.data(),
)
def test_any_cutting_of_the_stream_gives_the_same_files(files: dict[bytes, bytes], size: int, data: st.DataObject):
    stream = frame(0x1210, announcement(files))
    for name, content in files.items():
        packets = [packet(name, at, content[at : at + size]) for at in range(0, len(content), size)]
        order = data.draw(st.permutations(packets))
        stream += frame(0x1211, info(name, content)) + b"".join(order) + frame(0x1212, info(name, content))
    cuts = [0, *sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=30))), len(stream)]
    with line() as whole, line() as cut:
        whole.feed(stream)
        for a, b in pairwise(cuts):
            cut.feed(stream[a:b])
        assert cut.files == whole.files
        assert len(whole.files) == len(files)
        assert [m.body for m in cut.said] == [m.body for m in whole.said]
        for (_, digest), content in zip(whole.files, files.values(), strict=True):
            (path,) = whole.media.rglob(f"{digest}.*")
            assert path.read_bytes() == content


@settings(max_examples=60, deadline=None)
@given(NAMES, st.binary(min_size=1, max_size=50))
def test_any_name_comes_back_byte_by_byte(name: bytes, content: bytes):
    with line() as one:
        one.feed(frame(0x1210, announcement({name: content})) + frame(0x1211, info(name, content)))
        one.feed(frame(0x1212, info(name, content)))
        one.feed(packet(name, 0, content) + frame(0x1212, info(name, content)))
        assert len(one.files) == 1
        assert all(m.body.startswith(bytes([len(name)]) + name) for m in one.said[2:])


@given(st.lists(st.binary(max_size=200) | st.just(frame(0x1210, announcement({}))), max_size=8))
@settings(max_examples=60, deadline=None)
def test_any_bytes_are_borne(chunks: list[bytes]):
    with line() as one:
        for chunk in chunks:
            one.feed(chunk)
        assert one.files == []


def test_a_long_announcement_comes_in_parts_and_each_is_answered():
    files = {b"%03d_64_6401_0.jpg" % n: b"" for n in range(120)}
    parts = build_parts(0x1210, NUMBER, 5, jt808.encode_body(0x1210, announcement(files), 2013), 2013)
    assert len(parts) > 2
    with line() as one:
        for part in parts:
            one.feed(part)
        assert [(m.fields["ack_serial"], m.fields["result"]) for m in one.said] == [
            (5 + n, 0) for n in range(len(parts))
        ]
        one.feed(frame(0x1211, info(b"x", b"abc")))
        assert one.said[-1].fields["result"] == 0


def test_the_count_of_files_behind_a_label_may_change():
    with line() as one:
        one.feed(frame(0x1210, announcement({}, label_of(1, 7) | {"reserved": 3})))
        assert one.said[0].fields["result"] == 0
    with line() as one:
        one.feed(frame(0x1210, announcement({}, label_of(2, 2))))
        assert one.said[0].fields["result"] == 1


def test_a_full_disk_closes_the_connection_and_the_rest_comes_later():
    content = bytes(range(200))
    with line() as one:
        one.feed(frame(0x1210, announcement({})) + frame(0x1211, info(b"a", content)))
        (one.media / "incoming").mkdir()
        part = one.media / "incoming" / "1.part"
        part.symlink_to("/dev/full")
        one.feed(packet(b"a", 0, content))
        assert one.session.closing
        assert one.intake.counts["jsatl.disk_full"] == 1
        part.unlink()
        one.session = AttachmentSession(Book(), 0, Limits())
        one.feed(frame(0x1210, announcement({})) + frame(0x1212, info(b"a", content)))
        assert one.said[-1].fields["missing"] == [{"offset": 0, "length": 200}]
        one.feed(packet(b"a", 0, content) + frame(0x1212, info(b"a", content)))
        assert len(one.files) == 1


def test_what_has_no_place_on_this_connection_is_refused():
    with line() as one:
        one.feed(frame(0x0102, {"auth": "x"}))
        assert one.said[0].fields["result"] == 3
        one.feed(frame(0x0002, {}))
        assert one.said[1].fields["result"] == 0
        one.feed(frame(0x1210, announcement({})))
        one.feed(frame(0x1211, info(b"a", b"b"), terminal="123456789012"))
        assert one.said[3].fields["result"] == 1
        assert one.session.counts["terminal_mismatch"] == 1
        with pytest.raises(ProtocolError, match="connection of attachments"):
            one.session.send(command.QueryPosition(terminal="t"))


def test_how_long_a_connection_may_be_silent():
    limits = Limits()
    with line() as one:
        assert one.session.deadline() == limits.login_s
        one.feed(frame(0x0002, {}), now=5)
        assert one.session.deadline() == limits.login_s
        one.feed(frame(0x1210, announcement({})), now=6)
        assert one.session.deadline() == 6 + limits.idle_s
        data = packet(b"a", 0, bytes(60_000))
        one.feed(data[:100], now=10)
        assert one.session.deadline() == 10 + limits.partial_s
        one.feed(data[100:200], now=20)  # slow, but it goes on
        assert one.session.deadline() == 20 + limits.partial_s
        one.feed(data[200:300], now=6 + limits.idle_s - 1)  # not for ever
        assert one.session.deadline() == 6 + limits.idle_s
