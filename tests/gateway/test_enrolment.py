"""Roll files as offices make them, and as they should not be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.catalog import PROTOCOLS
from gateway.enrolment import parse_csv
from gateway.errors import RollError

HEADER = "terminal,protocol,plate,vehicle_class,company\n"


def test_utf8_with_a_mark_and_gbk_give_the_same_rows():
    text = HEADER + "013812345678,jt808,苏ET1001,taxi,昆山公交\n\nwang/phone,owntracks,苏ET1002,,\n"
    rows = parse_csv(text.encode("utf-8-sig"), PROTOCOLS)
    assert rows == parse_csv(text.encode("gb18030"), PROTOCOLS)
    assert [(r.terminal, r.plate, r.vehicle_class, r.company) for r in rows] == [
        ("jt808/13812345678", "苏ET1001", "taxi", "昆山公交"), ("owntracks/wang/phone", "苏ET1002", "taxi", ""),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("13812345678,jt999,苏ET1,,", "line 2: unknown protocol 'jt999'"),
        (",jt808,苏ET1,,", "line 2: no terminal number"),
        ("1381-2345,jt808,苏ET1,,", "line 2: terminal '1381-2345': a jt808 terminal has a number of up to 20 digits"),
        (f"{'1' * 26},jt905,苏ET1,,", "a jt905 terminal has a number of up to 12 digits"),
        ("a/b,mqtt,苏ET1,,", "one level of an MQTT topic"),
        ("phone,owntracks,苏ET1,,", "USER/DEVICE"),
        ("1,jt808,,,", "line 2: terminal 1 has no plate"),
        ("1,jt808,苏\0ET1,,", "plate must be at most 64 printable characters"),
        (f"1,jt808,{'E' * 65},,", "plate must be at most 64 printable characters"),
        (f"1,jt808,苏ET1,taxi,{'公' * 101}", "company must be at most 100"),
        ("1,jt808,苏ET1,taxi,甲,乙", "line 2: more fields than the header has"),
        ("1,jt808,苏ET1,,\n01,jt808,苏ET2,,", "line 3: terminal jt808/1 stands twice"),
        ('1,jt808,"苏ET1,,', "nothing behind it was read"),
        (f"1,jt808,{'E' * 200_000},,", "field larger than field limit"),
    ],
)
def test_a_bad_line_is_refused_with_its_number_and_reason(line: str, cause: str):
    with pytest.raises(RollError, match="line") as error:
        parse_csv((HEADER + line + "\n").encode(), PROTOCOLS)
    assert cause in str(error.value)


def test_every_bad_line_is_listed():
    with pytest.raises(RollError) as error:
        parse_csv((HEADER + "x,jt808,苏ET1,,\n1,jt808,苏ET1,,\ny,jt808,苏ET1,,\n").encode(), PROTOCOLS)
    assert [line[:7] for line in str(error.value).splitlines()] == ["line 2:", "line 4:"]


def test_a_file_in_neither_encoding_says_where():
    with pytest.raises(RollError, match=r"neither UTF-8 \(line 2 is not\) nor GBK \(line 3 is not\)"):
        parse_csv(HEADER.encode() + b"1,jt808,\xcb\xd5ET1,,\n2,jt808,\xff\xff,,\n", PROTOCOLS)


def test_a_header_that_lacks_something_says_what():
    with pytest.raises(RollError, match="line 1: the header lacks protocol, plate"):
        parse_csv(b"terminal,company\n1,x\n", PROTOCOLS)


@given(st.binary(max_size=300))
def test_no_file_makes_it_raise_anything_else(data: bytes):
    for file in (data, HEADER.encode() + data):
        try:
            parse_csv(file, PROTOCOLS)
        except RollError:
            continue
