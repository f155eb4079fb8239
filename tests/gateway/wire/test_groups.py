"""Kinds made of kinds: conditions, counts, choices, items; what does not fit never loses the rest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ProtocolError
from gateway.wire.conditions import MORE, Bit, Is
from gateway.wire.field import Field, Term
from gateway.wire.groups import By, Many, OneOf, Sized
from gateway.wire.items import Items
from gateway.wire.kinds import U8, U16, U32, Raw
from gateway.wire.layout import Layout
from gateway.wire.reader import Span
from gateway.wire.texts import Text
from tests.gateway.strategies import values

LIMITED = Layout(
    "limited",
    Field("attributes", U8, bits={0: "window", 1: Term("limit", "限速")}, ranges={(4, 4): "lane"}),
    Field("window", U16, when=Bit("attributes", 0)),
    Field("limit", U8, "km/h", when=Bit("attributes", 1)),
)
CHOICE = Layout(
    "choice",
    Field("kind", U8, codes={1: "number", 2: "text"}),
    Field("value", By("kind", {1: U32, 2: Sized(U8, Text())}, other=Raw(2))),
    Field("reason", U8, when=Is("kind", 1)),
    Field("more", U16, when=MORE),
)
COLOURED = Layout("coloured", Field("colour", U8, codes={1: "blue"}), Field("rest", Text()), telling=("colour",))
LONG = Layout("long", Field("pad", Raw(3)), Field("colour", U8, codes={1: "blue"}), telling=("colour",))
EITHER = OneOf(LONG, COLOURED)
TLV = Items({(1, 2): Layout("two", Field("two", U16)), (2, None): Layout("name", Field("name", Text()))}, U32, U8, U8)
ALL = Layout(
    "all",
    Field("areas", Many(LIMITED, U8)),
    Field("choices", Many(Sized(U8, CHOICE), U8)),
    Field("parameters", TLV),
)


@given(values(ALL))
def test_everything_comes_back(value: dict):
    assert ALL.decode(ALL.write(value)) == value


@given(values(ALL))
def test_the_trace_explains_every_byte_once(value: dict):
    body, trace = ALL.write(value), list[Span]()
    ALL.decode(body, trace)
    spans = sorted(trace, key=lambda s: (s.start, s.end))
    assert [i for s in spans for i in range(s.start, s.end)] == list(range(len(body)))


@given(st.binary(max_size=60))
def test_any_body_is_read_or_refused_and_comes_back(body: bytes):
    try:
        value = ALL.decode(body)
    except ProtocolError:
        return
    assert ALL.decode(ALL.write(value)) == value


def test_bits_and_ranges_are_told_in_words():
    assert LIMITED.fields[0].meaning(0b0101_0110) == "lane 5, 限速 limit, bit 2"


def test_a_field_without_its_condition_is_refused():
    with pytest.raises(ProtocolError, match=r"limited\.window: is given although it needs attributes bit 0"):
        LIMITED.write({"attributes": 0, "window": 3})
    with pytest.raises(ProtocolError, match="limited lacks limit"):
        LIMITED.write({"attributes": 2})


@pytest.mark.parametrize(
    ("body", "layout"),
    [
        (b"\0\0\0\1", LONG),  # both fit, the first one is proved
        (b"\1AB\7", COLOURED),  # both fit, only the second one is proved
        (b"\7AB\7", LONG),  # both fit, none is proved: the first one
        (b"\1A", COLOURED),  # only one fits
    ],
)
def test_the_bytes_choose_among_layouts(body: bytes, layout: Layout):
    assert EITHER.choose(body) is layout


def test_values_choose_among_layouts_too():
    assert EITHER.write({"colour": 1, "rest": "x"}) == b"\1x"
    with pytest.raises(ProtocolError, match="fields"):
        EITHER.write({"colour": 1})


def test_items_that_their_layout_cannot_read_are_kept_as_bytes():
    table = Items({(1, None): Layout("two", Field("two", U16), Field("more", Sized(U8, Raw())))})
    holder = Layout("holder", Field("items", table))
    body = bytes.fromhex("0103000702 0103000700 02020505 00000000".replace(" ", ""))
    value = holder.decode(body)
    assert value["items"] == {
        "0x01": {"raw": b"\0\7\2"},
        "0x01#2": {"two": 7, "more": b""},
        "0x02": {"raw": b"\5\5"},
        "padding": {"raw": bytes(4)},
    }
    assert holder.write(value) == body


def test_surplus_inside_a_length_is_kept():
    holder = Layout("holder", Field("area", Sized(U8, LIMITED)))
    value = holder.decode(b"\3\0\1\2")
    assert value == {"area": {"attributes": 0, "surplus": b"\1\2"}}
    assert holder.write(value) == b"\3\0\1\2"


def test_a_count_without_bytes_does_not_run_away():
    with pytest.raises(ProtocolError, match="truncated"):
        Layout("x", Field("many", Many(U8, U32))).decode(b"\xff\xff\xff\xff\1")
