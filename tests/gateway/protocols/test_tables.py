"""Every message of the tables comes back as it went, explains each of its bytes, and bears any bytes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import ProtocolError
from gateway.protocols.jt808 import attachments, dialects, video
from gateway.protocols.jt808.messages import MESSAGES as ROAD
from gateway.protocols.jt905 import devices
from gateway.protocols.jt905.messages import MESSAGES as TAXI
from gateway.wire.field import Field, Term
from gateway.wire.groups import By, Many, OneOf, Sized
from gateway.wire.items import Items
from gateway.wire.kinds import Kind
from gateway.wire.layout import Layout
from gateway.wire.message import MessageType, resolve
from gateway.wire.reader import Span
from tests.gateway.strategies import values

VERSIONS = (2011, 2013, 2019)
BODIES = {
    f"{standard} 0x{row.id:04X} {version}": row.layouts[version]
    for standard, table in (("808", ROAD), ("905", TAXI))
    for row in table.values()
    for version in row.layouts
}
BODIES |= {f"{d.name} 0x{n:04X}": body for d in dialects.DIALECTS.values() for n, body in d.layouts.items()}
BODIES |= {"attachment": attachments.PACKET, "media": video.PACKET, "serial": devices.SERIAL}


def candidates(kind: Kind) -> list[Layout]:
    kinds = kind.kinds if isinstance(kind, OneOf) else (kind,)
    return [k for k in kinds if isinstance(k, Layout)]


@pytest.mark.parametrize("name", BODIES)
@settings(max_examples=12)
@given(data=st.data())
def test_a_body_comes_back_as_it_went_and_every_byte_is_explained_once(name: str, data: st.DataObject):
    for layout in candidates(BODIES[name]):
        value = data.draw(values(layout))
        written, trace = layout.write(value), list[Span]()
        found = layout.decode(written, trace)
        assert found == value or ambiguous(layout)
        assert layout.write(found) == written
        spans = sorted(trace, key=lambda s: (s.start, s.end))
        assert [i for s in spans for i in range(s.start, s.end)] == list(range(len(written)))


@pytest.mark.parametrize("name", BODIES)
@settings(max_examples=12)
@given(data=st.data())
def test_the_bytes_choose_a_layout_that_can_write_them_again(name: str, data: st.DataObject):
    chosen = data.draw(st.sampled_from(candidates(BODIES[name])))
    written = chosen.write(data.draw(values(chosen)))
    layout = resolve(BODIES[name], written)
    value = layout.decode(written)
    assert "\ufffd" in str(value) or layout.decode(layout.write(value)) == value


def ambiguous(kind: Kind) -> bool:
    """Whether something inside is told from its alternatives by the bytes alone."""
    return any(isinstance(inner, OneOf) for inner in inside(kind))


def inside(kind: Kind) -> Iterator[Kind]:
    """The kind and all that it is made of."""
    yield kind
    match kind:
        case Layout():
            parts: list[Kind] = [f.kind for f in kind.fields]
        case Many():
            parts = [kind.item]
        case Sized():
            parts = [kind.inner]
        case By():
            parts = [*kind.table.values(), kind.other]
        case OneOf():
            parts = list(kind.kinds)
        case Items():
            parts = list(kind.table.values())
        case _:
            parts = []
    for part in parts:
        yield from inside(part)


@pytest.mark.parametrize("name", BODIES)
@settings(max_examples=25)
@given(body=st.binary(max_size=120))
def test_any_bytes_are_read_or_refused_by_our_own_error(name: str, body: bytes):
    layout = resolve(BODIES[name], body)
    try:
        value = layout.decode(body)
    except ProtocolError:
        return
    if "\ufffd" in str(value):  # bytes that are no GBK
        return
    try:
        again = layout.write(value)
    except ProtocolError as error:
        if "bytes of" not in error.detail:  # reading takes longer texts than the standards allow to write
            raise
        return
    told = layout.decode(again)
    if value and list(value.values())[-1] == "":  # of padding alone at the end nothing is written
        told = value | told
    assert told == value


@pytest.mark.parametrize("row", [*ROAD.values(), *TAXI.values()], ids=lambda row: f"{row.source} 0x{row.id:04X}")
def test_every_row_and_field_has_its_chinese_name(row: MessageType):
    assert row.zh
    assert row.source
    for body in row.layouts.values():
        for kind in inside(body):
            for f in kind.fields if isinstance(kind, Layout) else ():
                assert f.zh, (row.name, kind.name, f.name)
                assert all(isinstance(name, Term) and name.zh for name in words(f)), (kind.name, f.name)


def words(f: Field) -> list[str]:
    return [*f.bits.values(), *f.codes.values(), *f.ranges.values()]


def test_a_newer_version_uses_the_newest_older_row():
    assert ROAD[0x0200].body(2013) is ROAD[0x0200].body(2011) is not ROAD[0x0200].body(2019)
    assert ROAD[0x0200].body(2024) is ROAD[0x0200].body(2019)


def test_a_dialect_is_found_by_name_and_by_model():
    assert dialects.of_model("JC450-G") is dialects.dialect("jimi")
    assert dialects.of_model("BSJ-A6") is dialects.STANDARD
    with pytest.raises(ProtocolError, match="there are standard, 2011"):
        dialects.dialect("klingon")
