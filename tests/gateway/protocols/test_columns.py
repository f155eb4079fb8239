"""Positions in columns are the positions one at a time, whatever items they carry."""

import json
from dataclasses import replace
from random import Random
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.columns import MOST_SHAPES, PositionTable
from gateway.protocols.jt808 import messages as jt808
from gateway.protocols.jt808 import translate as translate808
from gateway.protocols.jt905 import messages as jt905
from gateway.protocols.jt905 import translate as translate905
from gateway.report import FIX, Alarm, Position, micros
from gateway.wire.layout import Layout
from gateway.wire.tlv import shapes
from tests import alike
from tests.gateway.strategies import values

ROAD, ROAD_2019, TAXI = jt808.MESSAGES[0x0200].layout(2013), jt808.MESSAGES[0x0200].layout(2019), jt905.POSITION
PATHS = [
    (ROAD, translate808.OLD, lambda fields, body: translate808.position("t", fields, 2013, body)),
    (ROAD_2019, translate808.NEW, lambda fields, body: translate808.position("t", fields, 2019, body)),
    (TAXI, translate905.TABLE, lambda fields, body: translate905.position("t", fields, body)),
]


def assert_same(one: Position, row: Any, extra: bytes) -> None:
    assert (micros(one.time), one.identity) == (row["time"], row["identity"])
    assert (int(one.alarms), int(one.status)) == (row["alarms"], row["status"])
    assert json.loads(extra or "{}") == json.loads(json.dumps(one.attributes))
    for name in ("lat", "lon", "speed", "course", "altitude", "recorder_speed", "fuel", "odometer"):
        value = getattr(one, name)
        assert np.isnan(row[name]) if value is None else FIX[name].type(value) == row[name], name
    for name in ("satellites", "signal"):
        assert row[name] == (-1 if getattr(one, name) is None else getattr(one, name))


@pytest.mark.parametrize(("layout", "table", "read"), PATHS, ids=["808", "808-2019", "905"])
@settings(max_examples=60)
@given(data=st.data())
def test_columns_equal_the_scalar_path(layout: Layout, table: PositionTable, read: Any, data: st.DataObject):
    tails = st.sampled_from([b"", b"", bytes(4), b"\x01\x04\x00", b"\x31\x01\x07\x31\x01\x08"])
    bodies = data.draw(
        st.lists(st.tuples(values(layout).map(layout.write), tails).map(b"".join), min_size=1, max_size=5)
    )
    bodies = [body for body in bodies * 2 if len(body) < 1000]
    many = data.draw(st.sampled_from([0, MOST_SHAPES - 1, MOST_SHAPES + 1]))
    columns = table.read([*odd(table, many), *bodies])
    assert columns.source.tolist() == list(range(many + len(bodies)))
    for body, row, extra in zip(bodies, columns.rows[many:], columns.attributes[many:], strict=True):
        assert_same(read(layout.decode(body), body), row, extra)


def odd(table: PositionTable, count: int) -> list[bytes]:
    """Short bodies that all have other items: beyond a bound, bodies are read one at a time."""
    basic = bytes.fromhex("00" * (table.size - 6) + "261125120000")
    return [basic + bytes((100 + n, 0)) for n in range(count)]


def test_bodies_that_are_all_different_are_put_into_few_groups():
    table = translate808.OLD
    block = np.frombuffer(b"".join(odd(table, 100)), np.uint8).reshape(100, -1)
    groups, left = shapes(block, table.size, MOST_SHAPES)
    assert [group.rows.tolist() for group in groups] == [[n] for n in range(MOST_SHAPES)]
    assert left.tolist() == list(range(MOST_SHAPES, 100))
    sizes = [body + bytes(n) for n, body in enumerate(odd(table, 100))]  # nor do many sizes make more
    with patch("gateway.columns.shapes", wraps=shapes) as counted:
        assert len(table.read(sizes).rows) == 100
    assert sum(call.args[2] > 0 for call in counted.call_args_list) == MOST_SHAPES


def test_a_batch_of_many_arrangements_of_items_is_read():
    """100,000 bodies that all have their items elsewhere: no step may look at all the others."""
    table = translate808.OLD
    basic = odd(table, 1)[0][: table.size]
    bodies = [
        basic + b"\x01\x04\0\0\x03\xe8" + b"".join(bytes((0x80, int(d), *b"x" * int(d))) for d in f"{n:05d}")
        for n in range(100_000)
    ]  # fmt: skip
    columns = table.read(bodies)
    assert not columns.errors
    assert (columns.rows["odometer"] == 100_000).all()
    told = json.loads(columns.attributes[12_345])
    assert list(told.values()) == [120, "7878", "787878", "78787878", "7878787878"]


@pytest.mark.parametrize(("layout", "table", "read"), PATHS, ids=["808", "808-2019", "905"])
@given(bodies=st.lists(st.binary(max_size=60), max_size=6))
def test_any_bytes_are_rows_or_named_errors(layout: Layout, table: PositionTable, read: Any, bodies: list[bytes]):
    columns = table.read(bodies)
    assert sorted([*columns.source.tolist(), *columns.errors]) == list(range(len(bodies)))
    assert set(columns.errors.values()) <= {"truncated", "time"}


def test_an_item_that_repeats_the_id_of_a_column_is_named_after_it_in_both_ways():
    """0x03 is the recorder's speed; a second one of a length that nobody knows stays as it came."""
    table = translate808.OLD
    bodies = [odd(table, 1)[0][: table.size] + b"\x03\x02\0\x64" + b"\x03\x05" + bytes([n] * 5) for n in range(3)]
    columns = table.read(bodies)
    for n, (body, row, extra) in enumerate(zip(bodies, columns.rows, columns.attributes, strict=True)):
        assert json.loads(extra) == {"0x03#2": f"{n:02x}" * 5}
        assert_same(translate808.position("t", ROAD.decode(body), 2013, body), row, extra)


@pytest.mark.parametrize("seed", range(3))
def test_random_frames_are_read_alike(seed: int):
    assert alike.chunk(seed) == ""


def test_a_difference_is_seen():
    def other(body: bytes) -> Position:
        return replace(way.one(body), alarms=Alarm(1), satellites=1)

    way = alike.WAYS[0]
    frames = alike.frames(way, Random(1), 200)
    assert alike.difference(replace(way, one=other), frames)
