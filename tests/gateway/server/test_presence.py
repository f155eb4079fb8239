"""What gateways tell each other of their terminals: whatever is heard in whatever order, one of them holds each."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from gateway.server.presence import GONE_S, News, Presence

CAR, HOME, STREET = "jt808/1", "10.0.0.1", "10.0.0.2"


def gateways(*names: str) -> Sequence[Presence]:
    """Each has heard that the others are alive."""
    made = [Presence(name, began, desk=True) for began, name in enumerate(names)]
    for one in made:
        for other in made:
            one.hear_alive(other.alive(), 0)
    return made


def tell(speaker: Presence, *hearers: Presence) -> list[News]:
    return [hearer.hear_lines(told) for told in speaker.untold() for hearer in hearers]


def test_a_terminal_that_moves_is_held_where_it_came_last():
    a, b = gateways("a", "b")
    a.came(CAR, HOME, 1)
    assert tell(a, b) == [News(come=(CAR,))]
    assert (b.holder(CAR), b.may_come(CAR, STREET, proved=True)) == ("a", True)
    b.came(CAR, STREET, 2)
    assert tell(b, a) == [News(fenced=((CAR, STREET),), come=(CAR,))]
    assert (a.holder(CAR), b.holder(CAR), a.here, list(b.here)) == ("b", None, {}, [CAR])


def test_who_shows_no_code_comes_from_the_same_address_only():
    a, b = gateways("a", "b")
    a.came(CAR, HOME, 1)
    tell(a, b)
    assert not b.may_come(CAR, STREET, proved=False)
    assert b.may_come(CAR, HOME, proved=False)


def test_an_old_word_does_not_fence_a_later_line_and_is_answered():
    a, b = gateways("a", "b")
    a.came(CAR, HOME, 1)
    b.came(CAR, STREET, 2)
    assert tell(a, b) == [News()]
    assert tell(b, a) == [News(fenced=((CAR, STREET),), come=(CAR,))]
    assert (a.holder(CAR), list(b.here)) == ("b", [CAR])


def test_what_a_silent_gateway_held_is_free():
    a, b = gateways("a", "b")
    a.came(CAR, HOME, 1)
    tell(a, b)
    assert b.expire(GONE_S) == News()
    assert b.expire(GONE_S + 0.1) == News(gone=((CAR, "a"),))
    assert b.may_come(CAR, STREET, proved=False)


def test_the_desk_that_was_there_first_takes_commands_and_the_next_one_when_it_is_gone():
    a, b = gateways("a", "b")
    c = Presence("c", -1, desk=False)
    for one in (a, b):
        one.hear_alive(c.alive(), 0)
    assert (a.leads, b.leads, c.leads) == (True, False, False)
    b.hear_alive(c.alive(), GONE_S)
    b.expire(GONE_S + 1)
    assert b.leads


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("come"), st.integers(0, 2), st.integers(0, 1)),
            st.tuples(st.just("leave"), st.integers(0, 2), st.integers(0, 1)),
            st.tuples(st.just("tell"), st.integers(0, 2), st.integers(0, 2)),
            st.tuples(st.just("lose"), st.integers(0, 2), st.integers(0, 2)),
        ),
        max_size=40,
    )
)
def test_in_the_end_all_agree(happenings: list[tuple[str, int, int]]):
    """Words are delayed and some are lost, never reordered between two gateways; then all ask for what they missed."""
    everybody = gateways("a", "b", "c")
    waiting: dict[tuple[int, int], list[dict[str, object]]] = {(i, j): [] for i in range(3) for j in range(3) if i != j}

    def say() -> None:
        for i, one in enumerate(everybody):
            for told in one.untold():
                for j in range(3):
                    if i != j:
                        waiting[i, j].append(told)

    def hear(i: int, j: int) -> None:
        heard, waiting[i, j] = waiting[i, j], []
        for told in heard:
            everybody[j].hear_lines(told)

    def heal() -> None:
        """What `alive` tells twice in a row."""
        for i, j in waiting:
            heard = [everybody[j].hear_alive(everybody[i].alive(), 0) for _ in range(2)]
            if heard[-1][1]:
                waiting[i, j] += everybody[i].whole()

    for moment, (what, who, other) in enumerate(happenings, 1):
        if what == "come":
            everybody[who].came(f"jt808/{other}", HOME, moment)
        elif what == "leave":
            everybody[who].left(f"jt808/{other}")
        elif who != other:
            say()
            if what == "lose":
                waiting[who, other] = []
            hear(who, other)
    say()
    heal()
    while any(waiting.values()):
        for i, j in waiting:
            hear(i, j)
        heal()
        say()
    for terminal in ("jt808/0", "jt808/1"):
        holders = [one.me for one in everybody if terminal in one.here]
        assert len(holders) <= 1
        assert {one.holder(terminal) or one.me for one in everybody} <= set(holders) or not holders
        if not holders:
            assert {one.holder(terminal) for one in everybody} == {None}


def test_a_terminal_that_moves_is_later_there_whatever_the_clocks_say():
    a, b = gateways("a", "b")
    a.came(CAR, HOME, 60_000_000)
    tell(a, b)
    b.came(CAR, STREET, 1)
    assert tell(b, a) == [News(fenced=((CAR, STREET),), come=(CAR,))]
