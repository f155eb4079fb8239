"""0x7E framing: escapes, checksum, and cutting a stream into frames however it arrives."""

import functools
import operator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ProtocolError
from gateway.wire.framing import MAX_FRAME, FrameBuffer, escape, unescape, unwrap, wrap, xor

contents = st.binary(min_size=12, max_size=300)


def test_the_standards_own_example_of_escaping():
    assert escape(bytes.fromhex("307e087d55")) == bytes.fromhex("307d02087d0155")


@given(st.binary(max_size=200))
def test_unescape_inverts_escape(content: bytes):
    assert unescape(escape(content)) == content
    assert b"\x7e" not in escape(content)


@given(st.binary(max_size=200))
def test_xor_is_the_xor_of_all_bytes(content: bytes):
    assert xor(content) == functools.reduce(operator.xor, content, 0)


@given(contents)
def test_a_wrapped_frame_is_unwrapped_to_itself(content: bytes):
    assert unwrap(wrap(content)) == content


@given(contents, st.integers(0), st.integers(1, 255))
def test_any_changed_byte_is_refused(content: bytes, where: int, how: int):
    frame = bytearray(content + bytes([xor(content)]))
    frame[where % len(frame)] ^= how
    with pytest.raises(ProtocolError):
        unwrap(b"~" + escape(bytes(frame)) + b"~")


@given(st.lists(contents, min_size=1, max_size=6), st.integers(1, 40))
def test_frames_survive_any_cutting_of_the_stream(frames: list[bytes], step: int):
    wires = [wrap(f) for f in frames]
    for stream in (
        b"".join(wires),
        b"rubbish" + b"".join(wires) + b"~",
        b"~".join(w.strip(b"~") for w in wires),
    ):
        data = stream if stream.startswith((b"~", b"rubbish")) else b"~" + stream + b"~"
        buffer, seen = FrameBuffer(), []
        for i in range(0, len(data), step):
            seen += buffer.feed(data[i : i + step])
        assert [b"~" + s + b"~" for s in seen] == wires


def test_an_endless_frame_is_dropped_and_the_next_one_taken():
    buffer = FrameBuffer()
    assert buffer.feed(b"~" + b"x" * 3 * MAX_FRAME) == []
    assert buffer.pending == 0
    assert buffer.feed(b"y" * 100) == []
    assert buffer.feed(b"tail~good~") == [b"good"]
    assert buffer.overlong == 1


@pytest.mark.parametrize("bad", ["7d03", "7d", "017d7d"])
def test_an_escape_that_is_none_is_refused(bad: str):
    with pytest.raises(ProtocolError, match="escape"):
        unescape(bytes.fromhex(bad))
