"""Positions in columns are the positions one at a time, whatever items they carry."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.columns import PositionTable
from gateway.protocols.jt808 import messages as jt808
from gateway.protocols.jt808 import translate as translate808
from gateway.protocols.jt905 import messages as jt905
from gateway.protocols.jt905 import translate as translate905
from gateway.report import FIX, Position, micros
from gateway.wire.layout import Layout
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
    columns = table.read(bodies)
    assert columns.source.tolist() == list(range(len(bodies)))
    for body, row, extra in zip(bodies, columns.rows, columns.attributes, strict=True):
        assert_same(read(layout.decode(body), body), row, extra)


@pytest.mark.parametrize(("layout", "table", "read"), PATHS, ids=["808", "808-2019", "905"])
@given(bodies=st.lists(st.binary(max_size=60), max_size=6))
def test_any_bytes_are_rows_or_named_errors(layout: Layout, table: PositionTable, read: Any, bodies: list[bytes]):
    columns = table.read(bodies)
    assert sorted([*columns.source.tolist(), *columns.errors]) == list(range(len(bodies)))
    assert set(columns.errors.values()) <= {"truncated", "time"}
