"""Plans by mode: who is offered what, who never is, and what a dispatcher is told about it."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from dispatch.match import assignment
from dispatch.match.costs import Costs, cheapest
from dispatch.match.exclusion import WORDS, Limits, Reason, of_taxis
from dispatch.match.plan import Mode, Plan, Policy, Zone, match
from dispatch.match.snapshot import Ability, Snapshot, State
from dispatch.match.terms import EVERYDAY, Ageing, Fairness, Priority, Refusal, Road, Straight
from dispatch.match.why import Explanation
from dispatch.sphere import distances_m
from tests.dispatch.scenes import NOW, crowded, even, snapshot

HERE = {"lat": 31.38, "lon": 120.95}
METRE = 1 / 111_195
"""Of latitude, in degrees."""


def at(north_m: float, **columns: Any) -> dict[str, Any]:
    return {"lat": HERE["lat"] + north_m * METRE, "lon": HERE["lon"], **columns}


def full(seed: int, bookings: int = 60, taxis: int = 300) -> Snapshot:
    """Everything that may matter, drawn."""
    rng = np.random.default_rng(seed)
    known = snapshot(
        crowded(bookings, rng), even(taxis, rng),
        bookings_wait_s=rng.uniform(0, 600, bookings), bookings_trip_s=rng.uniform(0, 1500, bookings),
        bookings_needs=rng.choice([0, 0, 0, 1, 3], bookings), bookings_passengers=rng.integers(1, 7, bookings),
        bookings_priority=rng.choice([0, 0, 1], bookings), taxis_fix_age_s=rng.uniform(0, 150, taxis),
        taxis_state=rng.choice(4, taxis, p=[0.6, 0.2, 0.1, 0.1]), taxis_has=rng.choice([0, 1, 2, 3], taxis),
        taxis_clear_s=0.0, taxis_income=rng.uniform(20, 80, taxis), taxis_refusal=rng.uniform(0, 1, taxis),
        taxis_locked=rng.random(taxis) < 0.05, taxis_seats=rng.choice([4, 6], taxis),
        taxis_shift_left_s=rng.choice([np.inf, 2000.0, 100.0], taxis, p=[0.7, 0.2, 0.1]),
    )  # fmt: skip
    occupied = known.taxis["state"] == State.OCCUPIED
    known.taxis["clear_s"][occupied] = rng.choice([np.nan, 60.0, 170.0, 400.0], int(occupied.sum()))
    refused = frozenset((f"b{b:06}", f"t{t:06}") for b, t in zip(range(40), rng.choice(taxis, 40), strict=True))
    return Snapshot(NOW, known.booking_ids, known.bookings, known.taxi_ids, known.taxis, refused)


def may(known: Snapshot, limits: Limits, b: int, t: int) -> bool:
    """The rules once more, one pair at a time."""
    booking, taxi = known.bookings[b], known.taxis[t]
    if (known.booking_ids[b], known.taxi_ids[t]) in known.refused or taxi["locked"]:
        return False
    if taxi["state"] not in (State.VACANT, State.OCCUPIED) or taxi["fix_age_s"] > limits.stale_s:
        return False
    if taxi["state"] == State.OCCUPIED and not taxi["clear_s"] <= limits.clear_s:
        return False
    if booking["passengers"] > taxi["seats"] or int(booking["needs"]) & ~int(taxi["has"]):
        return False
    way = float(distances_m(booking["lat"], booking["lon"], taxi["lat"], taxi["lon"])) / 8.33 + taxi["clear_s"]
    left = min(taxi["shift_left_s"], taxi["hours_left_s"])
    return way <= limits.reach_s and left >= way + booking["trip_s"] + limits.spare_s


def matrix(known: Snapshot, policy: Policy) -> np.ndarray:
    """Cost in seconds, infinite for what must not be: terms summed, rules pair by pair."""
    b, t = np.arange(len(known.bookings))[:, None], np.arange(len(known.taxis))[None]
    total = sum(np.broadcast_to(term.seconds(known, b, t), (b.size, t.size)) for term in (policy.way, *policy.terms))
    allowed = [[may(known, policy.limits, i, j) for j in range(t.size)] for i in range(b.size)]
    return np.where(allowed, total, np.inf)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("lists", [False, True])
def test_a_plan_with_all_rules_is_the_best_there_is(seed: int, lists: bool, monkeypatch: pytest.MonkeyPatch):
    if lists:
        monkeypatch.setattr(assignment, "DENSE", 0)
        monkeypatch.setattr(assignment, "DENSE_AT_LAST", 0)
    known = full(seed, *((60, 300), (150, 100))[seed % 2])
    policy = Policy(limits=Limits(reach_s=700))
    plan = match(known, policy)
    cost = matrix(known, policy)
    allowed = np.isfinite(cost)
    rows, columns = linear_sum_assignment(np.where(allowed, cost, 1e7))
    good = allowed[rows, columns]
    assert len(plan.offers) == good.sum() < len(known.bookings)
    assert sum(o.cost_s for o in plan.offers) == pytest.approx(cost[rows[good], columns[good]].sum(), rel=1e-9)
    assert all(allowed[b, t] for b, t in plan.chosen.items())
    assert len(set(plan.chosen.values())) == len(plan.chosen)
    assert {o.booking for o in plan.offers} | set(plan.unserved) == set(known.booking_ids)


def test_the_same_knowledge_in_any_order_gives_the_same_plan_and_the_same_reasons():
    known = full(9)
    tables = [
        {key: {name: row[name].item() for name in rows.dtype.names} for key, row in zip(ids, rows, strict=True)}
        for ids, rows in ((known.booking_ids, known.bookings), (known.taxi_ids, known.taxis))
    ]
    rng = np.random.default_rng(4)
    told = []
    for _ in range(3):
        shuffled = [{key: table[key] for key in rng.permutation(sorted(table)).tolist()} for table in tables]
        plan = match(Snapshot.of(NOW, *shuffled, known.refused), Policy())
        told.append((plan.offers, Explanation(plan).of("b000003").to_plain()))
    assert told[0] == told[1] == told[2]


def test_a_snapshot_says_the_same_as_its_json_and_its_plan_can_be_made_again():
    known = full(5)
    again = Snapshot.from_json(known.to_json())
    assert again.digest == known.digest
    assert again.to_json() == known.to_json()
    assert match(again, Policy()).offers == match(known, Policy()).offers
    known.bookings["wait_s"][0] += 1
    assert Snapshot.from_json(known.to_json()).digest != again.digest
    for text in (b"", b"[]", b"{}", b'{"now":"2026-01-01T00:00:00+00:00","bookings":[],"taxis":{},"refused":[]}'):
        with pytest.raises(ValueError, match=r"snapshot|JSON|unexpected|EOF|empty"):
            Snapshot.from_json(text)


# modes


def planned(bookings: dict[str, Any], taxis: dict[str, Any], *zones: Zone, **policy: Any) -> Plan:
    return match(Snapshot.of(NOW, bookings, taxis), Policy(zones=zones, **policy))


def test_a_cascade_names_who_is_asked_next_and_leaves_out_who_serves_others():
    taxis = {f"t{n}": at(100 * n) for n in range(1, 6)}
    plan = planned({"a": at(0, zone=0), "b": at(0, zone=-1)}, taxis, Zone("old town", Mode.CASCADE, depth=3))
    cascade, single = plan.offers
    assert {cascade.taxis[0], *single.taxis} == {"t1", "t2"}
    assert (cascade.mode, cascade.taxis[1:]) == (Mode.CASCADE, ("t3", "t4"))
    assert (single.mode, len(single.taxis)) == (Mode.ASSIGN, 1)


def test_a_broadcast_goes_to_the_nearest_who_serve_nobody_else_and_nobody_hears_too_many():
    taxis = {f"t{n}": at(100 * n) for n in range(1, 8)}
    bookings = {"assigned": at(0, zone=-1)} | {f"b{n}": at(0, zone=0, wait_s=n) for n in range(3)}
    plan = planned(bookings, taxis, Zone("suburb", Mode.BROADCAST, listeners=3, hears=2))
    offers = {offer.booking: offer.taxis for offer in plan.offers}
    assert offers == {
        "assigned": ("t1",), "b2": ("t2", "t3", "t4"), "b1": ("t2", "t3", "t4"), "b0": ("t5", "t6", "t7"),
    }  # fmt: skip
    assert list(plan.chosen) == [0]


def test_a_rank_is_served_in_the_order_of_its_queue_and_others_come_when_it_is_empty():
    taxis = {
        "near": at(10, rank=-1), "second": at(50, rank=0, turn=2), "first": at(90, rank=0, turn=1),
        "elsewhere": at(20, rank=1, turn=0), "big": at(99, rank=0, turn=3, seats=6),
    }  # fmt: skip
    rank = Zone("station", Mode.QUEUE)
    bookings = {"late": at(0, zone=0, wait_s=1), "early": at(0, zone=0, wait_s=9)}
    offers = {o.booking: (o.mode, o.taxis) for o in planned(bookings, taxis, rank).offers}
    assert offers == {"early": (Mode.QUEUE, ("first",)), "late": (Mode.QUEUE, ("second",))}
    six = planned({"six": at(0, zone=0, passengers=6)}, taxis, rank)
    assert [(o.mode, o.taxis) for o in six.offers] == [(Mode.QUEUE, ("big",))]
    del taxis["first"], taxis["second"], taxis["big"]
    assert [(o.mode, o.taxis) for o in planned({"x": at(0, zone=0)}, taxis, rank).offers] == [(Mode.ASSIGN, ("near",))]


def test_a_booking_of_no_zone_is_offered_as_elsewhere():
    (offer,) = planned({"b": at(0)}, {"t": at(10)}, Zone("suburb", Mode.BROADCAST)).offers
    assert offer.mode is Mode.ASSIGN


def test_without_anybody_everybody_waits():
    assert planned({"a": at(0)}, {}).unserved == ("a",)
    assert planned({}, {"t": at(0)}).offers == ()
    assert planned({}, {}).offers == ()


# terms


def only(plan: Plan) -> str:
    (offer,) = plan.offers
    return offer.booking


def test_who_waited_longer_and_who_has_priority_comes_first_when_taxis_are_few():
    one = {"t": at(0)}
    assert only(planned({"near": at(100), "old": at(900, wait_s=300)}, one, terms=(Ageing(),))) == "old"
    assert only(planned({"near": at(100), "old": at(900, wait_s=300)}, one, terms=())) == "near"
    assert only(planned({"near": at(100), "elder": at(900, priority=1)}, one, terms=(Priority(),))) == "elder"


def test_fairness_and_refusals_turn_a_small_difference_but_not_a_large_one():
    booking = {"b": at(0)}
    rich = {"rich": at(100, income=90.0), "poor": at(400, income=30.0)}
    assert planned(booking, rich, terms=(Fairness(),)).offers[0].taxis == ("poor",)
    rich["poor"] = at(4000, income=30.0)
    assert planned(booking, rich, terms=(Fairness(),)).offers[0].taxis == ("rich",)
    fickle = {"fickle": at(100, refusal=0.8), "steady": at(400)}
    assert planned(booking, fickle, terms=(Refusal(),)).offers[0].taxis == ("steady",)


def test_a_taxi_that_clears_soon_beside_the_door_beats_a_far_vacant_one():
    taxis = {"far": at(3000), "soon": at(50, state=int(State.OCCUPIED), clear_s=90.0)}
    assert planned({"b": at(0)}, taxis).offers[0].taxis == ("soon",)
    assert planned({"b": at(0)}, taxis, limits=Limits(clear_s=0)).offers[0].taxis == ("far",)


@given(st.integers(0, 1000))
@settings(max_examples=30)
def test_no_term_is_ever_below_zero(seed: int):
    known = full(seed, 7, 20)
    b, t = np.arange(7)[:, None], np.arange(20)[None]
    for term in (Straight(), *EVERYDAY):
        seconds = term.seconds(known, b, t)
        assert np.isfinite(seconds).all(), term
        assert (seconds >= 0).all(), term


class Detour:
    """Roads on which every way is 1.4 times as long at 12 m/s, and none leads across the river."""

    def __init__(self) -> None:
        self.asked = 0

    def seconds(self, from_lat: Any, from_lon: Any, to_lat: Any, to_lon: Any) -> np.ndarray:
        self.asked += len(from_lat)
        metres = distances_m(from_lat, from_lon, to_lat, to_lon)
        return np.where((from_lon < 120.95) != (to_lon < 120.95), np.inf, metres * 1.4 / 12)


def test_by_road_only_a_short_list_is_asked_and_the_plan_is_still_the_best():
    rng = np.random.default_rng(3)
    known = snapshot(crowded(80, rng), even(1200, rng))
    roads = Detour()
    policy = Policy(Road(roads), (), Limits(reach_s=3600))
    plan = match(known, policy)
    assert 0 < roads.asked < 80 * 1200 / 3
    cost = policy.way.seconds(known, np.arange(80)[:, None], np.arange(1200)[None])
    rows, columns = linear_sum_assignment(np.where(np.isfinite(cost), cost, 1e7))
    assert len(plan.offers) == 80
    assert sum(o.cost_s for o in plan.offers) == pytest.approx(cost[rows, columns].sum(), rel=1e-9)


# why


@pytest.mark.parametrize("seed", range(3))
def test_a_decision_tells_the_cheapest_with_their_rows_and_the_excluded_with_their_reasons(seed: int):
    known = full(seed, 25, 80)
    policy = Policy()
    explanation = Explanation(match(known, policy))
    cost = matrix(known, policy)
    for b, key in enumerate(known.booking_ids):
        decision = explanation.of(key)
        assert json.loads(json.dumps(decision.to_plain()))["snapshot"] == known.digest
        expected = np.sort(cost[b][np.isfinite(cost[b])])[:5]
        assert [c.cost_s for c in decision.candidates] == pytest.approx(expected.tolist(), abs=1e-6)
        for candidate in decision.candidates:
            assert sum(candidate.rows.values()) == pytest.approx(candidate.cost_s, abs=1e-6)
            assert set(candidate.rows) == {"pick_up", "clearing", "ageing", "priority", "fairness", "refusal"}
        assert sum(decision.excluded_count.values()) == (~np.isfinite(cost[b])).sum()
        assert [e.distance_m for e in decision.excluded] == sorted(e.distance_m for e in decision.excluded)
        chosen = [c for c in decision.candidates if c.taxi == decision.chosen]
        assert all(c.taken_by is None for c in chosen)


def test_every_reason_is_told_in_both_languages_and_by_its_own_name():
    taxis = {
        "off": at(1, state=int(State.OFF)), "full": at(2, state=int(State.OCCUPIED), clear_s=np.nan),
        "booked": at(3, state=int(State.BOOKED)), "stale": at(4, fix_age_s=121.0), "locked": at(5, locked=True),
        "shift": at(6, shift_left_s=299.0), "hours": at(7, hours_left_s=10.0), "refused": at(8),
        "small": at(9, seats=2), "plain": at(10, seats=6), "far": at(20_000, seats=6, has=int(Ability.WHEELCHAIR)),
        "leaves": at(11, seats=6, has=int(Ability.WHEELCHAIR), shift_left_s=400.0),
        "good": at(12, seats=6, has=int(Ability.WHEELCHAIR)),
    }  # fmt: skip
    booking = {"b": at(0, passengers=5, needs=int(Ability.WHEELCHAIR), trip_s=600.0)}
    plan = match(Snapshot.of(NOW, booking, taxis, [("b", "refused"), ("gone", "off")]), Policy())
    decision = Explanation(plan).of("b")
    assert decision.chosen == "good"
    reasons = {e.taxi: e.reason for e in decision.excluded}
    assert reasons == {
        "off": "off_duty", "full": "occupied", "booked": "booked", "stale": "stale_fix", "locked": "locked_out",
        "shift": "shift_ends", "hours": "hours_used", "refused": "refused", "small": "seats", "plain": "ability",
        "leaves": "shift_ends", "far": "too_far",
    }  # fmt: skip
    assert {e.lacks for e in decision.excluded if e.taxi == "plain"} == {("wheelchair",)}
    assert set(WORDS) == set(Reason) - {Reason.NONE}
    assert all(zh and en and not zh.isascii() for zh, en in WORDS.values())


def test_what_nearest_first_would_have_done_is_worked_out_at_the_same_moment():
    """The first in line takes the taxi that the second needs: the plan's ways are shorter together."""
    bookings = {"first": at(0, wait_s=60), "second": at(-500, wait_s=5)}
    taxis = {"between": at(-100), "north": at(300)}
    told = Explanation(planned(bookings, taxis, terms=())).of("second")
    assert told.chosen == "between"
    assert told.nearest_first.taxi == "north"
    assert told.nearest_first.way_s == pytest.approx(800 / 8.33, rel=1e-3)
    assert told.nearest_first.mean_way_s == pytest.approx((100 + 800) / 2 / 8.33, rel=1e-3)
    assert told.nearest_first.plan_mean_way_s == pytest.approx((300 + 400) / 2 / 8.33, rel=1e-3)
    assert (told.nearest_first.served, told.nearest_first.plan_served) == (2, 2)
    assert [(c.taxi, c.taken_by) for c in told.candidates] == [("between", None), ("north", "first")]


def test_nearest_first_by_looking_at_every_taxi():
    known, policy = full(8, 40, 60), Policy()
    explanation = Explanation(match(known, policy))
    cost = matrix(known, Policy(terms=()))
    cost[:, (of_taxis(known, policy.limits) != Reason.NONE) | (known.taxis["state"] != State.VACANT)] = np.inf
    told = {}
    for b in sorted(range(40), key=lambda n: (-int(known.bookings["priority"][n]), -known.bookings["wait_s"][n], n)):
        if np.isfinite(cost[b]).any():
            told[b] = int(cost[b].argmin())
            cost[:, told[b]] = np.inf
    for b, key in enumerate(known.booking_ids):
        taxi = explanation.of(key).nearest_first.taxi
        assert taxi == (known.taxi_ids[told[b]] if b in told else None)
    assert explanation.of("b000000").nearest_first.served == len(told) < 40


def test_a_booking_that_nobody_knows_is_refused():
    with pytest.raises(KeyError, match="booking zzz is not in snapshot"):
        Explanation(match(full(1), Policy())).of("zzz")


def test_the_cheapest_of_a_row_are_the_cheapest_of_all():
    known = full(3, 10, 200)
    policy = Policy(limits=Limits(stale_s=1e9, reach_s=900))
    taxis = np.flatnonzero(of_taxis(known, policy.limits) == Reason.NONE)
    costs = Costs(known, np.arange(10), taxis, policy.way, policy.terms, policy.limits)
    for row in range(10):
        all_ = costs.cost(np.array([row]), np.arange(len(taxis)))
        for count in (0, 1, 5, 60, 500):
            found = [cost for _, cost in cheapest(costs, row, count)]
            assert found == np.sort(all_[np.isfinite(all_)])[:count].tolist()
