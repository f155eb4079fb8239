"""Sub-packaged messages: any order, repeats, gaps, other messages between, and bounds."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ProtocolError
from gateway.wire.message import Header
from gateway.wire.parts import Missing, Parts


def part(number: int, total: int, first: int = 100, *, serial: int | None = None, message: int = 0x0801) -> Header:
    wanted = (first + number - 1) & 0xFFFF if serial is None else serial
    return Header(message, "013812345678", wanted, 2013, (total, number))


@pytest.mark.parametrize("order", [*permutations((1, 2, 3))])
@pytest.mark.parametrize("first", [0, 100, 0xFFFE])
def test_parts_come_together_in_any_order(order: tuple[int, ...], first: int):
    parts = Parts()
    found = [parts.add(part(n, 3, first), b"abc"[n - 1 : n], now=0) for n in order]
    assert found == [None, None, b"abc"]


def test_a_message_of_one_part_is_whole_at_once():
    assert Parts().add(part(1, 1), b"x", now=0) == b"x"


def test_repeats_change_nothing_before_and_after_the_end():
    parts = Parts()
    assert parts.add(part(1, 2), b"a", now=0) is None
    assert parts.add(part(1, 2), b"other", now=0) is None
    assert parts.add(part(2, 2), b"b", now=0) == b"ab"
    assert parts.add(part(2, 2), b"b", now=0) is None
    assert parts.missing() == []


def test_messages_that_overlap_are_kept_apart():
    parts = Parts()
    assert parts.add(part(1, 2, 10), b"a", now=0) is None
    assert parts.add(part(1, 2, 20), b"c", now=0) is None
    assert parts.add(part(1, 2, 10, message=0x0104), b"e", now=0) is None
    assert parts.add(part(2, 2, 20), b"d", now=0) == b"cd"
    assert parts.add(part(2, 2, 10), b"b", now=0) == b"ab"
    assert parts.add(part(2, 2, 10, message=0x0104), b"f", now=0) == b"ef"


def test_missing_parts_are_told_and_may_come_under_serials_of_their_own():
    parts = Parts()
    for n in (1, 3, 5):
        parts.add(part(n, 5), bytes((n,)), now=0)
    assert parts.missing() == [Missing("013812345678", 0x0801, 100, 5, (2, 4))]
    assert parts.add(part(4, 5, serial=700), b"\4", now=0) is None
    assert parts.add(part(2, 5, serial=701), b"\2", now=0) == b"\1\2\3\4\5"


def test_what_waits_too_long_is_forgotten():
    parts = Parts(seconds=60)
    parts.add(part(1, 2, 10), b"a", now=0)
    parts.add(part(1, 2, 20), b"b", now=50)
    assert parts.expire(61) == [Missing("013812345678", 0x0801, 10, 2, (2,))]
    assert [m.first_serial for m in parts.missing()] == [20]


@pytest.mark.parametrize(("number", "total"), [(0, 2), (3, 2), (1, 0), (1, 65)])
def test_impossible_parts_are_refused(number: int, total: int):
    with pytest.raises(ProtocolError, match="parts"):
        Parts().add(part(number, total), b"", now=0)


def test_bytes_are_bounded_and_the_oldest_message_gives_way():
    parts = Parts(octets=100)
    parts.add(part(1, 3, 10), bytes(60), now=0)
    parts.add(part(1, 3, 20), bytes(60), now=1)
    assert [m.first_serial for m in parts.missing()] == [20]
    with pytest.raises(ProtocolError, match="more than 100 bytes"):
        parts.add(part(2, 3, 20), bytes(60), now=2)
    assert parts.missing() == []


def test_messages_are_bounded_however_little_they_hold_and_the_oldest_gives_way():
    parts = Parts(messages=4)
    for first in range(0, 100_000, 2):
        parts.add(part(1, 2, first & 0xFFFF), b"", now=first)
    assert [m.first_serial for m in parts.missing()] == [n & 0xFFFF for n in range(99_992, 100_000, 2)]


@given(
    st.lists(
        st.tuples(st.integers(0, 70), st.integers(0, 70), st.integers(0, 0xFFFF), st.binary(max_size=40)), max_size=60
    )
)
def test_no_stream_of_parts_breaks_it_or_grows_it(stream: list[tuple[int, int, int, bytes]]):
    parts = Parts(packages=8, octets=200, seconds=5)
    for now, (number, total, serial, body) in enumerate(stream):
        try:
            parts.add(part(number, total, serial=serial), body, now)
        except ProtocolError:
            continue
        assert sum(len(m.parts) for m in parts.missing()) <= 8 * 6 * 8
