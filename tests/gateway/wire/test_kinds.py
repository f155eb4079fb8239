"""Every kind gives back what it wrote, refuses what does not fit, and says why."""

from datetime import UTC, datetime, time
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ProtocolError
from gateway.wire.clocks import CHINA, Clock, Elapsed, LongStamp, MaybeDaily, Stamp
from gateway.wire.kinds import U64, Bcd, Digits, Kind, Noughts, Number, Raw, SignMagnitude, Unless
from gateway.wire.reader import Reader
from gateway.wire.texts import Terminated, Text
from tests.gateway.strategies import values

KINDS: list[Kind] = [
    Number("B"), Number("h", Fraction(1, 10)), Number("B", Fraction(1), -40), Number("I", Fraction(1, 600_000)), U64,
    SignMagnitude("H", Fraction(1, 10)), Bcd(6), Digits(3, 1), Digits(4), Digits(2, 2, exact=True), Raw(4), Raw(),
        Noughts(3), Unless(Number("B"), 255),
    Text(9), Text(), Text(6, pad=b" "), Terminated(), Terminated(limit=60), Terminated(digits=11),
    Clock(), Stamp("YYMMDDhhmm"), Stamp("YYYYMMDD", blank=True), Stamp("hhmm"), Stamp("YYMMDDhhmmss", UTC),
    LongStamp(), MaybeDaily(), Elapsed("hhmm"), Elapsed("hhmmss"),
]  # fmt: skip

LOSSY = Text | Terminated | LongStamp | SignMagnitude | Elapsed
"""Kinds in which several wires mean the same value: padding, a missing terminator, minus nought, 90 minutes."""


@given(st.sampled_from(KINDS).flatmap(lambda kind: st.tuples(st.just(kind), values(kind))))
def test_a_kind_reads_what_it_wrote(pair: tuple[Kind, object]):
    kind, value = pair
    reader = Reader(kind.write(value))
    assert kind.read(reader) == value
    assert reader.left == 0


@given(st.sampled_from(KINDS), st.binary(max_size=70))
def test_any_bytes_are_read_or_refused_by_our_own_error(kind: Kind, raw: bytes):
    reader = Reader(raw)
    try:
        value = kind.read(reader)
    except ProtocolError:
        return
    if not isinstance(kind, LOSSY):
        assert kind.write(value) == raw[: reader.pos]


@pytest.mark.parametrize(
    ("kind", "raw", "value"),
    [
        (SignMagnitude("H"), "8005", -5),
        (SignMagnitude("H"), "8000", 0),
        (Number("B", Fraction(1), -40), "00", -40),
        (Digits(2, 1, exact=True), "0305", Decimal("30.5")),
        (Digits(3, 1), "000301", 30.1),
        (Elapsed("hhmm"), "0130", 5400),
        (Stamp("YYYYMMDD", blank=True), "00000000", None),
        (Stamp("YYMMDDhhmmss", UTC), "191202101010", datetime(2019, 12, 2, 10, 10, 10, tzinfo=UTC)),
        (MaybeDaily(), "000000083000", time(8, 30)),
        (LongStamp(), "202111011046", datetime(2021, 11, 1, 10, 46, tzinfo=CHINA)),
        (LongStamp(), "230801194100", datetime(2023, 8, 1, 19, 41, tzinfo=CHINA)),
        (LongStamp(), "201231235959", datetime(2020, 12, 31, 23, 59, 59, tzinfo=CHINA)),
        (Text(8), "0000004142432020", "ABC"),
        (Terminated(), "b2e2cad4", "测试"),
        (Terminated(), "", ""),
        (Terminated(), "b2e2cad400ff", "测试"),
    ],
)
def test_values_stand_as_the_standards_say(kind: Kind, raw: str, value: object):
    assert kind.read(Reader(bytes.fromhex(raw))) == value


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        (Number("B"), 256, "u8"),
        (Number("H", Fraction(1, 10)), float("nan"), "u16"),
        (Digits(2), 10000, r"BCD\[2\]"),
        (SignMagnitude("B"), -128, "u8"),
        (Text(4), "昆山市", "6 bytes of 4"),
        (Text(limit=4), "昆山市", "6 bytes of 4"),
        (Terminated(digits=11), "1391234567", "11 digits"),
        (Terminated(limit=4), "昆山市", "6 bytes of 4"),
        (Terminated(), "a\0b", "terminator"),
        (Clock(), datetime(1999, 1, 1, tzinfo=UTC), "1999"),
        (Stamp("YYYYMMDD"), None, "no time"),
        (Elapsed("hhmm"), 360_000, "360000 s"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(kind: Kind, value: object, words: str):
    with pytest.raises(ProtocolError, match=words):
        kind.write(value)


@given(st.binary(max_size=40) | st.binary(max_size=5).map(lambda raw: b"\x81" + raw + b"\0A"))
def test_any_bytes_are_a_text_that_a_database_takes(raw: bytes):
    text = Text().value(raw)
    assert "\0" not in text
    assert text.encode().decode() == text


@given(st.text("昆山ABC", max_size=80))
def test_long_texts_are_cut_between_characters(text: str):
    written = Terminated(limit=60, cut=True).write(text)
    assert len(written) <= 61
    assert text.startswith(written[:-1].decode("gbk"))


@pytest.mark.parametrize("raw", ["01a0", "ffff"])
def test_letters_are_no_decimal_number(raw: str):
    with pytest.raises(ProtocolError, match="bcd"):
        Digits(2).read(Reader(bytes.fromhex(raw)))
