"""Inputs on which readers once failed, under the names of those that failed."""

from contextlib import suppress

import pytest

from gateway.errors import GatewayError
from gateway.explain import Capture
from gateway.protocols.jt808.explain import Jt808Decoder
from gateway.protocols.jt808.header import build_parts
from tests.fuzz.readers import READERS
from tests.terminals import NUMBER

FOUND = [
    # a part of a compressed message was unfolded before it was whole
    ("explained", "7e09012004013812345678000100020001010203041b7e"),
    # integers, texts and types that Python takes and nobody else
    ("payloads", b'{"time": 1, "lat": 1, "lon": 1, "a": 18446744073709551616}'.hex()),
    ("payloads", b'{"_type": ["location"]}'.hex()),
    ("jsonl", b'{"protocol": ["jt808"], "hex": "7e"}'.hex()),
    ("jsonl", b'{"protocol": "owntracks", "http": {"url": "http://[::1/", "body": {"_type": "lwt"}}}'.hex()),
]


@pytest.mark.parametrize(("target", "data"), FOUND)
def test_an_input_that_was_found_is_borne(target: str, data: str):
    with suppress(GatewayError):
        READERS[target](bytes.fromhex(data))


def test_a_part_of_a_compressed_message_is_told_as_a_part():
    (frame, _) = build_parts(0x0901, NUMBER, 1, bytes(1001), 2013)
    (found,) = Jt808Decoder().decode(Capture(frame))
    assert (found.message, found.error, found.fields) == ("compressed", None, {"raw": bytes(1000)})
