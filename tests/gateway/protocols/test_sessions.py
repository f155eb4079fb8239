"""Sessions under arbitrary frames: never an exception, always an outcome that is counted."""

from collections import Counter
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.command import QueryPosition, SendText
from gateway.protocols.jt808 import messages as jt808
from gateway.protocols.jt808.session import Jt808Session
from gateway.protocols.jt905 import messages as jt905
from gateway.protocols.jt905.session import Jt905Session
from gateway.report import micros
from gateway.server.batch import Judge, decode
from gateway.server.plausible import Region
from gateway.session import Columns, Fixes, Held, Limits
from tests.terminals import ISU, NUMBER, REGISTRATION, fix

JUDGE = Judge(Region.parse("china"), 600_000_000)
NOW = datetime(2026, 11, 25, tzinfo=UTC)


class Book:
    """A roll in memory: everyone is on it, and every code but "wrong" is right."""

    def enrolled(self, terminal: str) -> bool:
        return "9999" not in terminal

    def issue_code(self, terminal: str) -> str:
        return f"code of {terminal}"

    def check_code(self, terminal: str, code: str) -> bool:
        return self.enrolled(terminal) and code != "wrong"


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
        session.answer(one, ok)
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
        session.answer(one, ok)


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
    assert session.send(SendText(terminal="t", text="昆山火车站北广场", urgent=True))
    text = jt808.decode(session.data_to_send())
    assert (text.name, text.fields["text"]) == ("text", "昆山火车站北广场")
    assert session.send(QueryPosition(terminal="t"))
    assert jt808.decode(session.data_to_send()).header.version == version


def test_commands_to_a_terminal_that_has_not_logged_in_are_refused():
    assert not Jt808Session(Book(), 0, Limits()).send(QueryPosition(terminal="t"))
    assert not Jt905Session(Book(), 0, Limits()).send(QueryPosition(terminal="t"))


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
