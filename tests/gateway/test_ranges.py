"""Ranges against the plainest model there is: a set of bytes."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gateway.ranges import Ranges

SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=20)


@given(SPANS, st.integers(0, 80))
def test_ranges_are_the_bytes_that_were_added(spans: list[tuple[int, int]], size: int):
    ranges, there = Ranges(), set[int]()
    for start, end in spans:
        ranges.add(start, end)
        there |= set(range(start, end))
    assert {n for start, end in ranges for n in range(start, end)} == there
    assert {n for start, end in ranges.missing(size) for n in range(start, end)} == set(range(size)) - there


@given(SPANS)
def test_neighbours_are_one(spans: list[tuple[int, int]]):
    found = list(Ranges(spans))
    assert all(start < end for start, end in found)
    assert all(a[1] < b[0] for a, b in pairwise(found))
    assert list(Ranges(reversed(spans))) == found


def test_what_lacks_is_told_in_whole_ranges():
    assert Ranges().missing(5) == [(0, 5)]
    assert Ranges([(0, 2), (3, 5)]).missing(5) == [(2, 3)]
    assert Ranges([(0, 5)]).missing(5) == Ranges().missing(0) == []
    assert Ranges([(2, 9)]).missing(5) == [(0, 2)]
