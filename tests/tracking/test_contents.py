"""A content of the quarantine is told whatever it is: it stands there because something was wrong with it."""

import json

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.report import FIX, FixBatch
from tests.tracking.fixes import batch
from tracking.contents import MOST_FIXES, told

KINDS = st.sampled_from(["fix", "message", "command", "terminal", "gossip"])
GOOD = batch(3, seed=4).to_bytes()


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A batch of fixes with some bytes changed, or cut short."""
    content = bytearray(GOOD)
    for at in draw(st.lists(st.integers(0, len(content) - 1), max_size=8)):
        content[at] = draw(st.integers(0, 255))
    return bytes(content[: draw(st.integers(0, len(content)))])


@given(KINDS, st.binary(max_size=200) | st.text(max_size=50).map(lambda s: json.dumps(s).encode()) | damaged())
@example("message", b"[" * 100_000)
@example("message", b'{"n": 1e999}')
def test_any_content_gives_an_answer_that_can_be_sent(kind: str, content: bytes):
    value, why_not = told(kind, content)
    assert json.loads(json.dumps(value, allow_nan=False)) == value
    assert value is None or why_not == ""


@given(st.binary(min_size=FIX.itemsize, max_size=FIX.itemsize), st.binary(max_size=40))
def test_any_fix_is_told_by_name(row: bytes, attributes: bytes):
    rows = np.frombuffer(row, FIX).copy()
    rows["terminal"] = 0
    (fix,), why_not = told("fix", FixBatch(["jt808/0"], rows, [attributes]).to_bytes())
    assert why_not == ""
    assert list(fix) == ["terminal", *(name for name in FIX.names if name != "terminal"), "attributes"]
    assert int(fix["identity"], 16) == int(rows["identity"][0]) % 2**64


def test_of_many_fixes_the_first_are_told():
    value, _ = told("fix", batch(MOST_FIXES + 50).to_bytes())
    assert len(value) == MOST_FIXES
