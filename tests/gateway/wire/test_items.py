"""Items cost time in proportion to their bytes, however they repeat: a cost that grew faster would not end here."""

from gateway.wire import plain
from gateway.wire.field import Field
from gateway.wire.items import Items
from gateway.wire.kinds import U8
from gateway.wire.layout import Layout
from gateway.wire.reader import Reader
from gateway.wire.tlv import walk

MANY = 200_000
LEVELS = Items({(0x01, 1): Layout("level", Field("level", U8, zh="量"))})


def test_noughts_before_a_last_byte_are_items_and_noughts_to_the_end_are_padding():
    body = bytes(2 * MANY * 5) + b"\x01"
    items, tail = walk(body, 0)
    assert (len(items), tail) == (MANY * 5, len(body) - 1)
    assert walk(body[:-1], 0) == ((), 0)
    assert walk(b"\x01\x01\0\0\0\0", 0) == (((1, 1, 2),), 3)
    read = LEVELS.read(Reader(body[-2 * MANY - 1 :]))
    assert len(read) == MANY + 1
    assert read["truncated"] == {"raw": b"\x01"}
    assert LEVELS.read(Reader(body[:-1])) == {"padding": {"raw": body[:-1]}}


def test_an_item_that_repeats_is_numbered():
    read = LEVELS.read(Reader(b"\x01\x01\x07" * MANY))
    assert len(read) == MANY
    assert list(read)[:2] == ["0x01", "0x01#2"]
    assert LEVELS.write(read) == b"\x01\x01\x07" * MANY
    told = plain.items(LEVELS, read)
    assert list(told)[:3] == ["level", "level#2", "level#3"]
    assert list(told)[-1] == f"level#{MANY}"
