"""Entries as messages and back, of whatever size, whatever comes twice or out of order."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.shipping.parcel import ID, PART, PART_BYTES, PARTS, SEQ, Whole, parcels, unpacked
from gateway.spool import Entry

ENTRIES = st.builds(
    Entry, st.sampled_from(["fix", "message"]), st.integers(0, 2**50), st.binary(max_size=300), st.binary(max_size=300),
    st.integers(1, 2**40),
)  # fmt: skip


@given(ENTRIES, st.randoms(use_true_random=False), st.integers(0, 3))
def test_an_entry_comes_back_from_its_parts_in_any_order(entry: Entry, rng, times: int):
    large = Entry(entry.kind, entry.received, entry.columns + bytes(times * PART_BYTES), entry.raw, entry.seq)
    sent = list(parcels("spool", large))
    assert len({one.headers[ID] for one in sent}) == len(sent) >= times + 1
    assert all(len(one.payload) <= PART_BYTES for one in sent)
    came = [*sent, *rng.sample(sent, 1)]
    rng.shuffle(came)
    whole = Whole(int(came[0].headers[PARTS]))
    for one in came:
        assert one.headers[SEQ] == str(entry.seq)
        whole.parts[int(one.headers[PART])] = one.payload
    assert whole.complete
    assert unpacked(entry.seq, whole.content()) == large
