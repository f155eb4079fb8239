"""Guessing gets slower with every failure; others are not held up."""

from dashboard.throttle import FORGET_S, LONGEST_S, MOST_KEYS, Throttle


def test_the_first_tries_are_free_then_each_waits_twice_as_long():
    throttle, now, waits = Throttle(free=3), 0.0, []
    for _ in range(14):
        wait = throttle.wait_s("eve", now)
        waits.append(wait)
        now += wait
        assert throttle.wait_s("eve", now) == 0
        throttle.tried("eve", now)
    assert waits == [0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, LONGEST_S, LONGEST_S]
    assert throttle.wait_s("bob", now) == 0


def test_success_and_time_clear_the_slate():
    throttle = Throttle(free=1)
    for n in range(5):
        throttle.tried("eve", n)
    assert throttle.wait_s("eve", 5) > 0
    assert throttle.wait_s("eve", 5 + FORGET_S) == 0
    throttle.tried("eve", 5 + FORGET_S)
    assert throttle.wait_s("eve", 5 + FORGET_S) == 1
    throttle.succeeded("eve")
    assert throttle.wait_s("eve", 5 + FORGET_S) == 0


def test_a_flood_of_names_does_not_grow_without_bound():
    throttle = Throttle(free=1)
    for n in range(MOST_KEYS + 10):
        throttle.tried(str(n), 0)
    assert len(throttle._failures) == MOST_KEYS
    assert throttle.wait_s("0", 0) == 0
    assert throttle.wait_s(str(MOST_KEYS), 0) == 1
