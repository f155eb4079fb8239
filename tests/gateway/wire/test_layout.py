"""Layout tables: one row serves decode, encode and columns, and they agree."""

from contextlib import suppress
from datetime import datetime
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ProtocolError
from gateway.wire.bcd import INVALID, times
from gateway.wire.clocks import CHINA, Clock
from gateway.wire.field import Field
from gateway.wire.groups import Many, Sized
from gateway.wire.identity import identities, identity
from gateway.wire.items import Items
from gateway.wire.kinds import U8, U16, Number
from gateway.wire.layout import Layout
from gateway.wire.reader import Span
from gateway.wire.texts import Text

SPEEDS = Layout(
    "speeds",
    Field("speed", Number("H", Fraction(1, 10)), "km/h"),
    Field("lat", Number("I", Fraction(1, 1_000_000)), "deg"),
    Field("time", Clock()),
)
MIXED = Layout(
    "mixed",
    Field("kind", U8, codes={1: "one"}),
    Field("name", Sized(U8, Text())),
    Field("points", Many(SPEEDS, U16)),
    Field("items", Items({(1, 2): Layout("odd", Field("height", U16, "m"))})),
)
moments = st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)).map(
    lambda t: t.replace(microsecond=0, tzinfo=CHINA)
)
speeds = st.fixed_dictionaries(
    {
        "speed": st.integers(0, 65535).map(lambda v: v / 10),
        "lat": st.integers(0, 90_000_000).map(lambda v: v / 1e6),
        "time": moments,
    }
)


@given(st.lists(speeds, min_size=1, max_size=20))
def test_columns_equal_the_scalar_values_in_si(values: list[dict]):
    bodies = np.frombuffer(b"".join(map(SPEEDS.write, values)), np.uint8).reshape(len(values), -1)
    columns = SPEEDS.columns(bodies)
    for i, value in enumerate(values):
        assert SPEEDS.decode(bodies[i].tobytes()) == value
        assert columns["speed"][i] == pytest.approx(value["speed"] / 3.6, rel=1e-12)
        assert columns["lat"][i] == value["lat"]
        assert times(columns["time"])[i] == int(value["time"].timestamp()) * 1_000_000


@given(st.lists(speeds, max_size=3), st.text("昆山ABC", max_size=9))
def test_nested_layouts_survive_encoding(points: list[dict], name: str):
    value = {
        "kind": 1,
        "name": name,
        "points": points,
        "items": {"0x01": {"height": 7}, "0x77": {"raw": b"\1"}},
    }
    assert MIXED.decode(MIXED.write(value)) == value


@given(st.binary(max_size=80))
def test_every_body_decodes_or_raises_our_own_error(body: bytes):
    with suppress(ProtocolError):
        assert set(MIXED.decode(body)) - {"surplus"} == set(MIXED.names)


def test_a_trace_explains_every_byte():
    body = MIXED.write({"kind": 1, "name": "昆山", "points": [], "items": {"0x01": {"height": 7}}})
    trace: list[Span] = []
    MIXED.decode(body + b"\x01", trace)
    assert [(span.path, span.end - span.start) for span in trace] == [
        ("kind", 1), ("name.length", 1), ("name", 4), ("points.count", 2), ("items.0x01", 2),
        ("items.0x01.height", 2), ("items.truncated", 1),
    ]  # fmt: skip
    assert trace[0].meaning == "one"
    assert [i for span in trace for i in range(span.start, span.end)] == list(range(len(body) + 1))


def test_a_last_item_cut_short_does_not_cost_the_others():
    assert MIXED.decode(b"\1\0\0\0\1\2\0\7\x31\5\1")["items"] == {
        "0x01": {"height": 7},
        "truncated": {"raw": b"\x31\5\1"},
    }


@given(st.lists(st.binary(min_size=6, max_size=6), min_size=1, max_size=50))
def test_times_in_columns_equal_the_scalar_clock(raw: list[bytes]):
    columns = times(np.frombuffer(b"".join(raw), np.uint8).reshape(-1, 6))
    for value, column in zip(raw, columns, strict=True):
        try:
            expected = int(Clock().value(value).timestamp()) * 1_000_000
        except ProtocolError:
            expected = INVALID
        assert column == expected


@given(st.binary(min_size=28, max_size=28), st.integers(0, 223))
def test_identity_changes_with_any_bit(body: bytes, bit: int):
    changed = bytearray(body)
    changed[bit // 8] ^= 1 << bit % 8
    both = np.frombuffer(body + bytes(changed), np.uint8).reshape(2, -1)
    assert identities(both).tolist() == [identity(body), identity(bytes(changed))]
    assert identity(body) != identity(bytes(changed))


def test_a_value_out_of_range_names_its_field():
    with pytest.raises(ProtocolError, match=r"speeds\.speed"):
        SPEEDS.write({"speed": 1e6, "lat": 0, "time": datetime(2026, 1, 1, tzinfo=CHINA)})
