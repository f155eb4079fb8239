"""Trees against the recursive definition of RFC 6962, section 2.1, and its own vectors."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking.evidence import merkle

ENTRIES = [bytes.fromhex(text) for text in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
)]  # fmt: skip
"""The test vectors of the Certificate Transparency project, whose trees are those of RFC 6962."""
TREES = st.lists(st.binary(max_size=8), min_size=1, max_size=70)


def defined(entries: list[bytes]) -> bytes:
    """MTH of the RFC, word for word."""
    if not entries:
        return sha256().digest()
    if len(entries) == 1:
        return sha256(b"\0" + entries[0]).digest()
    split = 1
    while split * 2 < len(entries):
        split *= 2
    return sha256(b"\1" + defined(entries[:split]) + defined(entries[split:])).digest()


def test_published_roots():
    leaves = [merkle.leaf(entry) for entry in ENTRIES]
    roots = {
        0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    }
    for size, expected in roots.items():
        assert merkle.root(leaves[:size]).hex() == expected


@given(TREES)
def test_roots_are_those_of_the_definition(entries: list[bytes]):
    assert merkle.root([merkle.leaf(entry) for entry in entries]) == defined(entries)


@given(TREES, st.data())
def test_a_proof_leads_to_the_root_and_from_nowhere_else(entries: list[bytes], data: st.DataObject):
    leaves = [merkle.leaf(entry) for entry in entries]
    index = data.draw(st.integers(0, len(entries) - 1))
    path, root = merkle.proof(leaves, index), merkle.root(leaves)
    assert merkle.leads_to(path, leaves[index], index, len(leaves)) == root
    assert merkle.leads_to(path, merkle.leaf(entries[index] + b"!"), index, len(leaves)) != root
    assert merkle.leads_to([*path, root], leaves[index], index, len(leaves)) is None
    for at in range(len(path)):
        assert merkle.leads_to(path[:at] + path[at + 1 :], leaves[index], index, len(leaves)) is None
        bent = [*path[:at], sha256(path[at]).digest(), *path[at + 1 :]]
        assert merkle.leads_to(bent, leaves[index], index, len(leaves)) != root


def test_no_proof_beyond_the_tree():
    with pytest.raises(IndexError, match="leaf 3 of 3"):
        merkle.proof([b"a", b"b", b"c"], 3)
    assert merkle.leads_to([], b"a", 1, 1) is None
